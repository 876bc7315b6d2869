"""When the next lesson is due, by the wall clock of the person who follows. Pure: reads no clock and no store.

``day`` counts dates from the enrolment's, moved by pauses; ``weekday`` is the next such day after the lesson before. A time
that the clocks skip is taken at the jump; one that comes twice, at its first.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from storage.programmes.plans import Lesson

DAY = timedelta(days=1)
MINUTES_OF_AN_HOUR = 60


class Point(NamedTuple):
    """Where somebody is: the date of enrolment, by how many days pauses moved it, and the wall time of the last lesson."""

    began_on: date
    shift: int = 0
    last: datetime | None = None


class Placed(NamedTuple):
    """A lesson with its wall time, and with the same as ms since 1970."""

    lesson: Lesson
    wall: datetime
    at: int


class Coming(NamedTuple):
    """What is due: to be sent, in order; to be noted as missed; and what comes after that, if anything does."""

    send: tuple[Placed, ...]
    missed: tuple[Placed, ...]
    next: Placed | None


def zone(name: str) -> tzinfo:
    """The zone of this name, else UTC: one that this machine no longer knows must not hold lessons back for ever."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def date_at(now: int, where: tzinfo) -> date:
    """The date there, at a time in ms since 1970."""
    return datetime.fromtimestamp(now / 1000, where).date()


def moment(wall: datetime, where: tzinfo) -> int:
    """A wall time in ms since 1970: at the jump if the clocks skip it, at its first if it comes twice."""
    first, second = (_seconds(wall, where, fold) for fold in (0, 1))
    # In a gap (PEP 495) the first reading lies after the jump, and the second before it.
    return 1000 * (first if first <= second else _jump(second, first, where))


def _seconds(wall: datetime, where: tzinfo, fold: int) -> int:
    return int(wall.replace(tzinfo=where, fold=fold).timestamp())


def _jump(before: int, after: int, where: tzinfo) -> int:
    """The first second, of those between, with the offset of ``after``."""
    offset = _offset(after, where)
    while after - before > 1:
        middle = (before + after) // 2
        before, after = (before, middle) if _offset(middle, where) == offset else (middle, after)
    return after


def _offset(seconds: int, where: tzinfo) -> timedelta | None:
    return datetime.fromtimestamp(seconds, where).utcoffset()


def placed(lessons: Iterable[Lesson], point: Point, where: tzinfo) -> Iterator[Placed]:
    """Each of the lessons to come with its time, in their order; each comes later than the one before."""
    for lesson in lessons:
        wall = datetime.combine(_date(lesson, point), _hour(lesson))
        point = point._replace(last=wall)
        yield Placed(lesson, wall, moment(wall, where))


def _hour(lesson: Lesson) -> time:
    return time(*divmod(lesson.minute, MINUTES_OF_AN_HOUR))


def _date(lesson: Lesson, point: Point) -> date:
    if lesson.weekday is not None:
        first = point.last.date() + DAY if point.last else point.began_on
        return first + (lesson.weekday - first.weekday()) % 7 * DAY
    on = point.began_on + (point.shift + (lesson.day or 0)) * DAY
    return max(on, _earliest_after(point.last, lesson)) if point.last else on


def _earliest_after(last: datetime, lesson: Lesson) -> date:
    return last.date() if _hour(lesson) > last.time() else last.date() + DAY


def coming(upcoming: Sequence[Placed], now: int, enrolled_at: int, restored_at: int = 0) -> Coming:
    """What to do now about the lessons to come: of those that are due, only the latest is sent.

    All of them are sent if even the latest was due when the person enrolled: its hour had passed on that day. What may have
    been sent before the database was restored from a backup is missed. All times in ms since 1970.
    """
    due = [one for one in upcoming if one.at <= now]
    chosen = due if due and due[-1].at <= enrolled_at else due[-1:]
    send = tuple(one for one in chosen if max(one.at, enrolled_at) > restored_at)
    missed = tuple(one for one in due if one not in send)
    return Coming(send, missed, upcoming[len(due)] if len(due) < len(upcoming) else None)


def resumed(lessons: Sequence[Lesson], point: Point, where: tzinfo, now: int) -> Point:
    """Where somebody is after a pause: the next lesson, if its time has passed, comes at its hour on the first day that fits."""
    first = next(placed(lessons, point, where), None)
    if first is None or first.at > now:
        return point
    on = _first_fitting(first.lesson, where, now)
    return Point(point.began_on, point.shift + (on - first.wall.date()).days, datetime.combine(on - DAY, time()))


def _first_fitting(lesson: Lesson, where: tzinfo, now: int) -> date:
    on = date_at(now, where)
    while moment(datetime.combine(on, _hour(lesson)), where) <= now or lesson.weekday not in {None, on.weekday()}:
        on += DAY
    return on
