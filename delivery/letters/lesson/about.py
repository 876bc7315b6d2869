"""What an answer to a lesson is about: the reply address names the lesson, the message begins with its title."""

import json
import logging
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from storage.crypto.guarding import Guard
from storage.engine.database import Reader
from storage.errors import CannotOpen
from storage.programmes import programmes

__all__ = ["named", "said"]

log = logging.getLogger("ailo.delivery")

HERE = Path(__file__).parent
LONGEST_TITLE = 200
LANGUAGES = ("fr", "en")


def named(programme: str, lesson: str) -> str:
    """A lesson, as a reply address names it."""
    return f"{programme}/{lesson}"


async def said(reader: Reader, guard: Guard, lesson: str, locale: str) -> str:
    """The words with which a message about a lesson begins; none if there is no such lesson any more, or none that opens."""
    try:
        titles = await _titles(reader, guard, *lesson.partition("/")[::2])
    except CannotOpen as error:
        log.error("alert: a lesson that is answered cannot be opened: %s", type(error).__name__)
        titles = {}
    if not titles:
        return ""
    title = titles.get(locale) or next(iter(titles.values()))
    return _words(locale if locale in LANGUAGES else LANGUAGES[0]).format(title=title[:LONGEST_TITLE])


async def _titles(reader: Reader, guard: Guard, name: str, key: str) -> Mapping[str, str]:
    """The titles of a lesson by language; none if there is no such lesson. Raises CannotOpen."""
    programme = await programmes.find(reader, guard, name)
    if programme is None or not await programmes.is_published(reader, name, key):
        return {}
    plan = await programmes.plan(reader, guard, name, programme.published)
    return plan.lessons[plan.place(key)].titles


@cache
def _words(language: str) -> str:
    words: str = json.loads((HERE / f"{language}.json").read_text("utf-8"))["about"]
    return words
