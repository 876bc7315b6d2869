"""Quiet hours, by the recipient's local time."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from delivery.quiet_hours import quiet_until

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
FROM_2026, TO_2029 = 1_767_225_600_000, 1_861_920_000_000
# Clock changes of an hour, half an hour (Lord Howe), two hours (Troll), at midnight (Beirut), or none; offsets of quarter hours.
ZONES = [
    "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Antarctica/Troll", "Asia/Beirut", "America/Santiago",
    "Asia/Kathmandu", "Pacific/Apia", "Pacific/Marquesas", "UTC",
]  # fmt: skip
zones = st.sampled_from(ZONES).map(ZoneInfo)
moments = st.integers(FROM_2026, TO_2029)
minutes = st.integers(0, 24 * 60 - 1)


def wall(at: int, zone: ZoneInfo) -> int:
    """The local time, in minutes after midnight."""
    shown = datetime.fromtimestamp(at / 1000, zone)
    return shown.hour * 60 + shown.minute


def offset(at: int, zone: ZoneInfo) -> timedelta | None:
    return datetime.fromtimestamp(at / 1000, zone).utcoffset()


def within(minute: int, start: int, end: int) -> bool:
    return (minute - start) % (24 * 60) < (end - start) % (24 * 60)


def at(text: str, zone: str = "Europe/Paris", fold: int = 0) -> int:
    """A local time, as ms since 1970."""
    shown = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return int(shown.timestamp() * 1000)


def until(now: int, start: str, end: str, zone: str = "Europe/Paris") -> str | None:
    def minutes_of(text: str) -> int:
        return int(text[:2]) * 60 + int(text[3:])

    found = quiet_until(now, minutes_of(start), minutes_of(end), ZoneInfo(zone))
    return None if found is None else datetime.fromtimestamp(found / 1000, ZoneInfo(zone)).isoformat(timespec="minutes")


@pytest.mark.parametrize(
    ("now", "start", "end", "expected"),
    [
        ("2026-11-23T12:00", "21:00", "07:00", None),
        ("2026-11-23T20:59:59", "21:00", "07:00", None),
        ("2026-11-23T21:00", "21:00", "07:00", "2026-11-24T07:00+01:00"),
        ("2026-11-24T03:10:17", "21:00", "07:00", "2026-11-24T07:00+01:00"),
        ("2026-11-24T07:00", "21:00", "07:00", None),
        ("2026-11-23T12:30", "12:00", "14:00", "2026-11-23T14:00+01:00"),
        ("2026-11-23T14:00", "12:00", "14:00", None),
        ("2026-11-23T23:59", "00:00", "23:59", None),
        ("2026-11-23T23:58", "00:00", "23:59", "2026-11-23T23:59+01:00"),
        ("2026-12-31T23:30", "23:00", "00:00", "2027-01-01T00:00+01:00"),
        # The night that is an hour longer, and the one that is an hour shorter.
        ("2026-10-24T22:00", "21:00", "07:00", "2026-10-25T07:00+01:00"),
        ("2026-03-28T22:00", "21:00", "07:00", "2026-03-29T07:00+02:00"),
        # The end falls into the hour that is skipped: they end with the skip, from 2 to 3.
        ("2026-03-29T01:30", "21:00", "02:30", "2026-03-29T03:00+02:00"),
        # The beginning does: they begin with the skip.
        ("2026-03-29T03:10", "02:30", "05:00", "2026-03-29T05:00+02:00"),
    ],
)
def test_quiet_hours_go_by_the_clock_on_the_wall(now: str, start: str, end: str, expected: str | None) -> None:
    assert until(at(now), start, end) == expected


def test_an_hour_that_comes_twice_is_quiet_twice() -> None:
    first, second = at("2026-10-25T02:10"), at("2026-10-25T02:10", fold=1)
    assert until(first, "02:00", "02:30") == "2026-10-25T02:30+02:00"
    assert until(at("2026-10-25T02:40"), "02:00", "02:30") is None
    assert until(second, "02:00", "02:30") == "2026-10-25T02:30+01:00"


def test_a_free_hour_that_is_left_out_is_waited_for_until_the_next_day() -> None:
    assert until(at("2026-03-29T01:00"), "03:00", "02:00") == "2026-03-30T02:00+02:00"


@given(moments, minutes, minutes, zones)
@example(at("2026-03-29T01:30"), 21 * 60, 150, ZoneInfo("Europe/Paris"))
def test_a_letter_waits_just_while_the_clock_shows_quiet_hours(now: int, start: int, end: int, zone: ZoneInfo) -> None:
    assume(start != end)
    found = quiet_until(now, start, end, zone)
    if not within(wall(now, zone), start, end):
        assert found is None
        return
    assert found is not None
    assert now < found
    assert found % MINUTE == 0
    assert quiet_until(found, start, end, zone) is None
    assert not within(wall(found, zone), start, end)
    assert within(wall(found - 1, zone), start, end)
    if offset(now, zone) == offset(found, zone):
        assert wall(found, zone) == end
        assert found - now <= DAY


@given(moments, minutes, minutes, zones)
def test_no_letter_waits_longer_than_two_days(now: int, start: int, end: int, zone: ZoneInfo) -> None:
    assume(start != end)
    assert (quiet_until(now, start, end, zone) or now) - now <= 2 * DAY


@given(moments, minutes, minutes, zones, st.floats(0, 1))
def test_who_asks_again_meanwhile_is_told_the_same(now: int, start: int, end: int, zone: ZoneInfo, chance: float) -> None:
    assume(start != end)
    found = quiet_until(now, start, end, zone)
    assume(found is not None)
    assert found is not None
    later = now + int((found - 1 - now) * chance)
    assert quiet_until(later, start, end, zone) == found


@given(moments, minutes, minutes)
def test_without_leaps_it_is_plain_arithmetic(now: int, start: int, end: int) -> None:
    assume(start != end)
    into = (now // MINUTE - start) % (24 * 60)
    length = (end - start) % (24 * 60)
    expected = now // MINUTE * MINUTE + (length - into) * MINUTE if into < length else None
    assert quiet_until(now, start, end, UTC) == expected
