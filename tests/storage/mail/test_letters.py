"""The outbox's rows: who may claim a letter, and how it ends."""

from uuid import UUID, uuid4

import pytest

from storage.errors import Damaged
from storage.mail import letters
from storage.mail.letters import Claimed, Letter, State
from tests.people import House, Person, StoppedClock

LEASE = 1000


async def write(house: House, *, due_in: int = 0) -> UUID:
    """Write a letter to Léa; return its id."""
    store, now = house.store, house.store.clock()
    letter = Letter(uuid4(), house.lea.id, "reply", {"thread": "canary"}, "one@ailo.example", now + due_in, now + 10_000)
    await store.database.write(lambda tx: letters.write(tx, store.guard, letter, now))
    return letter.id


async def claim(house: House) -> Claimed | None:
    store, now = house.store, house.store.clock()
    return await store.database.write(lambda tx: letters.claim(tx, now, now + LEASE))


async def claimed(house: House) -> Claimed:
    letter = await claim(house)
    assert letter is not None
    return letter


async def test_a_claimed_letter_is_what_was_written(house: House) -> None:
    id_ = await write(house)
    letter = await claimed(house)
    assert (letter.id, letter.account, letter.attempts) == (id_, house.lea.id, 1)
    assert letter.facts(house.store.guard) == {"thread": "canary"}


async def test_facts_are_guarded(house: House) -> None:
    await write(house)
    (row,) = await house.letters()
    assert b"canary" not in row["facts"]


async def test_facts_of_another_letter_do_not_open(house: House) -> None:
    await write(house)
    await write(house)
    one, other = await house.letters()
    await house.spoil("update letters set facts = :facts where id = :id", facts=one["facts"], id=other["id"])
    found = [await claimed(house), await claimed(house)]
    moved = next(letter for letter in found if letter.id.bytes == other["id"])
    with pytest.raises(Damaged):
        moved.facts(house.store.guard)


async def test_two_workers_have_one_winner(house: House) -> None:
    await write(house)
    assert await claim(house) is not None
    assert await claim(house) is None


async def test_a_lease_expires(house: House, stopped_clock: StoppedClock) -> None:
    await write(house)
    await claimed(house)
    stopped_clock.advance(LEASE)
    assert (await claimed(house)).attempts == 2


async def test_a_start_frees_all_leases(house: House) -> None:
    await write(house)
    await claimed(house)
    await house.store.database.write(letters.free_leases)
    assert (await claimed(house)).attempts == 2


async def test_who_waits_longest_comes_first(house: House, stopped_clock: StoppedClock) -> None:
    first = await write(house)
    stopped_clock.advance(1)
    second = await write(house)
    assert [(await claimed(house)).id, (await claimed(house)).id] == [first, second]


async def test_what_is_not_due_is_left(house: House) -> None:
    await write(house, due_in=1)
    assert await claim(house) is None
    assert not await house.store.database.read(lambda reader: letters.is_due(reader, house.store.clock()))


@pytest.mark.parametrize("state", [State.SENT, State.REFUSED, State.DROPPED])
async def test_what_has_ended_is_not_claimed_again(house: House, stopped_clock: StoppedClock, state: State) -> None:
    id_ = await write(house)
    await claimed(house)
    await house.store.database.write(lambda tx: letters.finish(tx, id_, state, stopped_clock(), "why"))
    stopped_clock.advance(LEASE)
    assert await claim(house) is None
    assert await house.store.database.read(letters.count_by_state) == {state.value: 1}


async def test_how_it_ended_first_stands(house: House, stopped_clock: StoppedClock) -> None:
    id_ = await write(house)
    await claimed(house)
    await house.store.database.write(lambda tx: letters.finish(tx, id_, State.SENT, stopped_clock()))
    assert not await house.store.database.write(lambda tx: letters.finish(tx, id_, State.DROPPED, stopped_clock()))
    assert await house.store.database.read(letters.count_by_state) == {"sent": 1}


async def test_what_is_put_back_comes_up_when_due(house: House, stopped_clock: StoppedClock) -> None:
    await write(house)
    letter = await claimed(house)
    assert await house.store.database.write(lambda tx: letters.put_back(tx, letter, stopped_clock() + 50, "why"))
    assert await claim(house) is None
    stopped_clock.advance(50)
    assert (await claimed(house)).attempts == 2


async def test_what_is_given_back_was_not_tried(house: House) -> None:
    await write(house)
    letter = await claimed(house)
    await house.store.database.write(lambda tx: letters.give_back(tx, letter, "why"))
    again = await claimed(house)
    assert (again.attempts, again.due_at) == (1, letter.due_at)


async def test_who_has_lost_the_lease_puts_nothing_back(house: House, stopped_clock: StoppedClock) -> None:
    await write(house)
    late = await claimed(house)
    stopped_clock.advance(LEASE)
    await claimed(house)
    assert not await house.store.database.write(lambda tx: letters.put_back(tx, late, stopped_clock() + 50, "why"))
    assert await claim(house) is None


# What the owner of an address is shown


async def end_one(house: House, clock: StoppedClock, state: State, reason: str | None = None) -> int:
    """End a letter to Léa in this state; return the time."""
    clock.advance(1)
    letter = await write(house)
    now = clock()
    await house.store.database.write(lambda tx: letters.finish(tx, letter, state, now, reason))
    return now


async def refused_at(house: House, one: Person) -> int | None:
    return await house.store.database.read(lambda reader: letters.refused_at(reader, one.id))


@pytest.mark.parametrize("reason", ["smtp 550", "smtp 552", "address"])
async def test_a_refusal_for_good_is_told_until_a_letter_goes_out(house: House, stopped_clock: StoppedClock, reason: str) -> None:
    assert await refused_at(house, house.lea) is None
    await end_one(house, stopped_clock, State.SENT)
    at = await end_one(house, stopped_clock, State.REFUSED, reason)
    assert await refused_at(house, house.lea) == at
    await end_one(house, stopped_clock, State.DROPPED, "already read")
    await write(house)
    assert await refused_at(house, house.lea) == at
    await end_one(house, stopped_clock, State.SENT)
    assert await refused_at(house, house.lea) is None


@pytest.mark.parametrize("reason", ["damaged", "unknown kind"])
async def test_a_fault_of_ours_is_no_refusal(house: House, stopped_clock: StoppedClock, reason: str) -> None:
    await end_one(house, stopped_clock, State.REFUSED, reason)
    assert await refused_at(house, house.lea) is None


async def test_a_refusal_is_told_to_nobody_else(house: House, stopped_clock: StoppedClock) -> None:
    await end_one(house, stopped_clock, State.REFUSED, "smtp 550")
    assert await refused_at(house, house.karim) is None


async def test_a_letter_that_is_held_was_not_tried(house: House, stopped_clock: StoppedClock) -> None:
    await write(house)
    letter = await claimed(house)
    until = house.store.clock() + 500
    assert await house.store.database.write(lambda tx: letters.hold(tx, letter, until, "quiet hours"))
    assert await claim(house) is None
    stopped_clock.advance(500)
    assert (await claimed(house)).attempts == 1
