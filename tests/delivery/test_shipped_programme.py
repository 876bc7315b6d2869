"""The programmes that Ailo ships: whole in both languages, one step at a time for each reader, short, and well set."""

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

PROGRAMMES = sorted(it for it in (Path(__file__).parents[2] / "delivery/programmes").iterdir() if it.is_dir())
LANGUAGES = {"fr", "en"}
NAMED = re.compile(r"(?P<number>\d\d)-(?P<slug>[a-z0-9]+(?:-[a-z0-9]+)*)\.(?P<language>fr|en)\.md")
OPENED = re.compile(r"\+\+\+\n(?P<header>.*?)\n\+\+\+\n(?P<text>.*)", re.DOTALL)
EXERCISE = {"fr": "> **À essayer**", "en": "> **To try**"}
STEPS = 8
NARROW = "\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{THIN SPACE}"


class Lesson(NamedTuple):
    """One file; `key` is what it shares with the same lesson in the other language."""

    key: str
    number: int
    language: str
    header: dict[str, Any]
    text: str

    @property
    def moment(self) -> dict[str, Any]:
        return {name: value for name, value in self.header.items() if name != "title"}

    @property
    def words(self) -> int:
        return len(re.findall(r"\w[\w’'-]*", self.text))

    def is_for(self, audience: str) -> bool:
        return self.header.get("audience", "everybody") in {"everybody", audience}


def lesson(file: Path) -> Lesson:
    name, parts = NAMED.fullmatch(file.name), OPENED.fullmatch(file.read_text("utf-8"))
    assert name, f"{file.name} is not called NN-slug.LANGUAGE.md"
    assert parts, f"{file.name} does not begin with a header between two lines of +++"
    key = f"{name['number']}-{name['slug']}"
    return Lesson(key, int(name["number"]), name["language"], tomllib.loads(parts["header"]), parts["text"])


@cache
def lessons(programme: Path) -> list[Lesson]:
    return [lesson(file) for file in sorted(programme.glob("*.md"))]


def sentences(programme: Path) -> Iterator[tuple[str, str, str]]:
    """Each lesson's file, its language, and all that is read of it: the title and the text."""
    for it in lessons(programme):
        yield f"{it.key}.{it.language}", it.language, f"{it.header['title']}\n{it.text}"


def found(programme: Path, pattern: str, *languages: str) -> list[tuple[str, str]]:
    """Where the pattern stands, with a few signs around it."""
    read = [(name, text) for name, language, text in sentences(programme) if language in languages]
    hits = [(name, text, hit) for name, text in read for hit in re.finditer(pattern, text, re.MULTILINE)]
    return [(name, text[max(0, hit.start() - 12) : hit.end() + 12]) for name, text, hit in hits]


every_programme = pytest.mark.parametrize("programme", PROGRAMMES, ids=lambda it: it.name)


def test_there_is_one() -> None:
    assert "poser-ses-limites" in {it.name for it in PROGRAMMES}


@every_programme
def test_it_says_its_name_and_its_titles(programme: Path) -> None:
    said = tomllib.loads((programme / "programme.toml").read_text("utf-8"))
    assert said["name"] == programme.name
    assert set(said["title"]) == LANGUAGES
    assert said["audience"] in {"everybody", "managers", "others"}


@every_programme
def test_every_lesson_is_in_both_languages_at_the_same_moment_for_the_same_readers(programme: Path) -> None:
    in_each = {language: {it.key: it.moment for it in lessons(programme) if it.language == language} for language in LANGUAGES}
    assert in_each["fr"]
    assert in_each["fr"] == in_each["en"]


@every_programme
def test_the_header_has_what_the_import_knows(programme: Path) -> None:
    for it in lessons(programme):
        assert set(it.header) <= {"title", "day", "weekday", "hour", "audience"}
        assert it.header["title"].strip()
        assert ("day" in it.header) != ("weekday" in it.header)
        assert re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", it.header["hour"])
        assert it.header.get("audience", "everybody") in {"everybody", "managers", "others"}


@every_programme
@pytest.mark.parametrize("audience", ["managers", "others"])
def test_each_reader_gets_eight_steps_one_after_the_other(programme: Path, audience: str) -> None:
    steps = [it for it in lessons(programme) if it.language == "fr" and it.is_for(audience)]
    assert [it.number for it in steps] == list(range(1, STEPS + 1))
    days = [it.header["day"] for it in steps if "day" in it.header]
    assert all(earlier < later for earlier, later in pairwise(days))


@every_programme
def test_a_lesson_is_read_in_a_break(programme: Path) -> None:
    assert {f"{it.key}.{it.language}": it.words for it in lessons(programme) if not 150 <= it.words <= 380} == {}


@every_programme
def test_a_lesson_has_one_exercise(programme: Path) -> None:
    for it in lessons(programme):
        quoted = re.findall(r"(?:^>.*\n)+", it.text, re.MULTILINE)
        assert [block.splitlines()[0] for block in quoted] == [EXERCISE[it.language]], it.key


@every_programme
def test_a_lesson_is_words_alone(programme: Path) -> None:
    """No HTML, no image, no link; no heading but of the second level."""
    assert found(programme, r"<|&\w+;|\]\(|\]\[|!\[|https?:|www\.|^# |^###|^\[", *LANGUAGES) == []


@every_programme
def test_quotes_apostrophes_and_ellipses_are_those_of_print(programme: Path) -> None:
    assert found(programme, r"['\"`´]|\.\.\.|--", *LANGUAGES) == []
    assert found(programme, "[“”]", "fr") == []
    assert found(programme, "[«»]", "en") == []


@every_programme
def test_french_has_a_plain_space_before_its_signs_and_in_its_guillemets(programme: Path) -> None:
    """The letter and the page put the narrow spaces."""
    assert found(programme, r"(?<![ ?!])[:;?!]|(?<! )»|«(?! )|[ ]{2,}", "fr") == []
    assert found(programme, f"[{NARROW}]", *LANGUAGES) == []


@every_programme
def test_english_has_no_space_before_its_signs(programme: Path) -> None:
    assert found(programme, r"\s[:;?!,.]|[ ]{2,}|“ | ”", "en") == []


@every_programme
def test_what_is_opened_is_closed(programme: Path) -> None:
    for name, language, text in sentences(programme):
        opening, closing = "«»" if language == "fr" else "“”"
        assert text.count(opening) == text.count(closing), name
        assert text.count("*") % 2 == 0, name
