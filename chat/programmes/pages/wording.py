"""How programmes are put into words: titles, days and hours in the reader's language, and the Markdown of a lesson as HTML."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import cache

from babel.dates import format_date, get_day_names
from babel.lists import format_list
from markdown_it import MarkdownIt
from markupsafe import Markup

from chat.pages.words import say, sentence, typeset

__all__ = ["as_html", "beginning", "day_of", "hour_of", "in_language", "listed", "minutes_to_read", "weekday_of", "when"]

WORDS_A_MINUTE = 200
NO_BREAK = "\N{NO-BREAK SPACE}"


def in_language(texts: Mapping[str, str], language: str) -> str:
    """A text in a language, or in the first that there is; empty if there is none."""
    text = texts.get(language) or next(iter(texts.values()), "")
    return typeset(text) if language == "fr" else text


def day_of(day: date, today: date, language: str) -> str:
    """A day as people say it: "mardi 8 décembre"; with its year if that is not today's."""
    pattern = "EEEE d MMMM" if day.year == today.year else "EEEE d MMMM y"
    return format_date(day, pattern, locale="en_GB" if language == "en" else language)


def hour_of(minute: int, language: str) -> str:
    """A time of day, given in minutes after midnight: "9 h", "12 h 30" or "12:30"."""
    hour, rest = divmod(minute, 60)
    if language == "en":
        return f"{hour}:{rest:02}"
    return f"{hour}{NO_BREAK}h{NO_BREAK}{rest:02}" if rest else f"{hour}{NO_BREAK}h"


def weekday_of(weekday: int, language: str) -> str:
    """The name of a day of the week; 0 is Monday."""
    names: Mapping[int, str] = get_day_names("wide", locale="en_GB" if language == "en" else language)
    return names[weekday]


def when(wall: datetime, today: date, language: str) -> str:
    """A day with its hour: "mardi 8 décembre à 12 h 30"."""
    minute = wall.hour * 60 + wall.minute
    words = sentence("{day} à {hour}")
    return say(language, words, day=day_of(wall.date(), today, language), hour=hour_of(minute, language))


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False})


def as_html(text: str, language: str) -> Markup:
    """The HTML of a lesson's Markdown. HTML in it is shown, not obeyed; the import refuses it besides."""
    return Markup(_parser().render(typeset(text) if language == "fr" else text))  # noqa: S704 (made by the parser, which escapes)


def beginning(text: str, language: str) -> str:
    """The first paragraph of a lesson, without its Markdown."""
    inline = next((token for token in _parser().parse(text) if token.type == "inline"), None)
    words = "".join(" " if child.type.endswith("break") else child.content for child in inline.children or ()) if inline else ""
    return typeset(words) if language == "fr" else words


def listed(names: Sequence[str], language: str) -> str:
    """Names as a list in words: "Claire et Sam"."""
    return format_list(names, locale="en_GB" if language == "en" else language)


def minutes_to_read(text: str) -> int:
    """How many minutes a lesson takes to read, at least one."""
    return max(1, round(len(text.split()) / WORDS_A_MINUTE))
