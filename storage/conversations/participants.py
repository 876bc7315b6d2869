"""Opening a thread, bringing somebody in, handing over, leaving: everything that changes who may read.

Each is one transaction together with the epochs that it begins. What the service does by itself (open, leave) is granted
from an ephemeral key pair; the first participant who then unlocks the thread begins an epoch whose secret the service's disk
never saw (``begin_own``). Whatever adds a key is granted from a participant's own key pair.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from msgspec import structs

from storage.accounts.accounts import Account, Role
from storage.conversations import roster_chain, rosters, threads
from storage.conversations.threads import Thread
from storage.crypto.epochs import THE_SERVICE, EpochSecret, Roster, Seat, ephemeral, grant, grants_of
from storage.crypto.guarding import Guard
from storage.crypto.keyholes import AccountKey
from storage.crypto.sealing import first_link
from storage.encouragements import looks
from storage.encouragements.days import next_morning, zone_named
from storage.engine.database import Reader, Transaction
from storage.ids import AccountId, ThreadId
from storage.mail import unread


@dataclass(frozen=True)
class Change:
    """A thread has a new epoch: its roster, and who came and left with it."""

    roster: Roster
    came: tuple[AccountId, ...] = ()
    left: tuple[AccountId, ...] = ()


@dataclass(frozen=True)
class Changing:
    """A thread whose roster is being changed, in a transaction; ``now`` in ms since 1970."""

    tx: Transaction
    guard: Guard
    thread: Thread
    roster: Roster
    now: int

    async def begin(self, giver: AccountKey, seats: tuple[Seat, ...], officer: bytes | None = None) -> "Changing":
        """Begin the next epoch with these seats, a fresh secret, and grants from ``giver``."""
        thread = structs.replace(self.thread, epoch=self.thread.epoch + 1)
        secret = EpochSecret.fresh()
        roster = Roster(
            thread=thread.id,
            number=thread.epoch,
            previous=self.roster.hash(),
            first_seq=thread.last_seq + 1,
            began_at=self.now,
            public_key=secret.public_key,
            officer=self.roster.officer if officer is None else officer,
            giver=giver.account,
            giver_key=giver.public_key,
            seats=seats,
        )
        await threads.save(self.tx, self.guard, thread)
        await rosters.add(self.tx, self.guard, roster, grants_of(secret, roster, giver.private_key))
        return replace(self, thread=thread, roster=roster)


async def open_thread(
    tx: Transaction, guard: Guard, officer: bytes, id_: ThreadId, people: Sequence[Account], now: int
) -> Change:
    """Open a new thread for these people: epoch 1, granted to each of them and to the officer."""
    seats = tuple(Seat(person.id, person.generation, person.public_key, 1, now, THE_SERVICE) for person in people)
    secret, giver = EpochSecret.fresh(), ephemeral()
    roster = Roster(id_, 1, b"", 1, now, secret.public_key, officer, THE_SERVICE, giver.public_key, seats)
    await threads.add(tx, guard, Thread(id_, 1, 0, now, first_link(id_), None, now))
    for person in people:
        await threads.join(tx, id_, person.id, now, read_seq=0)
        if person.role is Role.MEMBER:
            await looks.begin(tx, person.id, next_morning(person.id, zone_named(person.time_zone), now))
    await rosters.add(tx, guard, roster, grants_of(secret, roster, giver.private_key))
    return Change(roster, came=roster.accounts())


async def begin_own(tx: Transaction, guard: Guard, key: AccountKey, id_: ThreadId, now: int) -> Change | None:
    """Begin a participant's own epoch after one that the service or the officer made. None when there is nothing to do."""
    changing = await _by_participant(tx, guard, key, id_, now)
    if changing is None or changing.roster.is_of_a_participant:
        return None
    return Change((await changing.begin(key, changing.roster.seats)).roster)


async def bring_in(
    tx: Transaction, guard: Guard, key: AccountKey, id_: ThreadId, newcomer: Account, now: int, *, whole: bool
) -> Change | None:
    """Bring somebody into a thread, from now on or with the ``whole`` history that the giver may read.

    None when the giver takes no part in it, or the newcomer already does.
    """
    changing = await _by_participant(tx, guard, key, id_, now)
    if changing is None or changing.roster.seat_of(newcomer.id):
        return None
    return Change((await _brought_in(changing, key, newcomer, whole=whole)).roster, came=(newcomer.id,))


async def hand_over(
    tx: Transaction, guard: Guard, key: AccountKey, id_: ThreadId, successor: Account, now: int, *, whole: bool
) -> Change | None:
    """Bring in a successor and leave, in one step. None as for ``bring_in``."""
    changing = await _by_participant(tx, guard, key, id_, now)
    if changing is None or changing.roster.seat_of(successor.id):
        return None
    changing = await _left(await _brought_in(changing, key, successor, whole=whole), key.account)
    return Change(changing.roster, came=(successor.id,), left=(key.account,))


async def leave(tx: Transaction, guard: Guard, id_: ThreadId, account: AccountId, now: int) -> Change | None:
    """End an account's part in a thread: an epoch begins that its key does not open. None when it takes no part."""
    thread = await threads.find(tx, guard, id_)
    if thread is None or not thread.is_sound:
        return None
    roster = await rosters.find(tx, guard, id_, thread.epoch)
    if roster.seat_of(account) is None:
        return None
    changing = await _left(Changing(tx, guard, thread, roster, now), account)
    return Change(changing.roster, left=(account,))


async def _by_participant(tx: Transaction, guard: Guard, key: AccountKey, id_: ThreadId, now: int) -> Changing | None:
    thread = await threads.find(tx, guard, id_)
    rosters_ = await roster_chain.verified(tx, guard, key, thread) if thread else None
    return Changing(tx, guard, thread, rosters_[-1], now) if thread and rosters_ else None


async def _brought_in(changing: Changing, key: AccountKey, newcomer: Account, *, whole: bool) -> Changing:
    tx, thread, mine = changing.tx, changing.thread, changing.roster.seat_of(key.account)
    first_epoch = mine.first_epoch if whole and mine else thread.epoch + 1
    seat = Seat(newcomer.id, newcomer.generation, newcomer.public_key, first_epoch, changing.now, key.account)
    if whole:
        await _give_history(changing, key, newcomer)
    read_seq = (await threads.read_seq(tx, thread.id, key.account) or 0) if whole else thread.last_seq
    await threads.join(tx, thread.id, newcomer.id, changing.now, read_seq)
    return await changing.begin(key, (*changing.roster.seats, seat))


async def _give_history(changing: Changing, key: AccountKey, newcomer: Account) -> None:
    """Grant every epoch that the giver may read, from the giver's key pair, each bound to its own roster."""
    rosters_ = await roster_chain.verified(changing.tx, changing.guard, key, changing.thread) or []
    secrets = await roster_chain.readable(changing.tx, key, rosters_)
    for number, secret in secrets.items():
        roster = rosters_[number - 1]
        body = grant(secret, key.private_key, newcomer.public_key, newcomer.id, roster)
        await rosters.add_grants(changing.tx, roster, key.public_key, {newcomer.id: body})


async def _left(changing: Changing, account: AccountId) -> Changing:
    """Delete the leaver's grants: their password opens no copy made later, except for epochs that they began themselves.

    (Whoever gives a grant can open it, and the others need theirs.)
    """
    thread = changing.thread.id
    await threads.part(changing.tx, thread, account)
    await unread.drop(changing.tx, thread, account)
    await rosters.drop_grants(changing.tx, thread, account)
    staying = tuple(seat for seat in changing.roster.seats if seat.account != account)
    return await changing.begin(ephemeral(), staying)


async def thread_of(reader: Reader, people: Iterable[AccountId]) -> ThreadId | None:
    """The thread in which exactly these people take part, or None."""
    wanted = set(people)
    for id_ in await threads.ids_of(reader, next(iter(wanted))):
        if {mark.account for mark in await threads.marks(reader, id_)} == wanted:
            return id_
    return None
