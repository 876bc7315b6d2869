"""Opening a thread, and leaving it: what changes who may read, each in one transaction with the epoch that it begins.

Here the service acts by itself, from a key pair made for the occasion. It may make the first epoch of a new thread, and an
epoch whose keys are a subset of those before; nothing else.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from storage import notices, rosters, threads
from storage.accounts import Account
from storage.database import Reader, Transaction
from storage.epochs import THE_SERVICE, EpochSecret, Roster, Seat, ephemeral, grants_of
from storage.guarding import Guard
from storage.sealing import first_link
from storage.threads import Thread


@dataclass(frozen=True)
class Change:
    """Who takes part in a thread has changed: its new roster, and whoever left with it."""

    roster: Roster
    left: tuple[UUID, ...] = ()


async def open_thread(tx: Transaction, guard: Guard, officer: bytes, id_: UUID, people: Sequence[Account], now: int) -> Change:
    """Open a new thread for these people: epoch 1, granted to each of them and to the officer."""
    seats = tuple(Seat(person.id, person.generation, person.public_key, 1, now, THE_SERVICE) for person in people)
    thread = Thread(id_, 1, 0, now, first_link(id_), None, now)
    await threads.add(tx, guard, thread)
    for person in people:
        await threads.join(tx, id_, person.id, now, read_seq=0)
    return Change(await _begin_epoch(tx, guard, officer, thread, b"", seats, now))


async def leave(tx: Transaction, guard: Guard, officer: bytes, id_: UUID, account: UUID, now: int) -> Change | None:
    """End somebody's part in a thread: an epoch begins that its key does not open. None when it takes no part."""
    thread = await threads.find(tx, guard, id_)
    if thread is None or not thread.is_sound:
        return None
    roster = await rosters.find(tx, guard, id_, thread.epoch)
    if roster.seat_of(account) is None:
        return None
    await threads.part(tx, id_, account)
    await notices.drop(tx, account, id_)
    staying = tuple(seat for seat in roster.seats if seat.account != account)
    next_ = replace(thread, epoch=thread.epoch + 1)
    await threads.save(tx, guard, next_)
    return Change(await _begin_epoch(tx, guard, officer, next_, roster.hash(), staying, now), left=(account,))


async def _begin_epoch(
    tx: Transaction, guard: Guard, officer: bytes, thread: Thread, previous: bytes, seats: tuple[Seat, ...], now: int
) -> Roster:
    secret, giver = EpochSecret.fresh(), ephemeral()
    first_seq = thread.last_seq + 1
    roster = Roster(
        thread.id, thread.epoch, previous, first_seq, now, secret.public_key, officer, THE_SERVICE, giver.public_key, seats
    )
    await rosters.add(tx, guard, roster, grants_of(secret, roster, giver.private_key))
    return roster


async def thread_of(reader: Reader, people: Iterable[UUID]) -> UUID | None:
    """The thread in which just these people take part, if there is one."""
    wanted = set(people)
    for id_ in await threads.ids_of(reader, next(iter(wanted))):
        if {mark.account for mark in await threads.marks(reader, id_)} == wanted:
            return id_
    return None
