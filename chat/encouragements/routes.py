"""The JSON routes of suggestions, and of the rules that make them. See docs/protocol.md."""

from collections.abc import Iterable

from aiohttp import web

from chat.auth.door import SIGNED_IN, Door
from chat.auth.json_http import body_of, done, id_of, json_answer
from chat.auth.routing import Reach, Roles, Route
from chat.conversations.shapes import plain
from chat.encouragements.shapes import NewWords, Switched
from chat.encouragements.suggestions import Suggestions
from chat.encouragements.switches import Switches

SWITCHING = Roles.COMPANION | Roles.ADMINISTRATOR


class EncouragementRoutes:
    """`/api/suggestions` and `/api/encouragements`."""

    def __init__(self, door: Door, suggestions: Suggestions, switches: Switches) -> None:
        self._door = door
        self._suggestions = suggestions
        self._switches = switches

    def routes(self) -> Iterable[Route]:
        """All of them."""
        yield Route("GET", "/api/suggestions", self.suggested, Roles.COMPANION, Reach.OWN)
        yield Route("POST", "/api/suggestions/{suggestion}/send", self.send, Roles.COMPANION, Reach.OWN)
        yield Route("POST", "/api/suggestions/{suggestion}/dismiss", self.dismiss, Roles.COMPANION, Reach.OWN)
        yield Route("GET", "/api/encouragements", self.rules, SWITCHING, Reach.COMMON)
        yield Route("POST", "/api/encouragements/{rule}", self.switch, SWITCHING, Reach.COMMON)

    async def suggested(self, request: web.Request) -> web.Response:
        return json_answer(await self._suggestions.read(request[SIGNED_IN].unlocked))

    async def send(self, request: web.Request) -> web.Response:
        who, id_ = request[SIGNED_IN].unlocked, id_of(request.match_info["suggestion"])
        words = await body_of(request, NewWords)
        self._door.take_turn(request)
        accepted = await self._suggestions.send(who, id_, words.text)
        return json_answer(plain(accepted.message), status=201 if accepted.is_new else 200)

    async def dismiss(self, request: web.Request) -> web.Response:
        self._door.take_turn(request)
        await self._suggestions.dismiss(request[SIGNED_IN].unlocked, id_of(request.match_info["suggestion"]))
        return done()

    async def rules(self, request: web.Request) -> web.Response:
        return json_answer({"rules": await self._switches.read(request[SIGNED_IN].unlocked.account.locale)})

    async def switch(self, request: web.Request) -> web.Response:
        switched = await body_of(request, Switched)
        self._door.take_turn(request)
        await self._switches.switch(request.match_info["rule"], on=switched.on)
        return done()
