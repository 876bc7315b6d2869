"""What one connection is sent, in order: on it the numbers of a thread only rise.

Live messages go straight through. While a thread is being resumed they wait: not in memory, but as the number up to which
the resume then reads on. So a resume goes at the connection's pace, however much comes in the meantime. The answers to its
own messages keep that order too: a browser that goes by their numbers would else take what is still on its way for seen.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from chat.protocol.frames import Message, Sent, encode
from storage.errors import StorageError
from storage.ids import ThreadId

PAGE = 100
PATIENCE_S = 1.0

Pages = Callable[[ThreadId, int, int], Awaitable[tuple[list[Message], int] | None]]


class Outlet(Protocol):
    """Where frames leave for the browser: a bounded queue."""

    def offer(self, frame: bytes) -> None:
        """Queue a frame; a connection that does not keep up is closed."""

    async def room(self) -> None:
        """Wait until the queue is short again."""

    def give_up(self) -> None:
        """End the connection, to catch up on another one: what it was to be sent cannot be had, and nothing more is taken."""


class Sequencer:
    """One connection's line of messages.

    A resume may find in the store what is not told live yet: it is remembered how far it came, and that is not told again.

    It begins held: what comes live before the first ``resume`` waits, so that a browser sees the old before the new, however
    slow its line. A held thread costs one number. A resume of nothing releases it, and reads what was held from the store.
    """

    __slots__ = ("_answers", "_held", "_one_at_a_time", "_outlet", "_pages", "_passed", "_reached", "_waiting")

    def __init__(self, outlet: Outlet, pages: Pages) -> None:
        self._outlet = outlet
        self._pages = pages
        self._waiting: dict[ThreadId, int] = {}
        self._reached: dict[ThreadId, int] = {}
        self._passed: dict[ThreadId, int] = {}
        self._held: dict[ThreadId, int] | None = {}
        self._answers: dict[tuple[ThreadId, int], tuple[bytes, bool]] = {}
        self._one_at_a_time = asyncio.Lock()

    @property
    def answers_waiting(self) -> int:
        """How many answers wait for the messages before them."""
        return len(self._answers)

    def offer_message(self, thread: ThreadId, seq: int, frame: bytes) -> None:
        """A live message: sent now, or left to the resume that is running."""
        if self._held is not None:
            self._held.setdefault(thread, seq - 1)
        elif thread in self._waiting:
            self._waiting[thread] = seq
        elif seq > self._passed.get(thread, 0):
            self._passed.pop(thread, None)
            self._outlet.offer(frame)

    def offer_sent(self, sent: Sent, *, is_new: bool) -> None:
        """The answer to one's own message: sent now, or in the message's place where those before it are still to come."""
        reached = self._reached if self._held is None else self._held
        if sent.seq > reached.get(sent.thread, sent.seq):
            self._answers[sent.thread, sent.seq] = encode(sent), is_new
        else:
            self._outlet.offer(encode(sent))

    async def release(self) -> None:
        """Send what was held. The browser did not ask for it: like all that is live, it must be kept up with."""
        await self.resume({}, PATIENCE_S)

    async def resume(self, after: Mapping[ThreadId, int], patience: float | None = None) -> dict[ThreadId, int]:
        """Send what followed ``after`` each number; gives the last number of each thread that may be seen."""
        async with self._one_at_a_time:
            starts = {**(self._held or {}), **after}
            self._held = None
            self._waiting = dict.fromkeys(starts, 0)
            self._reached = dict(starts)
            try:
                last = {thread: await self._catch_up(thread, seq, patience) for thread, seq in starts.items()}
            except StorageError:
                self._outlet.give_up()
                raise
            # Only now: on a connection that is cut off in the midst of this, nothing is told behind what is missing.
            self._let_go()
        return {thread: seq for thread, seq in last.items() if seq is not None and thread in after}

    def _let_go(self) -> None:
        """Nothing waits any more: the answers that did are given."""
        self._waiting, self._reached, self._held = {}, {}, None
        answers, self._answers = self._answers, {}
        for frame, _ in answers.values():
            self._outlet.offer(frame)

    def end(self) -> None:
        """Find no pages any more."""
        self._pages = _no_pages

    async def _catch_up(self, thread: ThreadId, seq: int, patience: float | None) -> int | None:
        """Read on until nothing is left that came meanwhile; in that same instant live messages go through again."""
        while True:
            page = await self._pages(thread, seq, PAGE)
            if page is None:
                return None
            found, end = page
            for message in found:
                await self._room(patience)
                self._offer_old(message)
                seq = message.seq
            if not found:
                seq = end
            if seq >= max(end, self._waiting.get(thread, 0)):
                self._waiting.pop(thread, None)
                self._reached.pop(thread, None)
                self._passed[thread] = seq
                return end

    async def _room(self, patience: float | None) -> None:
        try:
            async with asyncio.timeout(patience):
                await self._outlet.room()
        except TimeoutError:
            self._outlet.give_up()
            await self._outlet.room()

    def _offer_old(self, message: Message) -> None:
        """A message of the resume; one that this connection has just posted itself is told by its answer alone."""
        answer, is_new = self._answers.pop((message.thread, message.seq), (None, False))
        if not is_new:
            self._outlet.offer(encode(message))
        if answer:
            self._outlet.offer(answer)
        self._reached[message.thread] = message.seq


async def _no_pages(_: ThreadId, __: int, ___: int) -> None:
    return None
