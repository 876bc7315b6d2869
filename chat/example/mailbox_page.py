"""The example's page of letters: what would have reached the mailboxes. Only `ailo demo` adds it.

A letter's own HTML is not trusted: it is shown in a sandboxed frame under a policy that lets nothing run or load.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from importlib.resources import as_file, files
from typing import Protocol
from zoneinfo import ZoneInfo

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from chat.pages.assets import CONTENT_POLICY, HEADERS, STYLES
from chat.pages.words import Words, static_folder
from storage.accounts.accounts import DEFAULT_ZONE

__all__ = ["Letter", "add_mailbox"]

PAGE_POLICY = f"{CONTENT_POLICY}; frame-src 'self'"
LETTER_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"
FILES = {"/mailbox/mailbox.css": "text/css", "/mailbox/mailbox.js": "text/javascript"}


class Letter(Protocol):
    """A letter as a mail client would show it."""

    @property
    def id(self) -> str: ...
    @property
    def at(self) -> datetime: ...
    @property
    def recipient(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def html(self) -> str: ...


Letters = Callable[[], Sequence[Letter]]


def add_mailbox(app: web.Application, letters: Letters) -> None:
    """Add the page; ``letters`` reads them all, newest first, and may block."""
    template = _template()

    async def page(_: web.Request) -> web.Response:
        text = template.render(letters=await asyncio.to_thread(letters), told=_told)
        return _answer(text, "text/html", PAGE_POLICY)

    async def letter(request: web.Request) -> web.Response:
        found = await asyncio.to_thread(letters)
        html = next((one.html for one in found if one.id == request.match_info["letter"]), None)
        if html is None:
            raise web.HTTPNotFound
        return _answer(html, "text/html", LETTER_POLICY)

    async def file(request: web.Request) -> web.Response:
        text = (files("chat.example") / request.path.rpartition("/")[2]).read_text("utf-8")
        return _answer(text, FILES[request.path], CONTENT_POLICY)

    app.router.add_get("/mailbox", page)
    for path in FILES:
        app.router.add_get(path, file)
    app.router.add_get("/mailbox/{letter}", letter)


def _template() -> Template:
    words = Words.of("fr")
    with as_file(files("chat.example")) as folder:
        pages = Environment(
            loader=FileSystemLoader([folder, static_folder() / "pages"]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        pages.globals.update(_=words.translate, language="fr", styles=STYLES, at=str)
        return pages.get_template("mailbox.html")


def _told(at: datetime) -> str:
    return at.astimezone(ZoneInfo(DEFAULT_ZONE)).strftime("%d/%m/%Y, %H:%M:%S")


def _answer(text: str, kind: str, policy: str) -> web.Response:
    headers = {**HEADERS, "Cache-Control": "no-store", "Content-Security-Policy": policy}
    return web.Response(text=text, content_type=kind, headers=headers)
