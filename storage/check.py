"""Proves a data directory: the database's own check, and what the service wrote in it. Says what is wrong, a line each."""

from collections.abc import Iterator
from itertools import pairwise
from uuid import UUID

from storage import chain, messages, rosters, threads
from storage.database import Reader
from storage.epochs import THE_SERVICE, Roster
from storage.errors import CannotOpen, Stalled
from storage.messages import SealedMessage
from storage.store import Store
from storage.threads import Thread

PAGE = 1000


async def check_all(store: Store) -> list[str]:
    """Everything that is wrong with a store; empty when all is well. Each thread is checked at one point in time."""
    found = [f"database: {line}" for line in await store.database.check()]
    try:
        for id_ in await store.database.read(threads.all_ids):
            found += await store.database.read(lambda reader, id_=id_: _check_thread(store, reader, id_))  # type: ignore[misc]
    except Stalled as error:
        found.append(str(error))
    return found


async def _check_thread(store: Store, reader: Reader, id_: UUID) -> list[str]:
    thread = await threads.find(reader, store.guard, id_)
    if thread is None:
        return []
    if not thread.is_sound:  # nor is what it says of its epochs
        return [f"thread {id_}: its row is not as the service wrote it", *await _check_messages(store, reader, thread)]
    return await _check_rosters(store, reader, thread) + await _check_messages(store, reader, thread)


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
        elif not (chain.is_allowed(before, roster) if before else roster.giver == THE_SERVICE):
            found.append(f"thread {thread.id}: epoch {number} changes what its giver may not change")
        before = roster
    return found


async def _check_messages(store: Store, reader: Reader, thread: Thread) -> list[str]:
    found: list[str] = []
    seq, link = 0, thread.last_link if not thread.last_seq else b""
    while page := await messages.after(reader, store.guard, thread.id, seq, PAGE):
        found += _faults(thread, page, seq)
        seq, link = page[-1].seq, page[-1].link
    if seq != thread.last_seq or link != thread.last_link:
        found.append(f"thread {thread.id}: ends at message {seq}, but {thread.last_seq} were acknowledged")
    return found


def _faults(thread: Thread, page: list[SealedMessage], before: int) -> Iterator[str]:
    for one, other in pairwise([before, *(message.seq for message in page)]):
        if other != one + 1:
            yield f"thread {thread.id}: messages {one + 1} to {other - 1} are missing"
    for message in page:
        if not message.is_linked:
            yield f"thread {thread.id}: message {message.seq} is not as it was written"
