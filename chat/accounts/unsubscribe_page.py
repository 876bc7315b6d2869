"""The page behind the link with which every letter of a list ends, and the one click of mail programs (RFC 8058).

A GET or a HEAD shows where one stands and changes nothing: mail scanners and browsers follow links by themselves. Only a
POST changes something: with the body that a mail provider sends, which is that of the page's own button too, or with that of
the button that takes it back.
"""

import asyncio
from collections.abc import Iterable, Mapping
from email import message_from_bytes, policy
from typing import Final
from urllib.parse import parse_qsl

from aiohttp import web

from chat.accounts.unsubscribing import Subscription, Unsubscribing
from chat.auth.door import Door
from chat.auth.json_http import BODY_S
from chat.auth.limits import ADDRESS_FAILURES, Bucket, Failures
from chat.auth.routing import Limit, Reach, Roles, Route
from chat.pages.assets import HEADERS, Shelf, language_of
from chat.pages.words import choose
from storage.ids import AccountId

PATH: Final = "/unsubscribe/{token}"
LEAVE: Final = {"List-Unsubscribe": "One-Click"}
JOIN: Final = {"again": "yes"}
LONGEST_TYPE, LONGEST_BODY = 200, 4096
# Each change is a commit: more than anybody needs, even if several mail programs click for them.
CHANGES: Final = Limit(a_second=0.2, at_once=20)


class UnsubscribePage:
    """`GET` and `POST /unsubscribe/TOKEN`."""

    def __init__(self, door: Door, rules: Unsubscribing, shelf: Shelf) -> None:
        self._door, self._rules, self._shelf = door, rules, shelf
        self._unknown = Failures()
        self._changes: dict[AccountId, Bucket] = {}

    def routes(self) -> Iterable[Route]:
        """Both, for everybody: whoever has the link may use it."""
        yield Route("GET", PATH, self.show, Roles.EVERYBODY, Reach.OWN)
        yield Route("POST", PATH, self.change, Roles.EVERYBODY, Reach.OWN, is_for_any_origin=True)

    async def show(self, request: web.Request) -> web.Response:
        found = await self._find(request)
        return found if isinstance(found, web.Response) else self._page(request, 200, found)

    async def change(self, request: web.Request) -> web.Response:
        found = await self._find(request)
        if isinstance(found, web.Response):
            return found
        fields = await _fields_of(request)
        if fields not in (LEAVE, JOIN):
            return self._page(request, 400, found)
        if not self._changes.setdefault(found.account, self._bucket()).take():
            return self._page(request, 429, None)
        return self._page(request, 200, await self._rules.turn(found, is_on=fields == JOIN), is_done=True)

    async def _find(self, request: web.Request) -> Subscription | web.Response:
        """The subscription that a request is about; else the answer, which is the same for every unknown link."""
        network = self._door.remote_of(request)
        is_limited = bool(self._door.settings.rate)
        if is_limited and self._unknown.wait(network, ADDRESS_FAILURES):
            return self._page(request, 429, None)
        found = await self._rules.find(request.match_info["token"])
        if found is None:
            self._unknown.add(network)
            return self._page(request, 404, None)
        return found

    def _bucket(self) -> Bucket:
        return Bucket(CHANGES.a_second if self._door.settings.rate else 0, CHANGES.at_once)

    def _page(self, request: web.Request, status: int, found: Subscription | None, *, is_done: bool = False) -> web.Response:
        language = choose(None, found.locale) if found else language_of(request)
        template = self._shelf.template("unsubscribe.html", language)
        text = template.render(status=status, list_name=found and found.list_name, is_on=found and found.is_on, is_done=is_done)
        headers = {**HEADERS, "Cache-Control": "no-store", "Content-Language": language}
        return web.Response(status=status, text=text, content_type="text/html", headers=headers)


async def _fields_of(request: web.Request) -> Mapping[str, str]:
    """The fields of a short form, in either of the two encodings that RFC 8058 allows; none if it is not one."""
    content_type = request.headers.get("Content-Type", "")
    try:
        async with asyncio.timeout(BODY_S):
            raw = await request.read()
    except TimeoutError:
        return {}
    if len(content_type) > LONGEST_TYPE or len(raw) > LONGEST_BODY:
        return {}
    match content_type.partition(";")[0].strip().lower():
        case "application/x-www-form-urlencoded":
            return dict(parse_qsl(raw.decode("ascii", "replace"), keep_blank_values=True))
        case "multipart/form-data":
            return _parts_of(content_type, raw)
    return {}


def _parts_of(content_type: str, raw: bytes) -> Mapping[str, str]:
    message = message_from_bytes(
        b"Content-Type: %s\r\n\r\n%s" % (content_type.encode("ascii", "replace"), raw), policy=policy.HTTP
    )
    found = {}
    for part in message.iter_parts():
        body = part.get_payload(decode=True)
        found[str(part.get_param("name", "", "Content-Disposition"))] = (
            body.decode("ascii", "replace") if isinstance(body, bytes) else ""
        )
    return found
