"""The JSON routes of push. See docs/protocol.md."""

from collections.abc import Iterable

from aiohttp import web

from chat.auth.door import SIGNED_IN, Door
from chat.auth.json_http import body_of, done, json_answer
from chat.auth.routing import Reach, Roles, Route
from chat.push.shapes import GivenSubscription
from chat.push.subscribing import Subscribing

PUSH = "/api/account/push"


class PushRoutes:
    """`/api/account/push`: of the browser that asks."""

    def __init__(self, door: Door, subscribing: Subscribing) -> None:
        self._door, self._subscribing = door, subscribing

    def routes(self) -> Iterable[Route]:
        """All of them."""
        yield Route("GET", PUSH, self.offer, Roles.CORRESPONDENTS, Reach.COMMON)
        yield Route("PUT", PUSH, self.choose, Roles.CORRESPONDENTS, Reach.OWN)
        yield Route("DELETE", PUSH, self.take_back, Roles.CORRESPONDENTS, Reach.OWN)

    async def offer(self, _: web.Request) -> web.Response:
        return json_answer(await self._subscribing.offer())

    async def choose(self, request: web.Request) -> web.Response:
        self._door.take_turn(request)
        given = await body_of(request, GivenSubscription)
        await self._subscribing.choose(request[SIGNED_IN], given)
        return done()

    async def take_back(self, request: web.Request) -> web.Response:
        self._door.take_turn(request)
        await self._subscribing.take_back(request[SIGNED_IN])
        return done()
