"""What the Markdown of a lesson may contain: text, lists, quotations, links that are complete; nothing that is loaded."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token

SCHEMES = ("https", "mailto", "tel")


def _reading_all() -> MarkdownIt:
    """A parser that finds HTML and any link, so that they can be refused. Letters are made by one that knows no HTML."""
    parser = MarkdownIt("commonmark", {"html": True})
    parser.validateLink = lambda url: True  # type: ignore[method-assign]
    return parser


_PARSER = _reading_all()


def faults_of(text: str) -> Iterator[str]:
    """What is wrong with a lesson's Markdown, and what to do, each once."""
    if not text.strip():
        yield "has no text below its header: write the lesson there."
    yield from dict.fromkeys(fault for token in _tokens(text) if (fault := _fault(token)))


def _tokens(text: str) -> Iterator[Token]:
    for block in _PARSER.parse(text):
        yield block
        yield from block.children or ()


def _fault(token: Token) -> str | None:
    match token.type:
        case "html_block" | "html_inline":
            return "contains HTML or a script: write it in Markdown (and `<` as `\\<`)."
        case "image":
            return "contains an image: letters have none, say it in words."
        case "link_open" if not _is_safe(str(token.attrs.get("href", ""))):
            return "has a link that is not complete: it must begin with https:, mailto: or tel:."
    return None


def _is_safe(href: str) -> bool:
    try:
        url = urlsplit(href)
    except ValueError:
        return False
    return url.scheme in SCHEMES and bool(url.netloc if url.scheme == "https" else url.path)
