"""The JSON routes of one's own settings and sessions. See docs/protocol.md."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from chat.accounts.preferences import BadSetting, SettingsOfOne
from chat.accounts.sessions import SessionsOfOne
from chat.accounts.shapes import OwnSettings
from chat.auth.door import SIGNED_IN, Door, HttpRefusal
from chat.auth.json_http import body_of, done, id_of, json_answer
from chat.http.cookies import cookie_of
from chat.pages.words import PREFERENCE, say
from chat.protocol.frames import Code
from chat.security_events import SecurityEvent, record

YEAR_S = 365 * 86_400


class SettingsApi:
    """The routes below `/api/account/settings` and `/api/account/sessions`."""

    def __init__(self, door: Door, settings: SettingsOfOne, sessions: SessionsOfOne) -> None:
        self._door = door
        self._settings = settings
        self._sessions = sessions

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        routes: list[tuple[str, str, Callable[[web.Request], Awaitable[web.StreamResponse]]]] = [
            ("GET", "/api/account/settings", self.settings),
            ("PATCH", "/api/account/settings", self.change),
            ("GET", "/api/account/sessions", self.sessions),
            ("DELETE", "/api/account/sessions", self.end_others),
            ("DELETE", "/api/account/sessions/{session}", self.end),
        ]
        app.add_routes([web.route(method, path, handler) for method, path, handler in routes])

    # Settings

    async def settings(self, request: web.Request) -> web.Response:
        return self._told(request, await self._settings.read(request[SIGNED_IN].unlocked.account))

    async def change(self, request: web.Request) -> web.Response:
        account = request[SIGNED_IN].unlocked.account
        given = await body_of(request, dict[str, Any])
        try:
            return self._told(request, await self._settings.change(account, given))
        except BadSetting as bad:
            words = say(account.locale, bad.fault.value, name=bad.name)
            raise HttpRefusal(400, Code.BAD_REQUEST, words=words) from None

    def _told(self, request: web.Request, settings: OwnSettings) -> web.Response:
        """The cookie of the pages follows the account, whichever browser its language was chosen in."""
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
