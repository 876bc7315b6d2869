"""The messages and read marks that wait for the next commit.

While one commit is being written to the disk, what arrives waits together and goes into the next one, in one call on the
writer. Each item is told its outcome after that commit, in commit order, by a plain callback: no task per message.
A group is one transaction: the messages, where their threads stand, the marks, and every notice that they owe.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeVar
from uuid import UUID

from storage import messages, notices, threads
from storage.database import Transaction
from storage.errors import Stalled
from storage.messages import SealedMessage
from storage.sealing import Fact, link
from storage.store import Store
from storage.threads import Thread

T = TypeVar("T")

LARGEST_GROUP = 512
LARGEST_QUEUE = 8192

log = logging.getLogger("ailo.storage")


class Refusal(Enum):
    """Why an item was not committed, although the store is well."""

    MOVED = "the thread has another epoch now: look again who takes part, and seal again"
    TAKEN = "the thread has a message with this id by somebody else"
    BEYOND_END = "there is no such message yet"
    ABSENT = "there is no such thread"
    BROKEN = "the thread is not as the service wrote it: nothing is added to it"


@dataclass(frozen=True, slots=True)
class Posted:
    """A message is on the disk. ``is_new`` is false when it was there already."""

    seq: int
    at: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class Marked:
    """A read mark is on the disk. ``has_moved`` is false when it stood there or further already."""

    seq: int
    has_moved: bool


@dataclass(frozen=True, slots=True)
class Post:
    """A sealed message to commit. ``others`` are the epoch's participants but the author.

    ``waits`` says whether its author is the member, who waits for an answer from then on; None changes nothing in that.
    ``at`` is now, unless a history is brought in.
    """

    thread: UUID
    epoch: int
    id: UUID
    author: UUID
    kind: str
    body: bytes
    others: tuple[UUID, ...]
    waits: bool | None
    at: int | None = None


@dataclass(frozen=True, slots=True)
class MarkRead:
    """A read mark to commit, by a participant of that epoch."""

    thread: UUID
    epoch: int
    account: UUID
    seq: int


Item = Post | MarkRead
Outcome = Posted | Marked | Refusal | Stalled


class GroupCommit:
    """Commits items in groups. Use as an async context manager: leaving it commits what still waits."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[tuple[Item, Callable[[Outcome], None]]] = []
        self._arrived = asyncio.Event()
        self._closing = False
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
        """How many items wait."""
        return len(self._waiting)

    def put(self, item: Item, done: Callable[[Outcome], None]) -> None:
        """Let an item wait for the next commit; ``done`` is called after it. Raises Stalled when too many wait."""
        if self._closing or len(self._waiting) >= LARGEST_QUEUE:
            raise Stalled("too many messages wait for the disk")
        self._waiting.append((item, done))
        self._arrived.set()

    async def commit(self, item: Item) -> Posted | Marked | Refusal:
        """Wait until an item is committed. Raises Stalled when it was not kept."""
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
            while self._waiting:
                group, self._waiting = self._waiting[:LARGEST_GROUP], self._waiting[LARGEST_GROUP:]
                await self._commit(group)

    async def _commit(self, group: list[tuple[Item, Callable[[Outcome], None]]]) -> None:
        outcomes: list[Outcome]
        try:
            outcomes = list(await self._store.database.write(lambda tx: _Group(self._store, tx).run([item for item, _ in group])))
        except Exception as error:  # noqa: BLE001 (whatever it is, each sender must be told; it is logged)
            log.error("a group was not committed: %s", type(error).__name__)
            outcomes = [Stalled("the database did not take the group")] * len(group)
        for (_, done), outcome in zip(group, outcomes, strict=True):
            try:
                done(outcome)
            except Exception as error:  # noqa: BLE001 (a fault in telling one must not keep the others waiting for ever)
                log.error("an outcome was not told: %s", type(error).__name__)


class _Group:
    """One group in its transaction. Each thread is read once and written once, however many of its messages come."""

    def __init__(self, store: Store, tx: Transaction) -> None:
        self._store = store
        self._tx = tx
        self._now = store.clock()
        self._due_at = self._now + store.settings.notify_after_ms
        self._threads: dict[UUID, Thread | None] = {}
        self._changed: set[UUID] = set()
        self._marks: dict[tuple[UUID, UUID], int] = {}
        self._owed: dict[UUID, set[UUID]] = {}

    async def run(self, items: list[Item]) -> list[Outcome]:
        outcomes = [await self._one(item) for item in items]
        for id_ in self._changed:
            if thread := self._threads[id_]:
                await threads.save(self._tx, self._store.guard, thread)
        await self._settle()
        for id_, accounts in self._owed.items():
            await notices.owe(self._tx, id_, accounts, self._due_at)
        return outcomes

    async def _one(self, item: Item) -> Outcome:
        thread = await self._thread(item.thread)
        if thread is None:
            return Refusal.ABSENT
        if not thread.is_sound:
            return Refusal.BROKEN
        if thread.epoch != item.epoch:
            return Refusal.MOVED
        return await (self._post(thread, item) if isinstance(item, Post) else self._mark(thread, item))

    async def _thread(self, id_: UUID) -> Thread | None:
        if id_ not in self._threads:
            self._threads[id_] = await threads.find(self._tx, self._store.guard, id_)
        return self._threads[id_]

    async def _post(self, thread: Thread, post: Post) -> Outcome:
        seq, at = thread.last_seq + 1, max(post.at or self._now, thread.last_at)
        key = self._store.guard.keyring.newest
        linked = link(key.id, key.linking, thread.last_link, Fact(seq, at, post.id, post.author, post.kind, post.body))
        message = SealedMessage(post.thread, seq, post.id, post.epoch, post.author, post.kind, at, post.body, linked)
        if not await messages.add(self._tx, message):
            return await self._repeated(post)
        waiting_since = _waiting_since(thread, post, at)
        self._threads[thread.id] = replace(thread, last_seq=seq, last_at=at, last_link=linked, waiting_since=waiting_since)
        self._changed.add(thread.id)
        self._marks[thread.id, post.author] = seq
        owed = self._owed.setdefault(thread.id, set())
        owed.discard(post.author)
        owed.update(post.others)
        return Posted(seq, at, is_new=True)

    async def _repeated(self, post: Post) -> Outcome:
        first = await messages.by_id(self._tx, post.thread, post.id)
        if first is None:
            return Refusal.BROKEN  # a message stands where the thread's own row says that there is none
        if first.author != post.author:
            return Refusal.TAKEN
        return Posted(first.seq, first.at, is_new=False)

    async def _mark(self, thread: Thread, mark: MarkRead) -> Outcome:
        if mark.seq > thread.last_seq:
            return Refusal.BEYOND_END
        known = self._marks.get((thread.id, mark.account))
        if known is None:
            known = await threads.read_seq(self._tx, thread.id, mark.account)
        if known is None:
            return Refusal.ABSENT
        if mark.seq <= known:
            return Marked(known, has_moved=False)
        self._marks[thread.id, mark.account] = mark.seq
        return Marked(mark.seq, has_moved=True)

    async def _settle(self) -> None:
        for (id_, account), seq in self._marks.items():
            await threads.mark(self._tx, id_, account, seq)
            thread = self._threads[id_]
            has_unread = thread is not None and thread.last_seq > seq
            if not has_unread:
                self._owed.get(id_, set()).discard(account)
            await notices.settle(self._tx, account, id_, has_unread=has_unread, due_at=self._due_at)


def _waiting_since(thread: Thread, post: Post, at: int) -> int | None:
    if post.waits is None:
        return thread.waiting_since
    return (thread.waiting_since or at) if post.waits else None
