"""An overview of one's own conversations: who wrote how much, and how long people waited for an answer, day by day.

A day is a day of the reader's own time zone, with 23 or 25 hours where its clocks change. A wait runs from the first message
that a member wrote since the last answer until somebody on the staff answers, and counts for the day of the answer. It also
runs on while a conversation is closed: once it is reopened, no row says when that was.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from statistics import median
from zoneinfo import ZoneInfo

from chat.framed.days import DAYS, dates_until, start_of, zone_named
from storage.conversations import activity
from storage.conversations.activity import Figures, Said, Waiting
from storage.conversations.unlocked import Unlocked
from storage.store import Store

__all__ = ["DAYS", "Day", "Overview", "Overviews", "by_day", "dates_until", "start_of", "zone_named"]


@dataclass
class Day:
    """The figures of a day. ``waits`` in ms, of those answered on that day."""

    date: date
    received: int = 0
    sent: int = 0
    waits: list[int] = field(default_factory=list)

    @property
    def usual(self) -> float | None:
        """The median wait in ms."""
        return median(self.waits) if self.waits else None

    @property
    def longest(self) -> int | None:
        """The longest wait in ms."""
        return max(self.waits, default=None)


@dataclass(frozen=True)
class Overview:
    """The days up to today; who is waiting now, longest first; and when it was made: ``now`` in ms since 1970."""

    days: Sequence[Day]
    waiting: Sequence[Waiting]
    now: int
    zone: ZoneInfo

    @property
    def today(self) -> Day:
        return self.days[-1]

    @property
    def all_days(self) -> Day:
        """All days as if they were one, dated the first of them."""
        return Day(
            self.days[0].date,
            sum(day.received for day in self.days),
            sum(day.sent for day in self.days),
            [wait for day in self.days for wait in day.waits],
        )


class Overviews:
    """What staff members may know about their own conversations."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def of(self, who: Unlocked) -> Overview:
        """The overview of one's own conversations."""
        store, now, zone = self._store, self._store.clock(), zone_named(who.account.time_zone)
        dates = dates_until(now, zone)
        start = start_of(dates[0], zone)
        found = await store.database.read(lambda reader: activity.of(reader, store.guard, who.account.id, start))
        return Overview(by_day(found, who.account.id.bytes, dates, zone), found.waiting, now, zone)


def by_day(found: Figures, own: bytes, dates: Sequence[date], zone: ZoneInfo) -> list[Day]:
    """The figures of each day for the account ``own``."""
    starts, days = [start_of(day, zone) for day in dates], [Day(day) for day in dates]
    for said, waited in _with_waits(found.said):
        at = bisect_right(starts, said.at) - 1
        if at < 0:
            continue
        if said.by_member:
            days[at].received += 1
        elif said.author == own:
            days[at].sent += 1
        if waited is not None:
            days[at].waits.append(waited)
    return days


def _with_waits(said: Sequence[Said]) -> Iterator[tuple[Said, int | None]]:
    """What was said; each answer comes with how long the member waited for it, in ms."""
    thread, since = b"", None
    for one in said:
        if one.thread != thread:
            thread, since = one.thread, None
        if one.by_member:
            since = one.at if since is None else since
            yield one, None
        else:
            yield one, None if since is None else max(0, one.at - since)
            since = None
