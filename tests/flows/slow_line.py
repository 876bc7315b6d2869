"""A slow line: a proxy on the loopback that passes on each byte a fixed time after it arrived."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast


class SlowLine:
    """The proxy. ``delay_s`` applies each way, and may change; ``port`` is where it listens."""

    def __init__(self, target: int, delay_s: float) -> None:
        self.target, self.delay_s = target, delay_s
        self.port = 0
        self._ends: set[End] = set()

    def cut(self) -> None:
        """Drop every connection."""
        for end in list(self._ends):
            end.transport.abort()

    @asynccontextmanager
    async def open(self, port: int = 0) -> AsyncIterator["SlowLine"]:
        """Listen for the duration of the context."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: End(self, self._came), "127.0.0.1", port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.cut()
            await server.wait_closed()

    def _came(self, near: "End") -> None:
        near.reaching = asyncio.ensure_future(self._reach(near))

    async def _reach(self, near: "End") -> None:
        loop = asyncio.get_running_loop()
        _, far = await loop.create_connection(lambda: End(self, lambda _: None), "127.0.0.1", self.target)
        near.join(far)
        far.join(near)


class End(asyncio.Protocol):
    """One end of a connection: what arrives here leaves at the other end, later."""

    def __init__(self, line: SlowLine, made: Callable[["End"], None]) -> None:
        self._line, self._made = line, made
        self._early: deque[bytes] = deque()
        self._other: End | None = None
        self.reaching: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._line._ends.add(self)
        self._made(self)

    def join(self, other: "End") -> None:
        """Learn the other end, and pass on what came early."""
        self._other = other
        while self._early:
            self._hand_on(self._early.popleft())

    def data_received(self, data: bytes) -> None:
        self._hand_on(data) if self._other else self._early.append(data)

    def _hand_on(self, data: bytes) -> None:
        assert self._other
        asyncio.get_running_loop().call_later(self._line.delay_s, self._other.transport.write, data)

    def connection_lost(self, _: Exception | None) -> None:
        self._line._ends.discard(self)
        if self._other:
            asyncio.get_running_loop().call_later(self._line.delay_s, self._other.transport.close)
