"""Threads: the state of each, who takes part, and the order of an account's list."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from msgspec import Struct, structs

from storage.crypto.guarding import Guard, Guarded
from storage.crypto.primitives import Part
from storage.engine import rows
from storage.engine.database import Reader, Row, Transaction, Value
from storage.engine.rows import BYTES, ID, NUMBER, TIME
from storage.errors import CannotOpen, Damaged
from storage.families import OF_ACCOUNT, OF_THREAD, Family, Table
from storage.ids import AccountId, ThreadId

PAGE = 50


class Order(StrEnum):
    """How a list of threads is ordered: newest first, or longest waiting first."""

    NEWEST = "newest"
    WAITING = "waiting"


class Thread(Struct, frozen=True, gc=False):
    """The state of a thread. ``last_seq`` is 0 before its first message; times in ms since 1970.

    ``is_sound`` is false when the row is not as the service wrote it: then nothing is added to the thread.
    ``closed_at`` is when the staff closed it; the next message from a participant reopens it.
    """

    id: ThreadId
    epoch: int
    last_seq: int
    last_at: int
    last_link: bytes
    waiting_since: int | None
    opened_at: int
    is_sound: bool = True
    closed_at: int | None = None


@dataclass(frozen=True)
class Mark:
    """How far a participant has read."""

    account: AccountId
    read_seq: int
    joined_at: int


async def add(tx: Transaction, guard: Guard, thread: Thread) -> None:
    """Store a new thread; its first epoch follows in the same transaction."""
    await tx.run(
        "insert into threads (id, epoch, last_seq, last_at, last_link, head, waiting_since, closed_at, opened_at)"
        " values (:id, :epoch, :last_seq, :last_at, :last_link, :head, :waiting_since, :closed_at, :opened_at)",
        **_values(guard, thread),
        opened_at=thread.opened_at,
    )


async def save(tx: Transaction, guard: Guard, thread: Thread) -> None:
    """Write a thread's present state."""
    await tx.run(
        "update threads set epoch = :epoch, last_seq = :last_seq, last_at = :last_at, last_link = :last_link, head = :head,"
        " waiting_since = :waiting_since, closed_at = :closed_at where id = :id",
        **_values(guard, thread),
    )


def _values(guard: Guard, thread: Thread) -> dict[str, Value]:
    values: dict[str, Value] = {
        "id": thread.id.bytes,
        "epoch": thread.epoch,
        "last_seq": thread.last_seq,
        "last_at": thread.last_at,
        "last_link": thread.last_link,
        "waiting_since": thread.waiting_since,
        "closed_at": thread.closed_at,
    }
    return {**values, "head": guard.authenticate(*_proven(values))}


def _proven(row: Row) -> tuple[Part, ...]:
    return ("threads", row["id"], row["epoch"], row["last_seq"], row["last_link"])


async def close(tx: Transaction, guard: Guard, id_: ThreadId, now: int) -> bool:
    """Close a thread: nobody is waiting in it any more. False when it was closed already, or cannot be written to."""
    thread = await find(tx, guard, id_)
    if thread is None or not thread.is_sound or thread.closed_at is not None:
        return False
    await save(tx, guard, structs.replace(thread, closed_at=now, waiting_since=None))
    return True


async def reopen(tx: Transaction, guard: Guard, id_: ThreadId, waiting_since: int | None) -> bool:
    """Reopen a closed thread; False when it is not closed, or cannot be written to."""
    thread = await find(tx, guard, id_)
    if thread is None or not thread.is_sound or thread.closed_at is None:
        return False
    await save(tx, guard, structs.replace(thread, closed_at=None, waiting_since=waiting_since))
    return True


async def save_all(tx: Transaction, guard: Guard, changed: Iterable[Thread]) -> None:
    """Write the present state of many threads, in one statement."""
    columns = ("id", "epoch", "last_seq", "last_at", "last_link", "head", "waiting_since", "closed_at")
    changes = [(*(values[name] for name in columns), one.opened_at) for one in changed for values in [_values(guard, one)]]
    await tx.run_rows(
        "insert into threads (id, epoch, last_seq, last_at, last_link, head, waiting_since, closed_at, opened_at) values :rows"
        " on conflict (id) do update set epoch = excluded.epoch, last_seq = excluded.last_seq, last_at = excluded.last_at,"
        " last_link = excluded.last_link, head = excluded.head, waiting_since = excluded.waiting_since,"
        " closed_at = excluded.closed_at",
        changes,
    )


async def find_all(reader: Reader, guard: Guard, ids: Iterable[ThreadId]) -> dict[ThreadId, Thread]:
    """The state of those of many threads that exist."""
    found = await reader.rows_in("select * from threads where id in :values", [id_.bytes for id_ in ids])
    return {thread.id: thread for thread in rows.sound("threads", found, lambda row: _thread(guard, row))}


async def existing(reader: Reader, ids: Sequence[bytes]) -> set[bytes]:
    """Those of many ids, 16 bytes each, that belong to a thread."""
    return {row["id"] for row in await reader.rows_in("select id from threads where id in :values", ids)}


async def find(reader: Reader, guard: Guard, thread: ThreadId) -> Thread | None:
    """The state of a thread, or None when it does not exist."""
    row = await reader.row("select * from threads where id = :id", id=thread.bytes)
    return _thread(guard, row) if row else None


def _thread(guard: Guard, row: Row) -> Thread:
    """A thread from its row. Raises Damaged only when the id is: other damage makes the thread unsound, or is left out."""
    id_ = rows.thread_id(row, "id")
    try:
        epoch, last_seq, last_link = rows.number(row, "epoch"), rows.number(row, "last_seq"), rows.blob(row, "last_link")
        guard.check(row["head"], *_proven(row))
        is_sound = True
    except CannotOpen:
        epoch, last_seq, last_link, is_sound = *_as_it_stands(row), False
    return Thread(
        id_, epoch, last_seq, _time(row, "last_at") or 0, last_link, _time(row, "waiting_since"),
        _time(row, "opened_at") or 0, is_sound=is_sound, closed_at=_time(row, "closed_at"),
    )  # fmt: skip


def _as_it_stands(row: Row) -> tuple[int, int, bytes]:
    """The epoch, last number and last link of an unauthenticated row, for `ailo check`; zeros and empty where it is damaged."""
    try:
        return rows.number(row, "epoch"), rows.number(row, "last_seq"), rows.blob(row, "last_link")
    except Damaged:
        return 0, 0, b""


def _time(row: Row, column: str) -> int | None:
    """A time that nothing authenticates. A damaged one counts as missing: the thread can be read and written without it."""
    found = row[column]
    if type(found) is int and 0 <= found < rows.LAST_TIME:
        return found
    return rows.unless_damaged("threads", row, lambda: rows.time_or_none(row, column), None)


async def list_of(reader: Reader, guard: Guard, account: AccountId, order: Order, after: Thread | None) -> list[Thread]:
    """One page of the threads in which an account takes part; ``after`` is the last thread of the previous page."""
    keys = {
        Order.NEWEST: "0 + 0, - t.last_at, t.id",
        Order.WAITING: "case when t.waiting_since is null then 1 else 0 end, coalesce(t.waiting_since, - t.last_at), t.id",
    }[order]
    beyond = f"and ({keys}) > (:first, :second, :third)" if after else ""
    found = await reader.rows(
        "select t.* from participants p join threads t on t.id = p.thread"  # noqa: S608 (made of the constants above)
        f" where p.account = :account {beyond} order by {keys} limit {PAGE}",
        account=account.bytes,
        **(_position(order, after) if after else {}),
    )
    return rows.sound("threads", found, lambda row: _thread(guard, row))


def _position(order: Order, thread: Thread) -> dict[str, int | bytes]:
    if order is Order.WAITING:
        waits = thread.waiting_since is not None
        second = thread.waiting_since if thread.waiting_since is not None else -thread.last_at
        return {"first": 0 if waits else 1, "second": second, "third": thread.id.bytes}
    return {"first": 0, "second": -thread.last_at, "third": thread.id.bytes}


async def all_ids(reader: Reader) -> Sequence[ThreadId]:
    """The ids of all threads."""
    return rows.sound("threads", await reader.rows("select id from threads order by id"), lambda row: rows.thread_id(row, "id"))


async def count_unread(reader: Reader, account: AccountId) -> int:
    """In how many of its threads an account has not read everything. Posting moves the author's own mark."""
    row = await reader.row(
        "select count(*) as count from participants p join threads t on t.id = p.thread"
        " where p.account = :account and p.read_seq < t.last_seq",
        account=account.bytes,
    )
    return int(row["count"]) if row else 0


async def ids_of(reader: Reader, account: AccountId) -> Sequence[ThreadId]:
    """The threads in which an account takes part."""
    found = await reader.rows("select thread from participants where account = :account", account=account.bytes)
    return rows.sound("participants", found, lambda row: rows.thread_id(row, "thread"))


async def join(tx: Transaction, thread: ThreadId, account: AccountId, now: int, read_seq: int) -> None:
    """Record that an account takes part, with everything up to ``read_seq`` counted as read."""
    await tx.run(
        "insert into participants (thread, account, joined_at, read_seq) values (:thread, :account, :now, :read_seq)",
        thread=thread.bytes, account=account.bytes, now=now, read_seq=read_seq,
    )  # fmt: skip


async def part(tx: Transaction, thread: ThreadId, account: AccountId) -> None:
    """Record that an account no longer takes part."""
    await tx.run(
        "delete from participants where thread = :thread and account = :account",
        thread=thread.bytes,
        account=account.bytes,
    )


async def marks(reader: Reader, thread: ThreadId) -> list[Mark]:
    """How far each participant has read."""
    return (await marks_of(reader, [thread]))[thread]


async def marks_of(reader: Reader, threads: Sequence[ThreadId]) -> dict[ThreadId, list[Mark]]:
    """How far each participant of many threads has read."""
    sql = (
        "select p.thread, p.account, p.joined_at, p.read_seq, t.last_seq from participants p join threads t on t.id = p.thread"
        " where p.thread in :values order by p.joined_at, p.account"
    )
    found: dict[ThreadId, list[Mark]] = {thread: [] for thread in threads}
    listed = await reader.rows_in(sql, [thread.bytes for thread in threads])  # all rows of one thread come from one statement
    for thread, mark in rows.sound("participants", listed, lambda row: (rows.thread_id(row, "thread"), _mark(row))):
        found[thread].append(mark)
    return found


def _mark(row: Row) -> Mark:
    return Mark(rows.account_id(row, "account"), rows.read_mark(row), _time(row, "joined_at") or 0)


async def read_seq(reader: Reader, thread: ThreadId, account: AccountId) -> int | None:
    """How far one account has read; None when it takes no part."""
    row = await reader.row(
        "select p.thread, p.account, p.read_seq, t.last_seq from participants p join threads t on t.id = p.thread"
        " where p.thread = :thread and p.account = :account",
        thread=thread.bytes,
        account=account.bytes,
    )
    return rows.read_mark(row) if row else None


async def mark_all(tx: Transaction, seqs: Mapping[tuple[ThreadId, AccountId], tuple[int, int]]) -> None:
    """Move many read marks forward, by thread and account: each to a number, given with the last number of the thread.

    A mark that is beyond the end, or not a number, is corrected.
    """
    await tx.run_rows(
        "update participants set read_seq = v.column3 from (values :rows) as v"
        " where participants.thread = v.column1 and participants.account = v.column2"
        " and (participants.read_seq < v.column3 or participants.read_seq > v.column4)",
        [(thread.bytes, account.bytes, seq, last) for (thread, account), (seq, last) in seqs.items()],
    )


async def mark(tx: Transaction, thread: ThreadId, account: AccountId, seq: int) -> bool:
    """Move a read mark forward; return whether it moved."""
    return bool(
        await tx.run(
            "update participants set read_seq = :seq where thread = :thread and account = :account and read_seq < :seq",
            thread=thread.bytes, account=account.bytes, seq=seq,
        )
    )  # fmt: skip


FAMILY = Family(
    tables=(
        Table(
            "threads",
            ("id",),
            {
                "id": ID,
                "epoch": NUMBER,
                "last_seq": NUMBER,
                "last_at": TIME,
                "last_link": BYTES,
                "waiting_since": TIME.or_null(),
                "opened_at": TIME,
                "closed_at": TIME.or_null(),
            },
        ),
        Table(
            "participants",
            ("thread", "account"),
            {"thread": ID, "account": ID, "joined_at": TIME, "read_seq": NUMBER},
            (OF_THREAD, OF_ACCOUNT),
        ),
    ),
    guarded=(Guarded("threads", ("id",), "head", _proven, is_proof=True),),
    faults={
        "read marks beyond the last message": "select count(*) as count from participants p"
        " join threads t on t.id = p.thread where p.read_seq not between 0 and t.last_seq",
    },
)
