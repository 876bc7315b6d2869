"""Small charts of an overview, as SVG: a pure function of the figures and a language. No style attributes, only classes.

Each is drawn twice, for wide and for narrow layouts, so that its text is never scaled; the page shows one of them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from html import escape
from itertools import count

from babel.dates import format_date

from chat.pages.words import say
from chat.staff.overview import Day

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


def messages(days: Sequence[Day], language: str, place: Place) -> str:
    """Bars of messages received and sent, two for each day."""
    scale = count_scale(max(max(day.received, day.sent) for day in days))
    drawn = [_lines(scale, place, str)]
    for at, day in enumerate(days):
        left, width = place.column(at, len(days))
        thick = width * 0.36
        for kind, value, x in (("received", day.received, left + width / 2 - thick), ("sent", day.sent, left + width / 2)):
            drawn.append(_bar(kind, (x, thick), (value, scale), place))
    drawn.append(_days(days, language, place))
    received, sent = sum(day.received for day in days), sum(day.sent for day in days)
    words = say(language, "{received} reçus et {sent} envoyés, du {first} au {last}. Le tableau donne les mêmes nombres.",
                received=received, sent=sent, **_ends(days, language))  # fmt: skip
    return _svg(f"messages-{place.name}", place, (say(language, "Messages par jour"), words), drawn)


def waits(days: Sequence[Day], language: str, place: Place) -> str:
    """A bar for each day's median wait, with a point above it for the longest."""
    scale = wait_scale(max((day.longest or 0) for day in days))
    drawn = [_lines(scale, place, lambda ms: duration(ms, language))]
    for at, day in enumerate(days):
        if day.usual is None or day.longest is None:
            continue
        left, width = place.column(at, len(days))
        middle, thick = left + width / 2, width * 0.5
        drawn.append(_bar("usual", (middle - thick / 2, thick), (day.usual, scale), place))
        base, y = _number(scale.y(day.usual, place)), _number(scale.y(day.longest, place))
        drawn.append(f'<path class="chart__reach" d="M{_number(middle)} {base}V{y}"/>')
        drawn.append(f'<circle class="chart__longest" cx="{_number(middle)}" cy="{y}" r="4"/>')
    drawn.append(_days(days, language, place))
    answered = sum(len(day.waits) for day in days)
    words = say(language, "Attente jusqu’à {n} réponses, du {first} au {last}. Le tableau donne les mêmes durées.",
                n=answered, **_ends(days, language))  # fmt: skip
    return _svg(f"waits-{place.name}", place, (say(language, "Attente jusqu’à la réponse, par jour"), words), drawn)


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


def _ends(days: Sequence[Day], language: str) -> dict[str, str]:
    pattern = "d MMMM"
    return {"first": day_name(days[0].date, language, pattern), "last": day_name(days[-1].date, language, pattern)}


# Pieces


def _svg(id_: str, place: Place, words: tuple[str, str], drawn: Sequence[str]) -> str:
    title, description = map(escape, words)
    return (
        f'<svg class="chart chart--{place.name}" viewBox="0 0 {place.width} {place.height}" role="img"'
        f' aria-labelledby="{id_}-title" aria-describedby="{id_}-words">'
        f'<title id="{id_}-title">{title}</title><desc id="{id_}-words">{description}</desc>{"".join(drawn)}</svg>'
    )


def _lines(scale: Scale, place: Place, label: Callable[[int], str]) -> str:
    drawn = []
    for step in range(scale.steps + 1):
        value = step * scale.step
        y = _number(scale.y(value, place))
        kind = "chart__floor" if step == 0 else "chart__line"
        drawn.append(f'<path class="{kind}" d="M{place.left} {y}H{place.width - 4}"/>')
        if step:
            drawn.append(f'<text class="chart__value" x="{place.left - 6}" y="{y}" dy="4">{escape(label(value))}</text>')
    return "".join(drawn)


def _bar(kind: str, across: tuple[float, float], up: tuple[float, Scale], place: Place) -> str:
    (x, width), (value, scale) = across, up
    if not value:
        return ""
    # Even the smallest value stays visible.
    y = min(scale.y(value, place), place.floor - 1.5)
    return (
        f'<rect class="chart__bar chart__bar--{kind}" x="{_number(x)}" y="{_number(y)}"'
        f' width="{_number(width)}" height="{_number(place.floor - y)}"/>'
    )


def _days(days: Sequence[Day], language: str, place: Place) -> str:
    drawn = []
    for at, day in enumerate(days):
        left, width = place.column(at, len(days))
        today = " chart__day--today" if at == len(days) - 1 else ""
        x = _number(left + width / 2)
        for line, pattern in enumerate(place.day_patterns):
            name, y = escape(day_name(day.date, language, pattern)), place.floor + 18 + 16 * line
            drawn.append(f'<text class="chart__day{today}" x="{x}" y="{y}">{name}</text>')
    return "".join(drawn)


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
