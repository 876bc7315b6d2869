"""The JSON routes of mails. See docs/protocol.md."""

from collections.abc import Iterable

from aiohttp import web

from chat.auth.door import SIGNED_IN, Door
from chat.auth.json_http import done, id_of, json_answer, thread_in
from chat.auth.routing import Reach, Roles, Route
from chat.conversations.shapes import plain
from chat.inbound.mails import Mails
from storage.ids import MessageId

MAILS = "/api/threads/{thread}/mails"


class MailRoutes:
    """`mails` below a thread, and the reply addresses of an account."""

    def __init__(self, door: Door, mails: Mails) -> None:
        self._door, self._mails = door, mails

    def routes(self) -> Iterable[Route]:
        """All of them."""
        yield Route("GET", MAILS, self.waiting, Roles.CORRESPONDENTS, Reach.THREAD)
        yield Route("GET", f"{MAILS}/{{mail}}", self.original, Roles.CORRESPONDENTS, Reach.THREAD)
        yield Route("POST", f"{MAILS}/{{mail}}/take", self.take, Roles.CORRESPONDENTS, Reach.THREAD)
        yield Route("POST", f"{MAILS}/{{mail}}/discard", self.discard, Roles.CORRESPONDENTS, Reach.THREAD)
        yield Route("DELETE", "/api/account/reply-addresses", self.revoke, Roles.CORRESPONDENTS, Reach.OWN)

    async def waiting(self, request: web.Request) -> web.Response:
        return json_answer({"mails": await self._mails.waiting(request[SIGNED_IN].unlocked, thread_in(request))})

    async def original(self, request: web.Request) -> web.Response:
        return json_answer(await self._mails.original(request[SIGNED_IN].unlocked, thread_in(request), _mail_in(request)))

    async def take(self, request: web.Request) -> web.Response:
        self._door.take_turn(request)
        accepted = await self._mails.take(request[SIGNED_IN].unlocked, thread_in(request), _mail_in(request))
        return json_answer(plain(accepted.message), status=201 if accepted.is_new else 200)

    async def discard(self, request: web.Request) -> web.Response:
        self._door.take_turn(request)
        await self._mails.discard(request[SIGNED_IN].unlocked, thread_in(request), _mail_in(request))
        return done()

    async def revoke(self, request: web.Request) -> web.Response:
        self._door.take_turn(request)
        await self._mails.revoke(request[SIGNED_IN].unlocked)
        return done()


def _mail_in(request: web.Request) -> MessageId:
    return MessageId(id_of(request.match_info["mail"]))
