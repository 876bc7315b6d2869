"""Connections that have not shown yet whose they are: so many from one address at a time, and each for so long only.

It counts below HTTP, where somebody who never ends a request can still be seen, and whoever signs in is counted no more: the
number is large enough for an office, small enough for memory. Behind proxies of our own all come from the proxies' addresses,
which have a larger number; whose a connection is shows there with each request, in what the nearest of them noted down.
"""

import asyncio
from collections import Counter, deque
from typing import Any

from aiohttp import web

HEAD_S = 15.0
MOST_STRANGERS = 2_000
MOST_BY_PROXY = 10_000
AT_A_TURN = 16
# Between two requests: longer than proxies keep an idle connection, so that it is they who close it.
IDLE_S = 75.0


class Doorkeeper:
    """Watches one server. ``most`` strangers may come from one address; ``by_proxy`` from one of our proxies, if there are."""

    def __init__(self, head_s: float = HEAD_S, most: int = MOST_STRANGERS, by_proxy: int | None = None) -> None:
        self._head_s, self._most, self._by_proxy = head_s, most, by_proxy
        self._here: Counter[str] = Counter()
        self._there: Counter[str] = Counter()
        self._here_of: dict[object, str] = {}
        self._there_of: dict[object, str] = {}
        self._timers: dict[object, asyncio.TimerHandle] = {}
        self._outside: deque[asyncio.Transport] = deque()

    @property
    def strangers(self) -> int:
        """How many connections have not shown whose they are."""
        return len(self._here_of)

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
        address = _peer(transport)
        if self._here[address] >= (self._by_proxy or self._most):
            transport.abort()
            return
        _count(self._here, self._here_of, handler, address)
        self._timers[handler] = asyncio.get_running_loop().call_later(self._head_s, self._tire, handler)
        self._wait_outside(transport)

    def _wait_outside(self, transport: asyncio.Transport) -> None:
        """Nothing is heard from a connection before its turn: when a thousand come at once, others must not wait for them all."""
        transport.pause_reading()
        self._outside.append(transport)
        if len(self._outside) == 1:
            asyncio.get_running_loop().call_soon(self._let_in)

    def _let_in(self) -> None:
        """Hear some of those who wait, and in the next turn of the loop some more."""
        for _ in range(min(AT_A_TURN, len(self._outside))):
            transport = self._outside.popleft()
            if not transport.is_closing():
                transport.resume_reading()
        if self._outside:
            asyncio.get_running_loop().call_soon(self._let_in)

    def _tire(self, handler: Any) -> None:
        self._timers.pop(handler, None)
        handler.force_close()

    def _gone(self, handler: object) -> None:
        self._stop_timer(handler)
        self.knows(handler)

    def _stop_timer(self, handler: object) -> None:
        if timer := self._timers.pop(handler, None):
            timer.cancel()

    def heard(self, handler: Any, address: str) -> bool:
        """A whole request has come on a connection, as far as we know from ``address``; False when that has too many.

        A proxy's connection carries requests of one after the other: what somebody showed on it says nothing of the next.
        It is not cut off either, for a proxy would hold that against the service, and so against everybody.
        """
        self._stop_timer(handler)
        if self._by_proxy is None:
            return True
        self.knows(handler)
        _count(self._here, self._here_of, handler, _peer(handler.transport))
        if self._there[address] >= self._most:
            return False
        _count(self._there, self._there_of, handler, address)
        return True

    def knows(self, handler: object) -> None:
        """Somebody who is signed in has asked on a connection: it is a stranger's no more."""
        _forget(self._here, self._here_of, handler)
        _forget(self._there, self._there_of, handler)


def _peer(transport: asyncio.Transport | None) -> str:
    return str(((transport and transport.get_extra_info("peername")) or [""])[0])


def _count(counts: Counter[str], address_of: dict[object, str], handler: object, address: str) -> None:
    counts[address] += 1
    address_of[handler] = address


def _forget(counts: Counter[str], address_of: dict[object, str], handler: object) -> None:
    if (address := address_of.pop(handler, None)) is not None:
        counts[address] -= 1
        if not counts[address]:
            del counts[address]
