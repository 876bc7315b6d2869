"""Who takes part in a thread, how that changes (open, bring in, hand over, leave), and announcing it to everybody in it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from uuid import UUID

from chat.auth.access import Access
from chat.conversations.shapes import AccessList, AccessSeat, Colleague, Recovery
from chat.protocol import frames
from chat.protocol.frames import Participant, moment
from chat.protocol.hub import Hub
from chat.protocol.refusals import NotAllowed, NotFound
from chat.security_events import SecurityEvent, record
from storage import installation
from storage.accounts import accounts
from storage.accounts.accounts import Account, Role, Status
from storage.conversations import participants, rosters, threads
from storage.conversations.participants import Change
from storage.conversations.threads import Mark
from storage.conversations.unlocked import Unlocked
from storage.crypto.epochs import THE_SERVICE, Roster, Seat
from storage.crypto.primitives import key_id
from storage.engine import rows
from storage.engine.database import Reader, Transaction
from storage.errors import Damaged
from storage.ids import AccountId, ThreadId
from storage.store import Store


class Participants:
    """The participants of threads."""

    def __init__(self, store: Store, access: Access, hub: Hub) -> None:
        self._store = store
        self._access = access
        self._hub = hub
        self._telling = asyncio.Lock()

    # By the operator: no participant is asked

    async def open_thread(self, id_: ThreadId, people: list[Account]) -> ThreadId:
        """Open a thread for these people, or return the one that they already have."""
        store = self._store

        async def write(tx: Transaction) -> Change | ThreadId:
            known = await participants.thread_of(tx, (person.id for person in people))
            present = await accounts.named(tx, store.guard, (person.id for person in people))  # with their present keys
            seated = [present[person.id] for person in people]
            officer = await installation.officer_now(tx, store.guard)  # the store learns of a new one only after the commit
            return known or await participants.open_thread(tx, store.guard, officer, id_, seated, store.clock())

        change = await store.database.write(write)
        if isinstance(change, UUID):
            return change
        record(SecurityEvent.THREAD_OPENED, thread=id_)
        await self._told(change)
        return id_

    async def leave(self, thread: ThreadId, account: AccountId) -> None:
        """Remove somebody from a thread. Raises NotFound if they take no part in it."""
        store = self._store
        change = await store.database.write(lambda tx: participants.leave(tx, store.guard, thread, account, store.clock()))
        await self._told(change)

    # By the participants themselves

    async def bring_in(self, who: Unlocked, thread: ThreadId, newcomer: AccountId, *, whole: bool) -> None:
        """Bring a colleague into a thread, from now on or with its ``whole`` history.

        Raises NotFound if the thread is not theirs or no such colleague exists, NotAllowed if the colleague already takes part.
        """
        await self._change_by_staff(who, thread, newcomer, participants.bring_in, whole=whole)

    async def hand_over(self, who: Unlocked, thread: ThreadId, successor: AccountId, *, whole: bool) -> None:
        """Bring a colleague in and leave, in one step. Raises as ``bring_in``."""
        await self._change_by_staff(who, thread, successor, participants.hand_over, whole=whole)

    async def leave_self(self, who: Unlocked, thread: ThreadId) -> None:
        """Leave a thread. Members cannot leave theirs. Raises NotFound or NotAllowed."""
        await self._access.latest(who, thread)
        if not who.account.role.is_staff:
            raise NotAllowed
        await self.leave(thread, who.account.id)

    async def _change_by_staff(
        self, who: Unlocked, thread: ThreadId, other: AccountId, do: Callable[..., Awaitable[Change | None]], *, whole: bool
    ) -> None:
        epoch, store = await self._access.latest(who, thread), self._store
        if epoch.roster.seat_of(other):
            raise NotAllowed

        async def write(tx: Transaction) -> Change | None:
            colleague = await accounts.by_id(tx, store.guard, other)  # with their present key
            if colleague is None or not colleague.role.is_staff or colleague.status is not Status.ACTIVE:
                raise NotFound
            change = await do(tx, store.guard, who.key, thread, colleague, store.clock(), whole=whole)
            if change is None and (found := await self._access.find(tx, who, thread)) and found[1].roster.seat_of(other):
                raise NotAllowed  # somebody else was faster: the answer is the same as a moment later
            return change

        await self._told(await store.database.write(write))

    async def colleagues(self, who: Unlocked) -> list[Colleague]:
        """The colleagues whom a staff member can bring in."""
        found = await self._store.database.read(lambda reader: accounts.staff(reader, self._store.guard))
        return [
            Colleague(one.id, one.role.value, one.first_name, one.last_name[:1].upper() or None)
            for one in found
            if one.id != who.account.id
        ]

    # Who has access

    async def access_list(self, who: Unlocked, thread: ThreadId) -> AccessList:
        """Who has access to a thread, since when, brought in by whom, and the recovery officer's fingerprint. Raises NotFound."""

        async def read(reader: Reader) -> AccessList:
            found = await self._access.find(reader, who, thread)
            if found is None:
                raise NotFound
            roster = found[1].roster
            people = await accounts.named(reader, self._store.guard, roster.accounts())
            seats = [_seen(seat, people[seat.account]) for seat in roster.seats if seat.account in people]
            return AccessList(seats, _recovery(roster), moment(roster.began_at))

        return await self._store.database.read(read)

    async def participants(self, reader: Reader, thread: ThreadId, reader_role: Role) -> list[Participant]:
        """Who takes part in a thread now, as a reader of this role sees them. Raises CannotOpen."""
        stands = await threads.find(reader, self._store.guard, thread)
        if stands is None or not stands.is_sound:
            raise Damaged("a thread's row failed verification")
        latest = await rosters.find(reader, self._store.guard, thread, stands.epoch)
        return (await self.participants_of(reader, {thread: latest}, reader_role))[thread]

    async def participants_of(
        self, reader: Reader, latest: Mapping[ThreadId, Roster], reader_role: Role
    ) -> dict[ThreadId, list[Participant]]:
        """Who takes part in each of many threads by its latest roster, as a reader of this role sees them.

        Each account is read once, however many of the threads it is in.
        """
        marks = await threads.marks_of(reader, list(latest))
        people = await accounts.named(reader, self._store.guard, (one for it in latest.values() for one in it.accounts()))
        return {
            id_: [
                self._participant(people[account], read_seq, reader_role)
                for account, read_seq in _marks(roster, marks[id_]).items()
                if account in people
            ]
            for id_, roster in latest.items()
        }

    def _participant(self, person: Account, read_seq: int, reader_role: Role) -> Participant:
        initial = person.last_name[:1].upper() or None if reader_role.is_staff else None
        online = self._hub.is_online(person.id)
        return Participant(person.id, person.role.value, person.first_name, initial, read_seq, online)

    async def correspondents(self, account: AccountId) -> set[AccountId]:
        """Who shares a thread with this account, by verified rosters; read again if that changed during the read.

        The result is valid until its caller awaits something.
        """
        guard = self._store.guard
        while True:
            changes = self._hub.changes_of(account)
            found = await self._store.database.read(lambda reader: rosters.seated(reader, guard, account))
            if self._hub.changes_of(account) == changes:
                return {one for roster in found for one in roster.accounts()} - {account}

    # Announcing

    async def _told(self, change: Change | None) -> None:
        """Announce who takes part now to the participants and to those who just left. Raises NotFound if nothing changed."""
        if change is None:
            raise NotFound
        self._access.note(change)
        self._record(change)
        async with self._telling:  # one after the other: the last announcement of a thread is its present state
            await self._tell(change)

    async def _tell(self, change: Change) -> None:
        staying = change.roster.accounts()
        for one in (*change.left, *staying):
            self._hub.separate(one, await self.correspondents(one) if self._hub.is_online(one) else set())
        store = self._store
        people = await store.database.read(lambda reader: accounts.named(reader, store.guard, (*staying, *change.left)))
        for account in people.values():
            present = await store.database.read(
                lambda reader, role=account.role: self.participants(reader, change.roster.thread, role)  # type: ignore[misc]
            )
            self._hub.tell([account.id], frames.encode(frames.Participants(change.roster.thread, present)))
        if change.came:
            self._hub.introduce(staying)

    def _record(self, change: Change) -> None:
        for one in change.came:
            record(SecurityEvent.PARTICIPANT_JOINED, one, thread=change.roster.thread)
        for one in change.left:
            record(SecurityEvent.PARTICIPANT_LEFT, one, thread=change.roster.thread)


def _marks(roster: Roster, listed: Sequence[Mark]) -> dict[AccountId, int]:
    """The read mark of everybody with a seat, in order of joining. Nobody else takes part, whoever is listed."""
    read = {mark.account: mark.read_seq for mark in listed}
    if read.keys() != set(roster.accounts()):
        rows.alert_once("the participant list", f"thread {roster.thread}", "the listed accounts are not those of the roster")
    seats = sorted(roster.seats, key=lambda seat: (seat.joined_at, seat.account.bytes))
    return {seat.account: read.get(seat.account, 0) for seat in seats}


def _seen(seat: Seat, person: Account) -> AccessSeat:
    return AccessSeat(
        id=person.id,
        role=person.role.value,
        first_name=person.first_name,
        since=moment(seat.joined_at),
        brought_by=None if seat.brought_by == THE_SERVICE else seat.brought_by,
        whole_history=seat.first_epoch == 1,
    )


def _recovery(roster: Roster) -> Recovery | None:
    return Recovery(key_id(roster.officer).hex()) if roster.officer else None
