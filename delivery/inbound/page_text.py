"""The text of a page (HTML), a line per block; lines of others' words begin with `>`. It never raises, and takes linear time."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser

__all__ = ["text_of_page"]

MOST_HTML = 300_000  # characters of a page, without its comments and its pictures
MOST_TEXT = 400_000  # characters of its text
MOST_QUOTES = 10  # around each other, that are shown as such

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
        if self._hiding or self._length > MOST_TEXT:
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
    return "> " * min(depth, MOST_QUOTES)


def _quotes(tag: str, attributes: dict[str, str], style: str) -> bool:
    """Whether others' words are in it. A block that is only set in further has no line at its left."""
    if tag == "blockquote":
        return "cite" in attributes or attributes.get("type") == "cite" or _PLAIN_STYLE.search(style) is None
    return bool(_CLASSES & set(attributes.get("class", "").lower().split()[:20]))
