"""What one connection is sent, in order: on it the numbers of a thread only rise.

Live messages go straight through. While a thread is being resumed they wait: not in memory, but as the number up to which
the resume then reads on. So a resume goes at the connection's pace, however much comes in the meantime.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol
from uuid import UUID

from chat.frames import Message, encode

PAGE = 100

Pages = Callable[[UUID, int, int], Awaitable[tuple[list[Message], int] | None]]


class Outlet(Protocol):
    """Where frames leave for the browser: a bounded queue."""

    def offer(self, frame: bytes) -> None:
        """Queue a frame; a connection that does not keep up is closed."""

    async def room(self) -> None:
        """Wait until the queue is short again."""


class Line:
    """One connection's line of messages.

    It begins held: what comes live before the browser's first frame (or ``release``) waits, so that a browser that resumes
    at once sees the old before the new.
    """

    def __init__(self, outlet: Outlet, pages: Pages) -> None:
        self._outlet = outlet
        self._pages = pages
        self._waiting: dict[UUID, int] = {}
        self._held: dict[UUID, int] | None = {}
        self._one_at_a_time = asyncio.Lock()

    def offer_message(self, thread: UUID, seq: int, frame: bytes) -> None:
        """A live message: sent now, or left to the resume that is running."""
        if self._held is not None:
            self._held.setdefault(thread, seq - 1)
        elif thread in self._waiting:
            self._waiting[thread] = seq
        else:
            self._outlet.offer(frame)

    async def release(self) -> None:
        """Let live messages through from now on, after those that were held."""
        await self.resume({})

    async def resume(self, after: Mapping[UUID, int]) -> dict[UUID, int]:
        """Send what followed ``after`` each number; gives the last number of each thread that may be seen."""
        async with self._one_at_a_time:
            starts = {**(self._held or {}), **after}
            self._held = None
            self._waiting = dict.fromkeys(starts, 0)
            try:
                last = {thread: await self._catch_up(thread, seq) for thread, seq in starts.items()}
            finally:
                self._waiting = {}
        return {thread: seq for thread, seq in last.items() if seq is not None and thread in after}

    async def _catch_up(self, thread: UUID, seq: int) -> int | None:
        """Read on until nothing is left that came meanwhile; in that same instant live messages go through again."""
        while True:
            page = await self._pages(thread, seq, PAGE)
            if page is None:
                return None
            found, end = page
            for message in found:
                await self._outlet.room()
                self._outlet.offer(encode(message))
                seq = message.seq
            if seq >= max(end, self._waiting.get(thread, 0)) or not found:
                self._waiting.pop(thread, None)
                return end
