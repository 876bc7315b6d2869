"""The messages and read marks that wait for the next commit.

While one commit is being written to the disk, what arrives waits together and goes into the next one, in one call on the
writer. Each item is told its outcome after that commit, in commit order, by a plain callback: no task per message.
A group is one transaction: the messages, where their threads stand, the marks, and every notice that they owe.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from enum import Enum
from typing import TypeVar
from uuid import UUID

from msgspec import Struct

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
# Where groups follow each other, a small one waits for company, as long as the last took: what a commit costs (its sync, its
# statements, its changes of threads) hardly grows with its messages. A few people who write are not kept waiting.
COMPANY = 8
FULL = 64
LONGEST_WAIT_S = 0.002

log = logging.getLogger("ailo.storage")


class Refusal(Enum):
    """Why an item was not committed, although the store is well."""

    MOVED = "the thread has another epoch now: look again who takes part, and seal again"
    TAKEN = "the thread has a message with this id by somebody else"
    BEYOND_END = "there is no such message yet"
    ABSENT = "there is no such thread"
    BROKEN = "the thread is not as the service wrote it: nothing is added to it"


# What is made for every message is a Struct: the making of a frozen dataclass costs ten times as much.


class Posted(Struct, frozen=True, gc=False):
    """A message is on the disk. ``is_new`` is false when it was there already."""

    seq: int
    at: int
    is_new: bool


class Marked(Struct, frozen=True, gc=False):
    """A read mark is on the disk. ``has_moved`` is false when it stood there or further already."""

    seq: int
    has_moved: bool


class Post(Struct, frozen=True, gc=False):
    """A sealed message to commit. ``others`` are the epoch's participants but the author.

    ``waits`` says whether its author is the member, who waits for an answer from then on; None changes nothing in that.
    Unless it is None a participant wrote, which opens a closed thread again.
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


class MarkRead(Struct, frozen=True, gc=False):
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
        self.told: Callable[[list[Outcome], float], None] = lambda *_: None  # of each group and the seconds that it took
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
            size, took = 0, 0.0
            while self._waiting:
                if size >= COMPANY and len(self._waiting) < FULL and not self._closing:
                    await asyncio.sleep(min(took, LONGEST_WAIT_S))
                group, self._waiting = self._waiting[:LARGEST_GROUP], self._waiting[LARGEST_GROUP:]
                size, took = len(group), await self._commit(group)

    async def _commit(self, group: list[tuple[Item, Callable[[Outcome], None]]]) -> float:
        began = time.perf_counter()
        outcomes = await self._outcomes([item for item, _ in group])
        took = time.perf_counter() - began
        self.told(outcomes, took)
        for (_, done), outcome in zip(group, outcomes, strict=True):
            try:
                done(outcome)
            except Exception as error:  # noqa: BLE001 (a fault in telling one must not keep the others waiting for ever)
                log.error("an outcome was not told: %s", type(error).__name__)
        return took

    async def _outcomes(self, items: list[Item]) -> list[Outcome]:
        """What came of each item. One that a planted row stands in the way of does not stop the rest of its group."""
        try:
            return await self._store.database.write(lambda tx: _Group(self._store, tx).run(items))
        except _Collision:
            if len(items) == 1:
                return [Refusal.BROKEN]
            return [outcome for item in items for outcome in await self._outcomes([item])]
        except Exception as error:  # noqa: BLE001 (whatever it is, each sender must be told; it is logged)
            log.error("a group was not committed: %s", type(error).__name__)
            return [Stalled("the database did not take the group")] * len(items)


class _Collision(Exception):
    """A message stands where its thread's own row says that there is none."""


class _Group:
    """One group in its transaction, in a handful of statements however many its items: each statement costs a change of
    threads in the interpreter, which under load is dearer than the statement."""

    def __init__(self, store: Store, tx: Transaction) -> None:
        self._store = store
        self._tx = tx
        self._now = store.clock()
        self._due_at = self._now + store.settings.notify_after_ms
        self._threads: dict[UUID, Thread] = {}
        self._known: dict[tuple[UUID, bytes], SealedMessage] = {}
        self._new: list[SealedMessage] = []
        self._marks: dict[tuple[UUID, UUID], int] = {}
        self._owed: dict[UUID, set[UUID]] = {}

    async def run(self, items: list[Item]) -> list[Outcome]:
        self._threads = await threads.find_all(self._tx, self._store.guard, {item.thread for item in items})
        self._known = await messages.known(self._tx, [item.id for item in items if isinstance(item, Post)])
        outcomes = [await self._one(item) for item in items]
        if not await messages.add_all(self._tx, self._new):
            raise _Collision
        changed = {message.thread for message in self._new}
        await threads.save_all(self._tx, self._store.guard, (self._threads[id_] for id_ in changed))
        await self._settle()
        await notices.owe_all(self._tx, self._owed, self._due_at)
        return outcomes

    async def _one(self, item: Item) -> Outcome:
        thread = self._threads.get(item.thread)
        if thread is None:
            return Refusal.ABSENT
        if not thread.is_sound:
            return Refusal.BROKEN
        if thread.epoch != item.epoch:
            return Refusal.MOVED
        return self._post(thread, item) if isinstance(item, Post) else await self._mark(thread, item)

    def _post(self, thread: Thread, post: Post) -> Outcome:
        if first := self._known.get((thread.id, post.id.bytes)):
            return Posted(first.seq, first.at, is_new=False) if first.author == post.author else Refusal.TAKEN
        message = self._linked(thread, post)
        # Not by dataclasses.replace: it costs as much as the link, and this is done for every message.
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
        self._new.append(message)
        self._known[thread.id, post.id.bytes] = message
        self._marks[thread.id, post.author] = message.seq
        owed = self._owed.setdefault(thread.id, set())
        owed.discard(post.author)
        owed.update(post.others)
        return Posted(message.seq, message.at, is_new=True)

    def _linked(self, thread: Thread, post: Post) -> SealedMessage:
        seq, at = thread.last_seq + 1, max(post.at or self._now, thread.last_at)
        key = self._store.guard.keyring.newest
        fact = Fact(seq, at, post.id, post.author, post.kind, post.epoch, post.body)
        linked = link(key.id, key.linking, thread.last_link, fact)
        return SealedMessage(thread.id, seq, post.id, post.epoch, post.author, post.kind, at, post.body, linked)

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
        """Move the marks. Who has read all is owed nothing; for who has read a part, a notice that was told begins anew."""
        await threads.mark_all(self._tx, self._marks)
        read = [(id_, account) for (id_, account), seq in self._marks.items() if seq == self._threads[id_].last_seq]
        for id_, account in read:
            self._owed.get(id_, set()).discard(account)
        await notices.drop_all(self._tx, read)
        for id_, account in self._marks.keys() - set(read):
            await notices.settle(self._tx, account, id_, has_unread=True, due_at=self._due_at)


def _waiting_since(thread: Thread, post: Post, at: int) -> int | None:
    if post.waits is None:
        return thread.waiting_since
    return (thread.waiting_since or at) if post.waits else None
