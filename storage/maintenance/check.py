"""Verifies a data directory: the database's own check, and what the service wrote in it. Reports what is wrong, a line each."""

from collections.abc import Iterator
from itertools import pairwise

from storage import installation
from storage.accounts import readdressing
from storage.conversations import messages, roster_chain, rosters, threads
from storage.conversations.group_commit import MOST_AHEAD_MS
from storage.conversations.messages import SealedMessage
from storage.conversations.threads import Thread
from storage.crypto.epochs import THE_OFFICER, THE_SERVICE, Roster
from storage.engine.database import Reader
from storage.engine.rows import NUMBER
from storage.errors import CannotOpen, Stalled
from storage.families import families, orphans, tables
from storage.ids import ThreadId
from storage.maintenance import shapes
from storage.rekeying import reguarding
from storage.store import Store

PAGE = 1000


async def check_all(store: Store) -> list[str]:
    """Everything that is wrong with a store; empty when all is well. Each thread is checked at one point in time."""
    found = [f"database: {line}" for line in await store.database.check()]
    try:
        for id_ in await store.database.read(threads.all_ids):
            found += await store.database.read(lambda reader, id_=id_: _check_thread(store, reader, id_))  # type: ignore[misc]
        found += await store.database.read(lambda reader: _check_rows(reader, store.clock()))
        found += await store.database.read(lambda reader: readdressing.misplaced(reader, store.guard))
        for name in tables():
            found += await shapes.faults(store.database, name)
        closed = await reguarding.closed(store)
        found += [f"{name}: {count} failed verification" for name, count in sorted(closed.items()) if count]
    except Stalled as error:
        found.append(str(error))
    return found


async def row_and_people(store: Store, id_: ThreadId) -> list[str]:
    """What is wrong with a thread's own row and with its participants, at one point in time. Its messages are not read."""

    async def read(reader: Reader) -> list[str]:
        thread = await threads.find(reader, store.guard, id_)
        if thread is None or not thread.is_sound:
            return [f"thread {id_}: its row failed verification"] if thread else []
        return [*await _check_people(store, reader, thread), *_check_times(store, thread)]

    return await store.database.read(read)


async def _check_thread(store: Store, reader: Reader, id_: ThreadId) -> list[str]:
    thread = await threads.find(reader, store.guard, id_)
    if thread is None:
        return []
    if not thread.is_sound:  # nor can its epochs be trusted
        return [f"thread {id_}: its row failed verification", *await _check_messages(store, reader, thread)]
    return [
        *await _check_rosters(store, reader, thread),
        *await _check_people(store, reader, thread),
        *await _check_messages(store, reader, thread),
    ]


async def _check_rosters(store: Store, reader: Reader, thread: Thread) -> list[str]:
    found: list[str] = []
    before: Roster | None = None
    for number in range(1, thread.epoch + 1):
        try:
            roster = await rosters.find(reader, store.guard, thread.id, number)
        except CannotOpen as error:
            found.append(f"thread {thread.id}: epoch {number}: {error}")
            before = None
            continue
        if roster.previous != (before.hash() if before else b""):
            found.append(f"thread {thread.id}: epoch {number} does not follow from the one before")
        elif not (roster_chain.is_allowed(before, roster) if before else roster.giver == THE_SERVICE):
            found.append(f"thread {thread.id}: epoch {number} changes what its giver may not change")
        before = roster
    return found


async def _check_people(store: Store, reader: Reader, thread: Thread) -> list[str]:
    """Whether those who take part, and can reach the epochs, are those of the latest roster."""
    try:
        roster = await rosters.find(reader, store.guard, thread.id, thread.epoch)
    except CannotOpen:
        return []  # already reported
    first = {seat.account.bytes: seat.first_epoch for seat in roster.seats}
    rows = await reader.rows("select account from participants where thread = :thread", thread=thread.id.bytes)
    present = {row["account"] for row in rows}
    grants = {(row["epoch"], row["account"]) for row in await rosters.all_grants(reader, thread.id) if NUMBER.fits(row["epoch"])}
    readers = {**first, **({THE_OFFICER.bytes: 1} if roster.officer else {})}
    counts = {
        "participants are not in the roster": len(present - first.keys()),
        "accounts of the roster are not participants": len(first.keys() - present),
        f"readers have no grant of epoch {thread.epoch}": sum((thread.epoch, one) not in grants for one in readers),
        "grants are to accounts that must not have them": sum(
            epoch < readers.get(one, thread.epoch + 1) for epoch, one in grants
        ),
        "seats have a key that their account no longer has": await _of_yesterday(reader, roster),
    }
    found = [f"thread {thread.id}: {count} {what}" for what, count in counts.items() if count]
    if not await _has_our_officer(store, reader, roster):
        found.append(f"thread {thread.id}: its recovery officer is not this installation's")
    return found


async def _has_our_officer(store: Store, reader: Reader, roster: Roster) -> bool:
    try:
        return roster.officer == await installation.noted(reader, store.guard, "officer")
    except CannotOpen:
        return True  # reported with the values that do not open


async def _of_yesterday(reader: Reader, roster: Roster) -> int:
    """How many seats have another key than their account. A renewal reaches every thread: such a thread was set back in time."""
    owners = [seat.account.bytes for seat in roster.seats]
    rows = await reader.rows_in("select id, public_key from accounts where id in :values", owners)
    keys = {row["id"]: row["public_key"] for row in rows}
    return sum(keys.get(seat.account.bytes, seat.public_key) != seat.public_key for seat in roster.seats)


def _faults_of_families() -> dict[str, str]:
    return {what: sql for family in families() for what, sql in family.faults.items()}


async def _check_rows(reader: Reader, now: int) -> list[str]:
    """Rows that refer to something that does not exist."""
    counts = [(what, await reader.row(sql, now=now)) for what, sql in {**orphans(), **_faults_of_families()}.items()]
    return [f"{row['count']} {what}" for what, row in counts if row and row["count"]]


async def _check_messages(store: Store, reader: Reader, thread: Thread) -> list[str]:
    found: list[str] = []
    seq, link, at = 0, thread.last_link if not thread.last_seq else b"", None if thread.last_seq else thread.opened_at
    while page := await messages.after(reader, store.guard, thread.id, seq, PAGE):
        found += _faults(thread, page, seq)
        seq, link, at = page[-1].seq, page[-1].link, page[-1].at
    if seq != thread.last_seq or link != thread.last_link:
        found.append(f"thread {thread.id}: ends at message {seq}, but {thread.last_seq} were acknowledged")
    elif at is not None and at != thread.last_at:
        found.append(f"thread {thread.id}: the time of its last message differs from the one in its row")
    return [*found, *_check_times(store, thread)]


def _check_times(store: Store, thread: Thread) -> Iterator[str]:
    """Nothing authenticates these times, but no clock of the service can have written them like this."""
    latest = store.clock() + MOST_AHEAD_MS
    if thread.waiting_since is not None and thread.waiting_since > max(thread.last_at, thread.opened_at):
        yield f"thread {thread.id}: its recorded wait begins after its last message"
    if max(thread.opened_at, thread.closed_at or 0, thread.last_at) > latest:
        yield f"thread {thread.id}: it was opened, written to or closed in the future"


def _faults(thread: Thread, page: list[SealedMessage], before: int) -> Iterator[str]:
    for one, other in pairwise([before, *(message.seq for message in page)]):
        if other != one + 1:
            yield f"thread {thread.id}: messages {one + 1} to {other - 1} are missing"
    for message in page:
        if not message.is_linked:
            yield f"thread {thread.id}: message {message.seq} failed verification"
