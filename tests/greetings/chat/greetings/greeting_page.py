"""The page on which one says something to whoever comes."""

from collections.abc import Iterable

from aiohttp import web

from chat.auth.door import SIGNED_IN
from chat.auth.routing import Reach, Roles, Route
from chat.framed.forms import Form, form_of
from chat.framed.pages import FramedPages, Said
from chat.pages.words import sentence

from .greetings import Greetings, TooWarm

KEPT = Said("kept", sentence("Votre mot d’accueil est gardé."))


class GreetingPage:
    """`/greeting`."""

    def __init__(self, greetings: Greetings, pages: FramedPages) -> None:
        self._greetings, self._pages = greetings, pages

    def routes(self) -> Iterable[Route]:
        """To read, and to write."""
        yield Route("GET", "/greeting", self.show, Roles.STAFF, Reach.OWN)
        yield Route("POST", "/greeting", self.write, Roles.STAFF, Reach.OWN)

    async def show(self, request: web.Request) -> web.Response:
        return await self._shown(request)

    async def write(self, request: web.Request) -> web.Response:
        form = await form_of(request)
        text = form.text("text", longest=200, required=sentence("Écrivez un mot."))
        if form.is_fine:
            try:
                await self._greetings.keep(request[SIGNED_IN].unlocked.account.id, text)
                return self._pages.go("/greeting", KEPT)
            except TooWarm as refused:
                form.refuse("text", refused.sentence)
        return await self._shown(request, form)

    async def _shown(self, request: web.Request, form: Form | None = None) -> web.Response:
        text = await self._greetings.read(request[SIGNED_IN].unlocked.account.id)
        values = {"text": text or ""}
        return await self._pages.show(request, "greeting.html", values, form=form, said=(KEPT,), status=422 if form else 200)
