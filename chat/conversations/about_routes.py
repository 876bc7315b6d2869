"""The JSON routes for the state of a thread, apart from its messages. See docs/protocol.md."""

from collections.abc import Iterable

from aiohttp import web

from chat.auth.door import SIGNED_IN, Door
from chat.auth.json_http import body_of, done, json_answer, thread_in
from chat.auth.routing import Reach, Roles, Route
from chat.conversations.about import Abouts
from chat.conversations.shapes import Closing


class AboutRoutes:
    """`about`, `close` and `reopen` below a thread."""

    def __init__(self, door: Door, abouts: Abouts) -> None:
        self._door = door
        self._abouts = abouts

    def routes(self) -> Iterable[Route]:
        """All of them."""
        yield Route("GET", "/api/threads/{thread}/about", self.about, Roles.CORRESPONDENTS, Reach.THREAD)
        yield Route("POST", "/api/threads/{thread}/close", self.close, Roles.STAFF, Reach.THREAD)
        yield Route("POST", "/api/threads/{thread}/reopen", self.reopen, Roles.STAFF, Reach.THREAD)

    async def about(self, request: web.Request) -> web.Response:
        return json_answer(await self._abouts.read(request[SIGNED_IN].unlocked, thread_in(request)))

    async def close(self, request: web.Request) -> web.Response:
        who, thread = request[SIGNED_IN].unlocked, thread_in(request)
        seen = (await body_of(request, Closing)).last_seq if request.can_read_body else None
        self._door.take_turn(request)
        await self._abouts.close(who, thread, seen)
        return done()

    async def reopen(self, request: web.Request) -> web.Response:
        who, thread = request[SIGNED_IN].unlocked, thread_in(request)
        self._door.take_turn(request)
        await self._abouts.reopen(who, thread)
        return done()
