"""The JSON routes of one's own settings and sessions. See docs/protocol.md."""

from collections.abc import Iterable
from typing import Any

from aiohttp import web

from chat.accounts.preferences import BadSetting, SettingsOfOne
from chat.accounts.sessions import SessionsOfOne
from chat.accounts.shapes import OwnSettings
from chat.auth.door import SIGNED_IN, Door, HttpRefusal
from chat.auth.json_http import body_of, done, id_of, json_answer
from chat.auth.routing import Reach, Roles, Route
from chat.http.cookies import cookie_of
from chat.pages.words import PREFERENCE, say
from chat.protocol.frames import Code
from chat.security_events import SecurityEvent, record

YEAR_S = 365 * 86_400


class PreferenceRoutes:
    """The routes below `/api/account/settings` and `/api/account/sessions`."""

    def __init__(self, door: Door, settings: SettingsOfOne, sessions: SessionsOfOne) -> None:
        self._door = door
        self._settings = settings
        self._sessions = sessions

    def routes(self) -> Iterable[Route]:
        """All of them."""
        everybody, own = Roles.SIGNED_IN, Reach.OWN
        yield Route("GET", "/api/account/settings", self.settings, everybody, own)
        yield Route("PATCH", "/api/account/settings", self.change, everybody, own)
        yield Route("POST", "/api/account/letters/resume", self.resume_letters, everybody, own)
        yield Route("GET", "/api/account/sessions", self.sessions, everybody, own)
        yield Route("DELETE", "/api/account/sessions", self.end_others, everybody, own)
        yield Route("DELETE", "/api/account/sessions/{session}", self.end, everybody, own)

    # Settings

    async def settings(self, request: web.Request) -> web.Response:
        return self._told(request, await self._settings.read(request[SIGNED_IN].unlocked.account))

    async def change(self, request: web.Request) -> web.Response:
        account = request[SIGNED_IN].unlocked.account
        given = await body_of(request, dict[str, Any])
        try:
            return self._told(request, await self._settings.change(account, given))
        except BadSetting as bad:
            words = say(account.locale, bad.fault.value, name=bad.name, most=bad.most)
            raise HttpRefusal(400, Code.BAD_REQUEST, words=words) from None

    async def resume_letters(self, request: web.Request) -> web.Response:
        self._door.take_turn(request)
        return self._told(request, await self._settings.resume_letters(request[SIGNED_IN].unlocked.account))

    def _told(self, request: web.Request, settings: OwnSettings) -> web.Response:
        """Form the answer. The pages' language cookie follows the account, in whichever browser the language was chosen."""
        response, locale = json_answer(settings), settings.settings.locale
        if cookie_of(request, PREFERENCE) != locale:
            secure = self._door.settings.is_secure
            response.set_cookie(PREFERENCE, locale, max_age=YEAR_S, samesite="Lax", secure=secure)
        return response

    # Sessions

    async def sessions(self, request: web.Request) -> web.Response:
        return json_answer({"sessions": await self._sessions.all(request[SIGNED_IN])})

    async def end(self, request: web.Request) -> web.Response:
        was_own = await self._sessions.end(request[SIGNED_IN], id_of(request.match_info["session"]))
        record(SecurityEvent.SESSION_ENDED, request[SIGNED_IN].unlocked.account.id)
        return self._door.forgets(done()) if was_own else done()

    async def end_others(self, request: web.Request) -> web.Response:
        await self._sessions.end_others(request[SIGNED_IN])
        record(SecurityEvent.OTHER_SESSIONS_ENDED, request[SIGNED_IN].unlocked.account.id)
        return done()
