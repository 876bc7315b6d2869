"""A year of letters, simulated: members who choose, read, move and change their minds; what comes to them, and what may not.

Nothing is asked of the product to judge it: the transport keeps what was sent and when, and compares it with the calendar and
the clock on each member's wall. `python -m tests.delivery.year_of_letters MEMBERS SEED` lives one with more of them.
"""

import asyncio
import heapq
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from random import Random
from uuid import UUID
from zoneinfo import ZoneInfo

from delivery.outbox.outbox import Outbox, send_one_letter
from delivery.settings import DeliverySettings
from delivery.transports.transport import Later, Message, Outcome, Sent, Unanswered
from storage.accounts import accounts, preferences
from storage.accounts.accounts import Role
from storage.accounts.preferences import Letters, Preferences
from storage.ids import ThreadId
from storage.mail import unread
from tests.delivery import more_kinds
from tests.delivery.rounds import announce_all
from tests.people import DAY, GRACE, House, Person, StoppedClock, open_house, person

ZONES = ["Europe/Paris", "America/Martinique", "Pacific/Noumea", "Indian/Reunion", "America/New_York"]
NIGHTS = [(None, None), (21 * 60, 7 * 60), (12 * 60, 14 * 60), (16 * 60, 18 * 60 + 30), (23 * 60 + 30, 30)]
SUBJECTS = {"Un nouveau message vous attend": "reply", "Des messages vous attendent": "digest"}
ALARM = "an_alarm"
A_DAY = 2
# How often a year each of this comes to a member, and how long a letter of it is of use.
YEARLY = {"a_lesson": 26, "a_praise": 12, "an_offer": 6, ALARM: 2, "post": 26, "read": 18, "answer": 4, "choose": 4, "move": 1}
BUSY = 15
WORTH = {"a_lesson": 3 * DAY, "a_praise": 2 * DAY, "an_offer": DAY, ALARM: None}
STATED = {
    "already read", "joined into another letter", "no longer wanted", "too late", "too many attempts",
    "too late once there is room: the day's letters were sent", "too late once there is room: more important letters come first",
}  # fmt: skip


@dataclass
class Member:
    """Somebody with two conversations, and what they chose."""

    one: Person
    threads: list[ThreadId]
    wanted: Letters
    zone: str
    # When the first message came that they have not read, by thread.
    unread: dict[ThreadId, int] = field(default_factory=dict)
    # When they last chose anything, and since when they have wanted to be told of replies: of what came before, nobody tells.
    chose_at: int = 0
    wants_since: int = 0
    # Every letter that was sent to them: when, and of which kind.
    sent: list[tuple[int, str]] = field(default_factory=list)

    def wall(self, at: int) -> datetime:
        """The time on their wall."""
        return datetime.fromtimestamp(at / 1000, ZoneInfo(self.zone))

    def is_quiet(self, at: int) -> bool:
        """Whether they want no letter at this time."""
        start, end, wall = self.wanted.quiet_from, self.wanted.quiet_to, self.wall(at)
        if start is None or end is None:
            return False
        minute = wall.hour * 60 + wall.minute
        return start <= minute < end if start < end else minute >= start or minute < end

    def of_day(self, at: int) -> int:
        """How many letters that count they were sent on this day of theirs."""
        day = self.wall(at).date()
        return sum(self.wall(sent).date() == day for sent, kind in self.sent if kind != ALARM)


@dataclass
class Ledger:
    """A transport that checks each letter as it comes, now and then takes none, and keeps what it took."""

    clock: StoppedClock
    random: Random
    members: dict[str, Member] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)

    async def send(self, message: Message, recipient: str, /, sender: str | None = None) -> Outcome:
        member = self.members.get(recipient)
        if member is None:
            return Sent()
        kind, now = SUBJECTS.get(message["Subject"], message["Subject"]), self.clock()
        self.faults += [f"{recipient}, {member.wall(now):%c}: {fault}" for fault in self._faults(member, kind, now)]
        if self.random.random() < 0.02:
            return Later("smtp 451")
        if message["Message-ID"] in self.ids:
            self.faults.append(f"{message['Message-ID']} came twice")
        self.ids.add(message["Message-ID"])
        member.sent.append((now, kind))
        return Unanswered("no answer") if self.random.random() < 0.01 else Sent()

    async def close(self) -> None:
        """Nothing is kept open."""

    @staticmethod
    def _faults(member: Member, kind: str, now: int) -> Iterator[str]:
        if kind == ALARM:
            return
        if member.is_quiet(now):
            yield f"{kind} in quiet hours"
        if member.of_day(now) >= min(A_DAY, member.wanted.most_a_day or A_DAY):
            yield f"{kind} is one too many"
        wanted = {"a_lesson": "programmes", "a_praise": "encouragements", "an_offer": "offers"}.get(kind, "replies")
        if not getattr(member.wanted, wanted):
            yield f"{kind} is not wanted"


@dataclass
class Year:
    """The year itself: what happens when, and the worker's rounds."""

    house: House
    clock: StoppedClock
    random: Random
    ledger: Ledger
    outbox: Outbox
    members: list[Member] = field(default_factory=list)
    # What was wanted of the service besides replies: the letter, and whose it is.
    written: list[UUID] = field(default_factory=list)
    # What was unread for days before it was read at last, although its reader wanted to know.
    untold: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, house: House, clock: StoppedClock, settings: DeliverySettings, seed: int) -> "Year":
        random = Random(seed)
        ledger = Ledger(clock, random)
        return cls(house, clock, random, ledger, Outbox(house.store, ledger, settings, chance=random.random))

    async def live(self, members: int, days: int = 365) -> None:
        """Let everybody move in, and live through the year; at its end nothing new comes for ten days, and all goes out."""
        await self._move_in(members)
        numbers = count()
        events = [(at, next(numbers), kind, member) for member in self.members for at, kind in self._planned(days)]
        heapq.heapify(events)
        while events:
            at, _, kind, member = heapq.heappop(events)
            await self._rounds_until(at)
            await self._happen(kind, member)
        await self._rounds_until(self.clock() + 10 * DAY)

    def _planned(self, days: int) -> Iterator[tuple[int, str]]:
        """What comes to a member, and when: most of it in some busy days, so that there is more than a day has room for."""
        began = self.clock()
        busy = [self.random.randrange(days) for _ in range(max(1, BUSY * days // 365))]
        for kind, often in YEARLY.items():
            for _ in range(often * days // 365):
                day = self.random.choice(busy) if self.random.random() < 0.7 else self.random.randrange(days)
                yield began + day * DAY + self.random.randrange(DAY), kind

    async def _move_in(self, members: int) -> None:
        people = [person(Role.MEMBER, "Anaïs", "", f"member{number}@ailo.test") for number in range(members)]
        await self.house.add(*people)
        for one in people:
            threads = [await self.house.open_thread(one, self.house.claire), await self.house.open_thread(one, self.house.sam)]
            member = Member(one, threads, Letters(), "Europe/Paris")
            self.members.append(member)
            self.ledger.members[one.email] = member
            await self._move(member)
            await self._choose(member)

    async def _happen(self, kind: str, member: Member) -> None:
        match kind:
            case "choose":
                await self._choose(member)
            case "move":
                await self._move(member)
            case "post":
                await self._post(member, self.random.randrange(2))
            case "read":
                await self._read(member)
            case "answer":
                await self.house.post(member.one, member.threads[0])
                member.unread.pop(member.threads[0], None)
            case _:
                store, worth = self.house.store, WORTH[kind]
                self.written.append(await more_kinds.write(store, member.one.id, kind, worth=worth))

    async def _post(self, member: Member, which: int) -> None:
        author = (self.house.claire, self.house.sam)[which]
        await self.house.post(author, member.threads[which])
        member.unread.setdefault(member.threads[which], self.clock())

    async def _read(self, member: Member) -> None:
        self.untold += self._untold(member, self.clock() - 4 * DAY)
        for thread in self.random.sample(list(member.unread), self.random.randint(0, len(member.unread))):
            await self.house.mark(member.one, thread, (await self.house.thread(thread)).last_seq)
            del member.unread[thread]

    async def _choose(self, member: Member) -> None:
        start, end = self.random.choice(NIGHTS)
        wanted_before = member.wanted.replies
        member.wanted = Letters(
            replies=self.random.random() < 0.9,
            digest=self.random.random() < 0.4,
            programmes=self.random.random() < 0.8,
            encouragements=self.random.random() < 0.8,
            offers=self.random.random() < 0.5,
            quiet_from=start,
            quiet_to=end,
            most_a_day=self.random.choice([None, None, 1, 2]),
        )
        member.chose_at = self.clock()
        if member.wanted.replies and not wanted_before:
            member.wants_since = self.clock()
        store, chosen, due_at = self.house.store, Preferences(letters=member.wanted), self.clock() + GRACE
        await store.database.write(lambda tx: preferences.keep(tx, store.guard, member.one.id, chosen))
        await store.database.write(lambda tx: unread.look_again(tx, member.one.id, due_at))

    async def _move(self, member: Member) -> None:
        member.zone = self.random.choice(ZONES)
        await self.house.store.database.write(lambda tx: accounts.settle(tx, member.one.id, "fr", member.zone))

    async def _rounds_until(self, at: int) -> None:
        """Do what is due at each moment that anything is, up to this one."""
        while (due := await self._next_due()) is not None and due <= at:
            self.clock.now = max(self.clock.now, due, self.outbox.resting_until)
            await announce_all(self.house.store, self.outbox.settings)
            while await send_one_letter(self.outbox):
                pass
        self.clock.now = max(self.clock.now, at)

    async def _next_due(self) -> int | None:
        (row,) = await self.house.select(
            "select min(at) as at from (select min(due_at) as at from unread_owed union all"
            " select min(due_at) from letters where state = 'waiting')"
        )
        return int(row["at"]) if row["at"] is not None else None

    async def judge(self) -> None:
        """Gather all that should not have been."""
        self.faults = [*self.ledger.faults, *await self._lost()]

    async def _lost(self) -> list[str]:
        """What was wanted and neither came, nor was joined or dropped for a stated reason."""
        rows = {row["id"]: row for row in await self.house.letters()}
        ended = [(row["kind"], row["state"], row["reason"]) for row in rows.values()]
        odd = [one for one in ended if one[1] != "sent" and (one[1] != "dropped" or one[2] not in STATED)]
        gone = [str(letter) for letter in self.written if letter.bytes not in rows]
        late = [fault for member in self.members for fault in self._untold(member, self.clock() - 4 * DAY)]
        return [*map(str, odd), *gone, *self.untold, *late]

    @staticmethod
    def _untold(member: Member, before: int) -> Iterator[str]:
        """What came before this time and is unread, and of which no letter has told since, as the member wants."""
        told = [at for at, kind in member.sent if kind in SUBJECTS.values()]
        long_ago = [posted for posted in member.unread.values() if member.wants_since <= posted < before]
        for posted in long_ago if member.wanted.replies and member.chose_at < before else ():
            if not any(at >= posted for at in told):
                yield f"{member.one.email} was not told of what came at {member.wall(posted):%c}"


async def live_a_year(folder: Path, members: int, seed: int) -> Year:
    """Build a house in a folder, live a year in it with this many members, and judge it: see ``faults``."""
    clock = StoppedClock()
    async with open_house(folder, clock) as house:
        with more_kinds.at_hand(folder / "kinds"):
            year = Year.of(house, clock, DeliverySettings("https://ailo.example", folder / "mail"), seed)
            await year.live(members)
            await year.judge()
    return year


def main() -> int:
    """Live a year, and tell what should not have been."""
    members, seed = (int(text) for text in sys.argv[1:])
    with tempfile.TemporaryDirectory(prefix="ailo-year-") as name:
        year = asyncio.run(live_a_year(Path(name), members, seed))
    sent = sum(len(member.sent) for member in year.members)
    print("\n".join([f"a year of {members} members: {sent} letters came; faults {len(year.faults)}", *year.faults[:20]]))
    return bool(year.faults)


if __name__ == "__main__":
    sys.exit(main())
