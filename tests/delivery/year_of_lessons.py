"""A year of programmes, simulated over both changes of the clocks: the real job, outbox and database, a transport that records.

Members live in several zones, have quiet hours or none, join on any day, pause, go on and stop. The clock jumps from one thing
that is due to the next. What came is then compared with what each member's own clock says, worked out in another way.
"""

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from delivery.jobs.lessons import send_lessons
from delivery.outbox.outbox import Outbox
from delivery.settings import DeliverySettings
from storage.accounts import accounts
from storage.accounts.accounts import Role
from storage.accounts.preferences import Letters, Preferences
from storage.engine.database import Transaction
from storage.programmes import enrolments, following, programmes
from storage.programmes.enrolments import State
from storage.programmes.following import Plans
from storage.programmes.plans import Plan
from tests.delivery.rounds import send_all
from tests.delivery.transports.recording import RecordingTransport
from tests.people import DAY, House, Person, StoppedClock, open_house, person
from tests.storage.programmes.courses import NAME, choose, lesson, plan, published

ZONES = ("Europe/Paris", "America/Montreal", "Pacific/Noumea", "Indian/Reunion", "Australia/Lord_Howe")
BEGIN, END = "2027-01-04T12:00", "2028-01-08T12:00"
QUARTER = timedelta(minutes=15)


@dataclass
class Member:
    """Somebody, with what they chose and did. Times in ms since 1970."""

    who: Person
    zone: str
    manages: bool
    quiet: tuple[int, int] | None
    joins_at: int
    pauses_at: int = 0
    resumes_at: int = 0
    stops_at: int = 0
    came: list[tuple[str, int]] = field(default_factory=list)

    @property
    def is_steady(self) -> bool:
        """Whether nothing moves what they get."""
        return not self.pauses_at and not self.stops_at


def fortnightly() -> Plan:
    """26 lessons, one every two weeks, at all sorts of hours: 02:30 too. Each third has a variant for managers."""
    hours = (9 * 60, 2 * 60 + 30, 18 * 60, 7 * 60)
    found = []
    for at in range(26):
        for audience in ("others", "managers") if at % 3 == 2 else ("everybody",):
            key = f"l{at:02}" + ("-managers" if audience == "managers" else "")
            found.append(msgspec.structs.replace(lesson(at + 1, key, 14 * at, audience=audience), minute=hours[at % len(hours)]))
    return plan(*found)


@dataclass
class Year:
    """The house, its members and its clock. ``faults`` says in a line each what should not have been."""

    house: House
    clock: StoppedClock
    post: RecordingTransport
    outbox: Outbox
    members: Sequence[Member]
    plan: Plan
    faults: list[str] = field(default_factory=list)

    async def live(self) -> None:
        """Do all that the members do, when they do it, and all that is due in between."""
        deeds = sorted(self._deeds(), key=lambda deed: deed[0])
        for at, deed in deeds:
            await self._until(at)
            await deed()  # type: ignore[misc]
        await self._until(moment(END, "UTC"))

    def _deeds(self) -> Iterator[tuple[int, Callable[[], object]]]:
        for one in self.members:
            yield one.joins_at, lambda one=one: self._join(one)  # type: ignore[misc]
            if one.pauses_at:
                yield one.pauses_at, lambda one=one: self._move(one, State.PAUSED)  # type: ignore[misc]
                yield one.resumes_at, lambda one=one: self._resume(one)  # type: ignore[misc]
            if one.stops_at:
                yield one.stops_at, lambda one=one: self._move(one, State.STOPPED)  # type: ignore[misc]

    async def _until(self, end: int) -> None:
        """Let what is due happen, each thing at its time, until ``end``."""
        while (due := await self._next_due()) is not None and due <= end:
            self.clock.now = max(self.clock.now, due)
            while await send_lessons(self.house.store, self.outbox.settings):
                pass
            await send_all(self.outbox)
        self.clock.now = max(self.clock.now, end)

    async def _next_due(self) -> int | None:
        (row,) = await self.house.select(
            "select min(at) as at from (select min(next_at) as at from enrolments"
            " union all select min(due_at) as at from letters where state = 'waiting') found"
        )
        return None if row["at"] is None else int(row["at"])

    async def _join(self, one: Member) -> None:
        guard, now = self.house.store.guard, self.clock()
        who = following.Person(one.zone, one.manages)

        async def work(tx: Transaction) -> None:
            programme = await programmes.find(tx, guard, NAME)
            assert programme
            await enrolments.keep(tx, guard, following.begun(one.who.id, programme, who, now, None), enrolments.AT_ONCE)

        await self.house.store.database.write(work)

    async def _move(self, one: Member, state: State) -> None:
        guard = self.house.store.guard

        async def work(tx: Transaction) -> None:
            found = await enrolments.find(tx, guard, one.who.id, NAME)
            assert found
            if found.state.is_open:
                await enrolments.move(tx, guard, found.moved(state, self.clock()), None)

        await self.house.store.database.write(work)

    async def _resume(self, one: Member) -> None:
        guard = self.house.store.guard
        who = following.Person(one.zone, one.manages)

        async def work(tx: Transaction) -> None:
            found, programme = await enrolments.find(tx, guard, one.who.id, NAME), await programmes.find(tx, guard, NAME)
            assert found
            assert programme
            if found.state is State.PAUSED:
                present, made = await following.brought_up(tx, Plans(guard), found, programme)
                await enrolments.move(tx, guard, following.resumed(present, made, who, self.clock()), enrolments.AT_ONCE)

        await self.house.store.database.write(work)

    # Judging

    def judge(self) -> None:
        """Compare what came with what had to come."""
        for one in self.members:
            keys = [key for key, _ in one.came]
            due = [found.key for found in self.plan.lessons if found.audience.has(one.manages)]
            self._expect(len(keys) == len(set(keys)), one, "a lesson came twice")
            self._expect(keys == due[: len(keys)], one, "lessons came out of their order, or not all of them")
            self._expect(not one.stops_at or all(at < one.stops_at for _, at in one.came), one, "one came after the stop")
            self._expect(not one.quiet or not any(self._is_quiet(one, at) for _, at in one.came), one, "one came in quiet hours")
            away = range(one.pauses_at, one.resumes_at)
            self._expect(not any(at in away for _, at in one.came), one, "one came during the pause")
            if one.is_steady:
                self._judge_times(one)

    def _judge_times(self, one: Member) -> None:
        """Each lesson of somebody who let things go came when their clock said so, or at the end of their quiet hours."""
        zone = ZoneInfo(one.zone)
        began_on = datetime.fromtimestamp(one.joins_at / 1000, zone).date()
        lessons = [found for found in self.plan.lessons if found.audience.has(one.manages)]
        expected = [max(one.joins_at, first_at(began_on, found.day or 0, found.minute, zone)) for found in lessons]
        expected = [at for at in expected if at <= moment(END, "UTC") - DAY]
        self._expect(len(one.came) >= len(expected), one, "a lesson did not come")
        for (_, at), due in zip(one.came, expected, strict=False):
            waited = one.quiet is not None and self._is_quiet(one, due)
            self._expect(due < at < due + DAY if waited else at == due, one, "a lesson came at another time")

    def _is_quiet(self, one: Member, at: int) -> bool:
        assert one.quiet
        local = datetime.fromtimestamp(at / 1000, ZoneInfo(one.zone))
        start, end = one.quiet
        minute = local.hour * 60 + local.minute
        return start <= minute < end if start < end else minute >= start or minute < end

    def _expect(self, is_so: bool, one: Member, fault: str) -> None:
        if not is_so:
            self.faults.append(f"{one.who.email} in {one.zone}: {fault}: {one.came}")


def moment(text: str, zone: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def first_at(began_on: date, day: int, minute: int, zone: ZoneInfo) -> int:
    """The first quarter of an hour at which a clock there shows that time of that day, or a later one."""
    wall = datetime.combine(began_on, datetime.min.time()) + timedelta(days=day, minutes=minute)
    at = wall.replace(tzinfo=zone).astimezone(ZoneInfo("UTC")) - 16 * QUARTER
    while at.astimezone(zone).replace(tzinfo=None) < wall:
        at += QUARTER
    return int(at.timestamp() * 1000)


def title_of(message: EmailMessage) -> str:
    """The title of a lesson, which is its key in these tests: it follows the line that says which step it is."""
    plain = message.get_body(("plain",))
    assert plain
    lines = [line for line in str(plain.get_content()).splitlines() if line]
    return next(lines[at + 1] for at, line in enumerate(lines) if re.fullmatch(r"(Étape|Step) \d+ (sur|of) \d+", line))


def made_up(number: int, chance: random.Random) -> Member:
    """A member of whom nothing is decided but by chance."""
    quiet = (chance.randrange(18 * 60, 23 * 60), chance.randrange(5 * 60, 9 * 60)) if chance.random() < 0.5 else None
    joins_at = moment(BEGIN, "UTC") + chance.randrange(60) * DAY + chance.randrange(24 * 60) * 60_000
    one = Member(
        person(Role.MEMBER, "Zoé", "", f"zoe{number}@ailo.test"),
        chance.choice(ZONES),
        chance.random() < 0.5,
        quiet,
        joins_at,
    )
    if chance.random() < 0.3:
        one.pauses_at = joins_at + chance.randrange(1, 200) * DAY
        one.resumes_at = one.pauses_at + chance.randrange(1, 60) * DAY
    if chance.random() < 0.3:
        one.stops_at = joins_at + chance.randrange(200, 330) * DAY
    return one


async def live_a_year(folder: Path, count: int, seed: int) -> Year:
    """Let so many members live through it; return the year, judged."""
    chance, clock = random.Random(seed), StoppedClock()
    clock.now = moment(BEGIN, "UTC")
    members = [made_up(number, chance) for number in range(count)]
    async with open_house(folder, clock) as house:
        await house.add(*(one.who for one in members))
        await _settle(house, members)
        post, made = RecordingTransport(), fortnightly()
        await published(house, made)
        outbox = Outbox(house.store, post, DeliverySettings("https://ailo.example", folder / "mail"), chance=lambda: 0.0)
        by_address = {one.who.email: one for one in members}
        post.seen = _Noting(by_address, clock)  # type: ignore[assignment]
        year = Year(house, clock, post, outbox, members, made)
        await year.live()
        year.judge()
        return year


async def _settle(house: House, members: Sequence[Member]) -> None:
    for one in members:
        quiet = dict(zip(("quiet_from", "quiet_to"), one.quiet, strict=True)) if one.quiet else {}
        await choose(house, one.who, Preferences(manages=one.manages, letters=Letters(**quiet)))  # type: ignore[arg-type]
        await house.store.database.write(lambda tx, one=one: accounts.settle(tx, one.who.id, "fr", one.zone))  # type: ignore[misc]


class _Noting:
    """Notes for each letter which lesson it is, and when it came, instead of keeping it."""

    def __init__(self, members: dict[str, Member], clock: StoppedClock) -> None:
        self._members, self._clock = members, clock

    def append(self, seen: tuple[str, EmailMessage]) -> None:
        recipient, message = seen
        self._members[recipient].came.append((title_of(message), self._clock()))
