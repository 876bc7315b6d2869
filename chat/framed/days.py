"""Days of a reader's own time zone, with 23 or 25 hours where its clocks change."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from storage.accounts.accounts import DEFAULT_ZONE

DAYS = 15


def zone_named(name: str) -> ZoneInfo:
    """A time zone by name; the default one if that name no longer exists."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo(DEFAULT_ZONE)


def dates_until(now: int, zone: ZoneInfo, days: int = DAYS) -> list[date]:
    """Today and the days before it, ascending."""
    today = datetime.fromtimestamp(now / 1000, zone).date()
    return [today - timedelta(days=days - 1 - at) for at in range(days)]


def start_of(day: date, zone: ZoneInfo) -> int:
    """When a day begins, in ms since 1970: its first instant, even if the clocks change at midnight."""
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC).timestamp() * 1000)
