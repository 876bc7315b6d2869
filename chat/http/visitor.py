"""A connection below HTTP: the library's, read through a tap and fed in small pieces.

What one read brings is a quarter of a megabyte: 43,000 empty fragments, which the library takes apart in one go of 15 ms. Here
it is given some of them at a time, and the rest behind what others have sent.
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
    """Those who have sent much at once: each turn of the loop takes a piece of two of them."""

    def __init__(self) -> None:
        self._waiting: deque[Visitor] = deque()

    def add(self, visitor: "Visitor") -> None:
        """Let the rest of what a visitor sent be taken later."""
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
    """Who counts connections, and says what stands on the library's own answers."""

    feeding: Feeding
    signature: Signature

    def gone(self, visitor: "Visitor") -> None: ...
    def becomes_socket(self, visitor: "Visitor") -> None: ...


class Visitor(SignedConnection):
    """One connection of somebody, from its acceptance to its end. ``address`` is what the keeper counts it by."""

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
        """End it without a word."""
        self.is_cut = True
        if self.tap:
            self.tap.abort()

    def becomes_socket(self) -> None:
        """It carries no requests any more."""
        self._keeper.becomes_socket(self)

    # As a protocol of asyncio

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
        """Take what came, or its beginning: then nothing is read before the rest of it is taken."""
        if not data or (len(data) <= PIECE and not self._rest):  # without data the library asks its parser to go on
            super().data_received(data)
            return
        assert self.tap
        if not self._rest:
            self.tap.hold(on=True)
            self._keeper.feeding.add(self)
        self._rest += data

    def take_more(self) -> None:
        """Take a piece, once the library wants more."""
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
