"""Who is connected: accepted a few at a time, counted, and shut out where there are too many, before anybody else notices.

It counts below HTTP, where somebody who never ends a request can still be seen: strangers by their network, those who are signed
in by their account, and all of them, for each holds a descriptor of which the process has only so many. Behind proxies of our own
all come from the proxies' addresses, which have a larger number; whose a connection is shows there with each request, in what the
nearest of them noted down.
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
# What the process opens besides: the database and its readers, the keyring, logs, letters, commands, and the next connection.
RESERVE = 64
# Between two requests: longer than proxies keep an idle connection, so that it is they who close it.
IDLE_S = 75.0
TELL_S = 60.0
REST_S = 0.1
LOOKED_AT = 64
SCARCE = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}

log = logging.getLogger("ailo.doorkeeper")


def raise_descriptor_limit() -> int:
    """Raise the soft limit of open files to the hard one (setrlimit(2)); gives it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # some systems refuse what they call unlimited
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return soft


def most_connections() -> int:
    """How many connections leave descriptors for all else: a sixteenth, and at least ``RESERVE``, is not given to them."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return 1 << 20
    return max(16, soft - max(RESERVE, soft // 16))


class Doorkeeper:
    """Watches one server. ``maximum`` strangers may come from one address; ``by_proxy`` from one of our proxies, if there are.

    ``by_account`` connections may carry one account's requests (None: any number). ``total`` is for everybody, WebSockets
    included; strangers have half of it. Where that is met, who has been idle longest makes room.
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
        # Each in the order of their last requests.
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
        """How many connections have not shown whose they are."""
        return len(self._strangers)

    @property
    def connections(self) -> int:
        """How many there are, WebSockets included."""
        return len(self._all)

    # Coming

    def open(self, server: web.Server, listener: socket.socket, keepalive_s: float = IDLE_S) -> None:
        """Accept connections for a server from now on."""
        self._door = Entrance(self, server, listener, keepalive_s)
        self._door.open()

    async def close(self) -> None:
        """Accept no more; those who are here stay."""
        if self._door:
            await self._door.close()

    def admits(self, address: str) -> bool:
        """Whether one more may come from an address; somebody idle may have to go for it."""
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
        """Count somebody who has just been accepted."""
        self._all[visitor] = None
        self._strangers[visitor] = None
        self._here[visitor.address] += 1
        visitor.timer = asyncio.get_running_loop().call_later(self._head_s, self._tire, visitor)

    def make_room(self) -> None:
        """There are fewer descriptors than connections were promised: one goes."""
        self.tell(SecurityEvent.DESCRIPTORS_EXHAUSTED)
        self._cut_one_of(self._strangers) or self._cut_one_of(self._known)

    def _cut_one_of(self, some: dict[Visitor, None]) -> bool:
        """End the connection that has been idle longest; where none is, the one whose request is the oldest."""
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

    # Going

    def gone(self, visitor: Visitor) -> None:
        """Count somebody no more."""
        self._stop_timer(visitor)
        self._forget(visitor)
        self._all.pop(visitor, None)

    def becomes_socket(self, visitor: Visitor) -> None:
        """A connection is a WebSocket now, which the account's own limit counts: no request of it is idle or under way."""
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
        """A whole request has come on a connection, as far as we know from ``address``; False when that has too many.

        A proxy's connection carries requests of one after the other: what somebody showed on it says nothing of the next.
        It is not cut off either, for a proxy would hold that against the service, and so against everybody.
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
        """The answer to a request is ready to be sent: its connection counts as idle, and is the last of those to go."""
        if not isinstance(handler, Visitor):
            return
        handler.is_busy = False
        for some in (self._strangers, self._known, self._of_account.get(handler.account or b"", {})):
            if handler in some:
                del some[handler]
                some[handler] = None

    def knows(self, handler: Any, account: bytes) -> None:
        """Somebody who is signed in has asked on a connection: it is a stranger's no more, but theirs.

        Who has too many loses the one that was idle longest. A proxy's connections are everybody's.
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

    # Telling

    def tell(self, event: SecurityEvent) -> None:
        """Log that a bound was met: at once, then once a minute at most, with how often since the last line."""
        self._untold[event] += 1
        now = time.monotonic()
        if now - self._told_at.get(event, -TELL_S) >= TELL_S:
            self._told_at[event] = now
            record(event, times=self._untold.pop(event), connections=len(self._all), strangers=len(self._strangers))


def _first(some: dict[Visitor, None]) -> Visitor:
    """The one that has been idle longest; where the first of them are all busy, the one whose request is the oldest."""
    return next((one for one in islice(some, LOOKED_AT) if not one.is_busy), next(iter(some)))


def _less(counts: Counter[str], address: str) -> None:
    counts[address] -= 1
    if counts[address] <= 0:
        del counts[address]


class Entrance:
    """Accepts connections from a listening socket, a few in each turn of the loop: the rest wait in the system's own queue."""

    def __init__(self, keeper: Doorkeeper, server: web.Server, listener: socket.socket, keepalive_s: float) -> None:
        self._keeper, self._server, self._listener, self._keepalive_s = keeper, server, listener, keepalive_s
        self._joining: set[asyncio.Task[object]] = set()
        self._rest: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Accept from now on."""
        self._rest = None
        self._listener.setblocking(False)
        asyncio.get_running_loop().add_reader(self._listener, self._accept)

    async def close(self) -> None:
        """Accept no more, and let who is in the door come in."""
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
                continue  # gone before its turn came
            except OSError as error:
                self._pause(error)
                return
            self._let_in(connection, network_of(str(peer[0])) if peer else "unknown")

    def _pause(self, error: OSError) -> None:
        """Nothing can be accepted now: make room, and try again soon rather than at once and always."""
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
        except OSError:  # gone before its turn came
            connection.close()
            self._keeper.gone(visitor)
