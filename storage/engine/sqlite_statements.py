"""A transaction's statements, executed on the thread of the connection that runs it."""

import sqlite3
from collections.abc import Awaitable, Coroutine, Iterator, Mapping, Sequence
from typing import TypeVar, cast

from storage.engine.database import Row, Value
from storage.engine.removals import removes

T = TypeVar("T")
LARGEST_CHUNK = 128


def finish(work: Awaitable[T]) -> T:
    """Run a coroutine that never suspends to completion, here and now."""
    coroutine = cast("Coroutine[object, None, T]", work)
    try:
        coroutine.send(None)
    except StopIteration as end:
        return cast("T", end.value)
    coroutine.close()
    raise RuntimeError("work in a transaction awaited something that is not the transaction")


class Statements:
    """A transaction on a connection's own thread. Its methods never suspend: see ``finish``."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.has_removed = False

    def _note(self, sql: str, changed: int = 1) -> int:
        if changed and removes(sql):
            self.has_removed = True
        return changed

    async def row(self, sql: str, /, **values: Value) -> Row | None:
        self._note(sql)
        return cast("Row | None", self._connection.execute(sql, values).fetchone())

    async def rows(self, sql: str, /, **values: Value) -> Sequence[Row]:
        self._note(sql)
        return self._connection.execute(sql, values).fetchall()

    async def run(self, sql: str, /, **values: Value) -> int:
        return self._note(sql, self._connection.execute(sql, values).rowcount)

    async def rows_in(self, sql: str, values: Sequence[Value], /, **others: Value) -> Sequence[Row]:
        found: list[Row] = []
        for chunk in _chunks(values):
            if others:
                named = {f"value_{number}": value for number, value in enumerate(chunk)}
                places, bound = f"(:{', :'.join(named)})", {**named, **others}
                found += self._connection.execute(sql.replace(":values", places), bound).fetchall()
            else:  # the path for a group's messages: many of them, so positional placeholders only
                places = f"({', '.join('?' * len(chunk))})"
                found += self._connection.execute(sql.replace(":values", places), chunk).fetchall()
        return found

    async def run_rows(self, sql: str, rows: Sequence[Sequence[Value]], /) -> int:
        changed = 0
        for chunk in _chunks(rows):
            places = ", ".join([f"({', '.join('?' * len(chunk[0]))})"] * len(chunk))
            values = [value for row in chunk for value in row]
            changed += self._connection.execute(sql.replace(":rows", places), values).rowcount
        return self._note(sql, changed)

    async def run_many(self, sql: str, values: Sequence[Mapping[str, Value]], /) -> None:
        self._note(sql, self._connection.executemany(sql, values).rowcount)


def _chunks(things: Sequence[T]) -> Iterator[Sequence[T]]:
    """Powers of two, the largest first: few distinct statements, so that SQLite already has them prepared."""
    start, size = 0, LARGEST_CHUNK
    while start < len(things):
        while size > len(things) - start:
            size //= 2
        yield things[start : start + size]
        start += size
