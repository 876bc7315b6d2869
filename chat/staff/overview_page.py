"""The overview page: rendered by the server for whoever asks, stored nowhere, complete without a script."""

from collections.abc import Iterable
from datetime import datetime

from aiohttp import web
from babel.dates import format_datetime

from chat.auth.door import SIGNED_IN
from chat.auth.routing import Limit, Reach, Roles, Route
from chat.framed.pages import FramedPages
from chat.pages.assets import language_of
from chat.staff import charts
from chat.staff.overview import Overview, Overviews

# Each request reads all rows of a fortnight.
LIMIT = Limit(a_second=1, at_once=10)


class OverviewPage:
    """`GET /overview`."""

    def __init__(self, overviews: Overviews, pages: FramedPages) -> None:
        self._overviews = overviews
        self._pages = pages

    def routes(self) -> Iterable[Route]:
        """The only one."""
        yield Route("GET", "/overview", self.show, Roles.STAFF, Reach.OWN, LIMIT)

    async def show(self, request: web.Request) -> web.Response:
        language, overview = language_of(request), await self._overviews.of(request[SIGNED_IN].unlocked)
        return await self._pages.show(request, "overview.html", shown(overview, language))


def shown(overview: Overview, language: str) -> dict[str, object]:
    """What the page says, in a language: its charts, its tables, and the few numbers at the top."""
    both = (charts.WIDE, charts.NARROW)
    now = datetime.fromtimestamp(overview.now / 1000, overview.zone)
    return {
        "today": _row(overview, len(overview.days) - 1, language),
        "rows": [_row(overview, at, language) for at in range(len(overview.days))],
        "whole": {
            "received": overview.all_days.received,
            "sent": overview.all_days.sent,
            "answers": len(overview.all_days.waits),
            "usual": _wait(overview.all_days.usual, language),
            "longest": _wait(overview.all_days.longest, language),
        },
        "message_charts": [charts.messages(overview.days, language, place) for place in both],
        "wait_charts": [charts.waits(overview.days, language, place) for place in both],
        "waiting": len(overview.waiting),
        "oldest": _oldest(overview, language),
        "moment": format_datetime(now, "EEEE d MMMM, HH:mm", locale="en_GB" if language == "en" else language),
        "zone": overview.zone.key,
    }


def _row(overview: Overview, at: int, language: str) -> dict[str, object]:
    day = overview.days[at]
    return {
        "day": charts.day_name(day.date, language, "EEE d"),
        "month": charts.day_name(day.date, language, "MMM"),
        "date": day.date.isoformat(),
        "is_today": at == len(overview.days) - 1,
        "received": day.received,
        "sent": day.sent,
        "answers": len(day.waits),
        "usual": _wait(day.usual, language),
        "longest": _wait(day.longest, language),
    }


def _wait(ms: float | None, language: str) -> str:
    return "" if ms is None else charts.duration(ms, language)


def _oldest(overview: Overview, language: str) -> dict[str, str] | None:
    if not overview.waiting:
        return None
    first = overview.waiting[0]
    return {"wait": charts.duration(max(charts.MINUTE, overview.now - first.since), language), "thread": str(first.thread)}
