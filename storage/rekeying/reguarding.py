"""Brings what a root key protects to the newest one: guarded values and proofs, table by table along the primary key.

Each value is opened and guarded again in one transaction, so a change between the two is impossible. One that does not open
is left as it is and raises the alarm: a proof is never made for something that was not proven.
"""

import logging
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from storage.crypto.guarding import Guard, Guarded
from storage.engine.database import Reader, Row, Transaction, Value
from storage.engine.rows import to_go_on_from
from storage.errors import CannotOpen
from storage.families import guarded
from storage.store import Store

BATCH = 200

log = logging.getLogger("ailo.storage")


@dataclass(frozen=True)
class _Table:
    """A table, its primary key, and those of its columns that a root key protects."""

    name: str
    key: tuple[str, ...]
    columns: tuple[Guarded, ...]

    def key_of(self, row: Row) -> tuple[Value, ...]:
        return to_go_on_from([row[name] for name in self.key])

    async def batch(self, reader: Reader, after: tuple[Value, ...] | None) -> Sequence[Row]:
        """The rows that follow this key, at most one batch."""
        order = ", ".join(self.key)
        beyond = f"where ({order}) > ({', '.join(f':{name}' for name in self.key)})" if after else ""
        values = dict(zip(self.key, after, strict=True)) if after else {}
        return await reader.rows(f"select * from {self.name} {beyond} order by {order} limit {BATCH}", **values)  # noqa: S608

    async def save(self, tx: Transaction, row: Row, renewed: dict[str, bytes]) -> None:
        """Write the columns that changed."""
        changes = ", ".join(f"{name} = :{name}" for name in renewed)
        where = " and ".join(f"{name} = :{name}" for name in self.key)
        await tx.run(f"update {self.name} set {changes} where {where}", **renewed, **{name: row[name] for name in self.key})  # noqa: S608


def _tables() -> list[_Table]:
    by_name: dict[str, list[Guarded]] = {}
    for column in guarded():
        by_name.setdefault(column.table, []).append(column)
    return [_Table(name, columns[0].key, tuple(columns)) for name, columns in by_name.items()]


async def reguard_all(store: Store) -> AsyncIterator[None]:
    """Bring every value to the newest key. Yields after each batch. What is under it already does not involve the writer."""
    for table in _tables():
        after: tuple[Value, ...] | None = None
        while rows := await store.database.read(lambda reader: table.batch(reader, after)):  # noqa: B023
            if any(_is_older(store.guard, column, row) for row in rows for column in table.columns):
                rows = await store.database.write(lambda tx: _reguard(tx, store.guard, table, after))  # noqa: B023
            after = table.key_of(rows[-1]) if rows else after
            yield


def _is_older(guard: Guard, column: Guarded, row: Row) -> bool:
    """Whether a value is to be reguarded. Null holds nothing; what is not bytes is included, so that it is reported."""
    value = row[column.column]
    return value is not None and not (isinstance(value, bytes) and value[1:9] == guard.keyring.newest.id)


async def closed(store: Store) -> Counter[str]:
    """How many values of each column do not open, or prove nothing. The proofs of threads and epochs are checked with those."""
    found: Counter[str] = Counter()
    for table in _tables():
        after: tuple[Value, ...] | None = None
        while batch := await store.database.read(lambda reader: _closed_after(reader, store.guard, table, after)):  # noqa: B023
            after, closed_there = batch
            found += closed_there
    return found


async def _closed_after(
    reader: Reader, guard: Guard, table: _Table, after: tuple[Value, ...] | None
) -> tuple[tuple[Value, ...], Counter[str]] | None:
    """The last key of the batch after this one, and what in it does not open; None at the end. Checked in the reader's thread."""
    rows = await table.batch(reader, after)
    closed_there = {
        f"{table.name}.{column.column}": sum(not _opens(guard, column, row) for row in rows) for column in table.columns
    }
    return (table.key_of(rows[-1]), Counter(closed_there)) if rows else None


def _opens(guard: Guard, column: Guarded, row: Row) -> bool:
    if (value := row[column.column]) is None or column.table in {"threads", "epochs"}:
        return True
    try:
        parts = column.parts(row)
        guard.check(value, *parts) if column.is_proof else guard.unguard(value, *parts)
    except (CannotOpen, ValueError, TypeError, OverflowError):  # the last three: a value in the row is not of its type
        return False
    return True


async def _reguard(tx: Transaction, guard: Guard, table: _Table, after: tuple[Value, ...] | None) -> Sequence[Row]:
    """The batch after this key, read again in the transaction that writes it."""
    rows = await table.batch(tx, after)
    for row in rows:
        older = [column for column in table.columns if _is_older(guard, column, row)]
        if renewed := {column.column: value for column in older if (value := _renewed(guard, column, row))}:
            await table.save(tx, row, renewed)
    return rows


def _renewed(guard: Guard, column: Guarded, row: Row) -> bytes | None:
    try:
        return guard.renewed(column, row)
    except (CannotOpen, ValueError, TypeError, OverflowError):  # the last three: a value in the row is not of its type
        log.error("alert: a value of %s.%s failed verification and was left unchanged", column.table, column.column)
        return None
