"""What there is to know about a thread besides its messages: whether it is closed, when its people answer, who was once in it."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from itertools import takewhile

from chat.auth.access import Access
from chat.conversations.shapes import About, AboutPerson, PastPerson
from chat.protocol import frames
from chat.protocol.frames import AboutChanged, moment
from chat.protocol.hub import Hub
from chat.protocol.refusals import NotFound, Unseen
from storage.accounts import accounts
from storage.accounts.accounts import Role
from storage.conversations import messages, threads
from storage.conversations.threads import Thread
from storage.conversations.unlocked import Unlocked
from storage.crypto.epochs import THE_SERVICE, Roster, Seat
from storage.engine.database import Reader, Transaction
from storage.ids import ThreadId
from storage.staff import practices
from storage.staff.practices import Practice
from storage.store import Store

# How many messages back to look for the beginning of a wait, when a thread is reopened.
MOST_UNANSWERED = 100


class Abouts:
    """The life of threads beyond their messages."""

    def __init__(self, store: Store, access: Access, hub: Hub) -> None:
        self._store = store
        self._access = access
        self._hub = hub

    async def read(self, who: Unlocked, thread: ThreadId) -> About:
        """What a participant may know about a thread. Raises NotFound."""

        async def read(reader: Reader) -> About:
            found = await self._access.find(reader, who, thread)
            if found is None:
                raise NotFound
            stands, epoch = found
            rosters = who.rosters(thread)
            said = await practices.find_all(reader, self._store.guard, epoch.roster.accounts())
            now = self._store.clock()
            people = [_seen(seat, rosters, said[seat.account].at(now)) for seat in epoch.roster.seats]
            return About(
                _moment(stands.closed_at),
                _moment(stands.waiting_since),
                people,
                await self._past(reader, who, rosters),
            )

        return await self._store.database.read(read)

    async def _past(self, reader: Reader, who: Unlocked, rosters: Sequence[Roster]) -> list[PastPerson]:
        """Who took part in what this participant may read, and no longer does, in order of arrival."""
        seat = rosters[-1].seat_of(who.account.id)
        readable = rosters[seat.first_epoch - 1 :] if seat else []
        were = dict.fromkeys(account for roster in readable for account in roster.accounts())
        gone = [account for account in were if rosters[-1].seat_of(account) is None]
        named = await accounts.named(reader, self._store.guard, gone)
        return [PastPerson(id_, named[id_].role.value, named[id_].first_name) for id_ in gone if id_ in named]

    # Closing and reopening

    async def close(self, who: Unlocked, thread: ThreadId, seen: int | None = None) -> None:
        """Close a thread, as a participant who has seen it up to number ``seen``. A closed thread stays closed.

        Raises NotFound, or Unseen if there are messages that they have not seen.
        """
        store = self._store

        async def close(tx: Transaction, stands: Thread) -> bool:
            if seen is not None and stands.last_seq > seen:
                raise Unseen
            return await threads.close(tx, store.guard, thread, store.clock())

        await self._change(who, thread, close)

    async def reopen(self, who: Unlocked, thread: ThreadId) -> None:
        """Reopen a closed thread: a member who had no answer waits for one as before. Raises NotFound."""
        store = self._store

        async def reopen(tx: Transaction, stands: Thread) -> bool:
            return await threads.reopen(tx, store.guard, thread, await self._waiting_since(tx, stands))

        await self._change(who, thread, reopen)

    async def _change(self, who: Unlocked, thread: ThreadId, do: Callable[[Transaction, Thread], Awaitable[bool]]) -> None:
        """Run ``do`` if ``who`` takes part, which the transaction checks again; notify the participants if anything changed."""
        for _ in range(3):
            roster = (await self._access.latest(who, thread)).roster
            changed = await self._store.database.write(lambda tx: self._unless_moved(tx, roster, do))  # noqa: B023
            if changed is not None:
                break
            who.latest.pop(thread, None)
        else:
            raise NotFound
        if changed:
            self._hub.tell(roster.accounts(), frames.encode(AboutChanged(thread)))

    async def _unless_moved(
        self, tx: Transaction, roster: Roster, do: Callable[[Transaction, Thread], Awaitable[bool]]
    ) -> bool | None:
        """Whether it changed anything; None if the participants are no longer those that were checked."""
        stands = await threads.find(tx, self._store.guard, roster.thread)
        if stands is None or not stands.is_sound:
            raise NotFound
        return await do(tx, stands) if stands.epoch == roster.number else None

    async def _waiting_since(self, tx: Transaction, stands: Thread) -> int | None:
        """Since when a member has had no answer, judging by who wrote last; messages from the service are ignored."""
        rows = await messages.before(tx, self._store.guard, stands.id, stands.last_seq + 1, MOST_UNANSWERED)
        people = await accounts.named(tx, self._store.guard, {row.author for row in rows} - {THE_SERVICE})
        said = [row for row in reversed(rows) if row.author in people]
        unanswered = list(takewhile(lambda row: people[row.author].role is Role.MEMBER, said))
        return unanswered[-1].at if unanswered else None


def _moment(ms: int | None) -> datetime | None:
    return moment(ms) if ms is not None else None


def _seen(seat: Seat, rosters: Sequence[Roster], practice: Practice) -> AboutPerson:
    is_away = practice.away_until is not None
    return AboutPerson(
        id=seat.account,
        reply_within_hours=practice.reply_within_hours,
        away_until=_moment(practice.away_until),
        away_words=practice.away_words or None if is_away else None,
        joined_seq=rosters[seat.first_epoch - 1].first_seq,
    )
