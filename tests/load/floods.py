"""Floods of input other than messages: each writes as much as the server takes, on 30 connections, and reconnects when closed."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

from tests.load.population import Pair
from tests.load.wire import MASKED, NO_MASK, connect, text_frame

CONNECTIONS = 30
CHUNK = 65_536
REST_S = 0.05


def control_frame(head: int, payload: bytes = b"") -> bytes:
    """A masked frame with this first byte."""
    return bytes((head, MASKED | len(payload))) + NO_MASK + payload


@dataclass(frozen=True)
class Kind:
    """What is sent again and again, after ``first``, which is sent once. ``is_signed_in``: on WebSockets of one account."""

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
    """Writes whenever the operating system accepts something."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._chunk = kind.what * (CHUNK // len(kind.what))
        self._may_write = True
        self.is_down = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.begin(cast("asyncio.Transport", transport))

    def begin(self, transport: asyncio.Transport) -> None:
        """Start writing to a transport that is open already."""
        self.transport = transport
        if not self._kind.reads:
            transport.pause_reading()
        transport.write(self._kind.first)
        self._pour()

    def _pour(self) -> None:
        if self._may_write and not self.transport.is_closing():
            self.transport.write(self._chunk)
            asyncio.get_running_loop().call_soon(self._pour)

    def pause_writing(self) -> None:
        self._may_write = False

    def resume_writing(self) -> None:
        self._may_write = True
        self._pour()

    def connection_lost(self, _: Exception | None) -> None:
        self.is_down.set()


class Flood:
    """One kind of flood from one account, in its own process so that it does not slow the measurement down."""

    def __init__(self, kind: str, pair: Pair) -> None:
        self._kind, self._cookie = kind, pair.member.cookie
        self.closed = 0

    @asynccontextmanager
    async def flowing(self, port: int) -> AsyncIterator[None]:
        """Keep the flood running while this lasts."""
        command = [sys.executable, "-m", "tests.load.floods", str(port), self._cookie, self._kind]
        process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
        assert process.stdout
        await process.stdout.readline()
        try:
            yield
        finally:
            said, _ = await process.communicate(b"")
            self.closed += int(said)


class Pourer:
    """What that process does until its standard input ends."""

    def __init__(self, port: int, cookie: str, kind: Kind) -> None:
        self._port, self._cookie, self._kind = port, cookie, kind
        self._closed = 0

    async def run(self) -> None:
        tasks = [asyncio.create_task(self._again()) for _ in range(CONNECTIONS)]
        print(flush=True)
        await asyncio.to_thread(sys.stdin.read)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        print(self._closed)

    async def _again(self) -> None:
        while True:
            try:
                pouring = await self._one()
            except OSError:  # the connection was refused
                await asyncio.sleep(REST_S)
                continue
            try:
                await pouring.is_down.wait()
                self._closed += 1
            finally:
                pouring.transport.abort()
            await asyncio.sleep(REST_S)

    async def _one(self) -> Pouring:
        def make() -> Pouring:
            return Pouring(self._kind)

        if not self._kind.is_signed_in:
            return (await asyncio.get_running_loop().create_connection(make, "127.0.0.1", self._port))[1]
        wire = await connect("127.0.0.1", self._port, self._cookie, lambda _: None)
        pouring = make()
        wire.transport.set_protocol(pouring)
        pouring.begin(wire.transport)
        return pouring


if __name__ == "__main__":
    asyncio.run(Pourer(int(sys.argv[1]), sys.argv[2], KINDS[sys.argv[3]]).run())
