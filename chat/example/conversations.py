"""What is said in the example, and when: counted back from the first start, so that it is always recent."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from chat.example.cast import read_text, typeset
from chat.example.long_history import long_history
from storage.accounts.accounts import DEFAULT_ZONE

__all__ = ["Line", "Script", "scripts"]

MS = timedelta(milliseconds=1)
ZONE = ZoneInfo(DEFAULT_ZONE)
AGO = re.compile(r"(?P<hours>\d+)h|(?P<minutes>\d+)min")


@dataclass(frozen=True)
class Line:
    """One message. ``at`` in ms since 1970; ``is_by_mail``: it came as an answer to an e-mail."""

    author: str
    at: int
    text: str
    is_by_mail: bool = False


@dataclass(frozen=True)
class Script:
    """One thread: who takes part, what they say, and how many of the last messages each has not seen."""

    people: list[str]
    opened_at: int
    lines: list[Line]
    unread: Mapping[str, int]


def scripts(now: datetime) -> list[Script]:
    """Every thread of the example, as of ``now``."""
    return [_script(one, now) for one in read_text("threads.toml")["thread"]]


def _script(one: dict[str, Any], now: datetime) -> Script:
    opened = _when(one["opened"], now)
    lines = [Line(author, _ms(_when(when, now)), typeset(text), how == ["mail"]) for author, when, text, *how in one["messages"]]
    if "bring_to" in one:
        lines[one["long_after"] : one["long_after"]] = _long(one, now)
    return Script(one["people"], _ms(opened), lines, one.get("unread", {}))


def _long(one: dict[str, Any], now: datetime) -> list[Line]:
    """The messages that bring a thread to its length, between two of its written ones."""
    after = one["long_after"]
    begun, until = (_when(one["messages"][number][1], now).date() for number in (after - 1, after))
    turns = long_history(begun, until, one["bring_to"] - len(one["messages"]))
    return [Line(one["people"][turn.speaker], _ms(_local(turn.day, turn.hour)), typeset(turn.text)) for turn in turns]


def _when(told: str, now: datetime) -> datetime:
    """Read "21 20:41" (days ago, at that hour) or "2h", "40min" (that long ago)."""
    if ago := AGO.fullmatch(told):
        return now - timedelta(hours=int(ago["hours"] or 0), minutes=int(ago["minutes"] or 0))
    days, hour = told.split()
    return _local((now.astimezone(ZONE) - timedelta(days=int(days))).date(), time.fromisoformat(hour))


def _local(day: date, hour: time) -> datetime:
    return datetime.combine(day, hour, ZONE).astimezone(UTC)


def _ms(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // MS
