"""Connection limits: connections are accepted a few at a time, counted, and refused or closed when there are too many.

Counting happens below HTTP, where a client that never completes a request can still be seen: strangers (connections that have
not authenticated yet) by network, signed-in connections by account, and all of them together, since each takes one of the
process's file descriptors. Behind our own proxies, all connections come from the proxies' addresses, which have a higher limit;
there the client is known only per request, from the address that the nearest proxy reports.
"""

import asyncio
import errno
import logging
import resource
import socket
import time
from collections import Counter
from contextlib import suppress
from itertools import islice
from typing import Any

from aiohttp import web

from chat.http.addresses import network_of
from chat.http.headers import Signature
from chat.http.turns import AT_A_TURN, Turns
from chat.http.visitor import Feeding, Visitor
from chat.security_events import SecurityEvent, record

HEAD_S = 15.0
MOST_STRANGERS = 2_000
MOST_BY_PROXY = 10_000
MOST_BY_ACCOUNT = 64
# Descriptors for everything else: the database and its readers, the keyring, logs, letters, commands, and the next connection.
RESERVE = 64
# Keep-alive between two requests: longer than proxies keep an idle connection, so that the proxy is the one to close it.
IDLE_S = 75.0
TELL_S = 60.0
REST_S = 0.1
LOOKED_AT = 64
SCARCE = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}

log = logging.getLogger("ailo.doorkeeper")


def raise_descriptor_limit() -> int:
    """Raise the soft limit on open files to the hard one (setrlimit(2)), and return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # some systems report an unlimited hard limit but refuse to set it
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return soft


def most_connections() -> int:
    """The most connections allowed: a sixteenth of the descriptors, and at least ``RESERVE``, is kept for everything else."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return 1 << 20
    return max(16, soft - max(RESERVE, soft // 16))


class Doorkeeper:
    """Enforces one server's connection limits.

    At most ``maximum`` strangers per address, or ``by_proxy`` per proxy if we run behind proxies, each for at most ``head_s``
    seconds. At most ``by_account`` connections per account (None: no limit). At most ``total`` overall, WebSockets included, of
    which strangers get half; when either is reached, the connection idle longest is closed.
    """

    def __init__(
        self,
        head_s: float = HEAD_S,
        maximum: int = MOST_STRANGERS,
        by_proxy: int | None = None,
        by_account: int | None = MOST_BY_ACCOUNT,
        total: int | None = None,
        signature: Signature | None = None,
    ) -> None:
        self._head_s, self._most, self._by_proxy, self._by_account = head_s, maximum, by_proxy, by_account
        self._total = most_connections() if total is None else total
        self._here: Counter[str] = Counter()
        self._there: Counter[str] = Counter()
        # ``_all`` in order of acceptance; those below in order of the last request.
        self._all: dict[Visitor, None] = {}
        self._strangers: dict[Visitor, None] = {}
        self._known: dict[Visitor, None] = {}
        self._of_account: dict[bytes, dict[Visitor, None]] = {}
        self._told_at: dict[SecurityEvent, float] = {}
        self._untold: Counter[SecurityEvent] = Counter()
        self._door: Entrance | None = None
        self.turns = Turns()
        self.feeding = Feeding()
        self.signature = signature or Signature(is_secure=False)

    @property
    def strangers(self) -> int:
        """How many connections have not authenticated yet."""
        return len(self._strangers)

    @property
    def connections(self) -> int:
        """How many connections are open, WebSockets included."""
        return len(self._all)

    # Accepting

    def open(self, server: web.Server, listener: socket.socket, keepalive_s: float = IDLE_S) -> None:
        """Start accepting connections for a server."""
        self._door = Entrance(self, server, listener, keepalive_s)
        self._door.open()

    async def close(self) -> None:
        """Stop accepting connections; those already open stay."""
        if self._door:
            await self._door.close()

    def admits(self, address: str) -> bool:
        """Whether one more connection from an address may be accepted; an idle one may be closed to make room for it."""
        if self._here[address] >= (self._by_proxy or self._most):
            self.tell(SecurityEvent.ADDRESS_LIMITED)
            return False
        if len(self._strangers) >= max(1, self._total // 2):
            self.tell(SecurityEvent.STRANGERS_LIMITED)
            self._cut_one_of(self._strangers)
        if len(self._all) >= self._total:
            self.tell(SecurityEvent.CONNECTIONS_LIMITED)
            return self._cut_one_of(self._strangers) or self._cut_one_of(self._known)
        return True

    def came(self, visitor: Visitor) -> None:
        """Count a connection that has just been accepted."""
        self._all[visitor] = None
        self._strangers[visitor] = None
        self._here[visitor.address] += 1
        visitor.timer = asyncio.get_running_loop().call_later(self._head_s, self._tire, visitor)

    def make_room(self) -> None:
        """Close one connection: there are fewer descriptors than ``total`` assumed."""
        self.tell(SecurityEvent.DESCRIPTORS_EXHAUSTED)
        self._cut_one_of(self._strangers) or self._cut_one_of(self._known)

    def _cut_one_of(self, some: dict[Visitor, None]) -> bool:
        """Close the connection that has been idle longest, or if none is idle, the one with the oldest request."""
        if not some:
            return False
        self._cut(_first(some))
        return True

    def _cut(self, visitor: Visitor) -> None:
        self.gone(visitor)
        visitor.cut()

    def _tire(self, visitor: Visitor) -> None:
        visitor.timer = None
        visitor.force_close()

    # Closing

    def gone(self, visitor: Visitor) -> None:
        """Stop counting a connection."""
        self._stop_timer(visitor)
        self._forget(visitor)
        self._all.pop(visitor, None)

    def becomes_socket(self, visitor: Visitor) -> None:
        """Note that a connection has become a WebSocket: it carries no more requests, and only the total and the account's limit
        on WebSockets count it."""
        self._stop_timer(visitor)
        self._forget(visitor)
        visitor.is_socket = True

    def _stop_timer(self, visitor: Visitor) -> None:
        if visitor.timer:
            visitor.timer.cancel()
            visitor.timer = None

    def _forget(self, visitor: Visitor) -> None:
        if visitor in self._strangers:
            del self._strangers[visitor]
            _less(self._here, visitor.address)
        if visitor.forwarded is not None:
            _less(self._there, visitor.forwarded)
            visitor.forwarded = None
        self._known.pop(visitor, None)
        if visitor.account is not None:
            own = self._of_account.get(visitor.account, {})
            own.pop(visitor, None)
            if not own:
                self._of_account.pop(visitor.account, None)
            visitor.account = None

    # Requests

    def heard(self, handler: Any, address: str) -> bool:
        """Note a complete request head on a connection, sent from ``address`` as far as we know; False if that has too many.

        A proxy's connection carries requests of different clients in turn: that one was authenticated says nothing about the
        next. Nor is it closed: the proxy might then take the service for broken, and stop forwarding to it.
        """
        if not isinstance(handler, Visitor) or handler not in self._all:
            return True
        self._stop_timer(handler)
        handler.is_busy = True
        if self._by_proxy is None:
            return True
        network = network_of(address)
        self._forget(handler)
        self._strangers[handler] = None
        self._here[handler.address] += 1
        if self._there[network] >= self._most:
            self.tell(SecurityEvent.ADDRESS_LIMITED)
            return False
        self._there[network] += 1
        handler.forwarded = network
        return True

    def answered(self, handler: Any) -> None:
        """Note that an answer is ready to be sent: its connection counts as idle, and moves to the end of the closing order."""
        if not isinstance(handler, Visitor):
            return
        handler.is_busy = False
        for some in (self._strangers, self._known, self._of_account.get(handler.account or b"", {})):
            if handler in some:
                del some[handler]
                some[handler] = None

    def knows(self, handler: Any, account: bytes) -> None:
        """Note that a connection has carried an authenticated request: it is no longer a stranger's but the account's.

        If the account has too many, the one idle longest is closed. A proxy's connections belong to no account.
        """
        if not isinstance(handler, Visitor) or handler not in self._all or handler.is_socket or handler.account == account:
            return
        self._forget(handler)
        self._known[handler] = None
        if self._by_proxy is not None:
            return
        own = self._of_account.setdefault(account, {})
        if self._by_account is not None and len(own) >= self._by_account:
            self.tell(SecurityEvent.ACCOUNT_CONNECTIONS_LIMITED)
            self._cut(_first(own))
            own = self._of_account.setdefault(account, {})
        handler.account = account
        own[handler] = None

    # Reporting

    def tell(self, event: SecurityEvent) -> None:
        """Log that a limit was reached: at once, then at most once a minute, with how often since the last line."""
        self._untold[event] += 1
        now = time.monotonic()
        if now - self._told_at.get(event, -TELL_S) >= TELL_S:
            self._told_at[event] = now
            record(event, times=self._untold.pop(event), connections=len(self._all), strangers=len(self._strangers))


def _first(some: dict[Visitor, None]) -> Visitor:
    """The connection idle longest, or if the first ``LOOKED_AT`` are all busy, the one with the oldest request."""
    return next((one for one in islice(some, LOOKED_AT) if not one.is_busy), next(iter(some)))


def _less(counts: Counter[str], address: str) -> None:
    counts[address] -= 1
    if counts[address] <= 0:
        del counts[address]


class Entrance:
    """Accepts connections from a listening socket, a few per event-loop iteration: the rest wait in the kernel's backlog."""

    def __init__(self, keeper: Doorkeeper, server: web.Server, listener: socket.socket, keepalive_s: float) -> None:
        self._keeper, self._server, self._listener, self._keepalive_s = keeper, server, listener, keepalive_s
        self._joining: set[asyncio.Task[object]] = set()
        self._rest: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Start accepting."""
        self._rest = None
        self._listener.setblocking(False)
        asyncio.get_running_loop().add_reader(self._listener, self._accept)

    async def close(self) -> None:
        """Stop accepting, and wait for connections that are being set up."""
        if self._listener.fileno() < 0:
            return
        if self._rest:
            self._rest.cancel()
        asyncio.get_running_loop().remove_reader(self._listener)
        self._listener.close()
        if self._joining:
            await asyncio.wait(self._joining)

    def _accept(self) -> None:
        for _ in range(AT_A_TURN):
            try:
                connection, peer = self._listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionError:
                continue  # the client disconnected before it was accepted
            except OSError as error:
                self._pause(error)
                return
            self._let_in(connection, network_of(str(peer[0])) if peer else "unknown")

    def _pause(self, error: OSError) -> None:
        """Pause accepting: make room if descriptors or memory ran out, and retry after ``REST_S`` rather than in a busy loop."""
        if error.errno in SCARCE:
            self._keeper.make_room()
        else:
            log.error("a connection could not be accepted: %s", errno.errorcode.get(error.errno or 0, "unknown"))
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._listener)
        self._rest = loop.call_later(REST_S, self.open)

    def _let_in(self, connection: socket.socket, address: str) -> None:
        if not self._keeper.admits(address):
            connection.close()
            return
        visitor = Visitor(self._keeper, self._server, address, self._keepalive_s)
        self._keeper.came(visitor)
        task: asyncio.Task[object] = asyncio.create_task(self._join(connection, visitor))
        self._joining.add(task)
        task.add_done_callback(self._joining.discard)

    async def _join(self, connection: socket.socket, visitor: Visitor) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: visitor, connection)
        except OSError:  # the client disconnected before the connection was set up
            connection.close()
            self._keeper.gone(visitor)
