"""Rosters and grants as rows: who may read which epoch, and how each of them reaches its secret."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from storage.crypto.epochs import EpochSecret, Roster, open_grant
from storage.crypto.guarding import Guard, Guarded
from storage.crypto.keyholes import AccountKey
from storage.crypto.primitives import Part
from storage.engine import rows
from storage.engine.database import Reader, Row, Transaction, Value
from storage.engine.rows import BYTES, ID, KEY, NUMBER
from storage.errors import Damaged
from storage.families import OF_THREAD, BelongsTo, Family, Table
from storage.ids import AccountId, ThreadId


@dataclass(frozen=True, repr=False)
class Grant:
    """A grant's row: whose key pair gave it, and the encrypted secret."""

    giver_key: bytes
    body: bytes


async def seated(reader: Reader, guard: Guard, account: AccountId) -> list[Roster]:
    """The latest roster of each thread in which an account has a seat, as authenticated by the root key.

    Nothing authenticates the list in ``participants``: an account that is listed without a seat raises an alarm, and so does a
    thread whose epoch opens to an account that is not listed.
    """
    listed = await reader.rows(f"select e.*, t.head, t.last_seq, t.last_link, 1 as is_listed {_LISTED}", account=account.bytes)
    hidden = await reader.rows(f"select e.*, t.head, t.last_seq, t.last_link, 0 as is_listed {_HIDDEN}", account=account.bytes)
    found = rows.sound("epochs", [*listed, *hidden], lambda row: _seated(guard, row, account))
    return [roster for roster in found if roster]


_LISTED = (
    "from participants p join threads t on t.id = p.thread join epochs e on e.thread = t.id and e.number = t.epoch"
    " where p.account = :account"
)
_HIDDEN = (
    "from grants g join threads t on t.id = g.thread and t.epoch = g.epoch"
    " join epochs e on e.thread = t.id and e.number = t.epoch where g.account = :account"
    " and not exists (select 1 from participants p where p.thread = g.thread and p.account = g.account)"
)


def _seated(guard: Guard, row: Row, account: AccountId) -> Roster | None:
    """The roster of a thread's latest epoch if the account has a seat in it, else None. Raises CannotOpen."""
    thread, number = rows.thread_id(row, "thread"), rows.number(row, "number")
    guard.check(row["head"], "threads", thread, number, rows.number(row, "last_seq"), rows.blob(row, "last_link"))
    roster = read(guard, row, thread, number)
    has_seat = roster.seat_of(account) is not None
    if has_seat != bool(row["is_listed"]):
        said = "has a seat but is not listed" if has_seat else "is listed but has no seat"
        rows.alert_once("the participant list", f"thread {thread}", f"account {account} {said}")
    return roster if has_seat else None


async def add(tx: Transaction, guard: Guard, roster: Roster, grants: dict[AccountId, bytes]) -> None:
    """Store a new epoch: its roster, and the grants to the accounts in it."""
    await tx.run(
        "insert into epochs (thread, number, roster, proof) values (:thread, :number, :roster, :proof)",
        thread=roster.thread.bytes,
        number=roster.number,
        roster=roster.encoded(),
        proof=guard.authenticate(*_proven({"roster": roster.encoded()})),
    )
    await add_grants(tx, roster, roster.giver_key, grants)


async def add_grants(tx: Transaction, roster: Roster, giver_key: bytes, grants: dict[AccountId, bytes]) -> None:
    """Store grants of an epoch, one for each account; a newer grant replaces an older one."""
    values: list[dict[str, Value]] = [
        {
            "thread": roster.thread.bytes,
            "epoch": roster.number,
            "account": account.bytes,
            "giver_key": giver_key,
            "body": body,
        }
        for account, body in grants.items()
    ]
    await tx.run_many(
        "insert into grants (thread, epoch, account, giver_key, body) values (:thread, :epoch, :account, :giver_key, :body)"
        " on conflict (thread, epoch, account) do update set giver_key = excluded.giver_key, body = excluded.body",
        values,
    )


async def drop_grants(tx: Transaction, thread: ThreadId, account: AccountId) -> None:
    """Delete every grant of a thread to an account."""
    await tx.run("delete from grants where thread = :thread and account = :account", thread=thread.bytes, account=account.bytes)


@dataclass(frozen=True, repr=False)
class Written:
    """The stored rows of one thread's epochs, unchecked: rosters by number, and one account's grants by epoch."""

    rosters: dict[int, Row]
    grants: dict[int, Grant]


async def written(reader: Reader, threads: Iterable[ThreadId], account: AccountId) -> dict[ThreadId, Written]:
    """The stored rows of the epochs of many threads, for one account."""
    ids = [thread.bytes for thread in threads]
    found: dict[bytes, Written] = {id_: Written({}, {}) for id_ in ids}
    for row in await reader.rows_in("select * from epochs where thread in :values", ids):
        found[row["thread"]].rosters[row["number"]] = row
    sql = "select thread, epoch, giver_key, body from grants where thread in :values and account = :account"
    for row in await reader.rows_in(sql, ids, account=account.bytes):
        for grant in rows.sound("grants", [row], _grant):
            found[row["thread"]].grants[row["epoch"]] = grant
    return {ThreadId(UUID(bytes=id_)): it for id_, it in found.items()}


def proven(guard: Guard, written: Written, thread: ThreadId, last: int) -> list[Roster]:
    """The rosters of epochs 1 to ``last`` from a thread's stored rows. Raises Damaged as ``find``."""
    if last < 1 or any(number not in written.rosters for number in range(1, last + 1)):
        raise Damaged("an epoch has no roster")
    return [read(guard, written.rosters[number], thread, number) for number in range(1, last + 1)]


async def find(reader: Reader, guard: Guard, thread: ThreadId, number: int) -> Roster:
    """The roster of an epoch. Raises Damaged when it is missing or not as the service wrote it."""
    row = await reader.row("select * from epochs where thread = :thread and number = :number", thread=thread.bytes, number=number)
    if row is None:
        raise Damaged("an epoch has no roster")
    return read(guard, row, thread, number)


async def find_all(reader: Reader, guard: Guard, thread: ThreadId, last: int) -> list[Roster]:
    """The rosters of epochs 1 to ``last``. Raises Damaged as ``find``."""
    found = await reader.rows(
        "select * from epochs where thread = :thread and number between 1 and :last order by number",
        thread=thread.bytes, last=last,
    )  # fmt: skip
    if not found or len(found) != last:
        raise Damaged("an epoch has no roster")
    return [read(guard, row, thread, number) for number, row in enumerate(found, 1)]


def read(guard: Guard, row: Row, thread: ThreadId, number: int) -> Roster:
    """The roster in a row, checked for its place. Raises CannotOpen when it is not as the service wrote it."""
    raw = rows.blob(row, "roster")
    guard.check(row["proof"], *_proven(row))
    roster = Roster.decoded(raw)
    if (roster.thread, roster.number) != (thread, number):
        raise Damaged("a roster is in the place of another")
    return roster


async def grant_of(reader: Reader, thread: ThreadId, number: int, account: AccountId) -> Grant | None:
    """The grant of an epoch to an account."""
    row = await reader.row(
        "select giver_key, body from grants where thread = :thread and epoch = :epoch and account = :account",
        thread=thread.bytes, epoch=number, account=account.bytes,
    )  # fmt: skip
    return _grant(row) if row else None


def _grant(row: Row) -> Grant:
    return Grant(rows.blob(row, "giver_key"), rows.blob(row, "body"))


async def all_grants(reader: Reader, thread: ThreadId) -> Sequence[Row]:
    """The epoch and the account of each grant of a thread."""
    return await reader.rows("select epoch, account from grants where thread = :thread", thread=thread.bytes)


async def secret_of(reader: Reader, key: AccountKey, roster: Roster) -> EpochSecret:
    """Obtain an epoch's secret with an account's key. Raises CannotOpen when no grant exists, or it does not open."""
    return secret_in(await grant_of(reader, roster.thread, roster.number, key.account), key, roster)


def secret_in(grant: Grant | None, key: AccountKey, roster: Roster) -> EpochSecret:
    """As ``secret_of``, from a grant already read."""
    if grant is None:
        raise Damaged("a participant has no grant")
    return open_grant(grant.body, key.private_key, grant.giver_key, key.account, roster)


def _proven(row: Row) -> tuple[Part, ...]:
    return ("epochs", row["roster"])


FAMILY = Family(
    tables=(
        Table("epochs", ("thread", "number"), {"thread": ID, "number": NUMBER, "roster": BYTES}, (OF_THREAD,)),
        Table(
            "grants",
            ("thread", "epoch", "account"),
            {"thread": ID, "epoch": NUMBER, "account": ID, "giver_key": KEY, "body": BYTES},
            (BelongsTo(("thread", "epoch"), "epochs", ("thread", "number")),),
        ),
    ),
    guarded=(Guarded("epochs", ("thread", "number"), "proof", _proven, is_proof=True),),
    faults={
        "epochs beyond the latest of their thread": "select count(*) as count from epochs e"
        " join threads t on t.id = e.thread where e.number not between 1 and t.epoch",
    },
)
