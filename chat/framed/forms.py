"""Forms that work without a script: what was typed is read strictly, checked, and shown again beside what is wrong with it.

A form is posted to the page's own path. Fine: act, then ``FramedPages.go``. Not fine: show the same template again with the
``Form`` and status 422; nothing was done.
"""

import asyncio
from collections.abc import Collection, Mapping
from datetime import date
from typing import Final
from urllib.parse import parse_qsl

from aiohttp import web

from chat.auth.door import DOOR, HttpRefusal
from chat.auth.json_http import BODY_S
from chat.pages.words import sentence
from chat.protocol.frames import Code
from chat.protocol.shown_text import is_seen

__all__ = ["LARGEST", "Form", "form_of", "typed_in"]

LARGEST: Final = 96 * 1024
MOST_FIELDS: Final = 200
KIND: Final = "application/x-www-form-urlencoded"


class Form:
    """What was typed into a form, and what is wrong with it. ``errors`` has a French ``sentence`` for each refused field."""

    def __init__(self, typed: Mapping[str, list[str]] | None = None) -> None:
        self._typed = typed or {}
        self.errors: dict[str, str] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._typed

    @property
    def is_fine(self) -> bool:
        """Whether nothing was refused."""
        return not self.errors

    def refuse(self, name: str, why: str) -> None:
        """Refuse a field, with a French ``sentence`` that says what to do. The first reason stands."""
        self.errors.setdefault(name, why)

    def typed(self, name: str, default: object = "") -> str:
        """What was typed into a field, as it was; the default before anything was."""
        return self._typed[name][0] if name in self._typed else str(default)

    def all_typed(self, name: str) -> list[str]:
        """Every value of a field that can be chosen several times."""
        return self._typed.get(name, [])

    def fields(self) -> list[tuple[str, str]]:
        """All that was typed, in order: to be sent again."""
        return [(name, value) for name, values in self._typed.items() for value in values]

    # Reading: each returns what was meant, or refuses the field.

    def text(self, name: str, *, longest: int, required: str = "") -> str:
        """A text without white space around it. ``required`` is what to say if there is none."""
        text = self.typed(name).replace("\r\n", "\n").strip()
        if required and not is_seen(text):
            self.refuse(name, required)
        if len(text) > longest or "\0" in text:
            self.refuse(name, sentence("C’est trop long pour ce champ."))
        return text

    def choice(self, name: str, among: Collection[str], why: str = sentence("Choisissez une des réponses.")) -> str:
        """One of some values; empty if refused."""
        chosen = self.typed(name)
        if chosen in among:
            return chosen
        self.refuse(name, why)
        return ""

    def number(self, name: str, minimum: int, maximum: int, why: str) -> int:
        """A whole number; the minimum if refused. Spaces in it do not matter."""
        raw = "".join(self.typed(name).split())
        if raw.isascii() and raw.isdigit() and len(raw) <= 16 and minimum <= int(raw) <= maximum:
            return int(raw)
        self.refuse(name, why)
        return minimum

    def day(self, name: str, why: str = sentence("Indiquez une date, comme 2026-12-01.")) -> date | None:
        """A date as the native field sends it; None if empty or refused."""
        raw = self.typed(name).strip()
        try:
            return date.fromisoformat(raw) if raw else None
        except ValueError:
            self.refuse(name, why)
            return None

    def is_ticked(self, name: str) -> bool:
        """Whether a box was ticked: a browser sends nothing for one that was not."""
        return name in self._typed


async def typed_in(request: web.Request, largest: int = LARGEST) -> Form:
    """What a page posted. Raises HttpRefusal if it is no form, of more than ``largest`` bytes, or not there in time."""
    return Form(parsed(await _body_of(request, largest)))


async def form_of(request: web.Request) -> Form:
    """As ``typed_in``, for whoever is signed in. Raises HttpRefusal, too, if the session ended while the form arrived."""
    form = await typed_in(request)
    await request.app[DOOR].check_still_signed_in(request)
    return form


async def _body_of(request: web.Request, largest: int) -> bytes:
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != KIND:
        raise HttpRefusal(400, Code.BAD_REQUEST)
    try:
        async with asyncio.timeout(BODY_S):
            raw = await request.read()
    except TimeoutError:
        raise HttpRefusal(400, Code.BAD_REQUEST) from None
    except web.HTTPRequestEntityTooLarge:
        raise HttpRefusal(413, Code.BAD_REQUEST) from None
    if len(raw) > largest:
        raise HttpRefusal(413, Code.BAD_REQUEST)
    return raw


def parsed(raw: bytes) -> dict[str, list[str]]:
    """The fields of a form (URL Standard, application/x-www-form-urlencoded), strictly. Raises HttpRefusal."""
    try:
        pairs = parse_qsl(
            raw.decode("ascii"), keep_blank_values=True, strict_parsing=bool(raw), errors="strict", max_num_fields=MOST_FIELDS
        )
    except ValueError:  # of which UnicodeError is one
        raise HttpRefusal(400, Code.BAD_REQUEST) from None
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found
