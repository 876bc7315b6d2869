"""A connection below HTTP: the library's own, read through a tap and fed with data in small pieces.

One read returns up to a quarter of a megabyte: 43,000 empty fragments, which the library would parse in one go of 15 ms. Here it
gets one piece at a time; the rest queues behind what others have sent.
"""

import asyncio
from collections import deque
from typing import Protocol, cast

from aiohttp import web

from chat.http.aiohttp_internals import SignedConnection
from chat.http.headers import Signature
from chat.http.tap import Tap

PIECE = 4096
PIECES_AT_A_TURN = 2


class Feeding:
    """The queue of connections with unprocessed data: each event-loop iteration takes one piece from each of two."""

    def __init__(self) -> None:
        self._waiting: deque[Visitor] = deque()

    def add(self, visitor: "Visitor") -> None:
        """Queue the rest of what a visitor sent."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._feed)
        self._waiting.append(visitor)

    def _feed(self) -> None:
        some = [self._waiting.popleft() for _ in range(min(PIECES_AT_A_TURN, len(self._waiting)))]
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._feed)
        for visitor in some:
            visitor.take_more()


class Keeper(Protocol):
    """What a visitor needs of the code that counts connections, and of the headers for the library's own answers."""

    feeding: Feeding
    signature: Signature

    def gone(self, visitor: "Visitor") -> None: ...
    def becomes_socket(self, visitor: "Visitor") -> None: ...


class Visitor(SignedConnection):
    """One connection, from its acceptance to its end. ``address`` is the key that the keeper counts it under."""

    __slots__ = ("_keeper", "_rest", "account", "address", "forwarded", "is_busy", "is_cut", "is_socket", "tap", "timer")

    def __init__(self, keeper: Keeper, server: web.Server, address: str, keepalive_s: float) -> None:
        super().__init__(keeper.signature, server, keepalive_s)
        self._keeper = keeper
        self._rest = b""
        self.address = address
        self.forwarded: str | None = None
        self.account: bytes | None = None
        self.is_busy = self.is_cut = self.is_socket = False
        self.tap: Tap | None = None
        self.timer: asyncio.TimerHandle | None = None

    def cut(self) -> None:
        """Abort the connection, without an answer."""
        self.is_cut = True
        if self.tap:
            self.tap.abort()

    def becomes_socket(self) -> None:
        """Note that the connection is now a WebSocket, and carries no more requests."""
        self._keeper.becomes_socket(self)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.tap = Tap(cast("asyncio.Transport", transport))
        super().connection_made(self.tap)
        if self.is_cut:
            self.tap.abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self._rest = b""
        if self.tap:
            self.tap.resumed = None
        self._keeper.gone(self)

    def data_received(self, data: bytes) -> None:
        """Process small data at once; queue anything larger than a piece, and read no more until it has been processed."""
        if not data or (len(data) <= PIECE and not self._rest):  # empty data is the library telling its parser to continue
            super().data_received(data)
            return
        assert self.tap
        if not self._rest:
            self.tap.hold(on=True)
            self._keeper.feeding.add(self)
        self._rest += data

    def take_more(self) -> None:
        """Process a piece, as soon as the library accepts more."""
        tap = self.tap
        assert tap
        tap.resumed = None
        if not self._rest or tap.is_closing():
            return
        if tap.is_paused:
            tap.resumed = self._go_on
            return
        piece, self._rest = self._rest[:PIECE], self._rest[PIECE:]
        super().data_received(piece)
        if self._rest:
            self._keeper.feeding.add(self)
        else:
            tap.hold(on=False)

    def _go_on(self) -> None:
        if self.tap:
            self.tap.resumed = None
        self._keeper.feeding.add(self)
