"""From the bytes of a mail to its text and the names of what is attached. It never raises: anyone may send anything."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.header import decode_header, make_header
from email.message import Message
from itertools import takewhile

from delivery.inbound.page_text import text_of_page
from delivery.inbound.parts import CONTROLS, MOST_DEPTH, MOST_FIELD, MOST_PARTS, ODD, Part, mail_of, parts_in, text_in

__all__ = ["MOST_CHARACTERS", "Body", "body_of"]

MOST_CHARACTERS = 200_000
LONGEST_NAME = 80

_INVISIBLE = re.compile("[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f]")
_LINE_ENDS = re.compile("\r\n?|[\x85\u2028\u2029]")


@dataclass(frozen=True, repr=False)
class Body:
    """The text of a mail, quotes included, and what is attached: names, or kinds where there is none."""

    text: str
    attachments: tuple[str, ...]


@dataclass(repr=False)
class _Reading:
    """What was found so far, and how many parts were looked at."""

    attachments: list[str] = field(default_factory=list)
    parts: int = 0


@dataclass(frozen=True, repr=False)
class _Text:
    text: str
    is_plain: bool


_NO_TEXT = _Text("", is_plain=False)


def body_of(raw: bytes) -> Body:
    """Read a mail as it came. Plain text is preferred; a page is only read where there is none."""
    reading = _Reading()
    found = _read(mail_of(raw), reading)
    return Body(_clean(found.text), tuple(reading.attachments))


def _clean(text: str) -> str:
    return CONTROLS.sub("", _LINE_ENDS.sub("\n", text[: 2 * MOST_CHARACTERS]))[:MOST_CHARACTERS]


# Parts


def _read(part: Part, reading: _Reading) -> _Text:
    reading.parts += 1
    if part.kind.startswith("multipart/"):
        return _read_parts(part, reading)
    name = _name(part)
    if part.kind in {"text/plain", "text/html"} and not _is_attached(part.fields):
        return _read_text(part)
    reading.attachments.append(name)
    return _NO_TEXT


def _read_parts(part: Part, reading: _Reading) -> _Text:
    parts = parts_in(part)
    if parts is None:
        return _read_text(part)
    if part.depth >= MOST_DEPTH:
        return _NO_TEXT
    found = [_read(one, reading) for one in takewhile(lambda _: reading.parts < MOST_PARTS, parts)]
    said = [one for one in found if one.text.strip()]
    return _best(said) if part.kind == "multipart/alternative" else _joined(said)


def _best(found: list[_Text]) -> _Text:
    return next((one for one in found if one.is_plain), found[0] if found else _NO_TEXT)


def _joined(found: list[_Text]) -> _Text:
    return _Text("\n\n".join(one.text.strip("\n") for one in found), all(one.is_plain for one in found))


# Fields


def _is_attached(fields: Message) -> bool:
    try:
        return fields.get_content_disposition() == "attachment" or bool(fields.get_param("filename", "", "content-disposition"))
    except ODD:
        return False


def _name(part: Part) -> str:
    try:
        name = str(make_header(decode_header(part.fields.get_filename("") or "")))
    except ODD:
        name = ""
    return _short(name) or _short(part.kind)


def _short(name: str) -> str:
    return " ".join(_INVISIBLE.sub("", CONTROLS.sub("", name[:MOST_FIELD])).split())[:LONGEST_NAME].strip()


# Texts


def _read_text(part: Part) -> _Text:
    text = text_in(part)
    if part.kind == "text/html":
        return _Text(text_of_page(text), is_plain=False)
    text = _LINE_ENDS.sub("\n", text[: 2 * MOST_CHARACTERS])
    return _Text(_unfolded(text, part.fields), is_plain=True)


def _unfolded(text: str, fields: Message) -> str:
    """Join the lines of paragraphs that the sender's client has broken (RFC 3676)."""
    try:
        is_flowed = str(fields.get_param("format", "")).lower() == "flowed"
        is_spaceless = str(fields.get_param("delsp", "")).lower() == "yes"
    except ODD:
        return text
    return "\n".join(_unflowed(text.split("\n"), is_spaceless)) if is_flowed else text


def _unflowed(lines: list[str], is_spaceless: bool) -> Iterator[str]:
    depth, words = -1, list[str]()
    for line in lines:
        now, said = _quoted_by(line)
        if words and (now != depth or said == "-- "):
            yield ">" * depth + " " * (depth > 0) + "".join(words)
            words = []
        depth, goes_on = now, said.endswith(" ") and said != "-- "
        words.append(said[:-1] if goes_on and is_spaceless else said)
        if not goes_on:
            yield ">" * depth + " " * (depth > 0) + "".join(words)
            words = []
    if words:
        yield ">" * depth + " " * (depth > 0) + "".join(words)


def _quoted_by(line: str) -> tuple[int, str]:
    said = line.lstrip(">")
    return len(line) - len(said), said.removeprefix(" ")
