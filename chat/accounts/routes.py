"""The JSON routes of one's own account: the session, the keys, the password, the recovery code. See docs/protocol.md."""

from base64 import urlsafe_b64encode
from collections.abc import Iterable

from aiohttp import web

from chat.accounts.keys import NewPassword, OwnKeys
from chat.accounts.shapes import ChangePassword, Credentials, Proof, Recover, profile
from chat.auth.devices import device_of
from chat.auth.door import SIGNED_IN, Door
from chat.auth.json_http import body_of, done, json_answer
from chat.auth.routing import Reach, Roles, Route
from chat.auth.sign_in import DEVICE_MS, Attempt, Granted, SignedIn
from chat.http.cookies import cookie_of
from chat.pages.words import PREFERENCE
from chat.protocol.hub import Hub
from chat.security_events import SecurityEvent, record
from storage.store import SESSION_MS

YEAR_S = 365 * 86_400


class AccountRoutes:
    """The routes below `/api/session` and `/api/account`."""

    def __init__(self, door: Door, own_keys: OwnKeys, hub: Hub) -> None:
        self._door = door
        self._own_keys = own_keys
        self._hub = hub
        self._is_secure = door.settings.is_secure

    def routes(self) -> Iterable[Route]:
        """All of them."""
        everybody, own = Roles.SIGNED_IN, Reach.OWN
        yield Route("POST", "/api/session", self.sign_in, Roles.EVERYBODY, own)
        yield Route("DELETE", "/api/session", self.sign_out, everybody, own)
        yield Route("POST", "/api/session/recovery", self.recover, Roles.EVERYBODY, own)
        yield Route("GET", "/api/account", self.account, everybody, own)
        yield Route("GET", "/api/account/draft-key", self.draft_key, everybody, own)
        yield Route("GET", "/api/account/ways", self.ways, everybody, own)
        yield Route("POST", "/api/account/password", self.change_password, everybody, own)
        yield Route("POST", "/api/account/recovery-code", self.make_code, everybody, own)

    # The session

    async def sign_in(self, request: web.Request) -> web.Response:
        given = await body_of(request, Credentials)
        attempt = self.attempt(request, given.email, given.password)
        before = await self._door.signed_in(request)
        granted = await self._door.sign_ins.sign_in(attempt)
        return await self.welcome(json_answer({"account": profile(granted.account)}), granted, before)

    async def recover(self, request: web.Request) -> web.Response:
        given = await body_of(request, Recover)
        attempt = self.attempt(request, given.email, given.password)
        before = await self._door.signed_in(request)
        granted = await self._own_keys.recover(attempt, given.code)
        record(SecurityEvent.RECOVERY_CODE_USED, granted.account.id)
        return await self.welcome(json_answer({"account": profile(granted.account)}), granted, before)

    def attempt(self, request: web.Request, email: str, password: str) -> Attempt:
        """An attempt to sign in with what a request gives."""
        device = cookie_of(request, self._door.device_cookie)
        kind = device_of(request.headers.get("User-Agent", ""))
        return Attempt(email, password, device, self._door.remote_of(request), kind, lambda: _is_gone(request))

    async def welcome(self, response: web.Response, granted: Granted, before: SignedIn | None) -> web.Response:
        """Set the cookies of the new session on an answer, and end the one that this browser had before."""
        if before:
            await self.end(before)
        self._set_cookie(response, self._door.cookie, granted.cookie, SESSION_MS // 1000)
        self._set_cookie(response, self._door.device_cookie, granted.device, DEVICE_MS // 1000)
        response.set_cookie(PREFERENCE, granted.account.locale, max_age=YEAR_S, samesite="Lax", secure=self._is_secure)
        return response

    def _set_cookie(self, response: web.Response, name: str, value: str, max_age: int) -> None:
        response.set_cookie(name, value, max_age=max_age, path="/", httponly=True, samesite="Lax", secure=self._is_secure)

    async def sign_out(self, request: web.Request) -> web.Response:
        await self.end(request[SIGNED_IN])
        return self._door.forgets(done())

    async def end(self, signed_in: SignedIn) -> None:
        """End a session, and whatever is connected by it."""
        await self._door.sign_ins.sign_out(signed_in)
        self._hub.sign_out(signed_in.unlocked.account.id, signed_in.session_id)
        record(SecurityEvent.SIGNED_OUT, signed_in.unlocked.account.id)

    # The account

    async def account(self, request: web.Request) -> web.Response:
        return json_answer({"account": profile(request[SIGNED_IN].unlocked.account)})

    async def draft_key(self, request: web.Request) -> web.Response:
        key = request[SIGNED_IN].unlocked.key.draft_key()
        return json_answer({"key": urlsafe_b64encode(key).decode()})

    async def ways(self, request: web.Request) -> web.Response:
        found = await self._own_keys.ways(request[SIGNED_IN].unlocked.account)
        return json_answer({"recovery_code": found.has_recovery_code, "own_password": found.password_by_owner})

    async def change_password(self, request: web.Request) -> web.Response:
        given = await body_of(request, ChangePassword)
        change = NewPassword(given.old, given.new, given.may_be_known)
        await self._own_keys.change_password(request[SIGNED_IN], change, cookie_of(request, self._door.cookie))
        record(SecurityEvent.PASSWORD_CHANGED, request[SIGNED_IN].unlocked.account.id)
        return done()

    async def make_code(self, request: web.Request) -> web.Response:
        given = await body_of(request, Proof)
        code = await self._own_keys.make_code(request[SIGNED_IN], given.password)
        record(SecurityEvent.RECOVERY_CODE_MADE, request[SIGNED_IN].unlocked.account.id)
        return json_answer({"code": code}, status=201)


def _is_gone(request: web.Request) -> bool:
    """Whether the client has hung up. The library lets a request go on after its connection ends."""
    return request.transport is None or request.transport.is_closing()
