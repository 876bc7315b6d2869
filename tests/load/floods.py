"""Floods of what is no message: each writes as much as the server takes, on thirty connections, and comes back when closed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

from tests.load.house import Pair
from tests.load.wire import MASKED, NO_MASK, connect, text_frame

CONNECTIONS = 30
CHUNK = 65_536
REST_S = 0.05


def control_frame(head: int, payload: bytes = b"") -> bytes:
    """A masked frame with this first byte."""
    return bytes((head, MASKED | len(payload))) + NO_MASK + payload


@dataclass(frozen=True)
class Kind:
    """What is sent again and again; ``first`` once before. With ``is_signed_in`` on WebSockets of one account."""

    what: bytes
    first: bytes = b""
    is_signed_in: bool = True
    reads: bool = True


KINDS = {
    "pings": Kind(control_frame(0x89)),
    "frames over the limit": Kind(text_frame(b'{"type":"typing","thread":"0197a1b2-0000-7000-8000-000000000000"}')),
    "empty fragments": Kind(control_frame(0x00), first=control_frame(0x01, b"{")),
    "pipelined requests": Kind(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", is_signed_in=False),
    "requests whose answers nobody reads": Kind(b"GET /sign-in HTTP/1.1\r\nHost: x\r\n\r\n", is_signed_in=False, reads=False),
}


class Pouring(asyncio.Protocol):
    """Writes whenever the system takes something."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._chunk = kind.what * (CHUNK // len(kind.what))
        self._may_write = True
        self.bytes = 0
        self.is_down = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.begin(cast("asyncio.Transport", transport))

    def begin(self, transport: asyncio.Transport) -> None:
        """Pour into a transport that is made already."""
        self.transport = transport
        if not self._kind.reads:
            transport.pause_reading()
        transport.write(self._kind.first)
        self._pour()

    def _pour(self) -> None:
        if self._may_write and not self.transport.is_closing():
            self.transport.write(self._chunk)
            self.bytes += len(self._chunk)
            asyncio.get_running_loop().call_later(0.001, self._pour)  # the neighbours are driven by the same loop

    def pause_writing(self) -> None:
        self._may_write = False

    def resume_writing(self) -> None:
        self._may_write = True
        self._pour()

    def connection_lost(self, _: Exception | None) -> None:
        self.is_down.set()


class Flood:
    """One kind of flood, and how much of it was taken."""

    def __init__(self, kind: Kind, pair: Pair) -> None:
        self._kind, self._pair = kind, pair
        self.bytes = 0
        self.closed = 0

    @asynccontextmanager
    async def flowing(self, port: int) -> AsyncIterator[None]:
        """While this lasts, it pours."""
        tasks = [asyncio.create_task(self._again(port)) for _ in range(CONNECTIONS)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _again(self, port: int) -> None:
        while True:
            try:
                pouring = await self._one(port)
            except OSError:  # turned away
                await asyncio.sleep(REST_S)
                continue
            try:
                await pouring.is_down.wait()
                self.closed += 1
            finally:
                self.bytes += pouring.bytes
                pouring.transport.abort()
            await asyncio.sleep(REST_S)

    async def _one(self, port: int) -> Pouring:
        make: Callable[[], Pouring] = lambda: Pouring(self._kind)  # noqa: E731
        if not self._kind.is_signed_in:
            return (await asyncio.get_running_loop().create_connection(make, "127.0.0.1", port))[1]
        wire = await connect("127.0.0.1", port, self._pair.member.cookie, lambda _: None)
        pouring = make()
        wire.transport.set_protocol(pouring)
        pouring.begin(wire.transport)
        return pouring
