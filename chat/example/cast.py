"""The people of the example."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from storage.accounts.accounts import Role
from storage.accounts.preferences import USUAL, Letters

__all__ = ["Figure", "figures", "read_text", "typeset"]

DOMAIN = "exemple.test"


@dataclass(frozen=True)
class Figure:
    """An invented person. ``key`` is their name in the conversations; the reply time that they promise is in hours.

    ``enrolled_days`` is how many days ago they began to follow the programmes, if they do; ``letters`` are the
    e-mails that they chose.
    """

    key: str
    role: Role
    first_name: str
    last_name: str
    reply_within_hours: int | None
    manages: bool | None = None
    enrolled_days: int | None = None
    letters: Letters = USUAL.letters

    @property
    def email(self) -> str:
        return f"{self.key}@{DOMAIN}"

    @property
    def password(self) -> str:
        """A password known to everybody: the example is served only on its own machine."""
        return f"bonjour-{self.key.partition('.')[0]}"


@cache
def figures() -> Mapping[str, Figure]:
    """All figures, by key."""
    found = [
        Figure(
            one["key"],
            Role(one["role"]),
            one["first_name"],
            one["last_name"],
            one.get("reply_within_hours"),
            one.get("manages"),
            one.get("enrolled_days"),
            Letters(**one.get("letters", {})),
        )
        for one in read_text("cast.toml")["person"]
    ]
    return {figure.key: figure for figure in found}


def read_text(name: str) -> dict[str, Any]:
    """Read one of the texts beside this module."""
    return tomllib.loads((files("chat.example") / name).read_text("utf-8"))


def typeset(text: str) -> str:
    """Apply French typography to plain text: ’ and non-breaking spaces."""
    text = text.replace("'", "’")
    text = re.sub(r" (?=[;!?»])", "\u202f", text)
    text = re.sub(r"(?<=«) ", "\u202f", text)
    text = re.sub(r"(?<=\d) (?=h\b|%)", "\u202f", text)
    return text.replace(" :", "\u00a0:")
