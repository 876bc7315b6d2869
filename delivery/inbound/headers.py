"""What the header block of a mail says, read so that nobody who wrote it decides how: one reading, or none.

Whoever sends a mail chooses each of its bytes. The relay that checked it may read odd ones in another way than this module;
so whatever two readers could take for two different authors has no author here.
"""

import re
import unicodedata
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header
from functools import cached_property
from itertools import takewhile

import idna

__all__ = ["MOST_HEADER_BYTES", "Headers", "headers_of", "pieces", "without_comments"]

MOST_HEADER_BYTES = 256 * 1024
MOST_FIELDS = 1_000
LONGEST_MESSAGE_ID = 998  # the longest line of a mail: RFC 5322, section 2.1.1
LONGEST_SUBJECT = 200
MOST_DECODED = 4_000  # 200 characters in encoded words; the time of the standard library's decoder grows with the square
LONGEST_FROM = 2_000
LONGEST_LOCAL_PART = 64  # octets: RFC 5321, section 4.5.3.1.1
LONGEST_DOMAIN = 253

_FIELD = re.compile(rb"([!-9;-~]+)([ \t]*):")  # a name and the colon: RFC 5322, sections 2.2 and 4.5.3
_TEXT = re.compile(r'[^"()]+')
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_TURN = re.compile(r"\\.|[()]", re.DOTALL)
_MAILBOX = re.compile(r'(?:[^<>@,;:\\\[\]]*<(?P<named>[^<>"\s]+)>|(?P<alone>[^<>"\s]+))')
_LOCAL_PART = re.compile(r"(?:[\w!#$%&'*+/=?^`{|}~-]|[^\x00-\x7f])+(?:\.(?:[\w!#$%&'*+/=?^`{|}~-]|[^\x00-\x7f])+)*", re.ASCII)
_DOMAIN = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9-]{1,63}(?<!-))*")
_SHOWN = {'"': '""', "(": " "}  # what stands for a quoted string and for a comment


@dataclass(frozen=True, repr=False)
class Headers:
    """The fields of a mail, as (name in lower case, value) from top to bottom; each value on one line, otherwise as it came.

    ``is_sound`` is False where readers differ about which fields there are (see ``headers_of``): the mail has no author then.
    """

    fields: tuple[tuple[str, str], ...]
    is_sound: bool

    def all(self, name: str) -> list[str]:
        """The values of every field of this name, from top to bottom."""
        wanted = name.lower()
        return [value for found, value in self.fields if found == wanted]

    @cached_property
    def message_id(self) -> str | None:
        """The Message-ID without its angle brackets (RFC 5322, section 3.6.4); None unless there is exactly one usable."""
        found = {value.removeprefix("<").removesuffix(">").strip() for value in self.all("Message-ID")}
        only = found.pop() if len(found) == 1 else ""
        is_usable = 0 < len(only) <= LONGEST_MESSAGE_ID and only.isprintable() and not any(one in only for one in "<> ")
        return only if is_usable else None

    @cached_property
    def subject(self) -> str:
        """The first Subject, decoded (RFC 2047), on one line without control or bidi characters; "" if there is none."""
        value = next(iter(self.all("Subject")), "")[:MOST_DECODED]
        plain = " ".join((_decoded(value) or value).split())
        return "".join(one for one in plain if not _is_hidden(one))[:LONGEST_SUBJECT].strip()

    @cached_property
    def author(self) -> str | None:
        """The one author as `local@domain`, spelt as in the mail (RFC 5322, section 3.6.2; RFC 6532); None in any doubt."""
        found = self.all("From")
        return _only_address(found[0]) if self.is_sound and len(found) == 1 else None


def headers_of(raw: bytes) -> Headers:
    """Read the fields of a mail, up to its first empty line (RFC 5322, section 2.2). Any bytes will do.

    Read leniently: what is no field is left out. But not ``is_sound`` where another reader could see other fields: bare CR, a
    bare LF beside CRLF (even if CRLF comes after the fields), NUL, lines that are blank or no field, space before a colon,
    more than is looked at.
    """
    lines, is_sound = _lines(raw[: MOST_HEADER_BYTES + 1])
    unfolded = _unfolded(lines)
    found = [(match, line) for line in unfolded[:MOST_FIELDS] if (match := _FIELD.match(line))]
    are_all = len(found) == len(unfolded) and not any(match[2] for match, _ in found)
    fields = tuple((match[1].decode().lower(), _text(line[match.end() :])) for match, line in found)
    return Headers(fields, is_sound and are_all)


def _lines(head: bytes) -> tuple[list[bytes], bool]:
    """The lines before the first empty one, without their ends; and whether every reader sees these lines."""
    is_cut = len(head) > MOST_HEADER_BYTES
    *ended, last = head[:MOST_HEADER_BYTES].split(b"\n")
    lines = ended if is_cut else [*ended, last]
    block = list(takewhile(lambda line: line not in {b"", b"\r"}, lines))
    is_whole = len(block) < len(lines) or not is_cut
    has_one_end = b"\r\n" not in head or all(line.endswith(b"\r") for line in ended[: len(block) + 1])
    bare = [line.removesuffix(b"\r") for line in block]
    is_clean = all(line.strip(b" \t") and not (b"\r" in line or b"\0" in line) for line in bare)
    return bare, is_whole and has_one_end and is_clean


def _unfolded(lines: list[bytes]) -> list[bytes]:
    """One line for each field: what begins with a space or a tab continues the line before (RFC 5322, section 2.2.3)."""
    groups: list[list[bytes]] = []
    for line in lines:
        if groups and line[:1] in {b" ", b"\t"}:
            groups[-1].append(line)
        else:
            groups.append([line])
    return [b"".join(group) for group in groups]


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace").strip(" \t")


def _decoded(text: str) -> str | None:
    """Encoded words as text (RFC 2047); None if one is broken. Only ASCII has encoded words: other texts stay as they are."""
    if not text.isascii():
        return text
    try:
        return "".join(_in_charset(part, charset) for part, charset in decode_header(text))
    except (HeaderParseError, ValueError):
        return None


def _in_charset(part: bytes | str, charset: str | None) -> str:
    if isinstance(part, str):
        return part
    try:
        return part.decode(charset or "ascii", "replace")
    except (LookupError, ValueError):  # no such charset, or none that can replace
        return part.decode("latin-1")


def _is_hidden(one: str) -> bool:
    """Whether a character is invisible or turns the text around it; not the joiners, which some scripts need."""
    return unicodedata.category(one) in {"Cc", "Cf", "Cs"} and one not in "\u200c\u200d"


def pieces(value: str) -> list[str] | None:
    """Cut a value into text, "quoted strings" and (comments), each as it stands (RFC 5322, sections 3.2.2 and 3.2.4).

    None if one of them does not end, or ends without a beginning. The time is linear.
    """
    found, at = [], 0
    while at < len(value):
        end = _end_of_piece(value, at)
        if end is None:
            return None
        found.append(value[at:end])
        at = end
    return found


def _end_of_piece(value: str, start: int) -> int | None:
    if value[start] == "(":
        return _end_of_comment(value, start)
    match = (_QUOTED if value[start] == '"' else _TEXT).match(value, start)
    return match.end() if match else None


def _end_of_comment(value: str, start: int) -> int | None:
    depth = 0
    for turn in _TURN.finditer(value, start):
        depth += {"(": 1, ")": -1}.get(turn[0], 0)
        if not depth:
            return turn.end()
    return None


def without_comments(value: str) -> str | None:
    """A value with a space for each comment; None if it cannot be cut into ``pieces``."""
    found = pieces(value)
    return None if found is None else "".join(" " if piece[0] == "(" else piece for piece in found)


def _only_address(value: str) -> str | None:
    """The address of a From field: `address` or `name <address>`, with comments outside it; None if it has two readings."""
    found = None if _is_odd(value) else pieces(value)
    if found is None or any(_misleads(piece) for piece in found):
        return None
    match = _MAILBOX.fullmatch("".join(_SHOWN.get(piece[0], piece) for piece in found).strip())
    address = match and (match["named"] or match["alone"])
    return address if address and _is_address(address) else None


def _is_odd(value: str) -> bool:
    """Whether a From is too long, was not UTF-8, or has signs of an address that show only once it is decoded or mapped."""
    if len(value) > LONGEST_FROM or "\ufffd" in value:
        return True
    decoded = _decoded(value)
    if decoded is None or "=?" in decoded or _has_controls(value) or _has_controls(decoded):
        return True
    mapped = unicodedata.normalize("NFKC", decoded)
    return any(mapped.count(sign) != value.count(sign) for sign in "@<>")


def _has_controls(text: str) -> bool:
    return any(unicodedata.category(one) == "Cc" for one in text if one != "\t")


def _misleads(piece: str) -> bool:
    """Whether a quoted string or a comment could be taken for (part of) an address by a reader who does not see its ends."""
    signs = {'"': "<>", "(": '<>@"\\,;:'}.get(piece[0], "")
    if piece[0] == '"' and "@" in piece:
        signs += "\\,;:()"
    return any(sign in piece[1:-1] for sign in signs)


def _is_address(address: str) -> bool:
    """Whether this is `local@domain`: no quoted local part, no domain literal, and in no other form than its own (NFKC)."""
    local, _, domain = address.rpartition("@")
    is_local = len(local.encode()) <= LONGEST_LOCAL_PART and _LOCAL_PART.fullmatch(local) is not None
    is_seen = all(unicodedata.category(one)[0] not in "CZ" for one in address)
    return is_local and is_seen and unicodedata.is_normalized("NFKC", address) and _is_domain(domain.lower())


def _is_domain(domain: str) -> bool:
    if len(domain) > LONGEST_DOMAIN:
        return False
    try:
        return _DOMAIN.fullmatch(domain if domain.isascii() else idna.encode(domain, strict=True).decode()) is not None
    except UnicodeError:  # IDNAError is one
        return False
