"""The order of what one connection is sent: within a thread, message numbers only rise.

Live messages go straight through. While a thread is being resumed they wait: not in memory, but as the number up to which
the resume must read. So a resume runs at the connection's pace, however much arrives in the meantime. The answers to the
connection's own messages keep that order too: otherwise a browser that goes by their numbers would take messages still on
their way for seen.
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
        """End the connection, to catch up on a new one: what it needs cannot be delivered, and no more frames are accepted."""


class Sequencer:
    """Orders the messages of one connection.

    A resume may find messages in the store before they arrive live: how far it got is remembered, so none is sent twice.

    It starts held: live messages wait for the first ``resume``, so that a browser sees old messages before new ones, however
    slow its line. A held thread costs one number. An empty resume releases it, and reads what was held from the store.
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
        """The number of answers that wait for earlier messages."""
        return len(self._answers)

    def offer_message(self, thread: ThreadId, seq: int, frame: bytes) -> None:
        """Send a live message now, or leave it to the running resume."""
        if self._held is not None:
            self._held.setdefault(thread, seq - 1)
        elif thread in self._waiting:
            self._waiting[thread] = seq
        elif seq > self._passed.get(thread, 0):
            self._passed.pop(thread, None)
            self._outlet.offer(frame)

    def offer_sent(self, sent: Sent, *, is_new: bool) -> None:
        """Send the answer to the connection's own message now, or in the message's place if earlier ones are still to come."""
        reached = self._reached if self._held is None else self._held
        if sent.seq > reached.get(sent.thread, sent.seq):
            self._answers[sent.thread, sent.seq] = encode(sent), is_new
        else:
            self._outlet.offer(encode(sent))

    async def release(self) -> None:
        """Send what was held. The browser did not ask for it: as with live messages, it must keep up."""
        await self.resume({}, PATIENCE_S)

    async def resume(self, after: Mapping[ThreadId, int], patience: float | None = None) -> dict[ThreadId, int]:
        """Send what followed each number in ``after``; return the last number of each of these threads that may be seen."""
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
            # Only now: if the connection is cut off part-way, nothing may be sent past what is missing.
            self._let_go()
        return {thread: seq for thread, seq in last.items() if seq is not None and thread in after}

    def _let_go(self) -> None:
        """Stop holding anything back, and send the answers that waited."""
        self._waiting, self._reached, self._held = {}, {}, None
        answers, self._answers = self._answers, {}
        for frame, _ in answers.values():
            self._outlet.offer(frame)

    def end(self) -> None:
        """Drop the source of pages: none is found any more."""
        self._pages = _no_pages

    async def _catch_up(self, thread: ThreadId, seq: int, patience: float | None) -> int | None:
        """Read until nothing that arrived meanwhile is left; from that moment on live messages go through again."""
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
        """Send a message of the resume; for one that this connection has just posted itself, only the answer is sent."""
        answer, is_new = self._answers.pop((message.thread, message.seq), (None, False))
        if not is_new:
            self._outlet.offer(encode(message))
        if answer:
            self._outlet.offer(answer)
        self._reached[message.thread] = message.seq


async def _no_pages(_: ThreadId, __: int, ___: int) -> None:
    return None
