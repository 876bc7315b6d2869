"""What a route declares of itself, and how it is mounted: who has it, and whose things it reaches.

A feature yields ``Route`` values; nothing else adds a path below `/api/`. For whoever has not the role there is no such route:
they are refused before a word of the body is read, as for a thread that is not theirs.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import Enum, Flag, auto
from functools import partial

from aiohttp import web

from chat.auth.access import Access
from chat.auth.door import SIGNED_IN, Door, HttpRefusal
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
    """Who has a route, a page or a frame."""

    MEMBER = auto()
    PROFESSIONAL = auto()
    COMPANION = auto()
    ADMINISTRATOR = auto()
    CLIENT = auto()
    NOBODY = auto()  # who is not signed in
    STAFF = PROFESSIONAL | COMPANION
    CORRESPONDENTS = MEMBER | STAFF
    SIGNED_IN = CORRESPONDENTS | ADMINISTRATOR | CLIENT
    EVERYBODY = SIGNED_IN | NOBODY

    def has(self, role: Role | None) -> bool:
        """Whether an account of this role is among them; None is whoever is not signed in."""
        return Roles[role.name if role else "NOBODY"] in self


class Reach(Enum):
    """Whose things a route reaches."""

    OWN = "own"
    """What is one's own account's: there is nothing of anybody else's to name, or it is none that exists."""
    THREAD = "thread"
    """A thread, named by ``{thread}`` in the path: of those only in which one takes part now."""
    COMMON = "common"
    """What is the same for all who have the route."""


@dataclass(frozen=True)
class Limit:
    """How often an account may ask: so many times a second in the long run, so many at once. `AILO_RATE=off` lifts it."""

    a_second: float
    at_once: int


@dataclass(frozen=True)
class Route:
    """A method and a path, who has it, and whose things it reaches. A GET answers HEAD, too."""

    method: str
    path: str
    handler: Handler
    roles: Roles
    reach: Reach
    limit: Limit | None = None

    @property
    def is_page(self) -> bool:
        """Whether people read the answer: signed out, they are sent to sign in; for others there is no such page."""
        return not self.path.startswith(("/api/", "/ws"))


def mount(app: web.Application, door: Door, access: Access, routes: Iterable[Route]) -> None:
    """Add routes to the application, each behind what it declares."""
    for route in routes:
        if route.roles & Roles.NOBODY:
            door.open_to_all.add((route.method, route.path))
        handler = partial(_Guarded(route, door, access).answer)
        app.router.add_route(route.method, route.path, handler)
        if route.method == "GET":
            app.router.add_route("HEAD", route.path, handler)


class _Guarded:
    """One route behind its roles, its limit and its reach, in this order."""

    def __init__(self, route: Route, door: Door, access: Access) -> None:
        self._route, self._door, self._access = route, door, access
        self._buckets: dict[AccountId, Bucket] = {}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if self._route.roles & Roles.NOBODY:
            return await self._route.handler(request)
        signed_in = request.get(SIGNED_IN) or await self._page_reader(request)
        if signed_in is None:
            return web.Response(status=303, headers={**HEADERS, "Cache-Control": "no-store", "Location": "/sign-in"})
        if not self._route.roles.has(signed_in.unlocked.account.role):
            raise web.HTTPNotFound if self._route.is_page else NotFound
        self._take(signed_in)
        if self._route.reach is Reach.THREAD and self._route.method in CHANGING:
            await self._access.latest(signed_in.unlocked, thread_in(request))
        return await self._route.handler(request)

    async def _page_reader(self, request: web.Request) -> SignedIn | None:
        """Who asks for a page. What lies below `/api/` was admitted before, or refused."""
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
