"""The JSON routes of the staff's tools: how they answer, their notes, their canned replies. See docs/protocol.md."""

from collections.abc import Iterable

from aiohttp import web

from chat.auth.door import SIGNED_IN, Door
from chat.auth.json_http import body_of, done, json_answer, thread_in
from chat.auth.routing import Reach, Roles, Route
from chat.staff.canned_replies import RepliesAtHand
from chat.staff.notes import Notes
from chat.staff.practices import Practices
from chat.staff.shapes import CannedReplies, NewNote, OwnPractice


class StaffRoutes:
    """`/api/account/practice`, `/api/account/replies`, and `note` below a thread."""

    def __init__(self, door: Door, practices: Practices, notes: Notes, at_hand: RepliesAtHand) -> None:
        self._door = door
        self._practices = practices
        self._notes = notes
        self._at_hand = at_hand

    def routes(self) -> Iterable[Route]:
        """All of them."""
        yield Route("GET", "/api/account/practice", self.practice, Roles.STAFF, Reach.OWN)
        yield Route("PUT", "/api/account/practice", self.say_practice, Roles.STAFF, Reach.OWN)
        yield Route("GET", "/api/account/replies", self.replies, Roles.STAFF, Reach.OWN)
        yield Route("PUT", "/api/account/replies", self.write_replies, Roles.STAFF, Reach.OWN)
        yield Route("GET", "/api/threads/{thread}/note", self.note, Roles.STAFF, Reach.THREAD)
        yield Route("PUT", "/api/threads/{thread}/note", self.write_note, Roles.STAFF, Reach.THREAD)

    async def practice(self, request: web.Request) -> web.Response:
        return json_answer(await self._practices.read(request[SIGNED_IN].unlocked))

    async def say_practice(self, request: web.Request) -> web.Response:
        who = request[SIGNED_IN].unlocked
        said = await body_of(request, OwnPractice)
        self._door.take_turn(request)
        await self._practices.write(who, said)
        return done()

    async def replies(self, request: web.Request) -> web.Response:
        return json_answer(await self._at_hand.read(request[SIGNED_IN].unlocked))

    async def write_replies(self, request: web.Request) -> web.Response:
        who = request[SIGNED_IN].unlocked
        return json_answer(await self._at_hand.write(who, await body_of(request, CannedReplies)))

    async def note(self, request: web.Request) -> web.Response:
        return json_answer({"text": await self._notes.read(request[SIGNED_IN].unlocked, thread_in(request))})

    async def write_note(self, request: web.Request) -> web.Response:
        who, thread = request[SIGNED_IN].unlocked, thread_in(request)
        await self._notes.write(who, thread, (await body_of(request, NewNote)).text)
        return done()
