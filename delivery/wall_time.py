"""The time on somebody's wall: their zone, and the days of their calendar, in ms since 1970."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

__all__ = ["at_hour", "date_at", "day_around", "zone_named"]


def zone_named(name: str) -> tzinfo:
    """The zone of this name, else UTC: one that this machine no longer knows must not hold letters back for ever."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def date_at(now: int, zone: tzinfo) -> date:
    """The date on the wall."""
    return datetime.fromtimestamp(now / 1000, zone).date()


def at_hour(day: date, hour: time, zone: tzinfo) -> int:
    """When it is this hour on this day. An hour that occurs twice is the first one; one that is skipped is when it is skipped."""
    return int(datetime.combine(day, hour, zone).timestamp() * 1000)


def day_around(now: int, zone: tzinfo) -> tuple[int, int]:
    """The beginning and the end of the day that it is on the wall: 23, 24 or 25 hours, usually."""
    today = date_at(now, zone)
    return at_hour(today, time(), zone), at_hour(today + timedelta(days=1), time(), zone)
