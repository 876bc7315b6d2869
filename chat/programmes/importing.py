"""From the files of a directory to a programme: everything is checked, and all that is wrong is told at once, a line each.

docs/programmes.md is what authors read.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from chat.programmes.folders import Folder
from chat.programmes.headers import OF_LESSON, OF_PROGRAMME, Fault, read_fields, split, toml
from chat.programmes.markdown import faults_of
from storage.accounts.accounts import LANGUAGES
from storage.programmes.plans import Audience, Lesson, Plan, in_order

PROGRAMME = "programme.toml"
FILE = re.compile(rf"(\d{{1,3}})-([a-z0-9]+(?:-[a-z0-9]+)*)\.({'|'.join(LANGUAGES)})\.md", re.ASCII)
LONGEST_KEY = 60
# What all languages of a lesson have in common.
SHARED = ("day", "weekday", "hour", "audience")


@dataclass(frozen=True)
class Course:
    """A programme that may be stored: its name, its plan, and its texts by lesson and language."""

    name: str
    plan: Plan
    texts: Mapping[str, Mapping[str, str]]


class Faulty(Exception):
    """A directory is no programme. ``lines`` say what is wrong and what to do, each with its file."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = tuple(lines)


@dataclass
class _Files:
    """The files of one lesson, by language: their names, and what could be read of them."""

    key: str
    names: dict[str, str] = field(default_factory=dict)
    fields: dict[str, dict[str, Any]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)


def read_course(folder: Folder) -> Course:
    """The programme in these files. Raises Faulty."""
    faults = [f"{name}: {fault}" if name else fault for name, fault in folder.faults.items()]
    about, found = _about(folder, faults), _lessons(folder, faults)
    lessons = [lesson for files in found.values() if (lesson := _lesson(files, faults))]
    of_all = about.get("audience", Audience.EVERYBODY)
    faults += _clashes(lessons, {key: _first(files) for key, files in found.items()}, of_all)
    faults += _left_out(lessons, of_all) if lessons and not faults else ()
    if not found:
        faults.append("The directory holds no lesson: add files such as 01-respirer.fr.md and 01-respirer.en.md.")
    if faults:
        raise Faulty(sorted(faults))
    plan = Plan(about["title"], about.get("summary", {}), of_all, in_order(lessons))
    return Course(about["name"], plan, {lesson.key: found[lesson.key].texts for lesson in plan.lessons})


def _about(folder: Folder, faults: list[str]) -> Mapping[str, Any]:
    if PROGRAMME not in folder.texts:
        if PROGRAMME not in folder.faults:
            faults.append(f"{PROGRAMME} is missing: it gives the programme its name and title.")
        return {}
    try:
        read, wrong = read_fields(header := toml(folder.texts[PROGRAMME]), OF_PROGRAMME)
    except Fault as fault:
        faults.append(f"{PROGRAMME}: {fault}")
        return {}
    faults += [f"{PROGRAMME}: {fault}" for fault in wrong]
    faults += [f"{PROGRAMME}: `{name}` is missing: add it." for name in ("name", "title") if name not in header]
    return read


def _lessons(folder: Folder, faults: list[str]) -> dict[str, _Files]:
    """The files of each lesson, by its key."""
    found: dict[str, _Files] = {}
    for name in sorted({*folder.texts, *folder.faults} - {PROGRAMME, ""}):
        match = FILE.fullmatch(name)
        if match is None or len(match[2]) > LONGEST_KEY:
            if name in folder.texts:
                faults.append(f"{name}: is not named like 01-respirer.fr.md: rename it, or move it out of the directory.")
            continue
        files = found.setdefault(match[2], _Files(match[2]))
        if match[3] in files.names:
            faults.append(f"{name}: has the same name and language as {files.names[match[3]]}: rename one of them.")
            continue
        files.names[match[3]] = name
        if name in folder.texts:
            _read_lesson(files, match[3], folder.texts[name], int(match[1]), faults)
    return found


def _read_lesson(files: _Files, language: str, content: str, number: int, faults: list[str]) -> None:
    try:
        parts = split(content)
    except Fault as fault:
        faults.append(f"{files.names[language]}: {fault}")
        return
    read, wrong = read_fields(parts.header, OF_LESSON)
    wrong += [*_missing(parts.header), *faults_of(parts.text)]
    faults += [f"{files.names[language]}: {fault}" for fault in wrong]
    if not wrong:
        files.fields[language] = {"audience": Audience.EVERYBODY, **read, "number": number}
        files.texts[language] = parts.text


def _missing(header: Mapping[str, Any]) -> Iterator[str]:
    for name in ("title", "hour"):
        if name not in header:
            yield f"`{name}` is missing: add it."
    if ("day" in header) == ("weekday" in header):
        both = "both given: keep one of them" if "day" in header else "both missing: add one of them"
        yield f"`day` and `weekday` are {both}."


def _first(files: _Files) -> str:
    return next(files.names[language] for language in LANGUAGES if language in files.names)


def _lesson(files: _Files, faults: list[str]) -> Lesson | None:
    """The lesson of these files, if all of them are in order."""
    for language in set(LANGUAGES) - files.names.keys():
        other = _first(files)
        missing = re.sub(r"\.[a-z]+\.md$", f".{language}.md", other)
        faults.append(f"{missing} is missing: {other} needs its other language.")
    if files.fields.keys() != set(LANGUAGES):
        return None
    one, *others = (files.fields[language] for language in LANGUAGES)
    differing = [name for name in ("number", *SHARED) if any(one.get(name) != other.get(name) for other in others)]
    if differing:
        said = ", ".join("the number of the file" if name == "number" else f"`{name}`" for name in differing)
        faults.append(f"{files.names[LANGUAGES[1]]}: differs from {_first(files)} in {said}: give both the same.")
        return None
    titles = {language: fields["title"] for language, fields in files.fields.items()}
    return Lesson(files.key, one["number"], one["hour"], titles, one.get("day"), one.get("weekday"), one["audience"])


def _clashes(lessons: Sequence[Lesson], names: Mapping[str, str], of_all: Audience) -> Iterator[str]:
    """What is wrong between lessons, and between one and those whom the programme is for."""
    for one, other in combinations(in_order(lessons), 2):
        if one.audience.meets(other.audience):
            yield from _clash(one, other, names)
    alone = [lesson for lesson in lessons if not lesson.audience.meets(of_all)]
    yield from (f"{names[one.key]}: is for {one.audience}, and the programme is not: nobody would get it." for one in alone)


def _left_out(lessons: Sequence[Lesson], of_all: Audience) -> Iterator[str]:
    for manages in (True, False):
        if of_all.has(manages) and not any(lesson.audience.has(manages) for lesson in lessons):
            yield f"There is no lesson for {'managers' if manages else 'others'}: add one, or change the programme's audience."


def _clash(one: Lesson, other: Lesson, names: Mapping[str, str]) -> Iterator[str]:
    both = f"{names[other.key]}: has the same {{}} as {names[one.key]}, for the same people: change one of them."
    if one.number == other.number:
        yield both.format("number")
    if one.day is not None and (one.day, one.minute) == (other.day, other.minute):
        yield both.format("day and hour")
