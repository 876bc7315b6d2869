"""The overview: exact, by the days of one's own time zone, and compared with the plainest possible computation."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from statistics import median
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chat.staff.overview import DAYS, Overview, Overviews, dates_until, start_of, zone_named
from storage.engine.database import Transaction, Value
from storage.ids import MessageId, ThreadId, new_id
from tests.people import DAY, HOUR, MINUTE, House, Person, StoppedClock

PARIS = ZoneInfo("Europe/Paris")
# Their clocks change at midnight, by half an hour, near the date line, or never.
ZONES = ["Europe/Paris", "UTC", "Asia/Beirut", "America/Havana", "Australia/Lord_Howe", "Pacific/Apia", "America/St_Johns"]


async def overview_of(house: House, one: Person) -> Overview:
    return await Overviews(house.store).of(await house.unlocked(one))


# Days


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 11, 23), 24)])
def test_a_day_is_as_long_as_its_clocks_say(day: date, hours: int) -> None:
    assert start_of(day + timedelta(days=1), PARIS) - start_of(day, PARIS) == hours * HOUR


def test_the_last_day_is_today_where_one_is() -> None:
    late = int(datetime(2026, 11, 23, 23, 30, tzinfo=UTC).timestamp() * 1000)
    assert [dates_until(late, ZoneInfo(zone))[-1].day for zone in ("UTC", "Europe/Paris", "America/Havana")] == [23, 24, 23]


def test_there_are_today_and_fourteen_days_before() -> None:
    found = dates_until(StoppedClock().now, PARIS)
    assert (len(found), found[0], found[-1]) == (15, date(2026, 11, 9), date(2026, 11, 23))


@given(st.sampled_from(ZONES), st.integers(1_700_000_000_000, 1_900_000_000_000))
def test_a_moment_is_in_the_day_that_its_clock_shows(zone: str, at: int) -> None:
    day = datetime.fromtimestamp(at / 1000, ZoneInfo(zone)).date()
    assert start_of(day, ZoneInfo(zone)) <= at < start_of(day + timedelta(days=1), ZoneInfo(zone))


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "Europe/Paris\0"])
def test_a_zone_that_is_none_is_the_usual_one(name: str) -> None:
    assert zone_named(name) == PARIS


# Counting


@pytest.fixture
async def thread(house: House) -> ThreadId:
    return await house.open_thread(house.lea, house.claire, house.sam)


async def test_a_day_has_what_came_and_went_and_how_long_it_took(
    house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    for one, pause in ((house.lea, 10), (house.lea, 20), (house.claire, 5), (house.sam, 30), (house.lea, 2), (house.sam, 0)):
        await house.post(one, thread)
        stopped_clock.advance(pause * MINUTE)
    today = (await overview_of(house, house.claire)).today
    assert (today.received, today.sent) == (3, 1)
    assert today.waits == [30 * MINUTE, 2 * MINUTE]
    assert (today.usual, today.longest) == (16 * MINUTE, 30 * MINUTE)


async def test_a_wait_belongs_to_the_day_of_the_answer(house: House, thread: ThreadId, stopped_clock: StoppedClock) -> None:
    await house.post(house.lea, thread)
    stopped_clock.advance(20 * DAY)
    await house.post(house.claire, thread)
    found = await overview_of(house, house.claire)
    assert found.today.waits == [20 * DAY]
    assert found.all_days.received == 0


async def test_a_day_without_anything_has_no_wait(house: House) -> None:
    found = await overview_of(house, house.claire)
    assert [(day.received, day.sent, day.usual, day.longest) for day in found.days] == [(0, 0, None, None)] * DAYS
    assert (found.all_days.usual, found.waiting) == (None, [])


async def test_an_outsider_and_who_left_are_told_of_nothing(house: House, thread: ThreadId) -> None:
    await house.post(house.lea, thread)
    await house.leave(thread, house.claire)
    for one in (house.claire, house.thomas):
        found = await overview_of(house, one)
        assert (found.all_days.received, found.waiting) == (0, [])
    assert (await overview_of(house, house.sam)).all_days.received == 1


# Against a plain computation


class Line(NamedTuple):
    """A message to write: its thread, its author, its kind, and the time since the one before."""

    thread: int
    author: str
    kind: str
    after: int


LINES = st.lists(
    st.builds(
        Line,
        st.integers(0, 2),
        st.sampled_from(["member", "claire", "claire", "sam"]),
        st.sampled_from(["text", "text", "text", "lesson"]),
        st.sampled_from([0, 1, MINUTE, 7 * HOUR, DAY, 3 * DAY, 16 * DAY]),
    ),
    max_size=40,
)


class World:
    """Two threads of Claire's, and one of other people's. ``rows`` are the messages: thread, author, whether text, time."""

    def __init__(self, house: House, threads: list[ThreadId]) -> None:
        self.house, self.threads = house, threads
        self.rows: list[tuple[int, Person, bool, int]] = []

    def author(self, line: Line) -> Person:
        house = self.house
        return {"member": [house.lea, house.karim, house.lea][line.thread], "claire": house.claire, "sam": house.sam}[line.author]

    async def write(self, lines: list[Line], end: int) -> None:
        """Write these messages to the database as rows, the last of them at ``end``."""
        at = end - sum(line.after for line in lines)
        values: list[dict[str, Value]] = []
        self.rows, last = [], Counter[int]()
        for line in lines:
            at += line.after
            last[line.thread] += 1
            author, id_ = self.author(line), self.threads[line.thread].bytes
            self.rows.append((line.thread, author, line.kind == "text", at))
            values.append({"thread": id_, "seq": last[line.thread], "id": new_id(MessageId).bytes,
                           "author": author.id.bytes, "at": at, "kind": line.kind})  # fmt: skip

        async def work(tx: Transaction) -> None:
            await tx.run("delete from messages")
            await tx.run_many(
                "insert into messages (thread, seq, id, epoch, author, kind, at, body, link)"
                " values (:thread, :seq, :id, 1, :author, :kind, :at, '', '')",
                values,
            )
            await tx.run(
                "update threads set last_seq = (select count(*) from messages where thread = threads.id),"
                " last_at = coalesce((select max(at) from messages where thread = threads.id), 0)"
            )

        await self.house.store.database.write(work)

    def plain_days(self, zone: ZoneInfo, now: int) -> list[tuple[date, int, int, float | None, int | None]]:
        """The overview computed message by message and day by day, by local time."""
        received, sent, waits = Counter[date](), Counter[date](), dict[date, list[int]]()
        for number in (0, 1):
            since = None
            for _, author, is_text, at in [row for row in self.rows if row[0] == number]:
                day = datetime.fromtimestamp(at / 1000, zone).date()
                if not is_text:
                    continue
                if author in (self.house.lea, self.house.karim):
                    received[day] += 1
                    since = at if since is None else since
                else:
                    sent[day] += author is self.house.claire
                    if since is not None:
                        waits.setdefault(day, []).append(at - since)
                    since = None
        today = datetime.fromtimestamp(now / 1000, zone).date()
        return [
            (day, received[day], sent[day], median(waits[day]) if day in waits else None, max(waits.get(day, []), default=None))
            for day in [today - timedelta(days=back) for back in range(14, -1, -1)]
        ]


@settings(max_examples=300, suppress_health_check=list(HealthCheck), deadline=None)
@given(lines=LINES, zone=st.sampled_from(ZONES), now=st.integers(1_760_000_000_000, 1_800_000_000_000), early=st.integers(0, DAY))
async def test_it_is_what_a_plain_computation_gives(
    house: House, stopped_clock: StoppedClock, lines: list[Line], zone: str, now: int, early: int
) -> None:
    if not hasattr(house, "world"):
        people = [(house.lea, house.claire), (house.karim, house.claire, house.sam), (house.lea, house.sam)]
        house.world = World(house, [await house.open_thread(*each) for each in people])  # type: ignore[attr-defined]
    world: World = house.world  # type: ignore[attr-defined]
    await world.write(lines, now - early)
    stopped_clock.now = now
    await house.spoil("update accounts set time_zone = :zone", zone=zone)
    found = await overview_of(house, house.claire)
    days = [(day.date, day.received, day.sent, day.usual, day.longest) for day in found.days]
    assert days == world.plain_days(ZoneInfo(zone), now)
