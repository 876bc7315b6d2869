"""When somebody wants no letter, by what they chose and the clock on their wall."""

from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from delivery.schedule import quiet_until
from storage.preferences import Letters

__all__ = ["silence_until"]


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
