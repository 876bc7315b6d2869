"""Announcements owed: at most one per participant and thread, and what a letter has already announced."""

import pytest

from storage.conversations import threads
from storage.ids import ThreadId
from storage.mail import unread
from storage.mail.unread import Due
from tests.people import DAY, GRACE, SECOND, House, StoppedClock


@pytest.fixture
async def thread(house: House) -> ThreadId:
    return await house.open_thread(house.lea, house.claire)


async def first_due(house: House) -> Due | None:
    return await house.store.database.read(lambda reader: unread.first_due(reader, house.store.clock()))


async def tell(house: House) -> Due:
    """Record that the first due announcement was made, as when a letter is written."""
    due = await first_due(house)
    assert due is not None
    await house.store.database.write(lambda tx: unread.tell(tx, due, house.store.clock() + DAY))
    return due


async def still_tells(house: House, thread: ThreadId, seq: int) -> bool:
    return await house.store.database.read(lambda reader: unread.still_tells(reader, thread, house.lea.id, seq))


async def test_many_messages_make_one_announcement_due_after_the_first(
    house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    begun = stopped_clock()
    for _ in range(3):
        await house.post(house.claire, thread)
        stopped_clock.advance(SECOND)
    assert [(row["account"], row["due_at"]) for row in await house.owed()] == [(house.lea.id.bytes, begun + GRACE)]


async def test_what_is_due_says_where_its_reader_stands(house: House, thread: ThreadId, stopped_clock: StoppedClock) -> None:
    await house.post(house.claire, thread)
    assert await first_due(house) is None
    stopped_clock.advance(GRACE)
    due = await first_due(house)
    assert due == Due(thread, house.lea.id, stopped_clock(), told_seq=None, read_seq=0, last_seq=1)
    assert due.is_owed


async def test_who_leaves_is_owed_nothing(house: House, thread: ThreadId, stopped_clock: StoppedClock) -> None:
    await house.post(house.claire, thread)
    await house.leave(thread, house.lea)
    stopped_clock.advance(GRACE)
    assert await house.owed() == []
    assert await first_due(house) is None


async def test_an_announcement_that_outlived_its_reader_s_part_is_not_owed(
    house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    await house.post(house.claire, thread)
    await house.spoil("delete from participants where account = :id", id=house.lea.id.bytes)
    stopped_clock.advance(GRACE)
    due = await first_due(house)
    assert due is not None
    assert not due.is_owed


async def test_what_was_told_is_not_owed_again(house: House, thread: ThreadId, stopped_clock: StoppedClock) -> None:
    await house.post(house.claire, thread)
    stopped_clock.advance(GRACE)
    await tell(house)
    assert await first_due(house) is None
    stopped_clock.advance(DAY)
    due = await first_due(house)
    assert due is not None
    assert not due.is_owed


async def test_reading_all_ends_the_announcement(house: House, thread: ThreadId) -> None:
    posted = await house.post(house.claire, thread)
    await house.mark(house.lea, thread, posted.seq)
    assert await house.owed() == []


async def test_reading_a_part_begins_a_told_announcement_anew(
    house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    await house.post(house.claire, thread)
    await house.post(house.claire, thread)
    stopped_clock.advance(GRACE)
    await tell(house)
    await house.mark(house.lea, thread, 1)
    (row,) = await house.owed()
    assert (row["told_seq"], row["due_at"]) == (None, stopped_clock() + GRACE)


async def test_reading_a_part_leaves_the_grace_of_an_announcement_not_yet_told(
    house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    begun = stopped_clock()
    await house.post(house.claire, thread)
    await house.post(house.claire, thread)
    stopped_clock.advance(SECOND)
    await house.mark(house.lea, thread, 1)
    assert [row["due_at"] for row in await house.owed()] == [begun + GRACE]


async def test_a_postponed_announcement_lets_the_next_one_go_first(
    house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    other = await house.open_thread(house.karim, house.claire)
    await house.post(house.claire, thread)
    stopped_clock.advance(1)
    await house.post(house.karim, other)
    stopped_clock.advance(GRACE)
    due = await first_due(house)
    assert due is not None
    await house.store.database.write(lambda tx: unread.postpone(tx, due, stopped_clock() + 1))
    following = await first_due(house)
    assert following is not None
    assert (due.account, following.account) == (house.lea.id, house.claire.id)


async def test_a_letter_still_tells_while_all_is_unread(house: House, thread: ThreadId, stopped_clock: StoppedClock) -> None:
    posted = await house.post(house.claire, thread)
    stopped_clock.advance(GRACE)
    await tell(house)
    await house.post(house.claire, thread)
    assert await still_tells(house, thread, posted.seq)


async def test_a_letter_tells_nothing_to_who_has_read(house: House, thread: ThreadId, stopped_clock: StoppedClock) -> None:
    posted = await house.post(house.claire, thread)
    stopped_clock.advance(GRACE)
    await tell(house)
    await house.mark(house.lea, thread, posted.seq)
    assert not await still_tells(house, thread, posted.seq)


async def test_a_letter_gives_way_to_the_announcement_that_began_anew(
    house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    await house.post(house.claire, thread)
    posted = await house.post(house.claire, thread)
    stopped_clock.advance(GRACE)
    await tell(house)
    await house.mark(house.lea, thread, 1)
    assert not await still_tells(house, thread, posted.seq)


async def test_a_letter_still_tells_after_its_day_of_quiet(house: House, thread: ThreadId, stopped_clock: StoppedClock) -> None:
    posted = await house.post(house.claire, thread)
    stopped_clock.advance(GRACE)
    due = await tell(house)
    await house.store.database.write(lambda tx: unread.drop(tx, due.thread, due.account))
    assert await still_tells(house, thread, posted.seq)


async def test_a_letter_tells_nothing_to_who_has_left(house: House, thread: ThreadId) -> None:
    posted = await house.post(house.claire, thread)
    await house.leave(thread, house.lea)
    assert not await still_tells(house, thread, posted.seq)


async def test_a_told_announcement_stays_quiet_when_more_comes(
    house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    await house.post(house.claire, thread)
    stopped_clock.advance(GRACE)
    await tell(house)
    await house.post(house.claire, thread)
    assert [row["told_seq"] for row in await house.owed()] == [1]


async def test_a_told_announcement_begins_anew_for_who_has_read_by_answering(
    house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    await house.post(house.claire, thread)
    stopped_clock.advance(GRACE)
    await tell(house)
    await house.post(house.lea, thread)
    await house.post(house.claire, thread)
    (row,) = [row for row in await house.owed() if row["account"] == house.lea.id.bytes]
    assert (row["told_seq"], row["due_at"]) == (None, stopped_clock() + GRACE)


async def test_a_told_announcement_begins_anew_where_a_mark_alone_says_that_it_was_read(
    house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    await house.post(house.claire, thread)
    stopped_clock.advance(GRACE)
    await tell(house)
    assert await house.store.database.write(lambda tx: threads.mark(tx, thread, house.lea.id, 1))
    await house.post(house.claire, thread)
    (row,) = await house.owed()
    assert (row["told_seq"], row["due_at"]) == (None, stopped_clock() + GRACE)
