"""From the bytes of a mail to its text and the names of what is attached. It never raises: anyone may send anything.

The email package reads a few fields only: given a whole mail, it takes seconds for megabytes, and recurses without an end.
"""

import re
from binascii import Error as NotBase64
from binascii import a2b_base64, a2b_qp
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_string, policy
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from html.parser import HTMLParser
from itertools import islice, takewhile

__all__ = ["MOST_CHARACTERS", "MOST_DEPTH", "MOST_PARTS", "Body", "body_of"]

MOST_CHARACTERS = 200_000
MOST_PARTS = 100
MOST_DEPTH = 10
MOST_HEAD = 300_000  # bytes of the headers that are looked at
MOST_FIELD = 1_000  # characters of a header
MOST_ENCODED = 2_000_000  # bytes of a text, as it is encoded
MOST_HTML = 300_000  # characters of a page, without its comments and its pictures
LONGEST_NAME = 80

_FIELD = re.compile(rb"^content-(?:type|disposition|transfer-encoding)[ \t]*:.*(?:\n[ \t].*)*", re.IGNORECASE | re.MULTILINE)
_HEADER_LINE = re.compile(rb"(?:From |[!-9;-~]+[ \t]*:)")
_FIRST_BOUNDARY = re.compile(rb"\n--(\S{1,200})[ \t]*\n")
_ODD = (ValueError, LookupError, TypeError, AttributeError, AssertionError, MessageError)  # what the email package may raise

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")
_INVISIBLE = re.compile("[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f]")
_LINE_ENDS = re.compile("\r\n?|[\x85\u2028\u2029]")

# Often written where the text is UTF-8. What is no UTF-8 is then Windows-1252, which has more letters than they.
_WESTERN = {"ascii", "us-ascii", "iso-8859-1", "latin1", "latin-1", "windows-1252", "cp1252", "utf-8", "utf8", ""}
_NO_CHARSETS = {"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape"}  # slow, or no charset at all
_BASE64_LINE = re.compile(rb"\s*[A-Za-z0-9+/]*={0,2}\s*(?:\n|\Z)")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")


@dataclass(frozen=True, repr=False)
class Body:
    """The text of a mail, quotes included, and what is attached: names, or kinds where there is none."""

    text: str
    attachments: tuple[str, ...]


@dataclass(frozen=True, repr=False)
class _Part:
    fields: Message
    content: bytes
    depth: int

    @property
    def kind(self) -> str:
        return self.fields.get_content_type()


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
    found = _read(_part(raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n"), 0), reading)
    return Body(_clean(found.text), tuple(reading.attachments))


def _clean(text: str) -> str:
    return _CONTROLS.sub("", _LINE_ENDS.sub("\n", text[: 2 * MOST_CHARACTERS]))[:MOST_CHARACTERS]


# Parts


def _part(raw: bytes, depth: int) -> _Part:
    head, content = _halves(raw)
    found = islice(_FIELD.finditer(head[:MOST_HEAD]), 6)
    fields = "\n".join(_unlabelled(match[0][:MOST_FIELD]) for match in found)
    return _Part(message_from_string(_CONTROLS.sub("", fields) + "\n\n", policy=policy.compat32), content, depth)


def _halves(raw: bytes) -> tuple[bytes, bytes]:
    """The headers of a mail or part, and what follows the empty line below them."""
    if _HEADER_LINE.match(raw) is None:
        return b"", raw.removeprefix(b"\n")
    head, _, content = raw.partition(b"\n\n")
    return head, content


def _read(part: _Part, reading: _Reading) -> _Text:
    reading.parts += 1
    if part.kind.startswith("multipart/"):
        return _read_parts(part, reading)
    name = _name(part)
    if part.kind in {"text/plain", "text/html"} and not _is_attached(part.fields):
        return _read_text(part)
    reading.attachments.append(name)
    return _NO_TEXT


def _read_parts(part: _Part, reading: _Reading) -> _Text:
    boundary = _boundary(part)
    if not boundary:
        return _read_text(part)
    if part.depth >= MOST_DEPTH:
        return _NO_TEXT
    pieces = takewhile(lambda _: reading.parts < MOST_PARTS, _pieces(part.content, boundary))
    found = [_read(_part(piece, part.depth + 1), reading) for piece in pieces]
    said = [one for one in found if one.text.strip()]
    return _best(said) if part.kind == "multipart/alternative" else _joined(said)


def _best(found: list[_Text]) -> _Text:
    return next((one for one in found if one.is_plain), found[0] if found else _NO_TEXT)


def _joined(found: list[_Text]) -> _Text:
    return _Text("\n\n".join(one.text.strip("\n") for one in found), all(one.is_plain for one in found))


def _boundary(part: _Part) -> bytes:
    """What stands between the parts: as it is declared, else as the first of its lines shows."""
    declared = _asked(part.fields, "boundary").encode("utf-8", "replace")
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


# Fields


def _asked(fields: Message, name: str) -> str:
    """A parameter of the content type, or nothing where it cannot be read."""
    try:
        return str(fields.get_boundary("") if name == "boundary" else fields.get_content_charset(""))
    except _ODD:
        return ""


def _is_attached(fields: Message) -> bool:
    try:
        return fields.get_content_disposition() == "attachment" or bool(fields.get_param("filename", "", "content-disposition"))
    except _ODD:
        return False


def _name(part: _Part) -> str:
    try:
        name = str(make_header(decode_header(part.fields.get_filename("") or "")))
    except _ODD:
        name = ""
    return _short(name) or _short(part.kind)


def _short(name: str) -> str:
    return " ".join(_INVISIBLE.sub("", _CONTROLS.sub("", name[:MOST_FIELD])).split())[:LONGEST_NAME].strip()


# Texts


def _read_text(part: _Part) -> _Text:
    text = _decoded(_bytes(part), _asked(part.fields, "charset"))
    if part.kind == "text/html":
        return _Text(text_of_page(text), is_plain=False)
    text = _LINE_ENDS.sub("\n", text[: 2 * MOST_CHARACTERS])
    return _Text(_unfolded(text, part.fields), is_plain=True)


def _bytes(part: _Part) -> bytes:
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
        except _ODD:
            continue
    return content.decode("windows-1252", "replace")


def _unlabelled(content: bytes) -> str:
    return _decoded(content, "")


def _unfolded(text: str, fields: Message) -> str:
    """Join the lines of paragraphs that the sender's client has broken (RFC 3676)."""
    try:
        is_flowed = str(fields.get_param("format", "")).lower() == "flowed"
        is_spaceless = str(fields.get_param("delsp", "")).lower() == "yes"
    except _ODD:
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


# Pages

_TAG_OR_SIGN = re.compile(
    r"""(?P<tag></?[a-zA-Z][a-zA-Z0-9:-]{0,40}+(?=[\s/>])(?:[^<>"']|"[^"]{0,2000}+"|'[^']{0,2000}+'|["']){0,2000}+>)"""
    r"""|<[!?][^<>]*+>|<"""
)
_LONG_ADDRESS = re.compile(r"""\b(?:src|href)\s*=\s*(["'])data:[^"'<>]*+\1""", re.IGNORECASE)
_SPACES = re.compile("[ \t\n\r\f]+")
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|mso-hide\s*:\s*all", re.IGNORECASE)
_PLAIN_STYLE = re.compile(r"border(?:-left)?\s*:\s*(?:none|0)|border-(?:left-)?(?:width|style)\s*:\s*(?:none|0)", re.IGNORECASE)

_NO_MARGIN = re.compile(r"margin(?:-top|-bottom)?\s*:\s*0", re.IGNORECASE)

_LINES = {
    "address", "article", "aside", "body", "center", "dd", "div", "dl", "dt", "fieldset", "figure", "footer", "form", "h1",
    "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre", "section", "table", "tbody",
    "tfoot", "thead", "tr", "ul", "blockquote",
}  # fmt: skip
_SPACED = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "blockquote", "ul", "ol", "dl"}
_HIDDEN = {"head", "style", "script", "title", "template", "object", "svg", "noscript", "textarea", "select"}
_EMPTY = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"}
_CLASSES = {"moz-cite-prefix", "yahoo_quoted"}
_REPLIED = {"appendonsend", "divrplyfwdmsg"}
RULE = "_" * 32  # as Outlook writes it in plain text


def text_of_page(page: str) -> str:
    """The text of a page, a line per block; lines of others' words begin with `>`."""
    reader = _Page()
    reader.feed(_tame(page))
    reader.close()
    return reader.text()


def _tame(page: str) -> str:
    """Without comments, pictures that stand in it and signs that begin no tag: for these html.parser can take very long."""
    page = _LONG_ADDRESS.sub("", "".join(_uncommented(page)))
    return _TAG_OR_SIGN.sub(_tag_or_sign, page[:MOST_HTML]) + " "


def _tag_or_sign(found: re.Match[str]) -> str:
    return found["tag"] or ("&lt;" if found[0] == "<" else "")


def _uncommented(page: str) -> Iterator[str]:
    start = 0
    while (comment := page.find("<!--", start)) >= 0 and (end := page.find("-->", comment + 2)) >= 0:
        yield page[start:comment]
        start = end + 3
    yield page[start:]


@dataclass(frozen=True, repr=False)
class _Mark:
    """An element that hides or quotes what is in it: it ends when fewer of its name are open."""

    tag: str
    open_ones: int
    quotes: bool


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._lines: list[str] = []
        self._words: list[str] = []
        self._open: dict[str, int] = {}
        self._marks: list[_Mark] = []
        self._quoting = self._hiding = self._length = 0
        self._is_tight = self._was_replied = False
        self._gap: int | None = None
        self._numbers: list[int] = []

    def set_cdata_mode(self, *_: object, **__: object) -> None:
        """What stands in a style or script is left out as all that is hidden: an end that is missing costs no time."""

    def text(self) -> str:
        self._end_line()
        return "\n".join(self._lines).strip("\n")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "body":
            self._marks, self._quoting, self._hiding = [], 0, 0
        self._begin(tag, found)
        if tag not in _EMPTY:
            self._open[tag] = self._open.get(tag, 0) + 1
            self._mark(tag, found)
        self._show(tag, found)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs) if tag in _EMPTY else self._break(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag == "br":
            self._end_line(is_forced=True)
        self._break(tag)
        self._open[tag] = max(self._open.get(tag, 0) - 1, 0)
        while self._marks and self._marks[-1].open_ones > self._open.get(self._marks[-1].tag, 0):
            self._unmark(self._marks.pop())
        if tag in {"ul", "ol"} and self._numbers:
            self._numbers.pop()

    def handle_data(self, data: str) -> None:
        if self._hiding or self._length > 2 * MOST_CHARACTERS:
            return
        said = data if self._open.get("pre") else _SPACES.sub(" ", data)
        for number, line in enumerate(said.split("\n")):
            if number:
                self._end_line(is_forced=True)
            self._say(line)

    def _say(self, words: str) -> None:
        if not self._open.get("pre") and (not self._words or self._words[-1].endswith(" ")):
            words = words.lstrip(" ")
        if words:
            self._stand_apart()
            self._length += len(words)
            self._words.append(words)

    def _stand_apart(self) -> None:
        if self._gap is not None and self._lines and self._lines[-1].strip("> "):
            self._lines.append(_prefix(min(self._gap, self._quoting)).rstrip())
        self._gap = None

    def _end_line(self, is_forced: bool = False) -> None:
        """Two empty lines never follow each other."""
        if self._hiding or not (self._words or is_forced):
            return
        said = "".join(self._words).replace("\N{NO-BREAK SPACE}", " ")
        line = said.rstrip() if said != "-- " else said
        self._words = []
        if line or not self._lines or self._lines[-1].strip("> "):
            self._length += 1 + 2 * self._quoting
            self._lines.append(_prefix(self._quoting) + line if line else _prefix(self._quoting).rstrip())

    def _begin(self, tag: str, attributes: dict[str, str]) -> None:
        if tag in _SPACED:
            is_word = attributes.get("class", "").lower().startswith("mso")
            self._is_tight = is_word or (tag == "p" and _NO_MARGIN.search(attributes.get("style", "")) is not None)
        self._break(tag)

    def _break(self, tag: str) -> None:
        if tag in _LINES:
            self._end_line()
            if tag in _SPACED and not self._is_tight:
                self._gap = min(self._quoting, self._quoting if self._gap is None else self._gap)

    def _show(self, tag: str, attributes: dict[str, str]) -> None:
        """What a tag itself shows: a line's end, the sign before an item, a drawn smile."""
        if tag == "br":
            self._end_line(is_forced=True)
        elif tag in {"ul", "ol"}:
            self._numbers.append(0 if tag == "ol" else -1)
        elif tag == "li":
            self._say(self._item())
        elif tag == "td":
            self._say(" ")
        elif tag == "img" and not self._hiding and 0 < len(attributes.get("alt", "")) <= 8 and not attributes["alt"].isascii():
            self._say(attributes["alt"])

    def _item(self) -> str:
        if self._hiding or not self._numbers or self._numbers[-1] < 0:
            return "" if self._hiding else "- "
        self._numbers[-1] += 1
        return f"{self._numbers[-1]}. "

    def _mark(self, tag: str, attributes: dict[str, str]) -> None:
        style = attributes.get("style", "")
        if tag in _HIDDEN or "hidden" in attributes or _HIDDEN_STYLE.search(style):
            self._marks.append(_Mark(tag, self._open[tag], quotes=False))
            self._hiding += 1
        elif _quotes(tag, attributes, style):
            self._marks.append(_Mark(tag, self._open[tag], quotes=True))
            self._quoting += 1
        elif attributes.get("id", "").lower() in _REPLIED and not self._quoting:
            self._reply_begins()

    def _unmark(self, mark: _Mark) -> None:
        if not mark.quotes:
            self._hiding -= 1
            return
        self._end_line()
        self._quoting -= 1

    def _reply_begins(self) -> None:
        if not self._was_replied:
            self._lines.append(RULE)
        self._was_replied = True


def _prefix(depth: int) -> str:
    return "> " * min(depth, MOST_DEPTH)


def _quotes(tag: str, attributes: dict[str, str], style: str) -> bool:
    """Whether others' words are in it. A block that is only set in further has no line at its left."""
    if tag == "blockquote":
        return "cite" in attributes or attributes.get("type") == "cite" or _PLAIN_STYLE.search(style) is None
    return bool(_CLASSES & set(attributes.get("class", "").lower().split()[:20]))
