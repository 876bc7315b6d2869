"""The texts of Ailo's interface, in French and in English.

The French sentence is the key: pages and code contain it, and French needs no catalogue. `static/words/en/` has the English, one
file per domain. A sentence without a translation is shown in French; a test finds those.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from babel.messages.pofile import read_po

from storage.accounts.accounts import LANGUAGES

__all__ = ["PREFERENCE", "Words", "add_words", "choose", "say", "sentence", "static_folder"]

_NARROW: Final = re.compile(r" (?=[:;?!»])|(?<=«) |(?<=\d) (?=\d)")
PREFERENCE: Final = "ailo-language"
"""The cookie with the account's language; it contains nothing else and grants no access."""


def say(language: str, sentence: str, **values: object) -> str:
    """Translate a French sentence into one of `LANGUAGES` (any other means French), with its `{names}` filled in."""
    return Words.of(language).translate(sentence, **values)


def sentence(french: str) -> str:
    """Mark a sentence that is translated where it is shown: the tests find it, and its English, by this call."""
    return french


def choose(accept_language: str | None, preferred: str | None = None) -> str:
    """Choose the language of a page: the preferred one if supported, else what the browser requests, else French."""
    if preferred in LANGUAGES:
        return preferred
    return next((language for language in _asked_for(accept_language or "") if language in LANGUAGES), LANGUAGES[0])


def _asked_for(accept_language: str) -> list[str]:
    """The primary languages of an Accept-Language header (RFC 9110, 12.5.4), the most preferred first."""
    wanted = []
    for part in accept_language[:1000].split(","):
        tag, _, quality = part.partition(";")
        weight = _weight(quality)
        if weight > 0:
            wanted.append((weight, tag.strip().lower().partition("-")[0]))
    return [language for _, language in sorted(wanted, key=lambda pair: -pair[0])]


def _weight(quality: str) -> float:
    try:
        return float(quality.strip().removeprefix("q=") or 1)
    except ValueError:
        return 0.0


def static_folder() -> Path:
    """Locate the files that the browser loads: inside the installed package, else next to it in the source tree."""
    inside = Path(__file__).parents[1] / "static"
    return inside if inside.is_dir() else inside.parents[1] / "static"


FOLDERS: Final = [static_folder()]
"""Where catalogues are looked up, below `words/`: our own static folder, then those that features add."""


def add_words(folders: Iterable[Path]) -> None:
    """Add the catalogues of these static folders to all later translations."""
    FOLDERS.extend(folder for folder in folders if folder not in FOLDERS)


class Words:
    """The catalogue of one language."""

    def __init__(self, language: str, sentences: Mapping[str, str | tuple[str, ...]]) -> None:
        self.language = language
        self.sentences = sentences

    @staticmethod
    def of(language: str) -> "Words":
        return _load(language if language in LANGUAGES else LANGUAGES[0], tuple(FOLDERS))

    def translate(self, sentence: str, **values: object) -> str:
        said = self.sentences.get(sentence) or typeset(sentence)
        text = said if isinstance(said, str) else said[0]
        return text.format_map(values) if values else text

    def for_pages(self, modules: str) -> dict[str, str | list[str]]:
        """The catalogue that the pages fetch: each French sentence that occurs in their modules, with its translation, or with
        its singular and plural."""
        spoken = {key: said for key, said in self.sentences.items() if f'"{key}"' in modules}
        return {key: said if isinstance(said, str) else list(said) for key, said in spoken.items()}


def typeset(sentence: str) -> str:
    """Insert narrow no-break spaces where French typography requires them: the sources use plain spaces."""
    return _NARROW.sub("\N{NARROW NO-BREAK SPACE}", sentence)


@cache
def _load(language: str, folders: tuple[Path, ...]) -> Words:
    files = [file for folder in folders for file in sorted((folder / "words" / language).glob("*.po"))]
    return Words(language, {key: said for file in files for key, said in _read(file, language)})


def _read(file: Path, language: str) -> Iterator[tuple[str, str | tuple[str, ...]]]:
    with file.open("rb") as opened:
        catalogue = read_po(opened, locale=language, abort_invalid=True)
    for message in catalogue:
        if message.id and message.string and not message.fuzzy:
            key = message.id if isinstance(message.id, str) else message.id[0]
            yield key, message.string if isinstance(message.string, str) else tuple(message.string)
