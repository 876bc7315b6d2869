"""Signing in without a script, and again after a session ended: what was typed meanwhile stays, and is sent afterwards."""

import re
from collections.abc import Iterable
from typing import Final

from aiohttp import web

from chat.accounts.routes import AccountRoutes
from chat.auth.door import Door
from chat.auth.routing import Reach, Roles, Route
from chat.auth.sign_in import WrongCredentials
from chat.framed.forms import LARGEST, Form, typed_in
from chat.framed.pages import FramedPages
from chat.framed.refusals import KEPT
from chat.pages.words import sentence

LONGEST: Final = 1000
# A page of the service, as `to` names it: no other host can be written so.
PATH: Final = re.compile(r"(/[a-z0-9-]+){1,5}")


class SignInPage:
    """`/sign-in/form`."""

    def __init__(self, door: Door, pages: FramedPages, own: AccountRoutes) -> None:
        self._door = door
        self._pages = pages
        self._own = own

    def routes(self) -> Iterable[Route]:
        """The form, and signing in with it."""
        yield Route("GET", "/sign-in/form", self.show, Roles.EVERYBODY, Reach.OWN)
        yield Route("POST", "/sign-in/form", self.enter, Roles.EVERYBODY, Reach.OWN)

    async def show(self, request: web.Request) -> web.Response:
        return self._pages.show_to_anybody(request, "sign-in-form.html", {"to": "/", "kept": []})

    async def enter(self, request: web.Request) -> web.Response:
        form = await typed_in(request, LARGEST + LARGEST // 4)
        kept = [(name.removeprefix(KEPT), value) for name, value in form.fields() if name.startswith(KEPT)]
        to = form.typed("to") if PATH.fullmatch(form.typed("to")) else "/"
        email = form.text("email", longest=254, required=sentence("Indiquez votre adresse."))
        if not form.typed("password") or len(form.typed("password")) > LONGEST:
            form.refuse("password", sentence("Indiquez votre mot de passe."))
        response = await self._entered(request, form, email, (to, kept)) if form.is_fine else None
        values = {"to": to, "kept": kept}
        return response or self._pages.show_to_anybody(request, "sign-in-form.html", values, form=form, status=422)

    async def _entered(
        self, request: web.Request, form: Form, email: str, then: tuple[str, list[tuple[str, str]]]
    ) -> web.Response | None:
        """Sign in, and go on; None, with the form refused, if address and password do not fit."""
        (to, kept), before = then, await self._door.signed_in(request)
        try:
            granted = await self._door.sign_ins.sign_in(self._own.attempt(request, email, form.typed("password")))
        except WrongCredentials:
            form.refuse("password", sentence("Cette adresse et ce mot de passe ne vont pas ensemble."))
            return None
        values = {"to": to, "kept": kept, "name": granted.account.first_name}
        response = self._pages.show_to_anybody(request, "send-again.html", values) if kept else self._pages.go(to)
        await self._own.welcome(response, granted, before)
        return response
