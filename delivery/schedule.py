"""When is the next try, and when does somebody want no letter. Pure: time and chance are given."""

from collections.abc import Iterator
from datetime import datetime, tzinfo
from itertools import count

TRIES = 8
# For a relay that is away, in first waits: an hour, with the usual 450 s. Once it is back nobody waits longer than that.
LONGEST_REST = 8
JITTER = 0.2
MINUTE = 60_000


def retry_at(now: int, attempts: int, first_wait: int, chance: float) -> int:
    """When a letter that was tried ``attempts`` times is tried again: doubling, with up to a fifth more by ``chance``.

    Times in ms; ``chance`` is from 0 to 1. The jitter only lengthens: the first wait is what the settings say, at least.
    """
    return now + _wait(2 ** (attempts - 1) * first_wait, chance)


def rest_until(now: int, failures: int, first_wait: int, chance: float) -> int:
    """How long all letters rest when the relay could not be reached ``failures`` times in a row."""
    return now + _wait(min(2 ** (failures - 1), LONGEST_REST) * first_wait, chance)


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


def _wait(wait: int, chance: float) -> int:
    return int(wait * (1 + JITTER * chance))
