"""The outgoing frames of one socket: a bounded queue, which costs next to nothing while it is empty.

Frames offered in the same iteration of the event loop leave together in one write. Only if the browser does not keep up
does a task write them one by one, waiting for the socket to drain.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from chat.connections.small_event import SmallEvent

MOST_FRAMES = 2_000
MOST_BYTES = 1 << 20
FEW_FRAMES = 200

WriteNow = Callable[[Sequence[bytes]], bool]
Write = Callable[[bytes], Awaitable[None]]


class Outgoing:
    """The queue of one socket.

    ``write_now`` writes frames at once, or returns False if the socket's buffer is too full; ``write`` writes one and waits
    until there is room for the next; ``overflow`` is called when the queue gives up, as it does when it is full.
    """

    __slots__ = (
        "_bytes",
        "_frames",
        "_has_few",
        "_is_empty",
        "_is_shut",
        "_overflow",
        "_turns",
        "_write",
        "_write_now",
        "_writer",
    )

    def __init__(self, write_now: WriteNow, write: Write, overflow: Callable[[], None]) -> None:
        self._write_now = write_now
        self._write = write
        self._overflow = overflow
        self._frames: list[bytes] = []
        self._bytes = 0
        self._turns = False
        self._is_shut = False
        self._has_few = SmallEvent()
        self._is_empty = SmallEvent()
        self._writer: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._frames)

    def offer(self, frame: bytes) -> None:
        """Queue a frame."""
        if self._is_shut:
            return
        if len(self._frames) >= MOST_FRAMES or self._bytes + len(frame) > MOST_BYTES:
            self.give_up()
            return
        self._frames.append(frame)
        self._bytes += len(frame)
        self._is_empty.clear()
        if len(self._frames) > FEW_FRAMES or self._bytes > MOST_BYTES // 4:
            self._has_few.clear()
        if not self._turns and self._writer is None:
            self._turns = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._turns = False
        if self._frames and not self._write_now(self._frames):
            self._writer = asyncio.create_task(self._write_slowly())
            return
        self._frames.clear()
        self._emptied()

    async def _write_slowly(self) -> None:
        try:
            while self._frames:
                frame = self._frames.pop(0)
                self._bytes -= len(frame)
                if len(self._frames) < FEW_FRAMES // 2 and self._bytes < MOST_BYTES // 8:
                    self._has_few.set()
                await self._write(frame)
        except (ConnectionError, RuntimeError):  # the socket was closed under us: its reader notices, too
            self.shut()
        finally:
            self._writer = None
        self._emptied()

    def _emptied(self) -> None:
        self._bytes = 0
        self._has_few.set()
        self._is_empty.set()

    async def room(self) -> None:
        """Wait until few frames are queued."""
        await self._has_few.wait()

    async def emptied(self) -> None:
        """Wait until everything has been written."""
        await self._is_empty.wait()

    def give_up(self) -> None:
        """Request the connection's end. Frames are missing from here on: queued ones are still sent, no more are accepted."""
        self._is_shut = True
        self._overflow()

    def shut(self) -> None:
        """Drop what is still queued, and accept no more: the close frame comes next."""
        self._is_shut = True
        self._frames.clear()

    def stop(self) -> None:
        """Stop writing."""
        self.shut()
        if self._writer:
            self._writer.cancel()

    def let_go(self) -> None:
        """Drop every reference to the socket: the last step, after ``stop``."""
        self._write_now, self._write, self._overflow = _write_nowhere_now, _write_nowhere, _nothing


def _write_nowhere_now(_: Sequence[bytes]) -> bool:
    return True


async def _write_nowhere(_: bytes) -> None:
    pass


def _nothing() -> None:
    pass
