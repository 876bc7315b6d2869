"""The JSON routes of how staff answer and of what there is to know about a thread. See docs/protocol.md."""

from aiohttp import web

from chat.about import Abouts
from chat.answers import body_of, done, json_answer, thread_in
from chat.errors import NotFound
from chat.frames import Closing, Code, OwnPractice
from chat.practices import Practices
from chat.web import SIGNED_IN, Door, Refused


class AboutApi:
    """`/api/account/practice`, and `about`, `close` and `reopen` below a thread."""

    def __init__(self, door: Door, abouts: Abouts, practices: Practices) -> None:
        self._door = door
        self._abouts = abouts
        self._practices = practices

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        app.add_routes(
            [
                web.get("/api/account/practice", self.practice),
                web.put("/api/account/practice", self.say_practice),
                web.get("/api/threads/{thread}/about", self.about),
                web.post("/api/threads/{thread}/close", self.close),
                web.post("/api/threads/{thread}/reopen", self.reopen),
            ]
        )

    async def practice(self, request: web.Request) -> web.Response:
        return json_answer(await self._practices.read(request[SIGNED_IN].who))

    async def say_practice(self, request: web.Request) -> web.Response:
        who = request[SIGNED_IN].who
        if not who.account.role.is_staff:
            raise NotFound  # before a word of the body: it is as if there were no such route
        said = await body_of(request, OwnPractice)
        self._take_turn(request)
        await self._practices.write(who, said)
        return done()

    async def about(self, request: web.Request) -> web.Response:
        return json_answer(await self._abouts.read(request[SIGNED_IN].who, thread_in(request)))

    async def close(self, request: web.Request) -> web.Response:
        who, thread = request[SIGNED_IN].who, thread_in(request)
        await self._abouts.must_be_staff(who, thread)
        seen = (await body_of(request, Closing)).last_seq if request.can_read_body else None
        self._take_turn(request)
        await self._abouts.close(who, thread, seen)
        return done()

    async def reopen(self, request: web.Request) -> web.Response:
        who, thread = request[SIGNED_IN].who, thread_in(request)
        await self._abouts.must_be_staff(who, thread)
        self._take_turn(request)
        await self._abouts.reopen(who, thread)
        return done()

    def _take_turn(self, request: web.Request) -> None:
        """What everybody in a thread is told of counts like a message."""
        if not self._door.limits_of(request[SIGNED_IN]).messages.take():
            raise Refused(429, Code.SLOW_DOWN, wait=1)
