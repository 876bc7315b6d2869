"""Messages as rows: sealed, numbered without gaps, each linked to the one before."""

from collections.abc import Iterable, Iterator, Sequence
from uuid import UUID

from msgspec import Struct, structs

from storage.conversations import relink_progress
from storage.conversations.relink_progress import Seam
from storage.crypto.guarding import Guard, Guarded
from storage.crypto.sealing import first_link, is_linked
from storage.engine import rows
from storage.engine.database import Reader, Row, Transaction, Value
from storage.engine.rows import ID, NUMBER, TEXT, TIME
from storage.errors import Damaged
from storage.families import OF_THREAD, Family, Table
from storage.ids import AccountId, MessageId, ThreadId

COLUMNS = ("thread", "seq", "id", "epoch", "author", "kind", "at", "body", "link")


class SealedMessage(Struct, frozen=True, gc=False):
    """One row. ``at`` in ms since 1970; ``is_linked`` is false when the row does not follow from the one before."""

    thread: ThreadId
    seq: int
    id: MessageId
    epoch: int
    author: AccountId
    kind: str
    at: int
    body: bytes
    link: bytes
    is_linked: bool = True


async def add(tx: Transaction, message: SealedMessage) -> bool:
    """Store a message; return False, having stored nothing, when the thread already has one with this id or this number."""
    return bool(
        await tx.run(
            "insert into messages (thread, seq, id, epoch, author, kind, at, body, link)"
            " values (:thread, :seq, :id, :epoch, :author, :kind, :at, :body, :link) on conflict do nothing",
            **values(message),
        )
    )


def values(message: SealedMessage) -> dict[str, Value]:
    """A message as its row."""
    return {
        "thread": message.thread.bytes,
        "seq": message.seq,
        "id": message.id.bytes,
        "epoch": message.epoch,
        "author": message.author.bytes,
        "kind": message.kind,
        "at": message.at,
        "body": message.body,
        "link": message.link,
    }


async def relink(tx: Transaction, relinked: Sequence[SealedMessage]) -> None:
    """Rewrite the bodies and links of existing messages."""
    await tx.run_many(
        "update messages set body = :body, link = :link where thread = :thread and seq = :seq",
        [{name: values(message)[name] for name in ("body", "link", "thread", "seq")} for message in relinked],
    )


async def add_all(tx: Transaction, new: Sequence[SealedMessage]) -> bool:
    """Store many messages in one statement; return False when one of them conflicts, and the caller must roll back."""
    added = [
        (one.thread.bytes, one.seq, one.id.bytes, one.epoch, one.author.bytes, one.kind, one.at, one.body, one.link)
        for one in new
    ]
    sql = f"insert into messages ({', '.join(COLUMNS)}) values :rows on conflict do nothing"  # noqa: S608 (our own columns)
    return await tx.run_rows(sql, added) == len(added)


async def known(reader: Reader, ids: Iterable[MessageId]) -> dict[tuple[ThreadId, bytes], SealedMessage]:
    """Those of many ids that are stored already, by thread and the bytes of the id (their links are not checked).

    By the bytes, not by the id itself: the author chooses the id, and with it the hash of a UUID. The hash of bytes is keyed.
    """
    found = await reader.rows_in("select * from messages where id in :values", [id_.bytes for id_ in ids])
    known_ = rows.sound("messages", found, _of_any_thread)
    return {(message.thread, message.id.bytes): message for message in known_}


def _of_any_thread(row: Row) -> SealedMessage:
    rows.number(row, "seq")
    return _message(row, rows.thread_id(row, "thread"), {})


async def by_id(reader: Reader, thread: ThreadId, id_: MessageId) -> SealedMessage | None:
    """The message of a thread with this id (its link is not checked)."""
    row = await reader.row("select * from messages where id = :id and thread = :thread", id=id_.bytes, thread=thread.bytes)
    return _message(row, thread, {}) if row and rows.NUMBER.fits(row["seq"]) else None


async def linked(reader: Reader, guard: Guard, thread: ThreadId, seq: int) -> SealedMessage | None:
    """The message of a thread with this number, its link checked; None when it does not exist."""
    found = await before(reader, guard, thread, seq + 1, 1)
    return found[-1] if found and found[-1].seq == seq else None


async def before(reader: Reader, guard: Guard, thread: ThreadId, seq: int, limit: int, minimum: int = 1) -> list[SealedMessage]:
    """At most ``limit`` messages below ``seq``, none below ``minimum``, in ascending order, their links checked."""
    found = await reader.rows(
        "select * from messages where thread = :thread and seq < :seq and seq >= :minimum order by seq desc limit :limit",
        thread=thread.bytes, seq=seq, minimum=minimum - 1, limit=limit + 1,
    )  # fmt: skip
    found, is_full = _numbered(found), len(found) > limit
    # A full result begins with a row that is there only for its link; a shorter one must reach the lowest number asked for.
    first = found[-1]["seq"] if is_full and found else max(minimum - 1, 1)
    seam = await relink_progress.find(reader, guard, thread)
    checked = list(_with_links(guard, thread, found[::-1], first, seam))[1 if is_full else 0 :]
    return [message for message in checked if message.seq >= minimum][-limit:]


async def after(reader: Reader, guard: Guard, thread: ThreadId, seq: int, limit: int, minimum: int = 1) -> list[SealedMessage]:
    """At most ``limit`` messages above ``seq``, none below ``minimum``, in ascending order, their links checked."""
    start = max(seq, minimum - 1)
    found = await reader.rows(
        "select * from messages where thread = :thread and seq >= :start order by seq limit :limit",
        thread=thread.bytes, start=start, limit=limit + 1 if start else limit,
    )  # fmt: skip
    seam = await relink_progress.find(reader, guard, thread)
    checked = _with_links(guard, thread, _numbered(found), max(start, 1), seam)
    return [message for message in checked if message.seq > start][:limit]


def _numbered(found: Sequence[Row]) -> Sequence[Row]:
    """The rows whose ``seq`` is a number. A planted row with anything else there is not a message, and cannot be ordered."""
    if all(type(row["seq"]) is int for row in found):
        return found
    return rows.sound("messages", found, _numbered_one)


def _numbered_one(row: Row) -> Row:
    rows.number(row, "seq")
    return row


def _with_links(guard: Guard, thread: ThreadId, found: Sequence[Row], first: int, seam: Seam | None) -> Iterator[SealedMessage]:
    """Check each row against the one before it. Number ``first`` must be present: it stands for everything before it."""
    keys = {key.id: key.linking for key in guard.keyring.by_id.values()}
    authors: dict[object, AccountId] = {}
    previous, expected = None, first
    for row in found:
        if row["seq"] == 1:
            previous = first_link(thread)
        message = _message(row, thread, authors)
        sound = row["seq"] == expected and (previous is None or _is_linked(keys, previous, message))
        yield message if sound else structs.replace(message, is_linked=False)
        previous, expected = row["link"], row["seq"] + 1
        if seam and (row["seq"], row["link"]) == (seam.seq, seam.new_link):
            previous = seam.old_link


def _is_linked(keys: dict[bytes, bytes], previous: bytes, message: SealedMessage) -> bool:
    try:
        return is_linked(keys, previous, message, message.link)
    except Damaged:
        return False


def _message(row: Row, thread: ThreadId, authors: dict[object, AccountId]) -> SealedMessage:
    """A row of this thread. ``authors`` caches ids from row to row: creating one costs as much as hashing."""
    raw = row["author"]
    author = authors.get(raw) or authors.setdefault(raw, AccountId(_id(raw)))
    return SealedMessage(
        thread, row["seq"], MessageId(_id(row["id"])), row["epoch"], author, str(row["kind"]),
        _time(row["at"]), _bytes(row["body"]), _bytes(row["link"]),
    )  # fmt: skip


# Whoever can write to the database may put anything into a column. What the service never writes there is read as empty: no
# link covers that, so the message is shown as broken, and the rest of its thread stays readable.


def _id(found: object) -> UUID:
    return UUID(bytes=found) if isinstance(found, bytes) and len(found) == 16 else UUID(int=0)


def _time(found: object) -> int:
    return found if isinstance(found, int) and 0 <= found < rows.LAST_TIME else 0


def _bytes(found: object) -> bytes:
    return found if isinstance(found, bytes) else b""


# Bodies written by the service itself are guarded on top of the seal. They are re-encrypted when a thread is relinked.
GUARDED_BODY = Guarded(
    "messages",
    ("thread", "seq"),
    "body",
    lambda row: ("messages", "body", row["thread"], row["epoch"], row["id"], row["author"], row["kind"]),
)


FAMILY = Family(
    tables=(
        Table(
            "messages",
            ("thread", "seq"),
            {"thread": ID, "seq": NUMBER, "id": ID, "epoch": NUMBER, "author": ID, "kind": TEXT, "at": TIME},
            (OF_THREAD,),
            covered=("body", "link"),
        ),
    ),
)
