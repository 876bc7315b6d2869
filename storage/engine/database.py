"""What the rest of storage asks of a database. One adapter per driver stands behind it (``sqlite``); SQL is written once.

Work is a coroutine function that is given a transaction. It awaits nothing but that transaction: an adapter may run it
from start to end in a thread of its own, in one hop. So there can be no network, and no waiting, inside a transaction.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
Value = bytes | str | int | None
Row = Mapping[str, Any]


class Reader(Protocol):
    """One point in time of the database. SQL has ``:names``; a row gives its columns by name."""

    async def row(self, sql: str, /, **values: Value) -> Row | None:
        """The first row, or None."""
        ...

    async def rows(self, sql: str, /, **values: Value) -> Sequence[Row]:
        """All rows."""
        ...

    async def rows_in(self, sql: str, values: Sequence[Value], /, **others: Value) -> Sequence[Row]:
        """All rows for many values at once: ``:values`` in the SQL stands for their list; ``others`` are its names.

        In no order: many values take more than one statement.
        """
        ...


class Transaction(Reader, Protocol):
    """A reader that also writes, all or nothing."""

    async def run(self, sql: str, /, **values: Value) -> int:
        """Run one statement; how many rows it changed."""
        ...

    async def run_rows(self, sql: str, rows: Sequence[Sequence[Value]], /) -> int:
        """Run one statement for many rows at once: ``:rows`` in the SQL stands for them, and is its only parameter.

        Gives how many rows it changed. It is for where a statement a row would cost too much: see docs/speed.md.
        """
        ...

    async def run_many(self, sql: str, values: Sequence[Mapping[str, Value]], /) -> None:
        """Run one statement for each of many values."""
        ...


class Database(Protocol):
    """An open database."""

    async def write(self, work: Callable[[Transaction], Awaitable[T]], /) -> T:
        """Run ``work`` in one transaction; returns after the commit has reached the disk.

        Where it deleted or replaced a key, a text or a name, returns after that is gone from the files, too, or, where
        something stands in the way of that, after two seconds at most: it is gone soon after then.

        Raises Stalled when the store could not take it: then nothing of it was kept.
        """
        ...

    async def read(self, work: Callable[[Reader], Awaitable[T]], /) -> T:
        """Run ``work`` on one point in time, beside the writer."""
        ...

    async def copy_to(self, path: str, /) -> None:
        """Write a whole, consistent copy without deleted content to a new file."""
        ...

    async def expect_schema(self, statements: Sequence[str] | None, /) -> list[str]:
        """Compare the schema with what these statements make of an empty database; what differs, empty when nothing does.

        From then on nothing is written, and no copy made, once it differs; None lets it be changed.
        """
        ...

    async def tables(self) -> list[str]:
        """The names of the tables that are there."""
        ...

    @property
    def removed_for_s(self) -> float:
        """For how many seconds something that was removed has stood in the files; 0 when nothing does."""
        ...

    async def check(self) -> list[str]:
        """What the database itself finds wrong with its files; empty when all is well."""
        ...

    async def probe(self) -> None:
        """Have something that changes nothing committed, as far as the disk. Raises Stalled."""
        ...

    async def failure(self) -> str:
        """Wait until the disk has failed under a write in a way after which no other may be trusted; says how.

        From then on every write is refused. The process is to end, and to read at its next start what really is there.
        """
        ...

    async def close(self) -> None:
        """Finish what runs, and let go of the files."""
        ...
