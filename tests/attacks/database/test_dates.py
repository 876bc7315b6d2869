"""Messages are dated by proven times only: whatever time is planted in a row, they are dated now, and answered."""

import asyncio
from uuid import uuid4

import pytest

from chat.protocol.frames import moment
from storage.conversations.group_commit import MOST_AHEAD_MS, NotCommitted, Posted
from storage.engine.rows import LAST_TIME
from storage.errors import Stalled
from storage.ids import AccountId, MessageId, ThreadId, new_id
from storage.maintenance import check
from tests.people import DAY, MINUTE, House, StoppedClock

IN_2031 = 1_925_000_000_000


@pytest.fixture
async def thread(house: House) -> ThreadId:
    thread = await house.open_thread(house.lea, house.claire)
    await house.post(house.lea, thread)
    return thread


@pytest.mark.parametrize("planted", [IN_2031, 2**62, -1, 1.5, "'x'", "x'00'", LAST_TIME - 1])
@pytest.mark.parametrize("column", ["last_at", "waiting_since", "closed_at", "opened_at"])
async def test_a_message_is_dated_now(
    house: House, thread: ThreadId, column: str, planted: object, stopped_clock: StoppedClock
) -> None:
    await house.spoil(f"update threads set {column} = {planted} where id = :id", id=thread.bytes)
    stopped_clock.advance(MINUTE)
    assert await house.post(house.claire, thread) == Posted(2, stopped_clock(), is_new=True)
    assert await house.post(house.lea, thread) == Posted(3, stopped_clock(), is_new=True)
    stands = await house.thread(thread)
    assert (stands.last_at, stands.waiting_since) == (stopped_clock(), stopped_clock())
    assert all(row.is_linked for row in await house.rows(thread))


@pytest.mark.parametrize("planted", [IN_2031, 0])
async def test_a_time_that_is_not_that_of_the_last_message_is_told(house: House, thread: ThreadId, planted: int) -> None:
    await house.spoil("update threads set last_at = :at where id = :id", id=thread.bytes, at=planted)
    assert f"thread {thread}: the time of its last message differs from the one in its row" in await check.check_all(house.store)


async def test_a_thread_without_messages_is_dated_by_its_opening(house: House) -> None:
    thread = await house.open_thread(house.lea, house.claire)
    await house.spoil("update threads set last_at = 1 where id = :id", id=thread.bytes)
    assert f"thread {thread}: the time of its last message differs from the one in its row" in await check.check_all(house.store)


async def test_somebody_who_waits_since_tomorrow_is_told(house: House, thread: ThreadId, stopped_clock: StoppedClock) -> None:
    await house.spoil("update threads set waiting_since = :at where id = :id", id=thread.bytes, at=stopped_clock() + DAY)
    assert f"thread {thread}: its recorded wait begins after its last message" in await check.check_all(house.store)


async def test_a_clock_that_was_wrong_once_dates_nothing_for_long(
    house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    """Even a proven time is not trusted if it is far ahead: a clock was wrong."""
    stopped_clock.advance(400 * DAY)
    await house.post(house.claire, thread)
    stopped_clock.advance(-400 * DAY)
    assert (await house.post(house.lea, thread)).at == stopped_clock()


async def test_within_minutes_time_never_runs_backwards(house: House, thread: ThreadId, stopped_clock: StoppedClock) -> None:
    first = await house.post(house.lea, thread)
    stopped_clock.advance(-MOST_AHEAD_MS)
    assert (await house.post(house.claire, thread)).at == first.at


async def test_after_a_restart_the_time_is_that_of_the_last_message(
    house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    before = (await house.rows(thread))[-1].at
    house.commits._times._by_thread.clear()
    await house.spoil("update threads set last_at = 0 where id = :id", id=thread.bytes)
    stopped_clock.advance(-MINUTE)
    assert (await house.post(house.claire, thread)).at == before


async def test_a_last_message_that_was_re_dated_dates_nothing(
    house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    house.commits._times._by_thread.clear()
    await house.spoil("update messages set at = :at where thread = :id", id=thread.bytes, at=stopped_clock() + MINUTE)
    assert (await house.post(house.claire, thread)).at == stopped_clock()


async def test_a_repeated_message_is_not_answered_with_a_planted_date(house: House, thread: ThreadId) -> None:
    id_ = new_id(MessageId)
    await house.post(house.lea, thread, "Bonjour", id_)
    await house.spoil("update messages set at = :at where id = :id", id=id_.bytes, at=IN_2031)
    assert await house.commits.commit(await house.sealed(house.lea, thread, "Bonjour", id_)) is NotCommitted.BROKEN


# An answer, whatever happens


async def test_one_that_cannot_be_committed_does_not_stop_its_group(house: House, thread: ThreadId) -> None:
    """One recipient has no account, so the database refuses the announcement and with it the group; the others are committed."""
    other = await house.open_thread(house.karim, house.claire)
    good = [await house.sealed(house.karim, other, str(number)) for number in range(4)]
    bad = await house.sealed(house.lea, thread, "?")
    bad = type(bad)(bad.thread, bad.epoch, bad.id, bad.author, bad.kind, bad.body, (AccountId(uuid4()),), bad.waits)
    outcomes = await asyncio.gather(*(house.commits.commit(post) for post in good[:2]), _committed(house, bad), *(
        house.commits.commit(post) for post in good[2:]
    ))  # fmt: skip
    assert isinstance(outcomes[2], Stalled)
    assert [outcome.seq for outcome in outcomes if isinstance(outcome, Posted)] == [1, 2, 3, 4]


async def _committed(house: House, post: object) -> object:
    try:
        return await house.commits.commit(post)  # type: ignore[arg-type]
    except Stalled as stalled:
        return stalled


@pytest.mark.parametrize("ms", [2**62, -1, LAST_TIME, 0])
def test_every_number_is_a_moment(ms: int) -> None:
    assert moment(ms).year in {1970, 9999}
