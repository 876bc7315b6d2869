"""When somebody wants no letters, by their settings and their local time."""

from collections.abc import Iterator
from datetime import datetime, tzinfo
from itertools import count

from delivery.wall_time import zone_named
from storage.accounts.preferences import Letters

__all__ = ["quiet_until", "silence_until"]

MINUTE = 60_000


def silence_until(wanted: Letters, time_zone: str, now: int) -> int | None:
    """When somebody's current quiet hours end (ms since 1970); None if a letter may leave now."""
    if wanted.quiet_from is None or wanted.quiet_to is None:
        return None
    return quiet_until(now, wanted.quiet_from, wanted.quiet_to, zone_named(time_zone))


def quiet_until(now: int, start: int, end: int, zone: tzinfo) -> int | None:
    """When the current quiet hours end (ms since 1970); None outside quiet hours.

    They last while local time is at or after ``start`` and before ``end``, both in minutes after midnight; across midnight if
    ``end`` comes before ``start``. So an hour that occurs twice is quiet twice; if the end falls in an hour that is skipped,
    they end with the jump. ``start`` and ``end`` differ.
    """
    if not _is_quiet(now, start, end, zone):
        return None
    # A day has at most 1,500 minutes, and every UTC offset is in whole minutes: checking each minute is safe and quick.
    return next(minute for minute in _minutes_after(now) if not _is_quiet(minute, start, end, zone))


def _minutes_after(now: int) -> Iterator[int]:
    return count(now - now % MINUTE + MINUTE, MINUTE)


def _is_quiet(at: int, start: int, end: int, zone: tzinfo) -> bool:
    wall = datetime.fromtimestamp(at / 1000, zone)
    minute = wall.hour * 60 + wall.minute
    return start <= minute < end if start < end else minute >= start or minute < end
