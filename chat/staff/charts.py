"""The charts of the overview, as SVG: a pure function of the figures and a language."""

from collections.abc import Sequence

from chat.framed.charts import (
    DAY,
    HOUR,
    MINUTE,
    MOST_LINES,
    NARROW,
    TOP,
    WIDE,
    Place,
    bar,
    count_scale,
    day_name,
    days_below,
    duration,
    ends,
    lines,
    number,
    svg,
    wait_scale,
)
from chat.pages.words import say
from chat.staff.overview import Day

__all__ = [
    "DAY", "HOUR", "MINUTE", "MOST_LINES", "NARROW", "TOP", "WIDE", "Place", "count_scale", "day_name", "duration", "messages",
    "wait_scale", "waits",
]  # fmt: skip


def messages(days: Sequence[Day], language: str, place: Place) -> str:
    """Bars of messages received and sent, two for each day."""
    scale = count_scale(max(max(day.received, day.sent) for day in days))
    drawn = [lines(scale, place, str)]
    for at, day in enumerate(days):
        left, width = place.column(at, len(days))
        thick = width * 0.36
        for kind, value, x in (("received", day.received, left + width / 2 - thick), ("sent", day.sent, left + width / 2)):
            drawn.append(bar(kind, (x, thick), (value, scale), place))
    drawn.append(days_below([day.date for day in days], language, place))
    received, sent = sum(day.received for day in days), sum(day.sent for day in days)
    words = say(language, "{received} reçus et {sent} envoyés, du {first} au {last}. Le tableau donne les mêmes nombres.",
                received=received, sent=sent, **ends([day.date for day in days], language))  # fmt: skip
    return svg(f"messages-{place.name}", place, (say(language, "Messages par jour"), words), drawn)


def waits(days: Sequence[Day], language: str, place: Place) -> str:
    """A bar for each day's median wait, with a point above it for the longest."""
    scale = wait_scale(max((day.longest or 0) for day in days))
    drawn = [lines(scale, place, lambda ms: duration(ms, language))]
    for at, day in enumerate(days):
        if day.usual is None or day.longest is None:
            continue
        left, width = place.column(at, len(days))
        middle, thick = left + width / 2, width * 0.5
        drawn.append(bar("usual", (middle - thick / 2, thick), (day.usual, scale), place))
        base, y = number(scale.y(day.usual, place)), number(scale.y(day.longest, place))
        drawn.append(f'<path class="chart__reach" d="M{number(middle)} {base}V{y}"/>')
        drawn.append(f'<circle class="chart__longest" cx="{number(middle)}" cy="{y}" r="4"/>')
    drawn.append(days_below([day.date for day in days], language, place))
    answered = sum(len(day.waits) for day in days)
    words = say(language, "Attente jusqu’à {n} réponses, du {first} au {last}. Le tableau donne les mêmes durées.",
                n=answered, **ends([day.date for day in days], language))  # fmt: skip
    return svg(f"waits-{place.name}", place, (say(language, "Attente jusqu’à la réponse, par jour"), words), drawn)
