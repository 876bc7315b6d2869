"""Announcements owed: that a participant may be owed a letter about a thread. At most one per participant and thread.

An announcement is created with the message that causes it, and is due when the grace time ends. Once a letter has reported it,
the row stays for a day, so that no other letter follows until the person has read or the day has passed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from storage.engine import rows
from storage.engine.database import Reader, Row, Transaction
from storage.engine.rows import ID, NUMBER, TIME
from storage.errors import Damaged
from storage.families import OF_ACCOUNT, OF_THREAD, Family, Table
from storage.ids import AccountId, ThreadId

# At most this many damaged rows are put aside in one transaction.
MOST_DAMAGED = 100
DAY_MS = 86_400_000
# One letter tells of at most this many conversations. Others are told of by the next one, which joins this if it still waits.
MOST_AT_ONCE = 1000


@dataclass(frozen=True)
class Due:
    """An announcement whose time has come, and how far its participant has read; ``read_seq`` is None if they have left."""

    thread: ThreadId
    account: AccountId
    due_at: int
    told_seq: int | None
    read_seq: int | None
    last_seq: int

    @property
    def is_owed(self) -> bool:
        """Whether something is unread that no letter has reported yet."""
        return self.read_seq is not None and self.last_seq > max(self.read_seq, self.told_seq or 0)


async def owe_all(tx: Transaction, owed: Mapping[ThreadId, Iterable[AccountId]], due_at: int) -> None:
    """Record, when messages have arrived, what each thread owes to those who have not read it.

    An announcement already reported stays quiet, unless its reader has since read what it reported.
    """
    await tx.run_rows(
        "insert into unread_owed (account, thread, due_at) values :rows"  # noqa: S608 (a constant)
        " on conflict (account, thread) do update set due_at = excluded.due_at, told_seq = null"
        # None waits a day longer than a new one would: if it does, somebody else put it off, or an older setting did.
        f" where unread_owed.due_at > excluded.due_at + {DAY_MS} or unread_owed.told_seq is not null"
        " and unread_owed.told_seq <= (select p.read_seq from participants p join threads t on t.id = p.thread"
        " where p.account = excluded.account and p.thread = excluded.thread and p.read_seq <= t.last_seq)",
        [(account.bytes, thread.bytes, due_at) for thread, accounts in owed.items() for account in accounts],
    )


async def look_again(tx: Transaction, account: AccountId, due_at: int) -> None:
    """Have what waits for an account settled at ``due_at``, unless it is due before: its owner chose other hours for letters."""
    await tx.run(
        "update unread_owed set due_at = :due_at where account = :account and told_seq is null and due_at > :due_at",
        account=account.bytes, due_at=due_at,
    )  # fmt: skip


async def begin_anew(tx: Transaction, thread: ThreadId, account: AccountId, due_at: int) -> None:
    """Record that somebody has read a part: an announcement already reported starts afresh."""
    await tx.run(
        "update unread_owed set told_seq = null, due_at = :due_at"
        " where account = :account and thread = :thread and told_seq is not null",
        account=account.bytes, thread=thread.bytes, due_at=due_at,
    )  # fmt: skip


async def drop(tx: Transaction, thread: ThreadId, account: AccountId) -> None:
    """Record that nothing is owed any more."""
    await tx.run(
        "delete from unread_owed where account = :account and thread = :thread",
        account=account.bytes,
        thread=thread.bytes,
    )


async def drop_all(tx: Transaction, read: Iterable[tuple[ThreadId, AccountId]]) -> None:
    """As ``drop``, for many threads and accounts at once."""
    # Marked first: no database uses its index in a delete by a list of pairs.
    marked = await tx.run_rows(
        "update unread_owed set due_at = -1 from (values :rows) as v"
        " where unread_owed.account = v.column1 and unread_owed.thread = v.column2",
        [(account.bytes, thread.bytes) for thread, account in read],
    )
    if marked:
        await tx.run("delete from unread_owed where due_at = -1")


async def first_due(reader: Reader, now: int) -> Due | None:
    """The announcement that has been due the longest at ``now`` (ms since 1970). Raises Damaged when its row is damaged."""
    row = await reader.row(f"select n.account, n.thread, n.due_at, n.told_seq, p.read_seq, t.last_seq {_FIRST}", now=now)
    return _due(row) if row else None


async def is_due(reader: Reader, now: int) -> bool:
    """Whether any announcement is due; asked without involving the writer."""
    return await reader.row(f"select 1 {_FIRST}", now=now) is not None


async def take_first(tx: Transaction, now: int) -> Due | None:
    """As ``first_due``. Damaged rows raise the alarm and are put aside; `ailo check` reports them."""
    for _ in range(MOST_DAMAGED):
        try:
            return await first_due(tx, now)
        except Damaged as error:
            rows.alert_once("a row of unread_owed", "the first one due", str(error))
            await tx.run(
                "update unread_owed set due_at = :never"  # noqa: S608 (a constant)
                f" where account is not distinct from (select n.account {_FIRST})"
                f" and thread is not distinct from (select n.thread {_FIRST})",
                never=rows.LAST_TIME, now=now,
            )  # fmt: skip
    return None


_FIRST = (
    "from unread_owed n join threads t on t.id = n.thread"
    " left join participants p on p.thread = n.thread and p.account = n.account"
    " where n.due_at <= :now order by n.due_at, n.account, n.thread limit 1"
)


def _due(row: Row) -> Due:
    last_seq, told_seq = rows.number(row, "last_seq"), rows.number_or_none(row, "told_seq")
    return Due(
        rows.thread_id(row, "thread"),
        rows.account_id(row, "account"),
        rows.time(row, "due_at"),
        told_seq if told_seq is not None and told_seq <= last_seq else None,
        None if row["read_seq"] is None else rows.read_mark(row),
        last_seq,
    )


async def due_of(tx: Transaction, account: AccountId, until: int) -> list[Due]:
    """The announcements of an account that are due at ``until`` or before, the earliest first. Damaged ones are left out."""
    found = await tx.rows(
        "select n.account, n.thread, n.due_at, n.told_seq, p.read_seq, t.last_seq from unread_owed n"
        " join threads t on t.id = n.thread left join participants p on p.thread = n.thread and p.account = n.account"
        " where n.account = :account and n.due_at <= :until order by n.due_at, n.thread limit :most",
        account=account.bytes, until=until, most=MOST_AT_ONCE,
    )  # fmt: skip
    return rows.sound("unread_owed", found, _due)


async def tell(tx: Transaction, due: Due, quiet_until: int) -> None:
    """Record that a letter reports this announcement: no other until ``quiet_until`` (ms since 1970), unless the person reads."""
    await tx.run(
        "update unread_owed set told_seq = :last_seq, due_at = :quiet_until where account = :account and thread = :thread",
        last_seq=due.last_seq, quiet_until=quiet_until, account=due.account.bytes, thread=due.thread.bytes,
    )  # fmt: skip


async def postpone(tx: Transaction, due: Due, due_at: int) -> None:
    """Put off an announcement that cannot be reported now; it comes up again at ``due_at``, and those behind it go on."""
    await tx.run(
        "update unread_owed set due_at = :due_at where account = :account and thread = :thread",
        due_at=due_at, account=due.account.bytes, thread=due.thread.bytes,
    )  # fmt: skip


async def still_tells(reader: Reader, thread: ThreadId, account: AccountId, seq: int) -> bool:
    """Whether a letter that reports ``seq`` is still worth sending: still unread, and not replaced by a newer announcement."""
    row = await reader.row(
        "select p.thread, p.account, p.read_seq, n.due_at, n.told_seq, t.last_seq from participants p"
        " join threads t on t.id = p.thread"
        " left join unread_owed n on n.account = p.account and n.thread = p.thread"
        " where p.account = :account and p.thread = :thread",
        account=account.bytes, thread=thread.bytes,
    )  # fmt: skip
    return row is not None and _tells(row, seq)


def _tells(row: Row, seq: int) -> bool:
    return rows.read_mark(row) < seq and (row["due_at"] is None or row["told_seq"] == seq)


async def still_told(reader: Reader, account: AccountId, told: Mapping[ThreadId, int]) -> int:
    """In how many of these threads a letter that reports up to each number is still worth sending: see ``still_tells``."""
    found = await reader.rows_in(
        "select p.thread, p.account, p.read_seq, n.due_at, n.told_seq, t.last_seq from participants p"
        " join threads t on t.id = p.thread"
        " left join unread_owed n on n.account = p.account and n.thread = p.thread"
        " where p.account = :account and p.thread in :values",
        [thread.bytes for thread in told], account=account.bytes,
    )  # fmt: skip
    return sum(_tells(row, told[rows.thread_id(row, "thread")]) for row in found)


FAMILY = Family(
    tables=(
        Table(
            "unread_owed",
            ("account", "thread"),
            {"account": ID, "thread": ID, "due_at": TIME, "told_seq": NUMBER.or_null()},
            (OF_ACCOUNT, OF_THREAD),
        ),
    ),
    faults={
        "announcements owed without an unread message": "select count(*) as count from unread_owed n"
        " join threads t on t.id = n.thread left join participants p on p.thread = n.thread and p.account = n.account"
        " where coalesce(n.told_seq, 0) > t.last_seq or coalesce(p.read_seq, 0) >= t.last_seq",
        "announcements postponed further than the service ever does": "select count(*) as count from unread_owed"
        " where due_at > :now + 777600000",
    },
)
