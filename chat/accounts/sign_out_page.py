"""Signing out without a script: a page that says what it erases, and the form that does it."""

from collections.abc import Iterable

from aiohttp import web

from chat.accounts.routes import AccountRoutes
from chat.auth.door import Door
from chat.auth.routing import Reach, Roles, Route
from chat.framed.forms import typed_in
from chat.framed.pages import FramedPages

# What was written and not sent lies in the browser, and goes with the session (W3C Clear Site Data).
ERASED = '"storage"'


class SignOutPage:
    """`/sign-out`."""

    def __init__(self, door: Door, pages: FramedPages, own: AccountRoutes) -> None:
        self._door = door
        self._pages = pages
        self._own = own

    def routes(self) -> Iterable[Route]:
        """To ask, and to do it."""
        yield Route("GET", "/sign-out", self.ask, Roles.SIGNED_IN, Reach.OWN)
        yield Route("POST", "/sign-out", self.leave, Roles.EVERYBODY, Reach.OWN)  # also if the session ended meanwhile

    async def ask(self, request: web.Request) -> web.Response:
        return await self._pages.show(request, "sign-out.html", {})

    async def leave(self, request: web.Request) -> web.Response:
        """End the session, if there is one still, and have the browser forget what it kept."""
        await typed_in(request)
        if signed_in := await self._door.signed_in(request):
            await self._own.end(signed_in)
        response = self._door.forgets(self._pages.go("/sign-in"))
        response.headers["Clear-Site-Data"] = ERASED
        return response
