"""Pieces of small charts, as SVG: pure functions of figures and a language. No style attributes, only classes.

A chart is drawn twice, for wide and for narrow layouts, so that its text is never scaled; the page shows one of them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from html import escape
from itertools import count

from babel.dates import format_date

from chat.pages.words import say

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
MOST_LINES = 4
# Steps between the lines, in amounts that people count in.
WAIT_STEPS = (
    5 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    5 * DAY,
    10 * DAY,
)


@dataclass(frozen=True)
class Place:
    """Where a chart is drawn, in user units of about one pixel."""

    name: str
    width: int
    height: int
    left: int
    day_patterns: tuple[str, ...]

    @property
    def floor(self) -> int:
        """The baseline of the bars."""
        return self.height - 10 - 16 * len(self.day_patterns)

    def column(self, at: int, of: int) -> tuple[float, float]:
        """Where a day's column begins, and how wide it is."""
        width = (self.width - self.left - 4) / of
        return self.left + at * width, width


TOP = 14
WIDE, NARROW = Place("wide", 640, 360, 44, ("EEE", "d")), Place("narrow", 320, 220, 40, ("d",))


@dataclass(frozen=True)
class Scale:
    """The lines behind the bars: ``steps`` of them, ``step`` apart."""

    step: int
    steps: int

    @property
    def top(self) -> int:
        return self.step * self.steps

    def y(self, value: float, place: Place) -> float:
        """The vertical position of a value."""
        return place.floor - value / self.top * (place.floor - TOP)


def count_scale(maximum: int) -> Scale:
    """The scale for a number of messages: in steps of 1, 2 or 5, times a power of ten."""
    return _fitting(maximum, (factor * 10**power for power in count() for factor in (1, 2, 5)))


def wait_scale(longest: int) -> Scale:
    """The scale for a wait, in ms."""
    return _fitting(longest, (*WAIT_STEPS, *(10 * DAY * 2**power for power in range(1, 64))))


def _fitting(maximum: int, steps: Iterator[int] | Sequence[int]) -> Scale:
    for step in steps:
        if maximum <= step * MOST_LINES:
            return Scale(step, max(1, -(-maximum // step)))
    raise AssertionError


def duration(ms: float, language: str) -> str:
    """A wait as people say it, to the minute; from two days on, to the hour."""
    minutes = int(ms / MINUTE + 0.5)
    if minutes < 60:
        return say(language, "{n} min", n=minutes)
    hours, rest = divmod(minutes, 60)
    if hours < 48:
        return say(language, "{h} h {min}", h=hours, min=f"{rest:02}") if rest else say(language, "{n} h", n=hours)
    days, hours = divmod(int(ms / HOUR + 0.5), 24)
    return say(language, "{d} j {h} h", d=days, h=hours) if hours else say(language, "{n} j", n=days)


def day_name(day: date, language: str, pattern: str) -> str:
    """A day, or the parts of it that a (CLDR) pattern names, as people write it: "lun. 23"."""
    return format_date(day, pattern, locale="en_GB" if language == "en" else language)


def ends(dates: Sequence[date], language: str) -> dict[str, str]:
    """The first and the last of some days, for a sentence."""
    pattern = "d MMMM"
    return {"first": day_name(dates[0], language, pattern), "last": day_name(dates[-1], language, pattern)}


def svg(id_: str, place: Place, words: tuple[str, str], drawn: Sequence[str]) -> str:
    """A drawing with its name and its description."""
    title, description = map(escape, words)
    return (
        f'<svg class="chart chart--{place.name}" viewBox="0 0 {place.width} {place.height}" role="img"'
        f' aria-labelledby="{id_}-title" aria-describedby="{id_}-words">'
        f'<title id="{id_}-title">{title}</title><desc id="{id_}-words">{description}</desc>{"".join(drawn)}</svg>'
    )


def lines(scale: Scale, place: Place, label: Callable[[int], str]) -> str:
    """The lines behind the bars, with their values."""
    drawn = []
    for step in range(scale.steps + 1):
        value = step * scale.step
        y = number(scale.y(value, place))
        kind = "chart__floor" if step == 0 else "chart__line"
        drawn.append(f'<path class="{kind}" d="M{place.left} {y}H{place.width - 4}"/>')
        if step:
            drawn.append(f'<text class="chart__value" x="{place.left - 6}" y="{y}" dy="4">{escape(label(value))}</text>')
    return "".join(drawn)


def bar(kind: str, across: tuple[float, float], up: tuple[float, Scale], place: Place, base: float = 0) -> str:
    """A bar: where it begins and how wide it is; its value. It stands on ``base``, the value of the bars below it."""
    (x, width), (value, scale) = across, up
    if not value:
        return ""
    # Even the smallest value stays visible.
    foot = scale.y(base, place)
    y = min(scale.y(base + value, place), foot - 1.5)
    return (
        f'<rect class="chart__bar chart__bar--{kind}" x="{number(x)}" y="{number(y)}"'
        f' width="{number(width)}" height="{number(foot - y)}"/>'
    )


def days_below(dates: Sequence[date], language: str, place: Place) -> str:
    """The names of the days below the bars; the last one is today."""
    drawn = []
    for at, day in enumerate(dates):
        left, width = place.column(at, len(dates))
        today = " chart__day--today" if at == len(dates) - 1 else ""
        x = number(left + width / 2)
        for line, pattern in enumerate(place.day_patterns):
            name, y = escape(day_name(day, language, pattern)), place.floor + 18 + 16 * line
            drawn.append(f'<text class="chart__day{today}" x="{x}" y="{y}">{name}</text>')
    return "".join(drawn)


def number(value: float) -> str:
    """A coordinate, as short as it is exact enough."""
    return f"{value:.1f}".removesuffix(".0")
