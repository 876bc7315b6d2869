"""Connections that have not shown yet whose they are: so many from one address at a time, and each for so long only.

It counts below HTTP, where somebody who never ends a request can still be seen. Behind proxies of our own all come from one
address, and whoever signs in there is counted no more: the number is large enough for an office, small enough for memory.
"""

import asyncio
from collections import Counter
from typing import Any

from aiohttp import web

HEAD_S = 15.0
MOST_STRANGERS = 2_000
# Between two requests: longer than proxies keep an idle connection, so that it is they who close it.
IDLE_S = 75.0


class Doorkeeper:
    """Watches one server."""

    def __init__(self, head_s: float = HEAD_S, most: int = MOST_STRANGERS) -> None:
        self._head_s, self._most = head_s, most
        self._strangers: Counter[str] = Counter()
        self._address_of: dict[object, str] = {}
        self._timers: dict[object, asyncio.TimerHandle] = {}

    @property
    def strangers(self) -> int:
        """How many connections have not shown whose they are."""
        return len(self._address_of)

    def watch(self, server: web.Server) -> None:
        """Hear of its connections. The library tells its server, and has no other way to hear of them."""
        made, lost = server.connection_made, server.connection_lost

        def connection_made(handler: Any, transport: asyncio.Transport) -> None:
            made(handler, transport)
            self._come(handler, transport)

        def connection_lost(handler: Any, exc: BaseException | None = None) -> None:
            lost(handler, exc)
            self._gone(handler)

        server.connection_made = connection_made  # type: ignore[method-assign]
        server.connection_lost = connection_lost  # type: ignore[method-assign]

    def _come(self, handler: Any, transport: asyncio.Transport) -> None:
        address = str((transport.get_extra_info("peername") or [""])[0])
        if self._strangers[address] >= self._most:
            transport.abort()
            return
        self._strangers[address] += 1
        self._address_of[handler] = address
        self._timers[handler] = asyncio.get_running_loop().call_later(self._head_s, self._tire, handler)

    def _tire(self, handler: Any) -> None:
        self._timers.pop(handler, None)
        handler.force_close()

    def _gone(self, handler: object) -> None:
        self.heard(handler)
        self.knows(handler)

    def heard(self, handler: object) -> None:
        """A whole request has come on a connection."""
        if timer := self._timers.pop(handler, None):
            timer.cancel()

    def knows(self, handler: object) -> None:
        """Somebody who is signed in has asked on a connection: it is a stranger's no more."""
        if (address := self._address_of.pop(handler, None)) is not None:
            self._strangers[address] -= 1
            if not self._strangers[address]:
                del self._strangers[address]
