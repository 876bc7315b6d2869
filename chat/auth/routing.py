"""What a route declares, and how it is mounted: which roles may use it, and whose data it reaches.

A feature yields ``Route`` values; nothing else adds a path below `/api/`. Without the role, a route does not seem to exist:
the answer is the same as for somebody else's thread, given before any of the body is read.
"""

import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import Enum, Flag, auto
from functools import partial

from aiohttp import web

from chat.auth.access import Access
from chat.auth.door import AT_ONCE_S, SIGNED_IN, Door, HttpRefusal
from chat.auth.json_http import thread_in
from chat.auth.limits import Bucket
from chat.auth.sign_in import SignedIn
from chat.pages.assets import HEADERS
from chat.protocol.frames import Code
from chat.protocol.refusals import NotFound
from storage.accounts.accounts import Role
from storage.ids import AccountId

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class Roles(Flag):
    """Who may use a route, a page or a frame."""

    MEMBER = auto()
    PROFESSIONAL = auto()
    COMPANION = auto()
    ADMINISTRATOR = auto()
    CLIENT = auto()
    NOBODY = auto()  # anybody who is not signed in
    STAFF = PROFESSIONAL | COMPANION
    CORRESPONDENTS = MEMBER | STAFF
    SIGNED_IN = CORRESPONDENTS | ADMINISTRATOR | CLIENT
    EVERYBODY = SIGNED_IN | NOBODY

    def has(self, role: Role | None) -> bool:
        """Whether these include an account of this role; None stands for a visitor who is not signed in."""
        return Roles[role.name if role else "NOBODY"] in self


class Reach(Enum):
    """Whose data a route reaches."""

    OWN = "own"
    """Only what belongs to the account itself: nobody else's data can be named, or naming it gets "not found"."""
    THREAD = "thread"
    """A thread, named by ``{thread}`` in the path: only one in which the account takes part now."""
    COMMON = "common"
    """What is the same for everybody who may use the route."""


@dataclass(frozen=True)
class Limit:
    """How often an account may use a route: ``a_second`` on average, ``at_once`` in a burst. `AILO_RATE=off` lifts it."""

    a_second: float
    at_once: int


@dataclass(frozen=True)
class Route:
    """A method and a path, who may use it, and whose data it reaches. A GET route also answers HEAD."""

    method: str
    path: str
    handler: Handler
    roles: Roles
    reach: Reach
    limit: Limit | None = None
    is_for_any_origin: bool = False
    """Whether a page may be posted to without the service's own Origin: what is asked proves itself otherwise."""

    @property
    def is_page(self) -> bool:
        """Whether people read the answer: without a session they are led to sign in; without the role they get 404."""
        return not self.path.startswith(("/api/", "/ws"))


def mount(app: web.Application, door: Door, access: Access, routes: Iterable[Route]) -> None:
    """Add routes to the application, each guarded by what it declares."""
    for route in routes:
        if route.roles & Roles.NOBODY:
            door.open_to_all.add((route.method, route.path))
        handler = partial(_Guarded(route, door, access).answer)
        app.router.add_route(route.method, route.path, handler)
        if route.method == "GET":
            app.router.add_route("HEAD", route.path, handler)


class _Guarded:
    """One route, guarded by its roles, its limit and its reach, checked in this order."""

    def __init__(self, route: Route, door: Door, access: Access) -> None:
        self._route, self._door, self._access = route, door, access
        self._buckets: dict[AccountId, Bucket] = {}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if self._route.is_page and self._route.method in CHANGING and not self._route.is_for_any_origin:
            self._door.check_origin(request)
        if self._route.roles & Roles.NOBODY:
            return await self._route.handler(request)
        signed_in = request.get(SIGNED_IN) or await self._page_reader(request)
        if signed_in is None and self._route.method in CHANGING:
            raise HttpRefusal(401, Code.SIGNED_OUT)
        if signed_in is None:
            return web.Response(status=303, headers={**HEADERS, "Cache-Control": "no-store", "Location": "/sign-in"})
        if not self._route.roles.has(signed_in.unlocked.account.role):
            raise web.HTTPNotFound if self._route.is_page else NotFound
        if self._route.is_page and not self._door.limits_of(signed_in).pages.take():
            raise HttpRefusal(429, Code.SLOW_DOWN, wait=1)
        self._take(signed_in)
        if self._route.reach is Reach.THREAD and self._route.method in CHANGING:
            await self._access.latest(signed_in.unlocked, thread_in(request))
        return await self._answered(request)

    async def _answered(self, request: web.Request) -> web.StreamResponse:
        """The handler's answer. If a page took long, its reader may have signed out meanwhile; below `/api/` the door asks."""
        began = time.monotonic()
        response = await self._route.handler(request)
        if self._route.is_page and time.monotonic() - began > AT_ONCE_S:
            await self._door.check_still_signed_in(request)
        return response

    async def _page_reader(self, request: web.Request) -> SignedIn | None:
        """The account that requests a page. Requests below `/api/` were admitted or refused earlier."""
        signed_in = await self._door.signed_in(request)
        if signed_in:
            request[SIGNED_IN] = signed_in
        return signed_in

    def _take(self, signed_in: SignedIn) -> None:
        if (limit := self._route.limit) is None:
            return
        rate = limit.a_second if self._door.settings.rate else 0
        if not self._buckets.setdefault(signed_in.unlocked.account.id, Bucket(rate, limit.at_once)).take():
            raise HttpRefusal(429, Code.SLOW_DOWN, wait=1)
