"""The chart of letters by day, as SVG: one bar a day, of those that went out, wait and failed."""

from collections.abc import Mapping
from datetime import date

from chat.framed.charts import Place, bar, count_scale, days_below, ends, lines, svg
from chat.mail.outbox import Numbers
from chat.pages.words import say


def letters(days: Mapping[date, Numbers], language: str, place: Place) -> str:
    """A bar for each day: from its foot, letters that went out, that wait, that failed."""
    dates = list(days)
    scale = count_scale(max(day.all for day in days.values()))
    drawn = [lines(scale, place, str)]
    for at, day in enumerate(days.values()):
        left, width = place.column(at, len(days))
        across, base = (left + width * 0.22, width * 0.56), 0
        for kind, value in (("sent-out", day.sent), ("waits", day.waiting), ("failed", day.failed)):
            drawn.append(bar(kind, across, (value, scale), place, base))
            base += value
    drawn.append(days_below(dates, language, place))
    words = say(
        language,
        "{sent} parties, {waiting} en attente et {failed} échouées, du {first} au {last}. Le tableau donne les mêmes nombres.",
        sent=sum(day.sent for day in days.values()),
        waiting=sum(day.waiting for day in days.values()),
        failed=sum(day.failed for day in days.values()),
        **ends(dates, language),
    )
    return svg(f"letters-{place.name}", place, (say(language, "Lettres par jour"), words), drawn)
