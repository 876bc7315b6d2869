"""A correspondence of many months between a manager and his coach, assembled from a stock of sentences.

It goes in episodes, one theme each: he tells, is asked, answers, is answered, tries, comes back, is heard. It is the same
every time: the random generator has a fixed seed.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from itertools import count, cycle, islice
from typing import Any

from chat.example.cast import read_text

__all__ = ["Turn", "long_history"]

MEMBER, PROFESSIONAL = 0, 1
EPISODE = (
    (MEMBER, "situations"),
    (PROFESSIONAL, "questions"),
    (MEMBER, "answers"),
    (PROFESSIONAL, "reflections"),
    (MEMBER, "steps"),
    (MEMBER, "outcomes"),
    (PROFESSIONAL, "welcomes"),
)
TEAM = ("Sonia", "Marc", "Julie", "Adrien", "Fatou", "Bertrand", "Élise", "Mehdi")
BETWEEN = 0.3  # how often a short remark follows
WORKDAYS = 5
FIRST_MINUTE, LAST_MINUTE = 7 * 60 + 20, 21 * 60


@dataclass(frozen=True)
class Turn:
    """One message: who speaks (0 is the member), when, in local time, and what."""

    speaker: int
    day: date
    hour: time
    text: str


def long_history(after: date, until: date, how_many: int) -> list[Turn]:
    """Return ``how_many`` messages, in order, on the working days between the two dates."""
    chance = random.Random(1)  # noqa: S311 (nothing secret: the same example every time)
    said = list(islice(_said(chance), how_many))
    moments = _moments(chance, _workdays(after, until), how_many)
    return [Turn(speaker, day, hour, text) for (speaker, text), (day, hour) in zip(said, moments, strict=True)]


def _said(chance: random.Random) -> Iterator[tuple[int, str]]:
    stock = read_text("stock.toml")
    decks = _Decks(chance)
    short = [stock["short"]["member"], stock["short"]["professional"]]
    for theme, number in zip(_themes(chance, stock["theme"]), count()):
        name = decks.draw("team", TEAM)
        for speaker, part in EPISODE:
            yield speaker, decks.draw((part, theme["situations"][0]), theme[part]).replace("{name}", name)
            if chance.random() < BETWEEN:
                other = 1 - speaker
                yield other, decks.draw(("short", other), short[other])
        if number % 9 == 0:
            yield MEMBER, decks.draw(("short", MEMBER), short[MEMBER])


def _themes(chance: random.Random, themes: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """One theme after another, all equally often."""
    return cycle(chance.sample(themes, len(themes)))


class _Decks:
    """Decks of cards: a drawn card comes again only after at least half of its deck."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._decks: dict[object, list[str]] = {}

    def draw(self, deck: object, cards: Sequence[str]) -> str:
        """Draw the card on top, and put it back into the lower half."""
        left = self._decks.setdefault(deck, self._chance.sample(cards, len(cards)))
        card = left.pop(0)
        left.insert(self._chance.randint((len(left) + 1) // 2, len(left)), card)
        return card


def _workdays(after: date, until: date) -> list[date]:
    every = (after + timedelta(days=number) for number in range(1, (until - after).days))
    return [day for day in every if day.weekday() < WORKDAYS]


def _moments(chance: random.Random, days: list[date], how_many: int) -> Iterator[tuple[date, time]]:
    """Return ``how_many`` moments, in order, spread over the days."""
    for number, day in enumerate(days):
        share = (number + 1) * how_many // len(days) - number * how_many // len(days)
        for minute in sorted(chance.sample(range(FIRST_MINUTE, LAST_MINUTE), share)):
            yield day, time(*divmod(minute, 60))
