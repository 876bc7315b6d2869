"""What a person reads when a page cannot be shown, and when what they typed could not be taken.

What was typed is never lost: the page that says why it was not taken holds it and sends it again. Not after a request from a
foreign site, which would gain by that.
"""

import math
from collections.abc import Callable
from typing import Final

from aiohttp import ClientConnectionResetError, web
from aiohttp.typedefs import Handler

from chat.auth.door import SIGNED_IN, HttpRefusal, refused_for, route_of
from chat.auth.passwords.stretching import Gone
from chat.framed.forms import Form, typed_in
from chat.pages.assets import language_of
from chat.pages.words import sentence
from chat.protocol.frames import Code
from chat.security_events import SecurityEvent, record

__all__ = ["KEPT", "InWords"]

TITLES: Final = {
    400: sentence("Cette demande n’a pas été comprise"),
    401: sentence("Votre session est terminée"),
    403: sentence("Cette demande n’a pas été acceptée"),
    413: sentence("C’est trop long"),
    429: sentence("Un instant"),
    503: sentence("Le service est occupé"),
}
FAILED: Final = sentence("Quelque chose n’a pas marché")
# After these, what was typed may be sent again.
KEEPS: Final = {401, 429, 500, 503}
# Sets what was typed apart from the fields of the form in which one signs in again (static/pages/pieces.html).
KEPT: Final = "kept:"

Show = Callable[..., web.Response]


class InWords:
    """Answers a page's request that fails in words. ``show`` renders a template for anybody."""

    def __init__(self, show: Show) -> None:
        self._show = show

    @web.middleware
    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """The middleware."""
        if not is_for_people(request):
            return await handler(request)
        try:
            return await handler(request)
        except (web.HTTPException, ClientConnectionResetError, Gone):
            raise
        except Exception as error:  # noqa: BLE001 (answered, and logged once by ``refused_for``)
            return await _said(self._show, request, refused_for(error))


def is_for_people(request: web.Request) -> bool:
    """Whether a person reads the answer to a request."""
    is_program = request.path.startswith(("/api/", "/health/", "/metrics")) or request.path == "/ws"
    return not is_program and "text/html" in request.headers.get("Accept", "")


async def _said(show: Show, request: web.Request, refused: HttpRefusal) -> web.Response:
    reader = request.get(SIGNED_IN)
    if reader and refused.code == Code.SLOW_DOWN:
        record(SecurityEvent.RATE_LIMITED, reader.unlocked.account.id, at=route_of(request))
    kept = await _kept(request) if refused.status in KEEPS else None
    status = refused.status
    values = {
        "title": TITLES.get(status, FAILED),
        "words": refused.said(language_of(request)),
        "is_signed_out": status == 401,
        "kept": [field for field in kept.fields() if "password" not in field[0]] if kept else None,
    }
    response = show(request, "refused.html", values, status=status)
    if refused.wait is not None:
        response.headers["Retry-After"] = str(max(1, math.ceil(refused.wait)))
    return response


async def _kept(request: web.Request) -> Form | None:
    """What was typed, if the request posts a form that can be read."""
    if request.method != "POST":
        return None
    try:
        form = await typed_in(request)
    except HttpRefusal:
        return None
    return form if form.fields() else None
