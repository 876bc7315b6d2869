"""The shape of each column of the database, and the rows that do not have it: SQLite itself refuses none.

Each family declares its own (``families``); columns that a root key protects, and what links cover, are verified elsewhere.
"""

from collections import Counter

from storage.engine.database import Database, Reader, Value
from storage.engine.rows import to_go_on_from
from storage.families import Table, tables

BATCH = 500


async def faults(database: Database, name: str) -> list[str]:
    """What is wrong with the shapes in a table, one line per column."""
    counts = await misshapen(database, name)
    return [f"{column}: {count} of a type or size that the service never writes" for column, count in counts.items() if count]


async def misshapen(database: Database, name: str) -> Counter[str]:
    """How many values of each column of a table (`table.column`) have a shape that the service never writes."""
    found: Counter[str] = Counter()
    after: tuple[Value, ...] | None = None
    while batch := await database.read(lambda reader: _after(reader, tables()[name], after)):  # noqa: B023
        after, misshapen_there = batch
        found += misshapen_there
    return found


async def _after(reader: Reader, table: Table, after: tuple[Value, ...] | None) -> tuple[tuple[Value, ...], Counter[str]] | None:
    """The last key of the batch after this one, and what in it is misshapen; None at the end."""
    key, order = dict(zip(table.key, after or (), strict=False)), ", ".join(table.key)
    beyond = f"where ({order}) > ({', '.join(f':{column}' for column in table.key)})" if key else ""
    sql = f"select {', '.join(table.shapes)} from {table.name} {beyond} order by {order} limit {BATCH}"  # noqa: S608 (made of the above)
    rows = await reader.rows(sql, **key)
    found = {f"{table.name}.{column}": sum(not shape.fits(row[column]) for row in rows) for column, shape in table.shapes.items()}
    return (to_go_on_from([rows[-1][column] for column in table.key]), Counter(found)) if rows else None
