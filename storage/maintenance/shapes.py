"""Of what shape each column of the database is, and the rows that are of another: SQLite itself refuses none.

Columns that a root key keeps (``reguarding``), and what the links of messages cover, are proven elsewhere and left out.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from storage.engine.database import Database, Reader, Value
from storage.engine.rows import BYTES, ID, KEY, NUMBER, TEXT, TIME, Shape, to_go_on_from

BATCH = 500

HASH = Shape(bytes, 16, 64)


@dataclass(frozen=True)
class Table:
    """A table's primary key, and the shapes of its columns."""

    key: tuple[str, ...]
    columns: Mapping[str, Shape]


TABLES: Mapping[str, Table] = {
    "house": Table(("name",), {"name": TEXT}),
    "accounts": Table(
        ("id",),
        {
            "id": ID,
            "address_index": KEY,
            "role": TEXT,
            "status": TEXT,
            "locale": TEXT,
            "time_zone": TEXT,
            "generation": NUMBER,
            "public_key": KEY,
            "created_at": TIME,
        },
    ),
    "keyholes": Table(
        ("account", "kind"), {"account": ID, "kind": TEXT, "profile": NUMBER, "generation": NUMBER, "made_at": TIME}
    ),
    "sessions": Table(
        ("id",),
        {"id": HASH, "account": ID, "generation": NUMBER, "pepper": BYTES, "began_at": TIME, "expires_at": TIME},
    ),
    "threads": Table(
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
    "epochs": Table(("thread", "number"), {"thread": ID, "number": NUMBER, "roster": BYTES}),
    "grants": Table(
        ("thread", "epoch", "account"), {"thread": ID, "epoch": NUMBER, "account": ID, "giver_key": KEY, "body": BYTES}
    ),
    "participants": Table(("thread", "account"), {"thread": ID, "account": ID, "joined_at": TIME, "read_seq": NUMBER}),
    "messages": Table(
        ("thread", "seq"),
        {"thread": ID, "seq": NUMBER, "id": ID, "epoch": NUMBER, "author": ID, "kind": TEXT, "at": TIME},
    ),
    "unread_owed": Table(("account", "thread"), {"account": ID, "thread": ID, "due_at": TIME, "told_seq": NUMBER.or_null()}),
    "letters": Table(
        ("id",),
        {
            "id": ID,
            "account": ID,
            "kind": TEXT,
            "message_id": TEXT,
            "state": TEXT,
            "due_at": TIME,
            "not_after": TIME.or_null(),
            "attempts": NUMBER,
            "leased_until": TIME.or_null(),
            "reason": TEXT.or_null(),
            "written_at": TIME,
            "ended_at": TIME.or_null(),
        },
    ),
    "relinking": Table(("thread",), {"thread": ID}),
    "broken_chains": Table(("thread",), {"thread": ID, "seq": NUMBER, "found_at": TIME}),
    "notes": Table(("thread", "account"), {"thread": ID, "account": ID, "generation": NUMBER, "body": BYTES, "written_at": TIME}),
    "renewals_due": Table(("account",), {"account": ID, "since": TIME}),
    "recoveries": Table(
        ("request",),
        {
            "request": HASH,
            "account": ID.or_null(),
            "generation": NUMBER.or_null(),
            "public_key": KEY.or_null(),
            "profile": NUMBER.or_null(),
            "asked_at": TIME,
        },
    ),
    "preferences": Table(("account",), {"account": ID}),
    "practices": Table(("account",), {"account": ID}),
    "canned_replies": Table(
        ("account",), {"account": ID, "generation": NUMBER, "version": NUMBER, "body": BYTES, "written_at": TIME}
    ),
}


async def faults(database: Database, name: str) -> list[str]:
    """What is wrong with the shapes of a table, a line a column."""
    counts = await misshapen(database, name)
    return [f"{column}: {count} are of a shape that the service never writes" for column, count in counts.items() if count]


async def misshapen(database: Database, name: str) -> Counter[str]:
    """How many values of each column of a table (`table.column`) are of a shape that the service never writes."""
    found: Counter[str] = Counter()
    after: tuple[Value, ...] | None = None
    while batch := await database.read(lambda reader: _after(reader, name, TABLES[name], after)):  # noqa: B023
        after, misshapen_there = batch
        found += misshapen_there
    return found


async def _after(
    reader: Reader, name: str, table: Table, after: tuple[Value, ...] | None
) -> tuple[tuple[Value, ...], Counter[str]] | None:
    """The last key of the batch after this one, and what of it is misshapen; None at the end."""
    key, order = dict(zip(table.key, after or (), strict=False)), ", ".join(table.key)
    beyond = f"where ({order}) > ({', '.join(f':{column}' for column in table.key)})" if key else ""
    sql = f"select {', '.join(table.columns)} from {name} {beyond} order by {order} limit {BATCH}"  # noqa: S608 (made of the above)
    rows = await reader.rows(sql, **key)
    found = {f"{name}.{column}": sum(not shape.fits(row[column]) for row in rows) for column, shape in table.columns.items()}
    return (to_go_on_from([rows[-1][column] for column in table.key]), Counter(found)) if rows else None
