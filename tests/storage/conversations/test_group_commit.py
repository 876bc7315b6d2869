"""Group commit: one order, no gaps, one row per id, correct read marks and announcements; and what happens to a failed group."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from storage.conversations import group_commit, threads
from storage.conversations.group_commit import GroupCommit, Item, Marked, MarkRead, NotCommitted, Outcome, Post, Posted
from storage.errors import Stalled
from storage.ids import AccountId, MessageId, ThreadId, new_id
from storage.maintenance import check
from tests.people import MINUTE, House, Person, StoppedClock, open_house


@pytest.fixture
async def thread(house: House) -> ThreadId:
    return await house.open_thread(house.lea, house.claire)


async def together(house: House, items: list[Item]) -> list[Outcome]:
    """Submit items at once, so that they share one commit; return their outcomes, which must come in order."""
    told: list[tuple[int, Outcome]] = []
    done = asyncio.Event()

    def teller(number: int) -> Callable[[Outcome], None]:
        def tell(outcome: Outcome) -> None:
            told.append((number, outcome))
            if len(told) == len(items):
                done.set()

        return tell

    for number, item in enumerate(items):
        house.commits.put(item, teller(number))
    await done.wait()
    assert [number for number, _ in told] == list(range(len(items)))
    return [outcome for _, outcome in told]


async def test_messages_are_numbered_as_they_came(house: House, thread: ThreadId, stopped_clock: StoppedClock) -> None:
    posts = [await house.sealed(one, thread, "Bonjour") for one in (house.lea, house.claire, house.lea)]
    outcomes = await together(house, list(posts))
    assert outcomes == [Posted(seq, stopped_clock(), is_new=True) for seq in (1, 2, 3)]
    assert [row.id for row in await house.rows(thread)] == [post.id for post in posts]


async def test_one_id_ten_times_at_once_is_one_message(house: House, thread: ThreadId, stopped_clock: StoppedClock) -> None:
    post = await house.sealed(house.lea, thread, "Bonjour")
    outcomes = await together(house, [post] * 10)
    assert outcomes == [Posted(1, stopped_clock(), is_new=number == 0) for number in range(10)]
    assert len(await house.rows(thread)) == 1


async def test_a_repeated_message_keeps_its_first_time(house: House, thread: ThreadId, stopped_clock: StoppedClock) -> None:
    id_ = new_id(MessageId)
    first = await house.post(house.lea, thread, "Bonjour", id_)
    stopped_clock.advance(MINUTE)
    assert await house.post(house.lea, thread, "autre chose", id_) == structs.replace(first, is_new=False)
    assert await house.texts(house.claire, thread) == ["Bonjour"]


async def test_an_id_of_somebody_else_is_taken(house: House, thread: ThreadId) -> None:
    id_ = new_id(MessageId)
    await house.post(house.lea, thread, "Bonjour", id_)
    assert await house.commits.commit(await house.sealed(house.claire, thread, "Bonsoir", id_)) is NotCommitted.TAKEN


async def test_one_id_may_stand_in_two_threads(house: House, thread: ThreadId) -> None:
    other, id_ = await house.open_thread(house.karim, house.claire), new_id(MessageId)
    assert (await house.post(house.claire, thread, "Bonjour", id_)).is_new
    assert (await house.post(house.claire, other, "Bonjour", id_)).is_new


async def test_time_never_runs_backwards_in_a_thread(house: House, thread: ThreadId, stopped_clock: StoppedClock) -> None:
    first = await house.post(house.lea, thread)
    stopped_clock.advance(-MINUTE)
    assert (await house.post(house.claire, thread)).at == first.at


async def test_a_history_keeps_the_times_that_it_brings(house: House, thread: ThreadId) -> None:
    at = (await house.thread(thread)).last_at + 5
    outcome = await house.commits.commit(structs.replace(await house.sealed(house.lea, thread, "Bonjour"), at=at))
    assert outcome == Posted(1, at, is_new=True)


async def test_a_message_of_an_older_epoch_is_moved(house: House) -> None:
    thread = await house.open_thread(house.lea, house.claire, house.sam)
    post = await house.sealed(house.lea, thread, "Bonjour")
    await house.leave(thread, house.sam)
    outcomes = await together(house, [post, MarkRead(thread, 1, house.lea.id, 0)])
    assert outcomes == [NotCommitted.EPOCH_ENDED, NotCommitted.EPOCH_ENDED]
    assert await house.rows(thread) == []


async def test_an_unknown_thread_is_absent(house: House, thread: ThreadId) -> None:
    post = structs.replace(await house.sealed(house.lea, thread, "Bonjour"), thread=uuid4())
    assert await house.commits.commit(post) is NotCommitted.ABSENT


async def test_who_has_left_marks_nothing(house: House, thread: ThreadId) -> None:
    assert await house.mark(house.karim, thread, 0) is NotCommitted.ABSENT


async def test_nobody_has_read_what_is_not_there(house: House, thread: ThreadId) -> None:
    await house.post(house.claire, thread)
    assert await house.mark(house.lea, thread, 2) is NotCommitted.BEYOND_END
    assert await house.mark(house.lea, thread, 1) == Marked(1, has_moved=True)


@pytest.mark.parametrize("seq", [1, 0, -1])
async def test_a_mark_moves_forward_only(house: House, thread: ThreadId, seq: int) -> None:
    await house.post(house.claire, thread)
    await house.mark(house.lea, thread, 1)
    assert await house.mark(house.lea, thread, seq) == Marked(1, has_moved=False)


async def test_a_mark_may_be_of_the_same_group(house: House, thread: ThreadId) -> None:
    post = await house.sealed(house.claire, thread, "Bonjour")
    outcomes = await together(house, [post, MarkRead(thread, 1, house.lea.id, 1), MarkRead(thread, 1, house.lea.id, 1)])
    assert outcomes[1:] == [Marked(1, has_moved=True), Marked(1, has_moved=False)]
    assert await owed(house) == set()


async def test_the_member_waits_until_staff_answers(house: House, thread: ThreadId, stopped_clock: StoppedClock) -> None:
    begun = stopped_clock()
    await house.post(house.lea, thread)
    stopped_clock.advance(MINUTE)
    await house.post(house.lea, thread)
    assert (await house.thread(thread)).waiting_since == begun
    await house.post(house.claire, thread)
    assert (await house.thread(thread)).waiting_since is None


async def owed(house: House) -> set[tuple[ThreadId, AccountId]]:
    """The announcements owed, as pairs of thread and account."""
    rows = await house.select("select account, thread from unread_owed")
    return {(ThreadId(UUID(bytes=row["thread"])), AccountId(UUID(bytes=row["account"]))) for row in rows}


# A group that fails


async def test_a_thread_that_was_tampered_with_takes_nothing(house: House, thread: ThreadId) -> None:
    other = await house.open_thread(house.karim, house.claire)
    bad, good = await house.sealed(house.lea, thread, "Bonjour"), await house.sealed(house.karim, other, "Bonjour")
    await house.spoil("update threads set last_seq = 7 where id = :id", id=thread.bytes)
    outcomes = await together(house, [bad, good])
    assert outcomes[0] is NotCommitted.BROKEN
    assert isinstance(outcomes[1], Posted)


@pytest.mark.parametrize("head", ["zeroblob(41)", "x'01' || zeroblob(40)", "x''"])
async def test_a_foreign_proof_stops_no_other_thread(house: House, thread: ThreadId, head: str) -> None:
    other = await house.open_thread(house.karim, house.claire)
    bad, good = await house.sealed(house.lea, thread, "Bonjour"), await house.sealed(house.karim, other, "Bonjour")
    await house.spoil(f"update threads set head = {head} where id = :id", id=thread.bytes)
    outcomes = await together(house, [bad, good])
    assert outcomes[0] is NotCommitted.BROKEN
    assert isinstance(outcomes[1], Posted)


async def test_a_thread_put_back_to_before_takes_nothing(house: House, thread: ThreadId) -> None:
    (before,) = await house.select("select * from threads where id = :id", id=thread.bytes)
    await house.post(house.lea, thread)
    await house.spoil(
        "update threads set last_seq = :last_seq, last_link = :last_link, head = :head where id = :id",
        last_seq=before["last_seq"], last_link=before["last_link"], head=before["head"], id=thread.bytes,
    )  # fmt: skip
    other = await house.open_thread(house.karim, house.claire)
    items = [await house.sealed(house.lea, thread, "Bonjour"), await house.sealed(house.karim, other, "Bonjour")]
    outcomes = await together(house, list(items))
    assert outcomes[0] is NotCommitted.BROKEN
    assert isinstance(outcomes[1], Posted)


class Failing:
    """Makes the store's writes fail, as a full disk would, until ``recover``."""

    def __init__(self, house: House, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        self._write = house.store.database.write
        self._error: Exception | None = error
        monkeypatch.setattr(house.store.database, "write", self.write)

    async def write(self, work: Callable[[Any], Awaitable[Any]]) -> Any:
        if self._error:
            raise self._error
        return await self._write(work)

    def recover(self) -> None:
        self._error = None


@pytest.mark.parametrize("error", [Stalled("full"), RuntimeError("bug")])
async def test_a_failed_group_is_told_to_each_and_tried_again(
    house: House, thread: ThreadId, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    posts = [await house.sealed(house.lea, thread, "Bonjour") for _ in range(3)]
    failing = Failing(house, monkeypatch, error)
    assert all(isinstance(outcome, Stalled) for outcome in await together(house, list(posts)))
    failing.recover()
    again = await together(house, list(posts))
    assert [outcome.seq for outcome in again if isinstance(outcome, Posted)] == [1, 2, 3]


async def test_commit_raises_when_nothing_was_kept(house: House, thread: ThreadId, monkeypatch: pytest.MonkeyPatch) -> None:
    post = await house.sealed(house.lea, thread, "Bonjour")
    Failing(house, monkeypatch, Stalled("full"))
    with pytest.raises(Stalled):
        await house.commits.commit(post)


async def test_the_log_names_the_failure_and_no_more(
    house: House, thread: ThreadId, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    post = await house.sealed(house.lea, thread, "Bonjour")
    Failing(house, monkeypatch, RuntimeError("canary"))
    with caplog.at_level(logging.DEBUG), pytest.raises(Stalled):
        await house.commits.commit(post)
    assert "RuntimeError" in caplog.text
    assert "canary" not in caplog.text


async def test_a_listener_that_fails_keeps_nobody_waiting(house: House, thread: ThreadId) -> None:
    def fail(_: Outcome) -> None:
        raise ZeroDivisionError

    house.commits.put(await house.sealed(house.lea, thread, "un"), fail)
    assert (await house.post(house.lea, thread, "deux")).seq == 2


async def test_who_gave_up_waiting_stops_nobody(house: House, thread: ThreadId) -> None:
    waiting = asyncio.create_task(house.commits.commit(await house.sealed(house.lea, thread, "un")))
    await asyncio.sleep(0)
    waiting.cancel()
    assert (await house.post(house.lea, thread, "deux")).seq == 2


# The queue


async def test_no_more_wait_than_the_queue_holds(house: House, thread: ThreadId, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "LARGEST_QUEUE", 2)
    mark = MarkRead(thread, 1, house.lea.id, 0)
    house.commits.put(mark, lambda _: None)
    house.commits.put(mark, lambda _: None)
    assert house.commits.depth == 2
    with pytest.raises(Stalled):
        house.commits.put(mark, lambda _: None)


async def test_a_message_opens_a_closed_thread(house: House, thread: ThreadId) -> None:
    await close(house, thread)
    await house.post(house.lea, thread)
    assert (await house.thread(thread)).closed_at is None


async def test_a_mark_leaves_a_closed_thread_closed(house: House, thread: ThreadId, stopped_clock: StoppedClock) -> None:
    await house.post(house.claire, thread)
    await close(house, thread)
    await house.mark(house.lea, thread, 1)
    assert (await house.thread(thread)).closed_at == stopped_clock()


async def test_the_service_leaves_a_closed_thread_closed(house: House, thread: ThreadId, stopped_clock: StoppedClock) -> None:
    """A lesson that is posted automatically does not resume the conversation."""
    await close(house, thread)
    post = await house.sealed(house.lea, thread, "…")
    await house.commits.commit(structs.replace(post, waits=None))
    assert (await house.thread(thread)).closed_at == stopped_clock()


async def test_a_message_sent_again_leaves_a_closed_thread_closed(house: House, thread: ThreadId) -> None:
    """A browser that never received the answer sends its message again: nothing new was said."""
    post = await house.sealed(house.lea, thread, "Merci, au revoir")
    await together(house, [post])
    await close(house, thread)
    await together(house, [post])
    assert (await house.thread(thread)).closed_at is not None


async def test_a_long_queue_goes_in_several_groups(house: House, thread: ThreadId, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "LARGEST_GROUP", 2)
    posts = [await house.sealed(house.lea, thread, "Bonjour") for _ in range(5)]
    outcomes = await together(house, list(posts))
    assert [outcome.seq for outcome in outcomes if isinstance(outcome, Posted)] == [1, 2, 3, 4, 5]


async def test_closing_commits_what_still_waits(house: House, thread: ThreadId) -> None:
    told: list[Outcome] = []
    post = await house.sealed(house.lea, thread, "Bonjour")
    async with GroupCommit(house.store) as commits:
        commits.put(post, told.append)
    assert [type(outcome) for outcome in told] == [Posted]
    with pytest.raises(Stalled):
        commits.put(post, told.append)


# Against a model: however the items are grouped, the thread is what one plain list would be


@dataclass
class ModelThread:
    """A thread as a plain list of ids and authors."""

    id: ThreadId
    people: list[Person]
    posts: list[Post]
    epoch: int = 1
    messages: list[tuple[MessageId, AccountId]] = field(default_factory=list)
    read: dict[AccountId, int] = field(default_factory=dict)
    waiting_since: int | None = None
    closed_at: int | None = None

    def take(self, item: Item, now: int) -> tuple[int, bool] | NotCommitted:
        if item.epoch != self.epoch:
            return NotCommitted.EPOCH_ENDED
        return self._take_post(item, now) if isinstance(item, Post) else self._take_mark(item)

    def _take_post(self, post: Post, now: int) -> tuple[int, bool] | NotCommitted:
        for seq, (id_, author) in enumerate(self.messages, 1):
            if id_ == post.id:
                return (seq, False) if author == post.author else NotCommitted.TAKEN
        self.messages.append((post.id, post.author))
        self.read[post.author] = len(self.messages)
        self.waiting_since = (self.waiting_since or now) if post.waits else None
        self.closed_at = None
        return len(self.messages), True

    def _take_mark(self, mark: MarkRead) -> tuple[int, bool] | NotCommitted:
        if mark.seq > len(self.messages):
            return NotCommitted.BEYOND_END
        moved = mark.seq > self.read[mark.account]
        self.read[mark.account] = max(mark.seq, self.read[mark.account])
        return self.read[mark.account], moved

    def owed(self) -> set[tuple[ThreadId, AccountId]]:
        return {(self.id, account) for account, seq in self.read.items() if seq < len(self.messages)}


# One step: the thread, which of its people, a post (with one of a few ids) or a read mark, and whether its epoch is over.
steps = st.tuples(st.integers(0, 1), st.integers(0, 2), st.integers(0, 9), st.integers(0, 6), st.sampled_from([0, 0, 0, 0, -1]))
groups = st.lists(st.lists(steps, min_size=1, max_size=12), min_size=1, max_size=6)


def plain(outcome: Outcome) -> tuple[int, bool] | NotCommitted:
    if isinstance(outcome, Posted):
        return outcome.seq, outcome.is_new
    assert isinstance(outcome, Marked | NotCommitted)
    return (outcome.seq, outcome.has_moved) if isinstance(outcome, Marked) else outcome


@given(groups, st.integers(0, 5), st.sets(st.integers(0, 5)))
@settings(max_examples=25, deadline=None)
def test_any_sequence_is_that_of_a_list(
    sequence: list[list[tuple[int, int, int, int, int]]], leave_at: int, close_at: set[int]
) -> None:
    asyncio.run(play(sequence, leave_at, close_at))


async def play(sequence: list[list[tuple[int, int, int, int, int]]], leave_at: int, close_at: set[int]) -> None:
    clock = StoppedClock()
    with TemporaryDirectory() as folder:
        async with open_house(Path(folder), clock) as house:
            models = [
                await model(house, house.lea, house.claire, house.sam),
                await model(house, house.karim, house.claire, house.sam),
            ]
            for number, group in enumerate(sequence):
                if number == leave_at:
                    await somebody_leaves(house, models[0])
                if number in close_at:
                    await close(house, models[1].id)
                    models[1].closed_at, models[1].waiting_since = models[1].closed_at or clock(), None
                items = [item_of(models[which], *step) for which, *step in group]
                expected = [models[which].take(item, clock()) for (which, *_), item in zip(group, items, strict=True)]
                assert [plain(outcome) for outcome in await together(house, list(items))] == expected
                clock.advance(MINUTE)
            await compare(house, models)


async def model(house: House, *people: Person) -> ModelThread:
    thread = await house.open_thread(*people)
    posts = [await house.sealed(one, thread, "Bonjour", MessageId(UUID(int=number))) for number in range(4) for one in people]
    return ModelThread(thread, list(people), posts, read={one.id: 0 for one in people})


async def somebody_leaves(house: House, thread: ModelThread) -> None:
    """The companion leaves: a new epoch begins, and nothing is owed to them any longer."""
    gone = thread.people.pop()
    await house.leave(thread.id, gone)
    thread.read.pop(gone.id)
    thread.epoch += 1


async def close(house: House, thread: ThreadId) -> None:
    """Close the thread, as staff do."""
    store = house.store
    await store.database.write(lambda tx: threads.close(tx, store.guard, thread, store.clock()))


def item_of(thread: ModelThread, who: int, what: int, which: int, age: int) -> Item:
    """A post or a read mark of a participant; one in five belongs to an epoch that is over."""
    author = thread.people[who % len(thread.people)]
    if what >= 6:
        return MarkRead(thread.id, thread.epoch + age, author.id, which)
    mine = [post for post in thread.posts if post.author == author.id]
    others = tuple(one.id for one in thread.people if one.id != author.id)
    post = structs.replace(mine[which % len(mine)], epoch=thread.epoch + age, others=others)
    return post if what % 2 else structs.replace(post, id=new_id(MessageId))


async def compare(house: House, models: list[ModelThread]) -> None:
    """Compare order, links, read marks, who is waiting and what is owed with the models; `ailo check` must find nothing."""
    for each in models:
        rows = await house.rows(each.id)
        assert [(row.seq, row.id, row.author) for row in rows] == [
            (seq, id_, author) for seq, (id_, author) in enumerate(each.messages, 1)
        ]
        assert all(row.is_linked for row in rows)
        stands = await house.thread(each.id)
        assert (stands.last_seq, stands.waiting_since) == (len(each.messages), each.waiting_since)
        assert stands.closed_at == each.closed_at
        assert {one.id: await house.read_seq(each.id, one) for one in each.people} == each.read
    assert await owed(house) == models[0].owed() | models[1].owed()
    assert await check.check_all(house.store) == []


@pytest.mark.parametrize(("burst", "groups"), [(group_commit.COMPANY, [8, 2]), (1, [1, 1, 1])])
async def test_in_a_burst_a_small_group_waits_for_company(house: House, thread: ThreadId, burst: int, groups: list[int]) -> None:
    """In a burst, messages that arrive right after a group join those that arrived during it; without a burst, nothing waits."""
    posts = [await house.sealed(house.lea, thread, "Bonjour") for _ in range(burst + 2)]
    sizes: list[int] = []
    house.commits.feed.subscribe(lambda group: sizes.append(len(group.items)))
    done = asyncio.Event()

    def and_then(_: object) -> None:
        house.commits.put(posts[-2], lambda _: None)
        asyncio.get_running_loop().call_soon(house.commits.put, posts[-1], lambda _: done.set())

    for post in posts[: burst - 1]:
        house.commits.put(post, lambda _: None)
    house.commits.put(posts[burst - 1], and_then)
    await done.wait()
    assert sizes == groups
