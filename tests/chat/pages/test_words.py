"""The words: every sentence has one English translation, French typography is kept, and pages use the reader's language."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from chat.accounts import preferences
from chat.auth import door
from chat.pages import words
from chat.protocol import refusals

ROOT = Path(__file__).parents[3]
ENGLISH = ROOT / "static/words/en"
SOURCES: list[tuple[str, str, str, Any]] = [  # folder, files, how they are parsed, and the calls whose arguments are sentences
    ("static", "pages/**.html", "jinja2.ext:babel_extract", {"_": None}),
    ("static", "**.js", "javascript", {"t": None, "tn": (1, 2)}),
    ("chat", "**.py", "python", {"say": (2,), "sentence": None}),
]

Sentence = str | tuple[str, ...]


@cache
def sentences_in_use() -> dict[Sentence, list[str]]:
    """All sentences of the pages and of the server, each with the places where it is used."""
    found = sentences_of_refusals()
    for folder, files, method, calls in SOURCES:
        options = {files: {"parse_template_string": "true"}} if method == "javascript" else {}
        for name, line, sentence, *_ in extract_from_dir(ROOT / folder, [(files, method)], options, calls):
            found.setdefault(sentence, []).append(f"{folder}/{name}:{line}")
    return found


def english() -> Iterator[tuple[Sentence, Sentence]]:
    for _, french, said in english_by_file():
        yield french, said


def english_by_file() -> Iterator[tuple[str, Sentence, Sentence]]:
    for path in sorted(ENGLISH.glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale="en", abort_invalid=True):
                if message.id:
                    yield path.stem, as_sentence(message.id), as_sentence(message.string or "")


def domains_of(places: Iterable[str]) -> set[str]:
    """The domains in whose folders a sentence is used; none for a page or a helper, which all domains share."""
    folders = {name for place in places for name in place.split("/")[:-1]}
    return {path.stem for path in ENGLISH.glob("*.po")} & (folders - {"pages"})


def sentences_of_refusals() -> dict[Sentence, list[str]]:
    """The server's sentences from tables, one for each code."""
    tables: dict[str, Iterable[str]] = {
        "chat/auth/door.py": door.WORDS.values(),
        "chat/protocol/refusals.py": refusals.SENTENCES.values(),
        "chat/accounts/preferences.py": preferences.Fault,
    }
    return {str(sentence): [place] for place, sentences in tables.items() for sentence in sentences}


def as_sentence(found: str | list[str] | tuple[str, ...]) -> Sentence:
    return found if isinstance(found, str) else tuple(found)


def parts(sentence: Sentence) -> tuple[str, ...]:
    return (sentence,) if isinstance(sentence, str) else sentence


def test_every_sentence_has_its_english() -> None:
    translated = {french for french, said in english() if all(parts(said))}
    missing = {sentence: places for sentence, places in sentences_in_use().items() if sentence not in translated}
    assert not missing


def test_no_english_is_left_over() -> None:
    assert {french for french, _ in english()} <= set(sentences_in_use())


def test_a_sentence_stands_in_one_file() -> None:
    """Compared by its singular, which is the key."""
    keys = [key for path in ENGLISH.glob("*.po") for key in re.findall(r'^msgid "(.+)"$', path.read_text("utf-8"), re.MULTILINE)]
    assert [key for key, times in Counter(keys).items() if times > 1] == []


def test_a_sentence_stands_in_the_file_of_its_domain() -> None:
    """A sentence of several domains is in the file for all of them, and only there."""
    refusals_only = set(sentences_of_refusals())
    wrong = {}
    for file, french, _ in english_by_file():
        domains = {"refusals"} if french in refusals_only else domains_of(sentences_in_use()[french])
        if file != "pages" and domains - {file}:
            wrong[french] = (file, domains)
    assert wrong == {}


def test_translations_keep_the_same_names() -> None:
    def names(sentence: Sentence) -> set[str]:
        return {name for part in parts(sentence) for name in re.findall(r"\{(\w+)\}", part)}

    assert [french for french, said in english() if names(french) != names(said)] == []


def test_french_is_written_with_care() -> None:
    wrong = re.compile(r"'|\w[?!;:](?!\w)|\.\.\.|[\u00a0\u202f]")
    assert [part for sentence in sentences_in_use() for part in parts(sentence) if wrong.search(part)] == []


def test_french_never_says_tu() -> None:
    familiar = re.compile(r"\b(tu|toi|ton|tes|ta)\b|\bt’", re.IGNORECASE)
    assert [part for sentence in sentences_in_use() for part in parts(sentence) if familiar.search(part)] == []


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "fr"),
        ("", "fr"),
        ("en", "en"),
        ("en-GB,en;q=0.9", "en"),
        ("de-DE,de;q=0.9", "fr"),
        ("fr;q=0.4, en;q=0.8", "en"),
        ("de, en;q=0.5, fr;q=0.6", "fr"),
        ("en;q=0, *", "fr"),
        ("en;q=lots", "fr"),
        (",;q=,;;", "fr"),
    ],
)
def test_a_page_speaks_what_the_browser_asks(header: str | None, language: str) -> None:
    assert words.choose(header) == language


def test_the_accounts_language_comes_first() -> None:
    assert words.choose("fr", preferred="en") == "en"


def test_an_unknown_preference_is_passed_over() -> None:
    assert words.choose("en", preferred="xx") == "en"


def test_english_is_said_in_english() -> None:
    assert words.say("en", "Se connecter") == "Sign in"


def test_french_is_said_as_it_stands() -> None:
    assert words.say("fr", "Se connecter") == "Se connecter"


def test_what_has_no_english_is_said_in_french() -> None:
    assert words.say("en", "Une phrase toute neuve") == "Une phrase toute neuve"


def test_names_are_filled_in() -> None:
    assert words.say("fr", "Bonjour {name}", name="Léa") == "Bonjour Léa"


def test_french_spaces_never_break() -> None:
    assert words.say("fr", "Qui y a accès ?") == "Qui y a accès\u202f?"


def test_english_keeps_its_own_spaces() -> None:
    assert words.say("en", "Qui y a accès ?") == "Who has access?"


def test_an_unknown_language_is_french() -> None:
    assert words.say("xx", "Se connecter") == "Se connecter"


def test_pages_get_singular_and_plural() -> None:
    modules = 'tn("{n} nouveau message", "{n} nouveaux messages", count)'
    assert words.Words.of("en").for_pages(modules) == {"{n} nouveau message": ["{n} new message", "{n} new messages"]}
