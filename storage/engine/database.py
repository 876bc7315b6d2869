"""What the rest of storage requires of a database. There is one adapter per driver (``sqlite``); SQL is written once.

Work is a coroutine function that receives a transaction. It awaits nothing but that transaction: an adapter may run it
from start to end in a thread of its own, in one hop. So a transaction can contain no network access and no waiting.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
Value = bytes | str | int | None
Row = Mapping[str, Any]


class Reader(Protocol):
    """One point in time of the database. SQL has ``:names``; a row gives access to its columns by name."""

    async def row(self, sql: str, /, **values: Value) -> Row | None:
        """The first row, or None."""
        ...

    async def rows(self, sql: str, /, **values: Value) -> Sequence[Row]:
        """All rows."""
        ...

    async def rows_in(self, sql: str, values: Sequence[Value], /, **others: Value) -> Sequence[Row]:
        """All rows for many values at once: ``:values`` in the SQL stands for the list of them; ``others`` are named parameters.

        The rows come in no particular order: many values take more than one statement.
        """
        ...


class Transaction(Reader, Protocol):
    """A reader that also writes, all or nothing."""

    async def run(self, sql: str, /, **values: Value) -> int:
        """Run one statement; return how many rows it changed."""
        ...

    async def run_rows(self, sql: str, rows: Sequence[Sequence[Value]], /) -> int:
        """Run one statement for many rows at once: ``:rows`` in the SQL stands for them, and is its only parameter.

        Returns how many rows it changed. For use where one statement per row would cost too much: see docs/speed.md.
        """
        ...

    async def run_many(self, sql: str, values: Sequence[Mapping[str, Value]], /) -> None:
        """Run one statement for each of many values."""
        ...


class Database(Protocol):
    """An open database."""

    async def write(self, work: Callable[[Transaction], Awaitable[T]], /) -> T:
        """Run ``work`` in one transaction; return once the commit has reached the disk.

        If it deleted or replaced a key, a text or a name, return only once that is gone from the files, too. If something
        prevents that, return after two seconds at most: it is then removed soon after the obstacle is gone.

        Raises Stalled when the store could not take the work: then nothing of it was kept.
        """
        ...

    async def read(self, work: Callable[[Reader], Awaitable[T]], /) -> T:
        """Run ``work`` on one point in time, beside the writer."""
        ...

    async def copy_to(self, path: str, /) -> None:
        """Write a complete, consistent copy, without deleted content, to a new file."""
        ...

    async def expect_schema(self, statements: Sequence[str] | None, /) -> list[str]:
        """Compare the schema with the one that these statements make in an empty database; return the differences.

        From then on nothing is written, and no copy made, once the schema differs; None permits changes to it.
        """
        ...

    async def tables(self) -> list[str]:
        """The names of the existing tables."""
        ...

    @property
    def removed_for_s(self) -> float:
        """For how many seconds removed content has been in the files; 0 when there is none."""
        ...

    async def check(self) -> list[str]:
        """What the database's own check finds wrong with its files; empty when all is well."""
        ...

    async def probe(self) -> None:
        """Commit something that changes nothing, all the way to the disk. Raises Stalled."""
        ...

    async def failure(self) -> str:
        """Wait until the disk fails a write in such a way that no later write can be trusted; return how it failed.

        From then on every write is refused. The process must end, and read what is really on the disk at its next start.
        """
        ...

    async def close(self) -> None:
        """Finish running work, and close the files."""
        ...
