"""Renders a page for one reader, and answers what they have done.

A page is rendered for each request and stored nowhere. An action answers with a redirect; the next page says what was done
(``Said``). That message travels in a cookie of one minute, which holds its name alone: nothing personal stands in an address,
and whoever changes the cookie can only choose another sentence of the same page.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from aiohttp import web

from chat.auth.door import SIGNED_IN, Door
from chat.auth.sign_in import SignedIn
from chat.framed.forms import Form
from chat.framed.navigation import Navigation
from chat.http.cookies import cookie_of
from chat.pages.assets import HEADERS, Shelf, language_of
from chat.pages.words import sentence
from storage.accounts.accounts import Role

__all__ = ["FramedPages", "Said"]

SAID_S: Final = 60
# `same-origin`: with the `no-referrer` of other answers, a browser sends `Origin: null` with a form.
FRAMED: Final = {**HEADERS, "Cache-Control": "no-store", "Referrer-Policy": "same-origin", "Vary": "Accept-Language, Cookie"}
ROLES: Final = {
    Role.MEMBER: sentence("Membre"),
    Role.PROFESSIONAL: sentence("Professionnel·le"),
    Role.COMPANION: sentence("Accompagnant·e"),
    Role.ADMINISTRATOR: sentence("Administration"),
    Role.CLIENT: sentence("Entreprise cliente"),
}


@dataclass(frozen=True)
class Said:
    """A message after an action: what was done, and below it what follows. Both are French ``sentence``s.

    ``name`` is unique on its page: lower case letters, digits and hyphens.
    """

    name: str
    done: str
    more: str = ""
    tone: Literal["done", "wait", "alarm"] = "done"

    def __post_init__(self) -> None:
        if not re.fullmatch("[a-z0-9-]{1,40}", self.name):
            raise ValueError("the name of a message goes into a cookie: lower case letters, digits and hyphens")


class FramedPages:
    """All that a feature needs to show its pages in the frame."""

    def __init__(self, door: Door, shelf: Shelf, navigation: Navigation) -> None:
        self._door = door
        self._shelf = shelf
        self._navigation = navigation
        self._said_cookie = f"{door.cookie}-said"

    async def show(
        self,
        request: web.Request,
        template: str,
        values: Mapping[str, object],
        *,
        form: Form | None = None,
        said: Sequence[Said] = (),
        status: int = 200,
    ) -> web.Response:
        """Render a template that extends `frame.html` for whoever makes the request.

        ``values`` are what it shows; ``form`` is what was typed and refused (then ``status`` is 422); ``said`` are the messages
        that an action may have left for this page.
        """
        reader = request[SIGNED_IN]
        found = cookie_of(request, self._said_cookie)
        frame = {
            "rail": await self._navigation.of(reader, request.path),
            "reader": _reader(reader),
            "said": next((one for one in said if one.name == found), None),
        }
        response = self._rendered(request, template, {**values, **frame, "form": form or Form()}, status)
        if found:
            response.del_cookie(self._said_cookie, path="/", secure=self._door.settings.is_secure, httponly=True, samesite="Lax")
        return response

    def show_to_anybody(
        self, request: web.Request, template: str, values: Mapping[str, object], *, form: Form | None = None, status: int = 200
    ) -> web.Response:
        """Render a template without the frame's navigation: whoever reads it need not be signed in."""
        return self._rendered(request, template, {**values, "form": form or Form()}, status)

    def _rendered(self, request: web.Request, template: str, values: Mapping[str, object], status: int) -> web.Response:
        language = language_of(request)
        text = self._shelf.template(template, language).render(path=request.path, **values)
        headers = {**FRAMED, "Content-Language": language}
        response = web.Response(status=status, text=text, content_type="text/html", headers=headers)
        response.enable_compression()
        return response

    def go(self, path: str, said: Said | None = None) -> web.Response:
        """Send the reader on after an action, to a page that says what was done.

        ``path`` is a page of the service, with its query; it names nobody.
        """
        response = web.Response(status=303, headers={**FRAMED, "Location": path})
        if said:
            response.set_cookie(
                self._said_cookie, said.name, max_age=SAID_S, path="/", httponly=True, samesite="Lax",
                secure=self._door.settings.is_secure,
            )  # fmt: skip
        return response


def _reader(signed_in: SignedIn) -> dict[str, str]:
    """What the account menu shows. The account itself is among the pages of the conversations."""
    account = signed_in.unlocked.account
    home = "/member" if account.role is Role.MEMBER else "/dashboard"
    return {"first_name": account.first_name, "role": ROLES[account.role], "account": f"{home}#account"}
