"""The routes of canned replies, thin."""

from aiohttp import web

from chat.answers import body_of, json_answer
from chat.canned_replies import RepliesAtHand
from chat.frames import CannedReplies
from chat.web import SIGNED_IN


class RepliesApi:
    """`/api/account/replies`."""

    def __init__(self, at_hand: RepliesAtHand) -> None:
        self._at_hand = at_hand

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        app.add_routes([web.get("/api/account/replies", self.replies), web.put("/api/account/replies", self.write)])

    async def replies(self, request: web.Request) -> web.Response:
        return json_answer(await self._at_hand.read(request[SIGNED_IN].who))

    async def write(self, request: web.Request) -> web.Response:
        who = request[SIGNED_IN].who
        await self._at_hand.read(who)  # Who has none is told so before anything about the body.
        return json_answer(await self._at_hand.write(who, await body_of(request, CannedReplies)))
