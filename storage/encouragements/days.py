"""The days of a member: which one it is where they live, and when their morning comes."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from storage.engine.rows import LAST_TIME
from storage.ids import AccountId

MINUTES = 60
# A reminder goes out when its member is looked at: by day where they live, and not all in one minute.
MORNING, EVENING = 9, 20
# Nothing authenticates the times of rows: no zone puts this one beyond the calendar.
LATEST = LAST_TIME - 2 * 86_400_000


@lru_cache(1000)
def zone_named(name: str) -> tzinfo:
    """The zone of this name, else UTC: one that this machine no longer knows must not keep anybody waiting for ever."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def day_of(at: int, zone: tzinfo) -> date:
    """The date, where somebody lives, of a time in ms since 1970."""
    return datetime.fromtimestamp(min(at, LATEST) / 1000, zone).date()


def is_day(at: int, zone: tzinfo) -> bool:
    """Whether it is neither early nor late, where somebody lives, at a time in ms since 1970."""
    return MORNING <= datetime.fromtimestamp(min(at, LATEST) / 1000, zone).hour < EVENING


def next_morning(account: AccountId, zone: tzinfo, now: int) -> int:
    """The next morning where somebody lives, in ms since 1970: between nine and ten, always in the same minute.

    By day, it is tomorrow's, also when it is not yet that minute today.
    """
    now_there = datetime.fromtimestamp(min(now, LATEST) / 1000, zone)
    day = now_there.date() + timedelta(days=now_there.hour >= MORNING)
    return int(datetime.combine(day, time(MORNING, account.bytes[-1] % MINUTES, tzinfo=zone)).timestamp() * 1000)
