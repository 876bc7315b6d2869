"""The JSON routes of what there is to know about a thread. See docs/protocol.md."""

from aiohttp import web

from chat.auth.door import SIGNED_IN, Door
from chat.auth.json_http import body_of, done, json_answer, thread_in
from chat.conversations.about import Abouts
from chat.protocol.frames import Closing


class AboutApi:
    """`about`, `close` and `reopen` below a thread."""

    def __init__(self, door: Door, abouts: Abouts) -> None:
        self._door = door
        self._abouts = abouts

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        app.add_routes(
            [
                web.get("/api/threads/{thread}/about", self.about),
                web.post("/api/threads/{thread}/close", self.close),
                web.post("/api/threads/{thread}/reopen", self.reopen),
            ]
        )

    async def about(self, request: web.Request) -> web.Response:
        return json_answer(await self._abouts.read(request[SIGNED_IN].unlocked, thread_in(request)))

    async def close(self, request: web.Request) -> web.Response:
        who, thread = request[SIGNED_IN].unlocked, thread_in(request)
        await self._abouts.must_be_staff(who, thread)
        seen = (await body_of(request, Closing)).last_seq if request.can_read_body else None
        self._door.take_turn(request)
        await self._abouts.close(who, thread, seen)
        return done()

    async def reopen(self, request: web.Request) -> web.Response:
        who, thread = request[SIGNED_IN].unlocked, thread_in(request)
        await self._abouts.must_be_staff(who, thread)
        self._door.take_turn(request)
        await self._abouts.reopen(who, thread)
        return done()
