"""The routes of greetings."""

from collections.abc import Iterable

import msgspec
from aiohttp import web

from chat.auth.door import SIGNED_IN
from chat.auth.json_http import body_of, done, json_answer
from chat.auth.routing import Reach, Roles, Route

from .greetings import Greetings


class Greeting(msgspec.Struct, frozen=True):
    """A greeting."""

    text: str


class GreetingRoutes:
    """`/api/greeting`."""

    def __init__(self, greetings: Greetings, usual: str) -> None:
        self._greetings, self._usual = greetings, usual

    def routes(self) -> Iterable[Route]:
        """Both routes."""
        yield Route("GET", "/api/greeting", self.read, Roles.STAFF, Reach.OWN)
        yield Route("PUT", "/api/greeting", self.write, Roles.STAFF, Reach.OWN)

    async def read(self, request: web.Request) -> web.Response:
        found = await self._greetings.read(request[SIGNED_IN].unlocked.account.id)
        return json_answer(Greeting(found or self._usual))

    async def write(self, request: web.Request) -> web.Response:
        await self._greetings.keep(request[SIGNED_IN].unlocked.account.id, (await body_of(request, Greeting)).text)
        return done()
