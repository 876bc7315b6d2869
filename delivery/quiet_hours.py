"""When somebody wants no letter, by what they chose and the clock on their wall."""

from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from itertools import count
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from storage.accounts.preferences import Letters

__all__ = ["quiet_until", "silence_until"]

MINUTE = 60_000


def silence_until(wanted: Letters, time_zone: str, now: int) -> int | None:
    """When the quiet hours end that somebody has now (ms since 1970); None when a letter may leave."""
    if wanted.quiet_from is None or wanted.quiet_to is None:
        return None
    return quiet_until(now, wanted.quiet_from, wanted.quiet_to, _zone(time_zone))


def _zone(name: str) -> tzinfo:
    """A zone that was taken once and that this machine knows no more must not keep letters back for ever."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def quiet_until(now: int, start: int, end: int, zone: tzinfo) -> int | None:
    """When the quiet hours end that stand now (ms since 1970); None when there are none now.

    They last while the clock on somebody's wall shows ``start`` or later and is not yet at ``end``, in minutes after midnight;
    past midnight where ``end`` comes before ``start``. So an hour that comes twice is quiet twice; where the end is in an hour
    that is left out, they end with the leap. ``start`` and ``end`` differ.
    """
    if not _is_quiet(now, start, end, zone):
        return None
    # A day has 1,500 minutes at most, and every offset from UTC is of whole minutes: looking at each is sure, and takes a moment.
    return next(minute for minute in _minutes_after(now) if not _is_quiet(minute, start, end, zone))


def _minutes_after(now: int) -> Iterator[int]:
    return count(now - now % MINUTE + MINUTE, MINUTE)


def _is_quiet(at: int, start: int, end: int, zone: tzinfo) -> bool:
    wall = datetime.fromtimestamp(at / 1000, zone)
    minute = wall.hour * 60 + wall.minute
    return start <= minute < end if start < end else minute >= start or minute < end
