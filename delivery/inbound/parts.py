"""The parts of a mail (MIME, RFC 2045 and 2046), as bytes that anybody may have written. It never raises, and takes linear time.

The email package reads a few fields only: given a whole mail, it takes seconds for megabytes, and recurses without an end.
"""

import re
from binascii import Error as NotBase64
from binascii import a2b_base64, a2b_qp
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_string, policy
from email.errors import MessageError
from email.message import Message
from itertools import islice

__all__ = ["CONTROLS", "MOST_DEPTH", "MOST_FIELD", "MOST_PARTS", "ODD", "Part", "mail_of", "parts_in", "text_in"]

MOST_PARTS = 100
MOST_DEPTH = 10
MOST_HEAD = 300_000  # bytes of the headers that are looked at
MOST_FIELD = 1_000  # characters of a header
MOST_ENCODED = 2_000_000  # bytes of a text, as it is encoded

_FIELD = re.compile(rb"^content-(?:type|disposition|transfer-encoding)[ \t]*:.*(?:\n[ \t].*)*", re.IGNORECASE | re.MULTILINE)
_HEADER_LINE = re.compile(rb"(?:From |[!-9;-~]+[ \t]*:)")
_FIRST_BOUNDARY = re.compile(rb"\n--(\S{1,200})[ \t]*\n")
ODD = (ValueError, LookupError, TypeError, AttributeError, AssertionError, MessageError)  # what the email package may raise

CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")

# Often written where the text is UTF-8. What is no UTF-8 is then Windows-1252, which has more letters than they.
_WESTERN = {"ascii", "us-ascii", "iso-8859-1", "latin1", "latin-1", "windows-1252", "cp1252", "utf-8", "utf8", ""}
_NO_CHARSETS = {"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape"}  # slow, or no charset at all
_BASE64_LINE = re.compile(rb"\s*[A-Za-z0-9+/]*={0,2}\s*(?:\n|\Z)")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")


@dataclass(frozen=True, repr=False)
class Part:
    """A part: its Content- fields, its content as it is encoded, and in how many others it is."""

    fields: Message
    content: bytes
    depth: int

    @property
    def kind(self) -> str:
        """Its type, in lower case, such as `text/plain`."""
        return self.fields.get_content_type()


def mail_of(raw: bytes) -> Part:
    """A mail as it came, as a part."""
    return _part(raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n"), 0)


def parts_in(part: Part) -> Iterator[Part] | None:
    """The parts that it is made of; None if it has no boundary between any, whatever its type says."""
    boundary = _boundary(part)
    return (_part(piece, part.depth + 1) for piece in _pieces(part.content, boundary)) if boundary else None


def text_in(part: Part) -> str:
    """Its content as text."""
    return _decoded(_bytes(part), _parameter(part.fields, "charset"))


def _part(raw: bytes, depth: int) -> Part:
    head, content = _halves(raw)
    found = islice(_FIELD.finditer(head[:MOST_HEAD]), 6)
    fields = "\n".join(_unlabelled(match[0][:MOST_FIELD]) for match in found)
    return Part(message_from_string(CONTROLS.sub("", fields) + "\n\n", policy=policy.compat32), content, depth)


def _halves(raw: bytes) -> tuple[bytes, bytes]:
    """The headers of a mail or part, and what follows the empty line below them."""
    if _HEADER_LINE.match(raw) is None:
        return b"", raw.removeprefix(b"\n")
    head, _, content = raw.partition(b"\n\n")
    return head, content


def _boundary(part: Part) -> bytes:
    """What stands between the parts: as it is declared, else as the first of its lines shows."""
    declared = _parameter(part.fields, "boundary").encode("utf-8", "replace")
    if declared and b"\n--" + declared in b"\n" + part.content:
        return declared
    shown = _FIRST_BOUNDARY.match(b"\n" + part.content.lstrip()[:MOST_FIELD])
    return shown[1] if shown else b""


def _pieces(content: bytes, boundary: bytes) -> Iterator[bytes]:
    lines = re.compile(rb"\n--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\n|\Z)")
    content, start = b"\n" + content, None
    for line in lines.finditer(content):
        if start is not None:
            yield content[start : line.start()]
        if line[1]:
            return
        start = line.end() + 1
    if start is not None:
        yield content[start:]


def _parameter(fields: Message, name: str) -> str:
    """A parameter of the content type, or nothing where it cannot be read."""
    try:
        return str(fields.get_boundary("") if name == "boundary" else fields.get_content_charset(""))
    except ODD:
        return ""


def _bytes(part: Part) -> bytes:
    content, encoding = part.content[:MOST_ENCODED], str(part.fields.get("content-transfer-encoding", "")).strip().lower()
    if encoding == "quoted-printable":
        return a2b_qp(content)
    if encoding == "base64" and _BASE64_LINE.match(content.lstrip()):
        return _from_base64(content)
    return content


def _from_base64(content: bytes) -> bytes:
    """What is readable of it: signs that do not belong to it are left out, and it may end anywhere."""
    signs = _NOT_BASE64.sub(b"", content)
    signs = signs[: len(signs) - (len(signs) % 4 == 1)]
    try:
        return a2b_base64(signs + b"=" * (-len(signs) % 4))
    except NotBase64:
        return content


def _decoded(content: bytes, charset: str) -> str:
    """As it is declared, then as UTF-8, then as Windows-1252; UTF-8 first where that is the likelier label's error."""
    charset = charset.strip().replace("_", "-")
    tried = ["utf-8"] if charset in _WESTERN or charset in _NO_CHARSETS else [charset, "utf-8"]
    for name in tried:
        try:
            return content.decode(name)
        except ODD:
            continue
    return content.decode("windows-1252", "replace")


def _unlabelled(content: bytes) -> str:
    return _decoded(content, "")
