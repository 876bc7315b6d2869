"""The JSON routes, thin: they read what is asked, call the rules, and give the answer its form. See docs/protocol.md."""

from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from aiohttp import web

from chat import frames
from chat.conversation import Conversation
from chat.errors import NotAllowed, NotFound
from chat.frames import Code, Credentials, NewMessage, NewParticipant, encode, plain, profile
from chat.hub import Hub
from chat.ids import read_id
from chat.sign_in import Attempt, SignedIn
from chat.taking_part import TakingPart
from chat.web import SIGNED_IN, Door, Refused
from chat.words import PREFERENCE
from storage.store import SESSION_MS
from storage.threads import Order
from storage.unlocked import Unlocked

MOST_MESSAGES = 100
USUAL_MESSAGES = 50
YEAR_S = 365 * 86_400

T = TypeVar("T")


class Api:
    """The routes below `/api/`."""

    def __init__(self, door: Door, conversation: Conversation, taking_part: TakingPart, hub: Hub) -> None:
        self._door = door
        self._taking_part = taking_part
        self._conversation = conversation
        self._hub = hub

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        routes: list[tuple[str, str, Callable[[web.Request], Awaitable[web.StreamResponse]]]] = [
            ("POST", "/api/session", self.sign_in),
            ("DELETE", "/api/session", self.sign_out),
            ("GET", "/api/account", self.account),
            ("GET", "/api/account/draft-key", self.draft_key),
            ("GET", "/api/threads", self.threads),
            ("GET", "/api/threads/{thread}/messages", self.messages),
            ("POST", "/api/threads/{thread}/messages", self.post),
            ("GET", "/api/colleagues", self.colleagues),
            ("GET", "/api/threads/{thread}/access", self.access),
            ("POST", "/api/threads/{thread}/participants", self.bring_in),
            ("DELETE", "/api/threads/{thread}/participants/me", self.leave),
            ("POST", "/api/threads/{thread}/hand-over", self.hand_over),
        ]
        app.add_routes([web.route(method, path, handler) for method, path, handler in routes])

    async def sign_in(self, request: web.Request) -> web.Response:
        given = await _body(request, Credentials)
        device = request.cookies.get(self._door.device_cookie, "")
        attempt = Attempt(given.email, given.password, device, request.remote or "")
        before = await self._door.signed_in(request)
        granted = await self._door.sign_ins.sign_in(attempt)
        if before:
            await self._end(before)
        response = _json({"account": profile(granted.account)})
        self._set_cookie(response, self._door.cookie, granted.cookie, SESSION_MS // 1000)
        self._set_cookie(response, self._door.device_cookie, granted.device, YEAR_S)
        response.set_cookie(PREFERENCE, granted.account.locale, max_age=YEAR_S, samesite="Lax", secure=self._is_secure)
        return response

    @property
    def _is_secure(self) -> bool:
        return self._door.settings.is_secure

    def _set_cookie(self, response: web.Response, name: str, value: str, max_age: int) -> None:
        response.set_cookie(name, value, max_age=max_age, path="/", httponly=True, samesite="Lax", secure=self._is_secure)

    async def sign_out(self, request: web.Request) -> web.Response:
        await self._end(request[SIGNED_IN])
        response = web.Response(status=204, headers={"Cache-Control": "no-store"})
        response.del_cookie(self._door.cookie, path="/", secure=self._is_secure, httponly=True, samesite="Lax")
        return response

    async def _end(self, signed_in: SignedIn) -> None:
        await self._door.sign_ins.sign_out(signed_in)
        self._hub.sign_out(signed_in.who.account.id, signed_in.session_id)

    async def account(self, request: web.Request) -> web.Response:
        return _json({"account": profile(request[SIGNED_IN].who.account)})

    async def draft_key(self, request: web.Request) -> web.Response:
        key = request[SIGNED_IN].who.key.draft_key()
        return _json({"key": urlsafe_b64encode(key).decode()})

    async def threads(self, request: web.Request) -> web.Response:
        try:
            order = Order(request.query.get("order", Order.NEWEST))
        except ValueError:
            raise NotAllowed from None
        after = _id(request.query["after"]) if "after" in request.query else None
        return _json({"threads": await self._conversation.entries(request[SIGNED_IN].who, order, after)})

    async def messages(self, request: web.Request) -> web.Response:
        who, thread = request[SIGNED_IN].who, _id(request.match_info["thread"])
        limit = _number(request, "limit", USUAL_MESSAGES, least=1, most=MOST_MESSAGES)
        after = _number(request, "after", None)
        if after is None:
            found = await self._conversation.before(who, thread, _number(request, "before", None), limit)
        else:
            found, _ = await self._conversation.after(who, thread, after, limit)
        return _json({"messages": [plain(message) for message in found]})

    async def post(self, request: web.Request) -> web.Response:
        who, thread = request[SIGNED_IN].who, _id(request.match_info["thread"])
        await self._conversation.must_take_part(who, thread)
        new = await _body(request, NewMessage)
        if not self._door.limits_of(request[SIGNED_IN]).messages.take():
            raise Refused(429, Code.SLOW_DOWN, wait=1)
        accepted = await self._conversation.post_and_wait(who, thread, new.id, new.text)
        return _json(plain(accepted.message), status=201 if accepted.is_new else 200)

    async def colleagues(self, request: web.Request) -> web.Response:
        return _json({"colleagues": await self._taking_part.colleagues(request[SIGNED_IN].who)})

    async def access(self, request: web.Request) -> web.Response:
        return _json(await self._taking_part.access_list(request[SIGNED_IN].who, _id(request.match_info["thread"])))

    async def bring_in(self, request: web.Request) -> web.Response:
        who, thread, new = await self._newcomer(request)
        await self._taking_part.bring_in(who, thread, new.account, whole=new.history == "whole")
        return _json(await self._taking_part.access_list(who, thread), status=201)

    async def hand_over(self, request: web.Request) -> web.Response:
        who, thread, new = await self._newcomer(request)
        await self._taking_part.hand_over(who, thread, new.account, whole=new.history == "whole")
        return web.Response(status=204, headers={"Cache-Control": "no-store"})

    async def _newcomer(self, request: web.Request) -> tuple[Unlocked, UUID, NewParticipant]:
        who, thread = request[SIGNED_IN].who, _id(request.match_info["thread"])
        await self._conversation.must_take_part(who, thread)
        return who, thread, await _body(request, NewParticipant)

    async def leave(self, request: web.Request) -> web.Response:
        await self._taking_part.leave_self(request[SIGNED_IN].who, _id(request.match_info["thread"]))
        return web.Response(status=204, headers={"Cache-Control": "no-store"})


def _json(value: Any, status: int = 200) -> web.Response:
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return web.Response(status=status, body=encode(value), content_type="application/json", headers=headers)


async def _body(request: web.Request, kind: type[T]) -> T:
    """The body of a request. Raises Refused when it is not JSON, or not of this kind."""
    if request.headers.get("Content-Type") and request.content_type != "application/json":
        raise Refused(400, Code.BAD_REQUEST)
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise Refused(400, Code.BAD_REQUEST) from None


def _id(raw: str) -> UUID:
    found = read_id(raw)
    if found is None:
        raise NotFound
    return found


def _number(request: web.Request, name: str, default: Any, *, least: int = 0, most: int = frames.LARGEST_SEQ) -> Any:
    """A whole number from the query. Raises NotAllowed when it is none, or out of bounds."""
    raw = request.query.get(name)
    if raw is None:
        return default
    if not (raw.isascii() and raw.isdigit() and len(raw) <= 16 and least <= int(raw) <= most):
        raise NotAllowed
    return int(raw)
