"""Activity figures: times and authors of messages, from one's own threads only, and only of messages that one may read."""

import logging
from uuid import UUID

import pytest

from storage.conversations import activity
from storage.conversations.activity import Figures
from storage.ids import AccountId, ThreadId
from tests.people import DAY, HOUR, House, Person, StoppedClock
from tests.storage.deeds import bring_in


@pytest.fixture
async def thread(house: House) -> ThreadId:
    return await house.open_thread(house.lea, house.claire, house.sam)


async def figures_of(house: House, one: Person, start: int = 0) -> Figures:
    guard = house.store.guard
    return await house.store.database.read(lambda reader: activity.of(reader, guard, one.id, start))


async def said(house: House, one: Person, start: int = 0) -> list[tuple[int, AccountId, bool]]:
    """The number of each message, its author, and whether the author is the member."""
    found = await figures_of(house, one, start)
    return [(row.seq, AccountId(UUID(bytes=row.author)), bool(row.by_member)) for row in found.said]


async def test_who_wrote_is_told_in_order(house: House, thread: ThreadId) -> None:
    for one in (house.lea, house.claire, house.sam):
        await house.post(one, thread)
    expected = [(1, house.lea.id, True), (2, house.claire.id, False), (3, house.sam.id, False)]
    assert await said(house, house.claire) == expected


async def test_where_nothing_was_said_there_is_nothing(house: House, thread: ThreadId) -> None:
    assert await figures_of(house, house.claire) == Figures([], [])


async def test_what_is_older_does_not_count(house: House, thread: ThreadId, stopped_clock: StoppedClock) -> None:
    for at in range(9):
        await house.post(house.claire, thread, f"{at}")
        stopped_clock.advance(HOUR)
    assert [seq for seq, *_ in await said(house, house.claire, stopped_clock() - 3 * HOUR)] == [7, 8, 9]


async def test_who_waited_already_is_told_from_the_first_unanswered(
    house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    for one in (house.lea, house.claire, house.lea, house.lea):
        await house.post(one, thread)
    stopped_clock.advance(DAY)
    await house.post(house.claire, thread)
    assert [seq for seq, *_ in await said(house, house.claire, stopped_clock())] == [3, 4, 5]


async def test_what_the_service_wrote_meanwhile_ends_no_wait(house: House, thread: ThreadId, stopped_clock: StoppedClock) -> None:
    for one in (house.claire, house.lea, house.claire, house.claire):
        await house.post(one, thread)
    await house.spoil("update messages set kind = 'lesson' where seq in (3, 4)")
    stopped_clock.advance(DAY)
    await house.post(house.claire, thread)
    assert [seq for seq, *_ in await said(house, house.claire, stopped_clock())] == [2, 5]


@pytest.mark.parametrize(("start", "seqs"), [(0, [1, 2, 3]), (1, [2, 3]), (2, [3]), (3, [])])
async def test_the_first_instant_counts_and_the_one_before_does_not(
    house: House, thread: ThreadId, stopped_clock: StoppedClock, start: int, seqs: list[int]
) -> None:
    began = stopped_clock()
    for _ in range(3):
        await house.post(house.claire, thread)
        stopped_clock.advance(1)
    assert [seq for seq, *_ in await said(house, house.claire, began + start)] == seqs


async def test_a_thread_that_is_quiet_since_costs_nothing(house: House, thread: ThreadId, stopped_clock: StoppedClock) -> None:
    await house.post(house.lea, thread)
    stopped_clock.advance(DAY)
    found = await figures_of(house, house.claire, stopped_clock())
    assert found.said == []
    assert [(one.thread, one.since) for one in found.waiting] == [(thread, stopped_clock() - DAY)]


async def test_who_waits_longest_stands_first(house: House, thread: ThreadId, stopped_clock: StoppedClock) -> None:
    other = await house.open_thread(house.karim, house.claire)
    await house.post(house.karim, other)
    stopped_clock.advance(HOUR)
    await house.post(house.lea, thread)
    assert [one.thread for one in (await figures_of(house, house.claire)).waiting] == [other, thread]


@pytest.mark.parametrize("name", ["thomas", "karim", "ada"])
async def test_threads_of_others_do_not_count(house: House, thread: ThreadId, name: str) -> None:
    await house.post(house.lea, thread)
    assert await figures_of(house, getattr(house, name)) == Figures([], [])


async def test_a_thread_that_one_has_left_does_not_count(house: House, thread: ThreadId) -> None:
    await house.post(house.lea, thread)
    await house.leave(thread, house.claire)
    assert await figures_of(house, house.claire) == Figures([], [])
    assert len(await said(house, house.sam)) == 1


async def test_a_row_that_says_one_takes_part_is_not_enough(house: House, thread: ThreadId) -> None:
    """The roster decides: adding oneself to the participants in the database achieves nothing."""
    await house.post(house.lea, thread)
    await house.spoil(
        "insert into participants (thread, account, joined_at, read_seq) values (:thread, :thomas, 0, 0)",
        thread=thread.bytes, thomas=house.thomas.id.bytes,
    )  # fmt: skip
    assert await figures_of(house, house.thomas) == Figures([], [])


@pytest.mark.parametrize(("whole", "seqs"), [(False, [2]), (True, [1, 2])])
async def test_only_what_one_may_read_counts(house: House, thread: ThreadId, *, whole: bool, seqs: list[int]) -> None:
    await house.post(house.lea, thread)
    await bring_in(house, house.claire, thread, house.thomas, whole=whole)
    await house.post(house.lea, thread)
    assert [seq for seq, *_ in await said(house, house.thomas)] == seqs


async def test_what_the_service_writes_does_not_count(house: House, thread: ThreadId) -> None:
    await house.post(house.lea, thread)
    await house.post(house.claire, thread)
    await house.spoil("update messages set kind = 'lesson' where seq = 2")
    assert [seq for seq, *_ in await said(house, house.claire)] == [1]


async def test_a_forged_roster_is_as_no_thread(house: House, thread: ThreadId, caplog: pytest.LogCaptureFixture) -> None:
    other = await house.open_thread(house.karim, house.claire)
    for one, id_ in ((house.lea, thread), (house.karim, other)):
        await house.post(one, id_)
    await house.spoil("update epochs set proof = zeroblob(41) where thread = :id", id=thread.bytes)
    with caplog.at_level(logging.ERROR):
        found = await figures_of(house, house.claire)
    assert {one.thread for one in found.said} == {other.bytes}
    assert f"alert: a roster of thread {thread}" in caplog.text


async def test_no_table_of_messages_is_walked_through(house: House, thread: ThreadId) -> None:
    """The query uses an index: messages that are older, or in other people's threads, cost nothing."""
    sql = f"explain query plan {activity._SAID}"
    plan = [row["detail"] for row in await house.select(sql, account=house.claire.id.bytes, start=0)]
    assert [step for step in plan if step.startswith("SEARCH m USING INDEX")] != []
    assert [step for step in plan if step.split()[:2] == ["SCAN", "m"]] == []
