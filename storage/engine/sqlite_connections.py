"""Connections to a SQLite database: those that read, and the one that writes and may fail."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import aiosqlite

from storage.engine.sqlite_opening import BUSY_MS, open_file
from storage.engine.sqlite_schema import Schema, differences, schema_of
from storage.engine.sqlite_scrub import Scrubber
from storage.engine.sqlite_statements import Statements, finish
from storage.errors import Stalled

T = TypeVar("T")

SWEPT_PAGES = 256
# What was not written for lack of space, or because of a quota, was never promised: it can be tried again.
# After any other disk failure under the writer nothing more is written: the system may have dropped what a sync failed to
# bring to disk, and the next sync would succeed without it (PostgreSQL learned this in 2018).
WANT_OF_ROOM = {"SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHMSIZE"}
# The same goes for a trigger: see ``sqlite_opening``.
BEYOND_TRUST = ("SQLITE_IOERR", "SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_AUTH")


class SchemaChanged(Exception):
    """The schema is not as expected; says how."""


class Connection(aiosqlite.Connection):
    """An aiosqlite connection that runs a whole piece of work in one hop to its thread, rather than one hop a statement."""

    expected: Schema | None = None
    _schema_seen = -1

    async def open(self) -> None:
        try:
            await self
        except BaseException:
            await asyncio.to_thread(self._thread.join)  # its thread must not outlive the loop that it reports to
            raise

    async def work(self, begin: str, work: Callable[[Any], Awaitable[T]]) -> T:
        return cast("T", await self._execute(self._work, begin, work))  # type: ignore[no-untyped-call]

    def _work(self, begin: str, work: Callable[[Any], Awaitable[T]]) -> T:
        connection = self._conn
        connection.execute(begin)
        try:
            self._begun(connection)
            result = finish(work(Statements(connection)))
            connection.execute("commit")
        except BaseException:
            if connection.in_transaction:
                connection.execute("rollback")
            raise
        return result

    def _begun(self, connection: sqlite3.Connection) -> None:
        """Raise SchemaChanged if the schema is not as expected. SQLite counts its changes: asking takes three microseconds."""
        if self.expected is None or (now := _schema_version(connection)) == self._schema_seen:
            return
        if found := differences(schema_of(connection), self.expected):
            raise SchemaChanged(f"its schema was changed: {found[0]}")
        self._schema_seen = now

    def expect(self, expected: Schema | None) -> None:
        """From now on do nothing on a database with another schema."""
        self.expected, self._schema_seen = expected, -1

    async def look(self, look: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function on the connection between two transactions."""
        return cast("T", await self._execute(lambda: look(self._conn)))  # type: ignore[no-untyped-call]


class Writer(Connection):
    """The connection that writes, until its disk fails or somebody else changes the schema.

    A failure is checked on the connection's own thread, so that nothing already queued there is written after it.
    """

    failure = ""
    scrubber: Scrubber

    def cut(self, connection: sqlite3.Connection) -> bool:
        """Checkpoint the log into the database and truncate it, unless a reader still needs it: it waits for nobody."""
        if self.failure:
            raise Stalled(f"the database failed: {self.failure}")
        self.scrubber.note()
        connection.execute("pragma busy_timeout = 0")
        try:
            is_cut = not connection.execute("pragma wal_checkpoint(truncate)").fetchone()[0]
        finally:
            connection.execute(f"pragma busy_timeout = {BUSY_MS}")
        if is_cut and self.scrubber.scrub_noted():
            _forget_pages(connection)
        return is_cut

    def sweep(self, connection: sqlite3.Connection, first: int) -> int:
        """Scrub the unused parts of some pages, from ``first`` on; return the page that comes next, 0 at the end."""
        following, had_content = self.scrubber.sweep(first, SWEPT_PAGES)
        if had_content:
            _forget_pages(connection)
        return following

    def _work(self, begin: str, work: Callable[[Any], Awaitable[T]]) -> T:
        if self.failure:
            raise Stalled(f"the database failed: {self.failure}")
        try:
            return super()._work(begin, work)
        except SchemaChanged as changed:
            self.failure = str(changed)
            raise
        except sqlite3.DatabaseError as error:
            name = name_of(error)
            if name.startswith(BEYOND_TRUST) and name not in WANT_OF_ROOM:
                self.failure = name
            raise


def _forget_pages(connection: sqlite3.Connection) -> None:
    """Drop the cached pages: when one next changes, what was scrubbed from the file would be written again."""
    connection.execute("pragma shrink_memory")


def _schema_version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("pragma schema_version").fetchone()[0])


C = TypeVar("C", bound=Connection)


async def connect(path: Path, kind: type[C]) -> C:
    """Open the file on a thread of its own. Raises DatabaseRefused and sqlite3.DatabaseError."""
    connection = kind(lambda: open_file(path, read_only=not issubclass(kind, Writer)), 64)
    await connection.open()
    return connection


def name_of(error: sqlite3.DatabaseError) -> str:
    """SQLite's name for what failed, such as SQLITE_IOERR_FSYNC."""
    return str(getattr(error, "sqlite_errorname", "SQLITE_ERROR"))
