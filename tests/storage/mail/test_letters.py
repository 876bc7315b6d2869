"""The outbox's rows: who may take a letter, and what becomes of it."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from storage.errors import Damaged
from storage.mail import letters
from storage.mail.letters import Claimed, Letter, State
from storage.store import Store
from tests.delivery.cast import Cast, Clock, letter_rows, opened_store

LEASE = 1000


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(tmp_path: Path, clock: Clock) -> AsyncIterator[Store]:
    async with opened_store(tmp_path, clock) as store:
        yield store


@pytest.fixture
async def lea(store: Store) -> UUID:
    return await Cast(store).add("lea@ailo.test", "Léa")


async def write(store: Store, account: UUID, *, due_in: int = 0) -> UUID:
    now = store.clock()
    letter = Letter(uuid4(), account, "reply", {"thread": "canary"}, "one@ailo.example", now + due_in, now + 10_000)
    await store.database.write(lambda tx: letters.write(tx, store.guard, letter, now))
    return letter.id


async def claim(store: Store) -> Claimed | None:
    now = store.clock()
    return await store.database.write(lambda tx: letters.claim(tx, now, now + LEASE))


async def claimed(store: Store) -> Claimed:
    letter = await claim(store)
    assert letter is not None
    return letter


async def test_a_claimed_letter_is_what_was_written(store: Store, lea: UUID) -> None:
    id_ = await write(store, lea)
    letter = await claimed(store)
    assert (letter.id, letter.account, letter.attempts) == (id_, lea, 1)
    assert letter.facts(store.guard) == {"thread": "canary"}


async def test_facts_are_guarded(store: Store, lea: UUID) -> None:
    await write(store, lea)
    (row,) = await letter_rows(store)
    assert b"canary" not in row["facts"]


async def test_facts_of_another_letter_do_not_open(store: Store, lea: UUID) -> None:
    await write(store, lea)
    await write(store, lea)
    one, other = await letter_rows(store)
    await Cast(store).spoil("update letters set facts = :facts where id = :id", facts=one["facts"], id=other["id"])
    found = [await claimed(store), await claimed(store)]
    moved = next(letter for letter in found if letter.id.bytes == other["id"])
    with pytest.raises(Damaged):
        moved.facts(store.guard)


async def test_two_workers_have_one_winner(store: Store, lea: UUID) -> None:
    await write(store, lea)
    assert await claim(store) is not None
    assert await claim(store) is None


async def test_a_lease_expires(store: Store, lea: UUID, clock: Clock) -> None:
    await write(store, lea)
    await claimed(store)
    clock.advance(LEASE)
    assert (await claimed(store)).attempts == 2


async def test_a_start_frees_all_leases(store: Store, lea: UUID) -> None:
    await write(store, lea)
    await claimed(store)
    await store.database.write(letters.free_leases)
    assert (await claimed(store)).attempts == 2


async def test_who_waits_longest_comes_first(store: Store, lea: UUID, clock: Clock) -> None:
    first = await write(store, lea)
    clock.advance(1)
    second = await write(store, lea)
    assert [(await claimed(store)).id, (await claimed(store)).id] == [first, second]


async def test_what_is_not_due_is_left(store: Store, lea: UUID) -> None:
    await write(store, lea, due_in=1)
    assert await claim(store) is None
    assert not await store.database.read(lambda reader: letters.is_due(reader, store.clock()))


@pytest.mark.parametrize("state", [State.SENT, State.REFUSED, State.DROPPED])
async def test_what_has_ended_is_not_claimed_again(store: Store, lea: UUID, clock: Clock, state: State) -> None:
    id_ = await write(store, lea)
    await claimed(store)
    await store.database.write(lambda tx: letters.finish(tx, id_, state, clock(), "why"))
    clock.advance(LEASE)
    assert await claim(store) is None
    assert await store.database.read(letters.count_by_state) == {state.value: 1}


async def test_how_it_ended_first_stands(store: Store, lea: UUID, clock: Clock) -> None:
    id_ = await write(store, lea)
    await claimed(store)
    await store.database.write(lambda tx: letters.finish(tx, id_, State.SENT, clock()))
    assert not await store.database.write(lambda tx: letters.finish(tx, id_, State.DROPPED, clock()))
    assert await store.database.read(letters.count_by_state) == {"sent": 1}


async def test_what_is_put_back_comes_up_when_due(store: Store, lea: UUID, clock: Clock) -> None:
    await write(store, lea)
    letter = await claimed(store)
    assert await store.database.write(lambda tx: letters.put_back(tx, letter, clock() + 50, "why"))
    assert await claim(store) is None
    clock.advance(50)
    assert (await claimed(store)).attempts == 2


async def test_what_is_given_back_was_not_tried(store: Store, lea: UUID) -> None:
    await write(store, lea)
    letter = await claimed(store)
    await store.database.write(lambda tx: letters.give_back(tx, letter, "why"))
    again = await claimed(store)
    assert (again.attempts, again.due_at) == (1, letter.due_at)


async def test_who_has_lost_the_lease_puts_nothing_back(store: Store, lea: UUID, clock: Clock) -> None:
    await write(store, lea)
    late = await claimed(store)
    clock.advance(LEASE)
    await claimed(store)
    assert not await store.database.write(lambda tx: letters.put_back(tx, late, clock() + 50, "why"))
    assert await claim(store) is None


# What the owner of an address is told


async def end_one(store: Store, clock: Clock, account: UUID, state: State, reason: str | None = None) -> int:
    """A letter to somebody ends; when."""
    clock.advance(1)
    letter = await write(store, account)
    now = store.clock()
    await store.database.write(lambda tx: letters.finish(tx, letter, state, now, reason))
    return now


async def refused_at(store: Store, account: UUID) -> int | None:
    return await store.database.read(lambda reader: letters.refused_at(reader, account))


@pytest.mark.parametrize("reason", ["smtp 550", "smtp 552", "address"])
async def test_a_refusal_for_good_is_told_until_a_letter_goes_out(store: Store, clock: Clock, lea: UUID, reason: str) -> None:
    assert await refused_at(store, lea) is None
    await end_one(store, clock, lea, State.SENT)
    at = await end_one(store, clock, lea, State.REFUSED, reason)
    assert await refused_at(store, lea) == at
    await end_one(store, clock, lea, State.DROPPED, "read meanwhile")
    await write(store, lea)
    assert await refused_at(store, lea) == at
    await end_one(store, clock, lea, State.SENT)
    assert await refused_at(store, lea) is None


@pytest.mark.parametrize("reason", ["damaged", "unknown kind"])
async def test_a_fault_of_ours_is_no_refusal(store: Store, clock: Clock, lea: UUID, reason: str) -> None:
    await end_one(store, clock, lea, State.REFUSED, reason)
    assert await refused_at(store, lea) is None


async def test_a_refusal_is_told_to_nobody_else(store: Store, clock: Clock, lea: UUID) -> None:
    karim = await Cast(store).add("karim@ailo.test", "Karim")
    await end_one(store, clock, lea, State.REFUSED, "smtp 550")
    assert await refused_at(store, karim) is None


async def test_a_letter_that_is_held_was_not_tried(store: Store, clock: Clock, lea: UUID) -> None:
    await write(store, lea)
    letter = await claimed(store)
    until = store.clock() + 500
    assert await store.database.write(lambda tx: letters.hold(tx, letter, until, "quiet hours"))
    assert await claim(store) is None
    clock.advance(500)
    assert (await claimed(store)).attempts == 1
