"""The JSON routes of what the staff has: how they answer, their notes, their canned replies. See docs/protocol.md."""

from aiohttp import web

from chat.auth.door import SIGNED_IN, Door
from chat.auth.json_http import body_of, done, json_answer, thread_in
from chat.protocol.frames import CannedReplies, NewNote, OwnPractice
from chat.protocol.refusals import NotFound
from chat.staff.canned_replies import RepliesAtHand
from chat.staff.notes import Notes
from chat.staff.practices import Practices


class StaffApi:
    """`/api/account/practice`, `/api/account/replies`, and `note` below a thread."""

    def __init__(self, door: Door, practices: Practices, notes: Notes, at_hand: RepliesAtHand) -> None:
        self._door = door
        self._practices = practices
        self._notes = notes
        self._at_hand = at_hand

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        app.add_routes(
            [
                web.get("/api/account/practice", self.practice),
                web.put("/api/account/practice", self.say_practice),
                web.get("/api/account/replies", self.replies),
                web.put("/api/account/replies", self.write_replies),
                web.get("/api/threads/{thread}/note", self.note),
                web.put("/api/threads/{thread}/note", self.write_note),
            ]
        )

    async def practice(self, request: web.Request) -> web.Response:
        return json_answer(await self._practices.read(request[SIGNED_IN].unlocked))

    async def say_practice(self, request: web.Request) -> web.Response:
        who = request[SIGNED_IN].unlocked
        if not who.account.role.is_staff:
            raise NotFound  # before a word of the body: it is as if there were no such route
        said = await body_of(request, OwnPractice)
        self._door.take_turn(request)
        await self._practices.write(who, said)
        return done()

    async def replies(self, request: web.Request) -> web.Response:
        return json_answer(await self._at_hand.read(request[SIGNED_IN].unlocked))

    async def write_replies(self, request: web.Request) -> web.Response:
        who = request[SIGNED_IN].unlocked
        await self._at_hand.read(who)  # Who has none is told so before anything about the body.
        return json_answer(await self._at_hand.write(who, await body_of(request, CannedReplies)))

    async def note(self, request: web.Request) -> web.Response:
        return json_answer({"text": await self._notes.read(request[SIGNED_IN].unlocked, thread_in(request))})

    async def write_note(self, request: web.Request) -> web.Response:
        who, thread = request[SIGNED_IN].unlocked, thread_in(request)
        await self._notes.read(who, thread)
        await self._notes.write(who, thread, (await body_of(request, NewNote)).text)
        return done()
