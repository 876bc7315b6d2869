"""When lessons come: by the member's wall clock, over both clock changes, after outages and after pauses."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.programmes.plans import Lesson
from storage.programmes.schedule import Placed, Point, coming, date_at, moment, placed, resumed, zone

PARIS = ZoneInfo("Europe/Paris")
ZONES = ("Europe/Paris", "America/St_Johns", "Pacific/Apia", "Australia/Lord_Howe", "UTC", "Africa/Casablanca")
MS_OF_A_DAY = 86_400_000


def lesson(key: str, *, day: int | None = None, weekday: int | None = None, hour: int = 9, minute: int = 0) -> Lesson:
    return Lesson(key, int(key[1:]), hour * 60 + minute, {"fr": key}, day, weekday)


def at(text: str, where: ZoneInfo = PARIS) -> int:
    """An unambiguous wall time, in ms since 1970."""
    return int(datetime.fromisoformat(text).replace(tzinfo=where).timestamp() * 1000)


def wall(text: str) -> datetime:
    """A wall time, of no zone."""
    return datetime.fromisoformat(text)


def walls(lessons: list[Lesson], point: Point) -> list[str]:
    return [one.wall.isoformat(timespec="minutes") for one in placed(lessons, point, PARIS)]


# The clocks


def test_a_time_that_the_clocks_skip_is_taken_at_the_jump() -> None:
    """On 28 March 2027 in Paris, 01:59 is followed by 03:00."""
    assert moment(wall("2027-03-28T02:30"), PARIS) == at("2027-03-28T03:00")


def test_a_time_that_comes_twice_is_taken_at_its_first() -> None:
    """On 31 October 2027 in Paris, 02:30 comes in summer time and again an hour later."""
    first = int(datetime(2027, 10, 31, 0, 30, tzinfo=UTC).timestamp() * 1000)
    assert moment(wall("2027-10-31T02:30"), PARIS) == first


def test_a_zone_that_nobody_knows_counts_as_utc() -> None:
    assert zone("Mars/Olympus") == zone("../etc/passwd") == zone("") == UTC


@given(st.datetimes(wall("2020-01-01T00:00"), wall("2035-01-01T00:00")), st.sampled_from(ZONES))
def test_a_moment_is_the_wall_time_or_the_jump_over_it(hour: datetime, name: str) -> None:
    meant, where = hour.replace(second=0, microsecond=0), ZoneInfo(name)
    shown = datetime.fromtimestamp(moment(meant, where) / 1000, where).replace(tzinfo=None)
    just_before = datetime.fromtimestamp(moment(meant, where) / 1000 - 1, where).replace(tzinfo=None)
    assert shown == meant or just_before < meant < shown


# The order of lessons


def test_days_count_from_the_date_of_the_enrolment() -> None:
    lessons = [lesson("a1", day=0), lesson("b2", day=7), lesson("c3", day=14, hour=18)]
    assert walls(lessons, Point(date(2026, 11, 30))) == ["2026-11-30T09:00", "2026-12-07T09:00", "2026-12-14T18:00"]


def test_a_weekday_is_the_next_one_after_the_lesson_before() -> None:
    """Enrolled on a Monday: the first one is on that day, or on the next Thursday."""
    mondays = [lesson("a1", weekday=0), lesson("b2", weekday=0), lesson("c3", weekday=3)]
    assert walls(mondays, Point(date(2026, 11, 30))) == ["2026-11-30T09:00", "2026-12-07T09:00", "2026-12-10T09:00"]
    assert walls([lesson("a1", weekday=3)], Point(date(2026, 11, 30))) == ["2026-12-03T09:00"]


def test_a_day_that_the_lesson_before_has_overtaken_is_the_next_one_free() -> None:
    """Enrolled on a Wednesday, a welcome, then Monday; day 2 would have come before that."""
    lessons = [lesson("a1", day=0), lesson("b2", weekday=0), lesson("c3", day=2), lesson("d4", day=2, hour=18)]
    assert walls(lessons, Point(date(2026, 12, 2))) == [
        "2026-12-02T09:00",
        "2026-12-07T09:00",
        "2026-12-08T09:00",
        "2026-12-08T18:00",
    ]


@st.composite
def courses(draw: st.DrawFn) -> list[Lesson]:
    """Lessons of both sorts, in any order of days."""
    made = []
    for number in range(1, draw(st.integers(1, 8)) + 1):
        hour, minute = draw(st.integers(0, 23)), draw(st.sampled_from((0, 30)))
        on = draw(st.tuples(st.integers(0, 30), st.none()) | st.tuples(st.none(), st.integers(0, 6)))
        made.append(Lesson(f"l{number}", number, hour * 60 + minute, {}, *on))
    return made


@given(courses(), st.dates(date(2026, 1, 1), date(2028, 1, 1)), st.sampled_from(ZONES))
def test_each_lesson_comes_after_the_one_before_and_at_its_hour(lessons: list[Lesson], began_on: date, name: str) -> None:
    found = list(placed(lessons, Point(began_on), ZoneInfo(name)))
    assert [one.lesson for one in found] == lessons
    assert all(one.wall < other.wall and one.at <= other.at for one, other in pairwise(found))
    assert all(one.wall.hour * 60 + one.wall.minute == one.lesson.minute for one in found)
    assert all(one.lesson.weekday in {None, one.wall.weekday()} for one in found)


@given(courses(), st.dates(date(2026, 1, 1), date(2028, 1, 1)), st.sampled_from(ZONES), st.integers(0, 8))
def test_going_on_from_any_lesson_gives_the_same_times(lessons: list[Lesson], began_on: date, name: str, after: int) -> None:
    """So it does not matter when the service looks."""
    whole = list(placed(lessons, Point(began_on), ZoneInfo(name)))
    if 0 < after < len(whole):
        rest = placed(lessons[after:], Point(began_on, 0, whole[after - 1].wall), ZoneInfo(name))
        assert list(rest) == whole[after:]


# What is due


def due_ones(*times: int) -> list[Placed]:
    return [Placed(lesson(f"l{number}", day=number), wall("2026-01-01T00:00"), at_) for number, at_ in enumerate(times, 1)]


def keys(found: tuple[Placed, ...]) -> list[str]:
    return [one.lesson.key for one in found]


def test_of_all_that_is_due_only_the_latest_is_sent() -> None:
    found = coming(due_ones(10, 20, 30, 40), 35, enrolled_at=5)
    assert (keys(found.send), keys(found.missed)) == (["l3"], ["l1", "l2"])
    assert found.next
    assert found.next.lesson.key == "l4"


def test_what_had_passed_at_the_enrolment_is_all_sent() -> None:
    found = coming(due_ones(10, 20), 35, enrolled_at=30)
    assert (keys(found.send), keys(found.missed), found.next) == (["l1", "l2"], [], None)


def test_what_a_backup_cannot_know_is_noted_and_not_sent() -> None:
    assert keys(coming(due_ones(10), 50, enrolled_at=5, restored_at=40).missed) == ["l1"]
    assert keys(coming(due_ones(10, 45), 50, enrolled_at=5, restored_at=40).send) == ["l2"]
    assert keys(coming(due_ones(10), 50, enrolled_at=45, restored_at=40).send) == ["l1"], "enrolled since"


@given(
    st.lists(st.integers(0, 50), max_size=8).map(sorted), st.lists(st.integers(0, 60), min_size=1).map(sorted), st.integers(0, 9)
)
def test_each_lesson_is_due_once_however_often_one_looks(times: list[int], looks: list[int], enrolled_at: int) -> None:
    left, came = due_ones(*times), []
    for now in looks:
        found = coming(left, now, enrolled_at)
        came += [one.lesson.key for one in (*found.send, *found.missed)]
        assert len(found.send) <= 1 or found.send[-1].at <= enrolled_at
        left = [one for one in left if one.at > now]
    assert sorted(came) == [f"l{number}" for number, at_ in enumerate(times, 1) if at_ <= looks[-1]]


# Pauses


def test_after_a_pause_the_next_lesson_comes_at_its_hour_on_the_first_day_and_the_others_keep_their_distance() -> None:
    rest = [lesson("b2", day=7), lesson("c3", day=14)]
    point = Point(date(2026, 11, 2), 0, wall("2026-11-02T09:00"))
    assert walls(rest, resumed(rest, point, PARIS, at("2026-12-01T08:00"))) == ["2026-12-01T09:00", "2026-12-08T09:00"]
    assert walls(rest, resumed(rest, point, PARIS, at("2026-12-01T10:00"))) == ["2026-12-02T09:00", "2026-12-09T09:00"]


def test_a_pause_that_passed_no_lesson_changes_nothing() -> None:
    rest, point = [lesson("b2", day=7)], Point(date(2026, 11, 2), 3, wall("2026-11-02T09:00"))
    assert resumed(rest, point, PARIS, at("2026-11-05T08:00")) == point
    assert resumed([], point, PARIS, at("2027-11-05T08:00")) == point


def test_after_a_pause_a_weekday_is_still_that_day() -> None:
    """2026-12-01 is a Tuesday."""
    rest = [lesson("b2", weekday=0), lesson("c3", weekday=0)]
    point = Point(date(2026, 11, 2), 0, wall("2026-11-02T09:00"))
    assert walls(rest, resumed(rest, point, PARIS, at("2026-12-01T08:00"))) == ["2026-12-07T09:00", "2026-12-14T09:00"]


@given(courses(), st.dates(date(2026, 1, 1), date(2028, 1, 1)), st.sampled_from(ZONES), st.integers(0, 400))
def test_after_any_pause_nothing_is_due_at_once_and_nothing_is_left_out(
    lessons: list[Lesson], began_on: date, name: str, days: int
) -> None:
    where, point = ZoneInfo(name), Point(began_on)
    now = moment(datetime.combine(began_on, datetime.min.time()) + timedelta(days=days, hours=12), where)
    before, after = (list(placed(lessons, one, where)) for one in (point, resumed(lessons, point, where, now)))
    assert [one.lesson for one in after] == lessons
    assert after[0].at > now or after == before
    assert after[0].at > now
    if before[0].at <= now:
        assert (after[0].wall.date() - date_at(now, where)).days <= 7, "the first day that fits"


@pytest.mark.parametrize("days", [0, 1])
def test_a_pause_over_the_change_of_the_clocks_keeps_the_hour(days: int) -> None:
    rest = [lesson("b2", day=1, hour=2, minute=30)]
    now = at("2027-03-27T12:00") + days * MS_OF_A_DAY
    found = next(placed(rest, resumed(rest, Point(date(2027, 3, 1)), PARIS, now), PARIS))
    assert found.wall == wall(f"2027-03-{28 + days}T02:30")
    assert found.at == (at("2027-03-28T03:00") if days == 0 else at("2027-03-29T02:30"))
