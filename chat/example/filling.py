"""Fills an empty installation with the example, through the real rules: each author signs in and seals what they say."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from chat.accounts.new_accounts import Person, add_account
from chat.ailo import Ailo, open_ailo
from chat.auth.sign_in import Attempt, SignedIn
from chat.conversations.conversation import KIND_TEXT
from chat.example.cast import Figure, figures
from chat.example.conversations import Line, Script, scripts
from chat.example.letters import write_past
from chat.example.mails import leave_in_quarantine, posted_by_mail
from chat.example.programmes import follow, import_all, say_what_they_chose
from storage.accounts.accounts import Role
from storage.conversations.group_commit import Item, MarkRead, NotCommitted, Post
from storage.conversations.unlocked import OpenEpoch, Unlocked
from storage.crypto.sealing import Place, seal
from storage.encouragements import planning
from storage.engine.database import Transaction
from storage.errors import Stalled
from storage.ids import MessageId, ThreadId, new_id
from storage.mail import unread
from storage.settings import StorageSettings
from storage.staff import practices
from storage.staff.practices import Practice
from storage.store import Store, wall_clock

__all__ = ["fill"]

DAY_MS = 86_400_000


class _Clock:
    """Returns the time at which something in the past happened."""

    def __init__(self) -> None:
        self.now = wall_clock()

    def __call__(self) -> int:
        return self.now


@dataclass(frozen=True, repr=False)
class _Seat:
    """A participant, unlocked, in the epoch in which everything is said."""

    who: Unlocked
    epoch: OpenEpoch


async def fill(settings: StorageSettings, programmes: Sequence[Path] = ()) -> None:
    """Fill an installation that was just built; ``programmes`` are directories to import. Raises StorageError."""
    clock = _Clock()
    started = clock.now
    async with open_ailo(settings, clock) as ailo:
        everybody = {key: await _arrive(ailo, figure) for key, figure in figures().items()}
        played = []
        for script in scripts(datetime.fromtimestamp(started / 1000, UTC)):
            clock.now = script.opened_at
            seats = await _open(ailo, [everybody[key].unlocked for key in script.people])
            clock.now = started
            await _play(ailo, script, dict(zip(script.people, seats, strict=True)))
            played.append((script, seats[0].epoch.roster.thread))
        accounts = {key: one.unlocked.account.id for key, one in everybody.items()}
        await write_past(ailo, played, accounts, started)
        await _enrol(ailo, clock, started, everybody, programmes)
        await _suggest(ailo.store)
        await leave_in_quarantine(ailo.store, everybody["lea"].unlocked.account, played[0][1])
        for signed_in in everybody.values():
            await ailo.sign_ins.sign_out(signed_in)


async def _enrol(ailo: Ailo, clock: _Clock, started: int, everybody: Mapping[str, SignedIn], folders: Sequence[Path]) -> None:
    """Import the programmes, and have people follow them since some days ago."""
    names = await import_all(ailo, folders)
    for key, figure in figures().items():
        account = everybody[key].unlocked.account
        await say_what_they_chose(ailo, account, figure)
        for name in names if figure.enrolled_days is not None else ():
            clock.now = started - (figure.enrolled_days or 0) * DAY_MS
            await follow(ailo, name, account, figure, started)
    clock.now = started


async def _suggest(store: Store) -> None:
    """Look at everybody as on a morning: what is due now is suggested to their companions."""
    now = store.clock()
    while (looked := await store.database.read(lambda reader: planning.look(reader, now, also_at_night=True))) is not None:
        await store.database.write(lambda tx: planning.keep(tx, store.guard, looked, now))


async def _arrive(ailo: Ailo, figure: Figure) -> SignedIn:
    person = Person(figure.role, figure.email, figure.first_name, figure.last_name, "fr", figure.password)
    await add_account(ailo.store, ailo.sign_ins.pool, person)
    granted = await ailo.sign_ins.sign_in(Attempt(figure.email, figure.password, "", "example"))
    signed_in = await ailo.sign_ins.find(granted.cookie)
    if signed_in is None:
        raise Stalled("an account of the example could not sign in")
    if figure.reply_within_hours:
        account, promise = signed_in.unlocked.account.id, Practice(figure.reply_within_hours)
        await ailo.store.database.write(lambda tx: practices.keep(tx, ailo.store.guard, account, promise))
    return signed_in


async def _open(ailo: Ailo, people: list[Unlocked]) -> list[_Seat]:
    """Open a thread as the service; whoever unlocks it first begins an epoch of their own, in which everything is said."""
    thread = await ailo.conversations.participants.open_thread(new_id(ThreadId), [who.account for who in people])
    for who in people:
        await ailo.conversations.conversation.must_take_part(who, thread)
    return [_Seat(who, who.latest[thread]) for who in people]


async def _play(ailo: Ailo, script: Script, seats: dict[str, _Seat]) -> None:
    """Say everything, in few large commits; then mark what each participant has read."""
    await _commit(ailo, [await _post(ailo, seats[line.author], line) for line in script.lines])
    last = len(script.lines)
    await _commit(ailo, (_mark(seat, last - script.unread.get(key, 0)) for key, seat in seats.items()))
    await ailo.store.database.write(lambda tx: _settle(tx, seats))


async def _post(ailo: Ailo, seat: _Seat, line: Line) -> Post:
    account, epoch = seat.who.account, seat.epoch
    if line.is_by_mail:
        return await posted_by_mail(ailo.store, account, epoch.roster.thread, line)
    place = Place(epoch.roster.thread, epoch.roster.number, new_id(MessageId), account.id, KIND_TEXT)
    body = seal(epoch.message_key, line.text, place)
    waits = account.role is Role.MEMBER
    return Post(place.thread, place.epoch, place.id, place.author, place.kind, body, epoch.others, waits, line.at)


def _mark(seat: _Seat, seq: int) -> MarkRead:
    return MarkRead(seat.epoch.roster.thread, seat.epoch.roster.number, seat.who.account.id, seq)


async def _commit(ailo: Ailo, items: Iterable[Item]) -> None:
    for outcome in await asyncio.gather(*(ailo.commits.commit(item) for item in items)):
        if isinstance(outcome, NotCommitted):
            raise Stalled(f"a message of the example was refused: {outcome.value}")


async def _settle(tx: Transaction, seats: dict[str, _Seat]) -> None:
    """Drop what is owed: what is unread here is old, and its e-mail counts as sent; only what comes from now on owes one."""
    for seat in seats.values():
        await unread.drop(tx, seat.epoch.roster.thread, seat.who.account.id)
