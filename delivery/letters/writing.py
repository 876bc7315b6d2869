"""Writes a letter's bytes: the same that the email package writes, of which it needs a fiftieth of the time.

Most of a letter is the same for everybody. So what depends on nothing but one line of a body, or one header, is worked out
once, by the email package itself, and remembered; the headers of each letter's own are put together here where they are plain,
and left to the email package where they are not. A test compares the two, byte by byte.
"""

import re
from datetime import datetime
from email import quoprimime
from email.headerregistry import Address, HeaderRegistry
from email.policy import SMTP
from email.utils import format_datetime
from functools import lru_cache
from typing import Any, Protocol

__all__ = ["NARROW", "UNFOLDED", "Writable", "Written"]

NARROW = SMTP.clone(max_line_length=76)  # the limit of quoted-printable (RFC 2045, 6.7); Python's own is 78
# Long ids in headers must not be folded: Python would fold inside them, and encode them. RFC 5322, 2.1.1 allows 998.
UNFOLDED = SMTP.clone(max_line_length=900)
LONGEST_PLAIN = 800
# A header that stands for itself: words of visible ASCII with single spaces between them, and nothing like an encoded word.
_PLAIN = re.compile(r"[!-~]+(?: [!-~]+)*")
_MAILBOX = re.compile(r"[A-Za-z0-9!#$%&'*+/^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/^_`{|}~-]+)*@[a-z0-9-]+(?:\.[a-z0-9-]+)*")
_ID = re.compile(r"<[A-Za-z0-9]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*>")
_STRUCTURED = frozenset(HeaderRegistry().registry)
# Each letter has another: not worth remembering.
_OWN = frozenset({"to", "date", "message-id"})


class Writable(Protocol):
    """As much of an ``EmailMessage`` as a letter needs to be written."""

    def __setitem__(self, name: str, value: Any, /) -> None: ...

    def set_content(self, text: str, /, *, cte: str) -> None: ...

    def add_alternative(self, text: str, /, *, subtype: str, cte: str) -> None: ...

    def set_boundary(self, boundary: str, /) -> None: ...


class Written:
    """A letter of two parts, text and HTML. Headers keep the order in which they were set."""

    def __init__(self) -> None:
        self._headers: list[tuple[str, str]] = []
        self._parts: list[bytes] = []
        self._boundary = ""

    def __setitem__(self, name: str, value: Any, /) -> None:
        """Set a header. Raises ValueError for what must not appear in one."""
        self._headers.append((name, _header(name, value)))

    def __getitem__(self, name: str, /) -> str:
        """The value of a header as it was written. Raises KeyError."""
        for found, line in self._headers:
            if found.lower() == name.lower():
                return line.partition(": ")[2].rstrip("\r\n")
        raise KeyError(name)

    def set_content(self, text: str, /, *, cte: str) -> None:
        self._parts = [b"", _part("plain", cte), _encoded(text)]

    def add_alternative(self, text: str, /, *, subtype: str, cte: str) -> None:
        self._headers += [("MIME-Version", "MIME-Version: 1.0\r\n"), ("Content-Type", "")]
        self._parts += [_part(subtype, cte, b"MIME-Version: 1.0\r\n"), _encoded(text)]

    def set_boundary(self, boundary: str, /) -> None:
        self._boundary = boundary
        line = f'Content-Type: multipart/alternative; boundary="{boundary}"\r\n'
        self._headers = [(name, line if name == "Content-Type" else value) for name, value in self._headers]

    def as_bytes(self) -> bytes:
        """The whole letter, with CRLF at the end of each line."""
        begin = f"\r\n--{self._boundary}\r\n".encode()
        _, plain, text, other, html = self._parts
        headers = "".join(line for _, line in self._headers).encode("ascii")
        return b"".join([headers, begin, plain, text, begin, other, html, f"\r\n--{self._boundary}--\r\n".encode()])


def _part(subtype: str, cte: str, more: bytes = b"") -> bytes:
    assert cte == "quoted-printable", cte
    kind = f'Content-Type: text/{subtype}; charset="utf-8"\r\nContent-Transfer-Encoding: {cte}\r\n'
    return kind.encode() + more + b"\r\n"


def _encoded(text: str) -> bytes:
    """A body in quoted-printable. Its lines are ended by CRLF, LF or CR."""
    return b"\r\n".join(map(_encoded_line, text.encode().splitlines())) + b"\r\n"


@lru_cache(4096)
def _encoded_line(line: bytes) -> bytes:
    return quoprimime.body_encode(line.decode("latin-1"), NARROW.max_line_length or 0, "\r\n").encode("ascii")


def _header(name: str, value: Any) -> str:
    """A header with the end of its line."""
    if (plain := _plain(name.lower(), value)) is not None and len(plain) <= LONGEST_PLAIN:
        return f"{name}: {plain}\r\n"
    if isinstance(value, Address):
        return _of_address(name, value.display_name, value.username, value.domain)
    return _by_the_package(name, value) if name.lower() in _OWN else _remembered(name, value)


def _plain(name: str, value: Any) -> str | None:
    """A value that is written as it is; None if that is for the email package to say."""
    if name == "date" and isinstance(value, datetime):
        return format_datetime(value)
    text = str(value)
    if name == "to":
        return text if _MAILBOX.fullmatch(text) else None
    if name == "message-id":
        return text if _ID.fullmatch(text) else None
    is_plain = name not in _STRUCTURED and _PLAIN.fullmatch(text) and "=?" not in text
    return text if is_plain else None


@lru_cache(64)
def _of_address(name: str, display_name: str, username: str, domain: str) -> str:
    return _by_the_package(name, Address(display_name, username, domain))


@lru_cache(256)
def _remembered(name: str, value: Any) -> str:
    return _by_the_package(name, value)


def _by_the_package(name: str, value: Any) -> str:
    return str(UNFOLDED.fold(*NARROW.header_store_parse(name, value)))
