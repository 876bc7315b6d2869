"""The outbox as its administrator sees it: every letter in its place, and none taken from under a worker's feet."""

from itertools import product
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.mail import letters, overview
from storage.mail.letters import Claimed, Letter, State
from storage.mail.overview import BUCKET_MS, GIVEN_UP, Outcome, Seen, Wanted
from tests.people import House, StoppedClock

LEASE, HOUR = 1000, 3_600_000
KINDS = ("reply", "digest")


async def write(house: House, kind: str = "reply", *, due_in: int = 0, not_after: int | None = None) -> UUID:
    """Write a letter to Léa; return its id."""
    store, now, id_ = house.store, house.store.clock(), uuid4()
    letter = Letter(
        id=id_, account=house.lea.id, kind=kind, cause=str(id_), facts={"thread": "canary"}, message_id="one@ailo.example",
        due_at=now + due_in, not_after=not_after,
    )  # fmt: skip
    await store.database.write(lambda tx: letters.write(tx, store.guard, letter, now))
    return letter.id


async def claim(house: House) -> Claimed | None:
    store, now = house.store, house.store.clock()
    return await store.database.write(lambda tx: letters.claim(tx, now, now + LEASE))


async def end(house: House, letter: UUID, state: State, reason: str | None = None) -> bool:
    store, now = house.store, house.store.clock()
    return await store.database.write(lambda tx: letters.finish(tx, letter, state, now, reason))


async def send_again(house: House, letter: UUID) -> Outcome:
    store, now = house.store, house.store.clock()
    return await store.database.write(lambda tx: overview.send_again(tx, letter, now))


async def give_up(house: House, letter: UUID) -> Outcome:
    store, now = house.store, house.store.clock()
    return await store.database.write(lambda tx: overview.give_up(tx, letter, now))


async def found(house: House, letter: UUID) -> Seen:
    store, now = house.store, house.store.clock()
    seen = await store.database.read(lambda reader: overview.find(reader, letter, now))
    assert seen
    return seen


async def page(house: House, wanted: Wanted, **how: Any) -> list[Seen]:
    how = {"by": "written", "is_descending": True, "limit": 1000, "offset": 0, **how}
    store = house.store
    return await store.database.read(lambda reader: overview.seen(reader, wanted, store.clock(), **how))


async def total(house: House, wanted: Wanted) -> int:
    return await house.store.database.read(lambda reader: overview.total(reader, wanted))


async def spread(house: House, stopped_clock: StoppedClock) -> list[Seen]:
    """Letters of each kind and state, written at different times."""
    for kind, state in product(KINDS, State):
        stopped_clock.advance(HOUR)
        letter = await write(house, kind, due_in=HOUR)
        if state is not State.WAITING:
            await end(house, letter, state, "smtp 550" if state is State.REFUSED else None)
    return await page(house, Wanted())


async def test_every_filter_and_order_shows_what_it_says(house: House, stopped_clock: StoppedClock) -> None:
    everything = await spread(house, stopped_clock)
    assert len(everything) == len(KINDS) * len(State)
    middle = everything[3].written_at
    states = st.lists(st.sampled_from(State), unique=True)

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(states, st.sampled_from(["", "none", *KINDS]), st.sampled_from([0, middle, stopped_clock.now + 1]),
           st.sampled_from(list(overview.ORDERS)), st.booleans(), st.integers(1, 4))  # fmt: skip
    def check(states: list[State], kind: str, since: int, by: str, is_descending: bool, size: int) -> None:
        cases.append((Wanted(states, kind, since), by, is_descending, size))

    cases: list[tuple[Wanted, str, bool, int]] = []
    check()
    for wanted, by, is_descending, size in cases:
        expected = {
            it.id
            for it in everything
            if (not wanted.states or it.state in wanted.states) and wanted.kind in ("", it.kind) and it.written_at >= wanted.since
        }
        shown: list[Seen] = []
        while more := await page(house, wanted, by=by, is_descending=is_descending, limit=size, offset=len(shown)):
            shown += more
        assert len(shown) == len(expected)
        assert {it.id for it in shown} == expected
        keys = [[getattr(it, column) for column in overview.ORDERS[by]] for it in shown]
        assert keys == sorted(keys, reverse=is_descending)
        assert await total(house, wanted) == len(expected)


async def test_numbers_add_up_to_the_letters(house: House, stopped_clock: StoppedClock) -> None:
    everything = await spread(house, stopped_clock)
    counted = await house.store.database.read(lambda reader: overview.counted(reader, 0))
    assert sum(one.count for one in counted) == len(everything)
    assert {one.at for one in counted} == {it.written_at // BUCKET_MS * BUCKET_MS for it in everything}
    since = everything[0].written_at
    assert [one.count for one in await house.store.database.read(lambda reader: overview.counted(reader, since))] == [1]


async def test_the_oldest_that_is_due_is_known(house: House, stopped_clock: StoppedClock) -> None:
    assert await house.store.database.read(lambda reader: overview.oldest_waiting(reader, stopped_clock.now)) is None
    since = stopped_clock.now
    await write(house)
    stopped_clock.advance(HOUR)
    await write(house)
    await write(house, due_in=HOUR)
    assert await house.store.database.read(lambda reader: overview.oldest_waiting(reader, stopped_clock.now)) == since


@pytest.mark.parametrize("state", [State.REFUSED, State.DROPPED])
async def test_a_failed_letter_waits_again_as_the_same_letter(house: House, state: State) -> None:
    letter = await write(house)
    first = await claim(house)
    await end(house, letter, state, "smtp 550")
    assert [await send_again(house, letter) for _ in range(3)] == [Outcome.DONE] * 3
    again = await claim(house)
    assert first
    assert again
    assert (again.id, again.message_id, again.attempts) == (letter, first.message_id, 1)
    assert again.facts(house.store.guard) == {"thread": "canary"}
    assert await claim(house) is None


async def test_what_can_no_longer_be_of_use_stays_as_it_is(house: House, stopped_clock: StoppedClock) -> None:
    letter = await write(house, not_after=stopped_clock.now + HOUR)
    await end(house, letter, State.DROPPED, "too many attempts")
    stopped_clock.advance(HOUR + 1)
    before = await found(house, letter)
    assert await send_again(house, letter) is Outcome.TOO_LATE
    assert await found(house, letter) == before


async def test_what_went_out_is_neither_sent_again_nor_given_up(house: House) -> None:
    letter = await write(house)
    await end(house, letter, State.SENT)
    before = await found(house, letter)
    assert (await send_again(house, letter), await give_up(house, letter)) == (Outcome.SENT, Outcome.SENT)
    assert await found(house, letter) == before
    assert (await send_again(house, uuid4()), await give_up(house, uuid4())) == (Outcome.GONE, Outcome.GONE)


async def test_a_waiting_letter_that_is_given_up_goes_to_nobody(house: House) -> None:
    letter = await write(house)
    assert [await give_up(house, letter) for _ in range(2)] == [Outcome.DONE] * 2
    seen = await found(house, letter)
    assert (seen.state, seen.reason) == (State.DROPPED, GIVEN_UP)
    assert await claim(house) is None
    assert await send_again(house, letter) is Outcome.DONE
    assert await claim(house) is not None


async def test_a_letter_that_a_worker_holds_is_left_alone(house: House, stopped_clock: StoppedClock) -> None:
    letter = await write(house)
    held = await claim(house)
    assert held
    assert (await found(house, letter)).is_held
    assert (await give_up(house, letter), await send_again(house, letter)) == (Outcome.HELD, Outcome.DONE)
    assert (await found(house, letter)).attempts == 1
    assert await end(house, letter, State.SENT)
    assert (await found(house, letter)).state == State.SENT
    other = await write(house)
    assert await claim(house)
    stopped_clock.advance(LEASE)
    assert await give_up(house, other) is Outcome.DONE


async def test_what_a_worker_says_after_it_was_given_up_changes_nothing(house: House, stopped_clock: StoppedClock) -> None:
    letter = await write(house)
    held = await claim(house)
    assert held
    stopped_clock.advance(LEASE)
    await give_up(house, letter)
    store = house.store
    assert not await store.database.write(lambda tx: letters.put_back(tx, held, stopped_clock.now, "smtp 451"))
    assert not await end(house, letter, State.SENT)
    assert (await found(house, letter)).reason == GIVEN_UP
