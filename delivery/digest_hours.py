"""When the one letter of a day goes out that tells of all that waits, for who chose so: the digest."""

from datetime import time, timedelta

from delivery.quiet_hours import silence_until
from delivery.wall_time import at_hour, date_at, zone_named
from storage.accounts.preferences import Letters

__all__ = ["around"]

# The end of a working day: what came is known, and there is time to read it.
HOUR = time(17)


def around(wanted: Letters, time_zone: str, now: int) -> tuple[int, int]:
    """The last time for a digest at or before ``now``, and the next after it (ms since 1970).

    It is at 17:00 by somebody's own clock, or when the quiet hours end in which that falls.
    """
    zone = zone_named(time_zone)
    days = [date_at(now, zone) + timedelta(days=days) for days in range(-2, 3)]
    hours = [at_hour(day, HOUR, zone) for day in days]
    times = [silence_until(wanted, time_zone, hour) or hour for hour in hours]
    return max(at for at in times if at <= now), min(at for at in times if at > now)
