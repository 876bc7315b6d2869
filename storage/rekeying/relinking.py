"""Relinks the messages of a thread under the newest root key, from first to last, one chunk per transaction.

A chunk is read as any reader reads it, so nothing is relinked that does not follow from what came before: tampering with a
row before a rotation is still detected after it. A thread in which a row was tampered with is left as it is from there on,
recorded, and raises the alarm.

Between two chunks the thread has a seam (see ``relink_progress``). Messages that arrive meanwhile follow from the thread's last
link as always; the last chunk rewrites that link in its own transaction.
"""

import logging
from collections.abc import AsyncIterator
from enum import Enum
from uuid import UUID

from msgspec.structs import replace

from storage.conversations import messages, relink_progress, threads
from storage.conversations.messages import GUARDED_BODY, SealedMessage
from storage.conversations.relink_progress import Seam
from storage.conversations.threads import Thread
from storage.crypto.guarding import Guard
from storage.crypto.sealing import first_link, link
from storage.engine import rows
from storage.engine.database import Reader, Transaction
from storage.engine.rows import ID, NUMBER, TIME
from storage.errors import CannotOpen
from storage.families import OF_THREAD, Family, Table
from storage.ids import ThreadId
from storage.store import Store

CHUNK = 500

log = logging.getLogger("ailo.storage")


class Outcome(Enum):
    """The state of a thread after a chunk."""

    MORE = "there is more to relink"
    DONE = "all of it is linked under the newest key"
    BROKEN = "a message failed verification: the thread was left unchanged"


async def relink_all(store: Store) -> AsyncIterator[None]:
    """Relink every thread in which something is under an older key. Yields after each transaction."""
    before = b""
    while found := await store.database.read(lambda reader, before=before: _next(reader, store.guard, before)):  # type: ignore[misc]
        before, is_due = found
        if not rows.ID.fits(before):
            rows.alert_once("a row of messages", "without an id", "thread has a type or size that the service never writes")
            continue
        thread = ThreadId(UUID(bytes=before))
        while is_due and await store.database.write(lambda tx: relink_some(tx, store, thread)) is Outcome.MORE:  # noqa: B023
            yield
        yield


async def _next(reader: Reader, guard: Guard, before: bytes) -> tuple[bytes, bool] | None:
    """The next thread, and whether any of its links or bodies is under an older key. One thread is read at a time."""
    row = await reader.row("select thread from messages where thread > :before order by thread limit 1", before=before)
    if row is None:
        return None
    newest = guard.keyring.newest.id
    older = {f"key_{number}": name for number, name in enumerate(guard.keyring.by_id) if name != newest}
    names = ", ".join(f":{name}" for name in older)
    found = await reader.row(
        "select 1 from messages where thread = :thread"  # noqa: S608 (made of the names above)
        f" and (substr(link, 2, 8) <> :newest or substr(body, 2, 8) in ({names})) limit 1",
        thread=row["thread"], newest=newest, **older,
    )  # fmt: skip
    return row["thread"], found is not None


async def relink_some(tx: Transaction, store: Store, id_: ThreadId) -> Outcome:
    """Relink the next chunk of a thread."""
    guard = store.guard
    seam, thread = await relink_progress.find(tx, guard, id_), await threads.find(tx, guard, id_)
    start = seam.seq if seam else 0
    chunk = await messages.after(tx, guard, id_, start, CHUNK)
    wrong = _first_wrong(thread, chunk, start)
    if thread is None or wrong is not None:
        return await _leave(tx, store, id_, wrong or 1)
    relinked = _relinked(guard, chunk, seam.new_link if seam else first_link(id_))
    await messages.relink(tx, relinked)
    if chunk[-1].seq < thread.last_seq:
        await relink_progress.put(tx, guard, id_, Seam(chunk[-1].seq, chunk[-1].link, relinked[-1].link))
        return Outcome.MORE
    await relink_progress.close(tx, id_)
    await threads.save(tx, guard, replace(thread, last_link=relinked[-1].link))
    return await _end(tx, guard, id_)


def _first_wrong(thread: Thread | None, chunk: list[SealedMessage], start: int) -> int | None:
    """The number of the first message that is not as it was written, or is missing; None when the whole chunk is sound."""
    if thread is None or not thread.is_sound:
        return start + 1
    for expected, message in enumerate(chunk, start + 1):
        if message.seq != expected or not message.is_linked:
            return expected
    end = start + len(chunk)
    if end > thread.last_seq or (end == thread.last_seq and chunk[-1].link != thread.last_link):
        return thread.last_seq
    return end + 1 if len(chunk) < CHUNK and end < thread.last_seq else None


def _relinked(guard: Guard, chunk: list[SealedMessage], previous: bytes) -> list[SealedMessage]:
    newest, relinked = guard.keyring.newest, []
    for message in chunk:
        kept = replace(message, body=_body(guard, message))
        previous = link(newest.id, newest.linking, previous, kept)
        relinked.append(replace(kept, link=previous))
    return relinked


def _body(guard: Guard, message: SealedMessage) -> bytes:
    """The body under the newest key. What the service wrote is guarded on top of the seal, and its link covers the guarded body.

    One that does not open stays as it is: its link shows that it was written that way.
    """
    if message.body[1:9] not in guard.keyring.by_id:
        return message.body
    try:
        return guard.renewed(GUARDED_BODY, messages.values(message)) or message.body
    except CannotOpen:
        log.error("alert: message %s of thread %s does not open and was left unchanged", message.seq, message.thread)
        return message.body


async def _end(tx: Transaction, guard: Guard, id_: ThreadId) -> Outcome:
    """Finish a thread, unless its seam was begun under a key that is no longer the newest: then all of it is relinked again."""
    first = await tx.row("select substr(link, 2, 8) as name from messages where thread = :thread and seq = 1", thread=id_.bytes)
    if first is None or first["name"] != guard.keyring.newest.id:
        return Outcome.MORE
    await tx.run("delete from broken_chains where thread = :thread", thread=id_.bytes)
    return Outcome.DONE


async def _leave(tx: Transaction, store: Store, id_: ThreadId, seq: int) -> Outcome:
    log.error("alert: thread %s failed verification at message %s and was left under its present root key", id_, seq)
    await tx.run(
        "insert into broken_chains (thread, seq, found_at) values (:thread, :seq, :now)"
        " on conflict (thread) do update set seq = excluded.seq",
        thread=id_.bytes, seq=seq, now=store.clock(),
    )  # fmt: skip
    return Outcome.BROKEN


async def broken_threads(reader: Reader) -> int:
    """How many threads were left because they are not as they were written."""
    row = await reader.row("select count(*) as how_many from broken_chains")
    return int(row["how_many"]) if row else 0


FAMILY = Family((Table("broken_chains", ("thread",), {"thread": ID, "seq": NUMBER, "found_at": TIME}, (OF_THREAD,)),))
