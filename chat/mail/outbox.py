"""What an administrator may know of the outbox, and do about it: an id and a domain, never an address, a name or a text."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo

from chat.framed.days import DAYS, dates_until, start_of, zone_named
from chat.framed.tables import Asked
from storage.accounts import accounts
from storage.accounts.accounts import Account
from storage.engine.database import Reader, Transaction
from storage.ids import AccountId
from storage.mail import letters, overview, refused_mailboxes
from storage.mail.letters import State
from storage.mail.overview import Counted, Outcome, Seen, Wanted
from storage.store import Store

# What can be chosen as a state: one state, or two that mean the same to whoever looks for trouble.
STATES: Mapping[str, Sequence[State]] = {
    "waiting": (State.WAITING,),
    "sent": (State.SENT,),
    "failed": (State.REFUSED, State.DROPPED),
    "refused": (State.REFUSED,),
    "dropped": (State.DROPPED,),
}


@dataclass
class Numbers:
    """How many letters wait, went out, or failed."""

    waiting: int = 0
    sent: int = 0
    failed: int = 0

    @property
    def all(self) -> int:
        return self.waiting + self.sent + self.failed

    def add(self, state: str, count: int) -> None:
        """Count letters in a state."""
        name = state if state in ("waiting", "sent") else "failed"
        setattr(self, name, getattr(self, name) + count)


@dataclass(frozen=True)
class Figures:
    """The numbers of the last days, by the day on which letters were written (in the reader's zone) and by kind.

    ``oldest`` is since when the first letter that is due waits, in ms since 1970; None if none is.
    """

    now: int
    zone: ZoneInfo
    oldest: int | None
    days: Mapping[date, Numbers]
    kinds: Mapping[str, Numbers] = field(default_factory=dict)

    @property
    def whole(self) -> Numbers:
        """All days together."""
        whole = Numbers()
        for day in self.days.values():
            whole.waiting, whole.sent, whole.failed = (
                whole.waiting + day.waiting,
                whole.sent + day.sent,
                whole.failed + day.failed,
            )
        return whole


@dataclass(frozen=True)
class Found:
    """A page of letters, with the domain that each goes to (not of accounts that do not open), and how many there are in all."""

    letters: Sequence[Seen]
    domains: Mapping[AccountId, str]
    total: int


class OutboxView:
    """Reads the outbox, and takes back what was decided about a letter."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def figures(self, who: Account) -> Figures:
        """The numbers of the last days."""
        now, zone = self._store.clock(), zone_named(who.time_zone)
        dates = dates_until(now, zone, DAYS)

        async def read(reader: Reader) -> tuple[list[Counted], int | None]:
            return await overview.counted(reader, start_of(dates[0], zone)), await overview.oldest_waiting(reader, now)

        found, oldest = await self._store.database.read(read)
        return summed(found, dates, Figures(now, zone, oldest, {}))

    async def letters(self, who: Account, asked: Asked) -> Found:
        """The letters that a table asks for."""
        now, zone = self._store.clock(), zone_named(who.time_zone)
        wanted = _wanted(asked, now, zone)

        async def read(reader: Reader) -> Found:
            letters = await overview.seen(
                reader, wanted, now, by=asked.by, is_descending=asked.is_descending, limit=asked.limit, offset=asked.offset
            )
            domains = await accounts.domains_of(reader, self._store.guard, (letter.account for letter in letters))
            return Found(letters, domains, await overview.total(reader, wanted))

        return await self._store.database.read(read)

    async def letter(self, id_: UUID) -> tuple[Seen, str] | None:
        """A letter with the domain that it goes to, or None."""
        now = self._store.clock()

        async def read(reader: Reader) -> tuple[Seen, str] | None:
            found = await overview.find(reader, id_, now)
            if found is None:
                return None
            domains = await accounts.domains_of(reader, self._store.guard, [found.account])
            return found, domains.get(found.account, "")

        return await self._store.database.read(read)

    async def send_again(self, id_: UUID) -> Outcome:
        """Let a letter that failed wait again, if it can still be of use; so do all of a mailbox that was refused for good."""
        now, guard = self._store.clock(), self._store.guard

        async def work(tx: Transaction) -> Outcome:
            account = await letters.whose(tx, id_)
            if account:
                await refused_mailboxes.lift(tx, guard, account, now)
            return await overview.send_again(tx, id_, now)

        return await self._store.database.write(work)

    async def give_up(self, id_: UUID) -> Outcome:
        """Drop a letter that waits."""
        now = self._store.clock()
        return await self._store.database.write(lambda tx: overview.give_up(tx, id_, now))


def _wanted(asked: Asked, now: int, zone: ZoneInfo) -> Wanted:
    days = int(asked.chosen.get("since", 0))
    since = start_of(dates_until(now, zone, days)[0], zone) if days else 0
    return Wanted(STATES.get(asked.chosen.get("state", ""), ()), asked.chosen.get("kind", ""), since)


def summed(found: Sequence[Counted], dates: Sequence[date], none: Figures) -> Figures:
    """The numbers by day and by kind. What was written after the last day counts for it: a clock may have been set back."""
    starts = [start_of(day, none.zone) for day in dates]
    days, kinds = [Numbers() for _ in dates], defaultdict[str, Numbers](Numbers)
    for one in found:
        days[max(0, bisect_right(starts, one.at) - 1)].add(one.state, one.count)
        kinds[one.kind].add(one.state, one.count)
    return Figures(none.now, none.zone, none.oldest, dict(zip(dates, days, strict=True)), dict(sorted(kinds.items())))
