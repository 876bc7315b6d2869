"""The headers of a programme's files, in TOML: what each field may be, and what is wrong with one."""

import re
import tomllib
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from storage.accounts.accounts import LANGUAGES
from storage.programmes.plans import Audience, Titles

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
LONGEST_TITLE = 120
LAST_DAY = 3_650
FENCE = "+++"
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
LONGEST_NAME = 40
HOUR = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)


class Fault(Exception):
    """Something in a file is wrong; says what to do."""


class Parts(NamedTuple):
    """A lesson's file: its header, and the Markdown below."""

    header: Mapping[str, Any]
    text: str


def split(content: str) -> Parts:
    """Separate a lesson's header from its text. Raises Fault."""
    first, *lines = content.split("\n")
    ends = [at for at, line in enumerate(lines) if line.rstrip() == FENCE]
    if first.rstrip() != FENCE or not ends:
        raise Fault("must begin with its header, between two lines of `+++`.")
    return Parts(toml("\n".join(lines[: ends[0]])), "\n".join(lines[ends[0] + 1 :]).strip())


def toml(text: str) -> Mapping[str, Any]:
    """Raises Fault if this is not TOML."""
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise Fault(f"has a broken header: {error}.") from None


def read_fields(header: Mapping[str, Any], known: "Mapping[str, Reading]") -> tuple[dict[str, Any], list[str]]:
    """The fields of a header that can be read, and what is wrong with the others."""
    read, faults = (
        {},
        [f"has an unknown field `{name[:LONGEST_NAME]}`: there are {_listed(known)}." for name in header.keys() - known],
    )
    for name in known.keys() & header.keys():
        try:
            read[name] = known[name](header[name])
        except Fault as fault:
            faults.append(f"`{name}` {fault}")
    return read, sorted(faults)


def _listed(known: "Mapping[str, Reading]") -> str:
    return ", ".join(f"`{name}`" for name in known)


Reading = Callable[[object], Any]


def title(value: object) -> str:
    """One line of text."""
    if not isinstance(value, str) or not 1 <= len(value.strip()) <= LONGEST_TITLE or _has_controls(value):
        raise Fault(f"must be one line of text, of at most {LONGEST_TITLE} characters.")
    return value.strip()


def _has_controls(text: str) -> bool:
    return any(unicodedata.category(one) in {"Cc", "Cs", "Zl", "Zp"} for one in text)


def titles(value: object) -> Titles:
    """One line of text for each language."""
    if not isinstance(value, dict) or value.keys() != set(LANGUAGES):
        raise Fault('must be given in each language: {fr = "…", en = "…"}.')
    return {language: title(value[language]) for language in LANGUAGES}


def day(value: object) -> int:
    """Days after the enrolment."""
    if type(value) is not int or not 0 <= value <= LAST_DAY:
        raise Fault(f"must be a whole number of days after the enrolment, from 0 to {LAST_DAY}.")
    return value


def weekday(value: object) -> int:
    """0 for Monday."""
    if not isinstance(value, str) or value.lower() not in WEEKDAYS:
        raise Fault(f"must be one of {', '.join(WEEKDAYS)}.")
    return WEEKDAYS.index(value.lower())


def hour(value: object) -> int:
    """Minutes after midnight."""
    found = HOUR.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise Fault('must be an hour of the day that exists, such as "09:00".')
    return int(found[1]) * 60 + int(found[2])


def audience(value: object) -> Audience:
    """For whom it is."""
    if not isinstance(value, str) or value not in set(Audience):
        raise Fault(f"must be one of {', '.join(Audience)}.")
    return Audience(value)


def name(value: object) -> str:
    """The name of a programme."""
    if not isinstance(value, str) or len(value) > LONGEST_NAME or not NAME.fullmatch(value):
        raise Fault(f'must be small letters, digits and hyphens, such as "souffler", at most {LONGEST_NAME}.')
    return value


OF_LESSON: Mapping[str, Reading] = {"title": title, "day": day, "weekday": weekday, "hour": hour, "audience": audience}
OF_PROGRAMME: Mapping[str, Reading] = {"name": name, "title": titles, "audience": audience, "summary": titles}
