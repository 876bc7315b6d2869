"""A lesson's Markdown as HTML for a letter, and as plain text. Pure. Whatever it contains, the result has no tag but ours.

Mail clients drop style sheets, so each element has its own styles; colours come from the letter's frame, which knows dark mode.
"""

import re
from collections.abc import Iterator, Sequence

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup

SAFE = re.compile(r"(https://|mailto:|tel:)", re.IGNORECASE)
FRENCH_SPACES = re.compile(r"(?<=«) | (?=[»;:!?])")
SERIF = "font-family: Charter, 'Bitstream Charter', Cambria, Georgia, serif;"
STYLES = {
    "paragraph_open": "margin: 0 0 16px;",
    "heading_open": f"margin: 8px 0 8px; {SERIF} font-size: 19px; line-height: 1.3; font-weight: 600;",
    "bullet_list_open": "margin: 0 0 16px; padding: 0 0 0 24px;",
    "ordered_list_open": "margin: 0 0 16px; padding: 0 0 0 28px;",
    "list_item_open": "margin: 0 0 6px;",
    "link_open": "color: #1d5c4d;",
    "hr": "margin: 8px 0 24px; border: 0; border-top: 1px solid #e4dccf;",
    "code_block": "white-space: pre-wrap;",
    "fence": "white-space: pre-wrap;",
}
# A quotation is the aside of a lesson, « À essayer ». A table, since Outlook knows no padding elsewhere.
ASIDE = (
    '<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" style="margin: 0 0 20px;"><tr>'
    '<td class="aside" style="padding: 18px 22px 2px; background-color: #f3ede3; border-left: 4px solid #1d5c4d;'
    ' border-radius: 10px; font-size: 17px; line-height: 1.6;">'
)


def _parser() -> MarkdownIt:
    made = MarkdownIt("commonmark", {"html": False}).disable("image")
    made.validateLink = lambda url: bool(SAFE.match(url))  # type: ignore[method-assign]
    made.add_render_rule("blockquote_open", _aside_open)
    made.add_render_rule("blockquote_close", _aside_close)
    return made


def _aside_open(_self: RendererHTML, _tokens: Sequence[Token], _at: int, _options: object, _env: object) -> str:
    return ASIDE


def _aside_close(_self: RendererHTML, _tokens: Sequence[Token], _at: int, _options: object, _env: object) -> str:
    return "</td></tr></table>\n"


_PARSER = _parser()


def _parsed(text: str) -> list[Token]:
    """The blocks, with French spaces that no line breaks at: within « » and before ; : ! ?."""
    tokens = _PARSER.parse(text)
    for token in _all(tokens):
        if token.type == "text":
            token.content = FRENCH_SPACES.sub("\N{NO-BREAK SPACE}", token.content)
    return tokens


def to_html(text: str) -> Markup:
    """The body of a letter. A heading is one level below the title."""
    tokens = _parsed(text)
    for token in _all(tokens):
        if style := STYLES.get(token.type):
            token.attrSet("style", style)
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(int(token.tag[1:]) + 1, 6)}"
    return Markup(_PARSER.renderer.render(tokens, _PARSER.options, {}))  # noqa: S704 (the parser escapes all but its own tags)


def _all(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from token.children or ()


def to_plain(text: str) -> str:
    """The same as plain text: lists keep their marks, an aside is indented, a link is followed by its address."""
    return "\n".join(_Plain().lines(_parsed(text))).strip("\n")


class _Plain:
    """Writes blocks as lines. ``_indents`` are what each line begins with; ``_counts`` the next number of each list."""

    def __init__(self) -> None:
        self._indents: list[str] = []
        self._counts: list[int | None] = []
        self._mark = ""

    def lines(self, tokens: Sequence[Token]) -> Iterator[str]:
        for token in tokens:
            self._enter_or_leave(token)
            yield from self._said(token)

    def _enter_or_leave(self, token: Token) -> None:
        match token.type:
            case "blockquote_open":
                self._indents.append("    ")
            case "bullet_list_open":
                self._counts.append(None)
            case "ordered_list_open":
                self._counts.append(int(token.attrs.get("start", 1)))
            case "list_item_open":
                self._mark = self._next_mark()
                self._indents.append(" " * len(self._mark))
            case "blockquote_close" | "list_item_close":
                self._indents.pop()
            case "bullet_list_close" | "ordered_list_close":
                self._counts.pop()

    def _next_mark(self) -> str:
        count = self._counts[-1]
        if count is None:
            return "– "
        self._counts[-1] = count + 1
        return f"{count}. "

    def _said(self, token: Token) -> Iterator[str]:
        match token.type:
            case "inline":
                yield from self._indented(_inline(token.children or []))
            case "code_block" | "fence":
                yield from (*self._indented(token.content.rstrip("\n")), "")
            case "hr":
                yield from (*self._indented("* * *"), "")
            case "paragraph_close" | "heading_close" | "bullet_list_close" | "ordered_list_close" if not token.hidden:
                yield ""

    def _indented(self, text: str) -> Iterator[str]:
        for line in text.split("\n"):
            before = "".join(self._indents)
            yield f"{before[: len(before) - len(self._mark)]}{self._mark}{line}".rstrip()
            self._mark = ""


def _inline(tokens: Sequence[Token]) -> str:
    """The text of a paragraph. A link to what its text says is not repeated."""
    said, open_links = [""], []
    for token in tokens:
        match token.type:
            case "text" | "code_inline":
                said[-1] += token.content
            case "softbreak":
                said[-1] += " "
            case "hardbreak":
                said[-1] += "\n"
            case "link_open":
                open_links.append(str(token.attrs["href"]))
                said.append("")
            case "link_close":
                text, href = said.pop(), open_links.pop()
                said[-1] += text if href.endswith(text) else f"{text} ({href})"
    return "".join(said)
