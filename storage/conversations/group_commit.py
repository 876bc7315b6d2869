"""Messages and read marks waiting for the next commit.

While one commit is being written to disk, what arrives is collected and goes into the next one, in one call on the writer.
The outcome of each item is reported after that commit, in commit order, by a plain callback: no task per message.
A group is one transaction: the messages, the state of their threads, the read marks, and every announcement that they owe.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from enum import Enum
from typing import TypeVar

from msgspec import Struct

from storage.conversations import messages, threads
from storage.conversations.feed import Feed, Group
from storage.conversations.messages import SealedMessage
from storage.conversations.threads import Thread
from storage.crypto.guarding import Guard
from storage.crypto.sealing import Fact, link
from storage.engine.database import Reader, Transaction
from storage.errors import CannotOpen, Stalled
from storage.ids import AccountId, MessageId, ThreadId
from storage.inbound import originals
from storage.inbound.originals import Original
from storage.mail import texts, unread
from storage.mail.texts import SealedText
from storage.store import Store

T = TypeVar("T")

LARGEST_GROUP = 512
LARGEST_QUEUE = 8192
# When groups follow each other closely, a small one waits to fill up, for as long as the last took: the cost of a commit (its
# sync, its statements, its thread switches) hardly grows with its messages. When only a few people write, nobody waits.
COMPANY = 8
FULL = 64
LONGEST_WAIT_S = 0.002
# A message is never dated further ahead than this, whatever precedes it: the clock may have been wrong once, or a time planted.
MOST_AHEAD_MS = 300_000
# For at most this many threads, the time of the last message is kept in memory.
MOST_THREADS = 20_000

log = logging.getLogger("ailo.storage")


class NotCommitted(Enum):
    """Why an item was not committed although the store is healthy."""

    EPOCH_ENDED = "the thread's epoch has ended: look up the participants again and reseal"
    TAKEN = "the thread already has a message with this id by somebody else"
    BEYOND_END = "there is no such message yet"
    ABSENT = "there is no such thread"
    BROKEN = "the thread failed verification: nothing is added to it"


# What is created for every message is a Struct: creating a frozen dataclass costs ten times as much.


class Posted(Struct, frozen=True, gc=False):
    """A message is on disk. ``is_new`` is false when it was there already."""

    seq: int
    at: int
    is_new: bool


class Marked(Struct, frozen=True, gc=False):
    """A read mark is on disk. ``has_moved`` is false when it was there or further on already."""

    seq: int
    has_moved: bool


class Post(Struct, frozen=True, gc=False):
    """A sealed message to commit. ``others`` are the epoch's participants other than the author.

    ``waits`` is whether the author is the member, who waits for an answer from then on; None leaves that as it is.
    Unless it is None, a participant wrote, which reopens a closed thread.
    ``at`` is None for the present time; it is given only when a history is imported.
    ``texts`` are the message's text for the letters of those who chose so, sealed by the courier key.
    ``original`` is the whole mail behind it. ``is_by_mail``: its author may not have read what came before it.
    """

    thread: ThreadId
    epoch: int
    id: MessageId
    author: AccountId
    kind: str
    body: bytes
    others: tuple[AccountId, ...]
    waits: bool | None
    at: int | None = None
    texts: tuple[tuple[AccountId, bytes], ...] = ()
    original: Original | None = None
    is_by_mail: bool = False


class MarkRead(Struct, frozen=True, gc=False):
    """A read mark to commit, by a participant of that epoch."""

    thread: ThreadId
    epoch: int
    account: AccountId
    seq: int


Item = Post | MarkRead
Outcome = Posted | Marked | NotCommitted | Stalled


class GroupCommit:
    """Commits items in groups. Use as an async context manager: leaving it commits what is still waiting."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[tuple[Item, Callable[[Outcome], None]]] = []
        self._arrived = asyncio.Event()
        self._closing = False
        self._times = Times(store.guard)
        self.feed: Feed[Item, Outcome] = Feed()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "GroupCommit":
        self._task = asyncio.create_task(self._run(), name="group commit")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing = True
        self._arrived.set()
        if self._task:
            await self._task

    @property
    def depth(self) -> int:
        """How many items are waiting."""
        return len(self._waiting)

    def put(self, item: Item, done: Callable[[Outcome], None]) -> None:
        """Queue an item for the next commit; ``done`` is called after it. Raises Stalled when too many are waiting."""
        if self._closing or len(self._waiting) >= LARGEST_QUEUE:
            raise Stalled("too many messages are waiting for the disk")
        self._waiting.append((item, done))
        self._arrived.set()

    async def commit(self, item: Item) -> Posted | Marked | NotCommitted:
        """Commit an item and wait for the outcome. Raises Stalled when it was not kept."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.put(item, lambda outcome: None if future.done() else future.set_result(outcome))
        outcome = await future
        if isinstance(outcome, Stalled):
            raise outcome
        return outcome

    async def _run(self) -> None:
        while not (self._closing and not self._waiting):
            await self._arrived.wait()
            self._arrived.clear()
            size, took = 0, 0.0
            while self._waiting:
                if size >= COMPANY and len(self._waiting) < FULL and not self._closing:
                    await asyncio.sleep(min(took, LONGEST_WAIT_S))
                group, self._waiting = self._waiting[:LARGEST_GROUP], self._waiting[LARGEST_GROUP:]
                size, took = len(group), await self._commit(group)

    async def _commit(self, group: list[tuple[Item, Callable[[Outcome], None]]]) -> float:
        began = time.perf_counter()
        items = [item for item, _ in group]
        outcomes = await self._outcomes(items)
        took = time.perf_counter() - began
        self.feed.tell(Group(items, outcomes, took))
        for (_, done), outcome in zip(group, outcomes, strict=True):
            try:
                done(outcome)
            except Exception as error:  # noqa: BLE001 (a fault in one callback must not keep the others waiting for ever)
                log.error("could not report an outcome: %s", type(error).__name__)
        return took

    async def _outcomes(self, items: list[Item]) -> list[Outcome]:
        """The outcome of each item. One that cannot be committed, for whatever reason, does not hold up the others."""
        try:
            return await self._store.database.write(lambda tx: _Group(self._store, tx, self._times).run(items))
        except Stalled as error:
            log.error("could not commit a group of messages: %s", type(error).__name__)
            return [Stalled("the database could not commit the group")] * len(items)
        except Exception as error:  # noqa: BLE001 (whatever it is, each sender must get an outcome; it is logged)
            if len(items) > 1:
                half = len(items) // 2
                return [*await self._outcomes(items[:half]), *await self._outcomes(items[half:])]
            log.error("alert: could not commit what was sent to thread %s: %s", items[0].thread, type(error).__name__)
            return [NotCommitted.BROKEN if isinstance(error, _Collision) else Stalled("the database could not commit it")]


class Times:
    """The time of each thread's last message, in ms since 1970, as its link proves it: the thread's row could say anything.

    A thread's authenticated row names its last link, and the link covers the time. Used only in the writer's thread.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._by_thread: dict[ThreadId, tuple[bytes, int]] = {}

    def of(self, thread: Thread) -> int | None:
        """The time of the thread's last message; None when it must be looked up first."""
        if not thread.last_seq:
            return 0
        link_, at = self._by_thread.get(thread.id, (b"", 0))
        return at if link_ == thread.last_link else None

    def note(self, thread: ThreadId, last_link: bytes, at: int) -> None:
        """Remember the time of a message that was just linked."""
        self._by_thread.pop(thread, None)
        if len(self._by_thread) >= MOST_THREADS:
            del self._by_thread[next(iter(self._by_thread))]  # the thread that was unused the longest
        self._by_thread[thread] = last_link, at

    async def look_up(self, reader: Reader, thread: Thread) -> None:
        """Read the time from the last message. One that is missing or altered counts as time 0."""
        last = await messages.linked(reader, self._guard, thread.id, thread.last_seq)
        is_proven = last is not None and last.is_linked and last.link == thread.last_link
        self.note(thread.id, thread.last_link, last.at if last and is_proven else 0)


class _Collision(Exception):
    """A message exists at a number that its thread's own row says is free."""


class _Group:
    """One group in its transaction, in a handful of statements however many items it has: each statement costs a thread switch
    in the interpreter, which under load is dearer than the statement itself. Two more for each thread whose last message
    is not known yet, and for each message that is sent again."""

    def __init__(self, store: Store, tx: Transaction, times: Times) -> None:
        self._store = store
        self._tx = tx
        self._times = times
        self._now = store.clock()
        self._due_at = self._now + store.settings.notify_after_ms
        self._threads: dict[ThreadId, Thread] = {}
        self._known: dict[tuple[ThreadId, bytes], SealedMessage] = {}
        self._fresh: dict[tuple[ThreadId, bytes], SealedMessage] = {}
        self._marks: dict[tuple[ThreadId, AccountId], int] = {}
        self._owed: dict[ThreadId, set[AccountId]] = {}
        self._texts: list[SealedText] = []
        self._originals: list[Original] = []

    async def run(self, items: list[Item]) -> list[Outcome]:
        self._threads = await threads.find_all(self._tx, self._store.guard, {item.thread for item in items})
        self._known = await messages.known(self._tx, [item.id for item in items if isinstance(item, Post)])
        outcomes = [await self._one(item) for item in items]
        if not await messages.add_all(self._tx, list(self._fresh.values())):
            raise _Collision
        changed = {message.thread for message in self._fresh.values()}
        await threads.save_all(self._tx, self._store.guard, (self._threads[id_] for id_ in changed))
        await self._settle()
        await unread.owe_all(self._tx, self._owed, self._due_at)
        if self._texts:
            await texts.keep(self._tx, self._texts)
        if self._originals:
            await originals.keep(self._tx, self._originals)
        return outcomes

    async def _one(self, item: Item) -> Outcome:
        try:
            return await self._outcome(item)
        except (CannotOpen, ValueError, TypeError, ArithmeticError) as error:  # rows may hold anything; the item was not kept
            log.error("alert: could not commit what was sent to thread %s: %s", item.thread, type(error).__name__)
            return NotCommitted.BROKEN

    async def _outcome(self, item: Item) -> Outcome:
        thread = self._threads.get(item.thread)
        if thread is None:
            return NotCommitted.ABSENT
        if not thread.is_sound:
            return NotCommitted.BROKEN
        if thread.epoch != item.epoch:
            return NotCommitted.EPOCH_ENDED
        if isinstance(item, MarkRead):
            return await self._mark(thread, item)
        if first := self._fresh.get((thread.id, item.id.bytes)) or self._known.get((thread.id, item.id.bytes)):
            return await self._repeated(thread, item, first)
        if self._times.of(thread) is None:
            await self._times.look_up(self._tx, thread)
        reads_on = not item.is_by_mail or await self._read_seq(thread, item.author) == thread.last_seq
        return self._post(thread, item, reads_on=reads_on)

    async def _repeated(self, thread: Thread, post: Post, first: SealedMessage) -> Outcome:
        """Answer a message that is already stored with its number and time, as its link proves them."""
        if first.author != post.author:
            return NotCommitted.TAKEN
        if (thread.id, post.id.bytes) not in self._fresh:
            proven = await messages.linked(self._tx, self._store.guard, thread.id, first.seq)
            if proven is None or not proven.is_linked:
                return NotCommitted.BROKEN
        return Posted(first.seq, first.at, is_new=False)

    def _post(self, thread: Thread, post: Post, *, reads_on: bool) -> Outcome:
        message = self._linked(thread, post)
        # Not dataclasses.replace: it costs as much as the link, and this is done for every message.
        self._threads[thread.id] = Thread(
            thread.id,
            thread.epoch,
            message.seq,
            message.at,
            message.link,
            _waiting_since(thread, post, message.at),
            thread.opened_at,
            closed_at=thread.closed_at if post.waits is None else None,
        )
        self._times.note(thread.id, message.link, message.at)
        self._fresh[thread.id, post.id.bytes] = message
        if reads_on:
            self._marks[thread.id, post.author] = message.seq
        owed = self._owed.setdefault(thread.id, set())
        owed.discard(post.author)
        owed.update(post.others)
        for account, body in post.texts:
            self._texts.append(SealedText(account, thread.id, message.seq, post.id, message.at, body))
        if post.original:
            self._originals.append(post.original)
        return Posted(message.seq, message.at, is_new=True)

    def _linked(self, thread: Thread, post: Post) -> SealedMessage:
        seq, at = thread.last_seq + 1, self._time_of(thread, post)
        key = self._store.guard.keyring.newest
        fact = Fact(seq, at, post.id, post.author, post.kind, post.epoch, post.body)
        linked = link(key.id, key.linking, thread.last_link, fact)
        return SealedMessage(thread.id, seq, post.id, post.epoch, post.author, post.kind, at, post.body, linked)

    def _time_of(self, thread: Thread, post: Post) -> int:
        """The time for a new message: never before the previous one's, as long as that one is plausible."""
        latest, previous = self._now + MOST_AHEAD_MS, self._times.of(thread) or 0
        at = min(self._now if post.at is None else post.at, latest)
        return max(at, previous) if previous <= latest else at

    async def _mark(self, thread: Thread, mark: MarkRead) -> Outcome:
        if mark.seq > thread.last_seq:
            return NotCommitted.BEYOND_END
        known = await self._read_seq(thread, mark.account)
        if known is None:
            return NotCommitted.ABSENT
        if mark.seq <= known:
            return Marked(known, has_moved=False)
        self._marks[thread.id, mark.account] = mark.seq
        return Marked(mark.seq, has_moved=True)

    async def _read_seq(self, thread: Thread, account: AccountId) -> int | None:
        """How far somebody has read, with what is marked in this group; None if they take no part."""
        known = self._marks.get((thread.id, account))
        return await threads.read_seq(self._tx, thread.id, account) if known is None else known

    async def _settle(self) -> None:
        """Move the marks. Whoever has read everything is owed nothing; whoever has read only part gets a fresh announcement."""
        moved = {place: (seq, self._threads[place[0]].last_seq) for place, seq in self._marks.items()}
        await threads.mark_all(self._tx, moved)
        read = [(id_, account) for (id_, account), seq in self._marks.items() if seq == self._threads[id_].last_seq]
        for id_, account in read:
            self._owed.get(id_, set()).discard(account)
        await unread.drop_all(self._tx, read)
        for id_, account in self._marks.keys() - set(read):
            await unread.begin_anew(self._tx, id_, account, self._due_at)


def _waiting_since(thread: Thread, post: Post, at: int) -> int | None:
    if post.waits is None:
        return thread.waiting_since
    # Nothing authenticates ``waiting_since``: it cannot be later than now.
    return min(at if thread.waiting_since is None else thread.waiting_since, at) if post.waits else None
