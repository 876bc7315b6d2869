"""SQLite through aiosqlite: one connection that writes and checkpoints, a few beside it that read.

SQLite 3.7.0 to 3.51.2 can lose a commit when two connections write or checkpoint a WAL at the same instant; so all writing
and every checkpoint happens on one connection, and readers have ``wal_autocheckpoint=0``. The lock of the directory
(see ``lock``) keeps other processes away.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, cast

import aiosqlite

from storage.database import Reader, Row, Transaction, Value
from storage.errors import DatabaseRefused, Stalled

T = TypeVar("T")

READERS = 2
LARGEST_CHUNK = 128
CHECKPOINT_PAGES = 20_000
# What must hold on every connection, and is asserted after it was asked for: builds of SQLite have other defaults.
SETTINGS: dict[str, object] = {
    "synchronous": 2,
    "foreign_keys": 1,
    "secure_delete": 1,
    "trusted_schema": 0,
    "temp_store": 2,
}


# What was not written for want of room, or refused by a quota, was never promised: it can be tried again.
# After any other failure of the disk under the writer nothing more is: what a sync failed to bring to the disk, the system may
# have dropped, and the next sync would succeed without it (PostgreSQL learned this in 2018).
WANT_OF_ROOM = {"SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHMSIZE"}
BEYOND_TRUST = ("SQLITE_IOERR", "SQLITE_CORRUPT", "SQLITE_NOTADB")


class _Statements:
    """A transaction on a connection's own thread. Its methods never suspend: see ``_finish``."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def row(self, sql: str, /, **values: Value) -> Row | None:
        return cast("Row | None", self._connection.execute(sql, values).fetchone())

    async def rows(self, sql: str, /, **values: Value) -> Sequence[Row]:
        return self._connection.execute(sql, values).fetchall()

    async def run(self, sql: str, /, **values: Value) -> int:
        return self._connection.execute(sql, values).rowcount

    async def rows_in(self, sql: str, values: Sequence[Value], /, **others: Value) -> Sequence[Row]:
        found: list[Row] = []
        for chunk in _chunks(values):
            if others:
                named = {f"value_{number}": value for number, value in enumerate(chunk)}
                places, bound = f"(:{', :'.join(named)})", {**named, **others}
                found += self._connection.execute(sql.replace(":values", places), bound).fetchall()
            else:  # the way of a group's messages: many, and by their place alone
                places = f"({', '.join('?' * len(chunk))})"
                found += self._connection.execute(sql.replace(":values", places), chunk).fetchall()
        return found

    async def run_rows(self, sql: str, rows: Sequence[Sequence[Value]], /) -> int:
        changed = 0
        for chunk in _chunks(rows):
            places = ", ".join([f"({', '.join('?' * len(chunk[0]))})"] * len(chunk))
            values = [value for row in chunk for value in row]
            changed += self._connection.execute(sql.replace(":rows", places), values).rowcount
        return changed

    async def run_many(self, sql: str, values: Sequence[Mapping[str, Value]], /) -> None:
        self._connection.executemany(sql, values)


def _chunks(things: Sequence[T]) -> Iterator[Sequence[T]]:
    """Powers of two, the largest first: few different statements, which SQLite then has prepared already."""
    start, size = 0, LARGEST_CHUNK
    while start < len(things):
        while size > len(things) - start:
            size //= 2
        yield things[start : start + size]
        start += size


class _Connection(aiosqlite.Connection):
    """An aiosqlite connection that runs a whole piece of work in one hop to its thread, rather than one hop a statement."""

    async def open(self) -> None:
        try:
            await self
        except BaseException:
            await asyncio.to_thread(self._thread.join)  # its thread must not outlive the loop that it answers to
            raise

    async def work(self, begin: str, work: Callable[[Any], Awaitable[T]]) -> T:
        return cast("T", await self._execute(self._work, begin, work))  # type: ignore[no-untyped-call]

    def _work(self, begin: str, work: Callable[[Any], Awaitable[T]]) -> T:
        connection = self._conn
        connection.execute(begin)
        try:
            result = _finish(work(_Statements(connection)))
            connection.execute("commit")
        except BaseException:
            if connection.in_transaction:
                connection.execute("rollback")
            raise
        return result


class _Writer(_Connection):
    """The connection that writes, until the disk fails it.

    Told and asked on its own thread, so that nothing that waits there already is written after a failure.
    """

    failure = ""

    def _work(self, begin: str, work: Callable[[Any], Awaitable[T]]) -> T:
        if self.failure:
            raise Stalled(f"the database failed: {self.failure}")
        try:
            return super()._work(begin, work)
        except sqlite3.DatabaseError as error:
            name = _name(error)
            if name.startswith(BEYOND_TRUST) and name not in WANT_OF_ROOM:
                self.failure = name
            raise


C = TypeVar("C", bound=_Connection)


def _finish(work: Awaitable[T]) -> T:
    """Run a coroutine that never suspends to its end, here and now."""
    coroutine = cast("Coroutine[object, None, T]", work)
    try:
        coroutine.send(None)
    except StopIteration as end:
        return cast("T", end.value)
    coroutine.close()
    raise RuntimeError("work in a transaction awaited something that is not the transaction")


class SQLite:
    """The database of one data directory. Made by ``open_sqlite``."""

    def __init__(self, path: Path, writer: _Writer, readers: list[_Connection]) -> None:
        self.path = path
        self._writer = writer
        self._all = [writer, *readers]
        self._has_failed = asyncio.Event()
        self._idle: asyncio.LifoQueue[_Connection] = asyncio.LifoQueue()
        for reader in readers:
            self._idle.put_nowait(reader)

    async def write(self, work: Callable[[Transaction], Awaitable[T]], /) -> T:
        try:
            return await self._writer.work("begin immediate", work)
        except sqlite3.DatabaseError as error:
            if self._writer.failure:
                self._has_failed.set()
            raise _stalled(error) from None

    async def failure(self) -> str:
        await self._has_failed.wait()
        return self._writer.failure

    async def probe(self) -> None:
        await self.write(_write_nothing_new)

    async def read(self, work: Callable[[Reader], Awaitable[T]], /) -> T:
        reader = await self._idle.get()
        try:
            return await reader.work("begin", work)
        except sqlite3.DatabaseError as error:
            raise _stalled(error) from None
        finally:
            self._idle.put_nowait(reader)

    async def copy_to(self, path: str, /) -> None:
        """By VACUUM INTO, from a connection of its own: unlike the backup call it leaves deleted content behind."""
        source = await _connect(self.path, _Connection)
        try:
            await source.execute_fetchall("pragma query_only = 0")  # it forbids writing the copy, too
            await source.execute("vacuum into :path", {"path": path})
        except asyncio.CancelledError:  # nobody waits for the copy any more
            await source.interrupt()
            raise
        except sqlite3.DatabaseError as error:
            raise _stalled(error) from None
        finally:
            await source.close()

    async def check(self) -> list[str]:
        reader = await self._idle.get()
        try:
            found = await reader.execute_fetchall("pragma integrity_check")
            return [str(row[0]) for row in found if row[0] != "ok"]
        except sqlite3.DatabaseError as error:
            return [f"it cannot be read: {error.sqlite_errorname}"]
        finally:
            self._idle.put_nowait(reader)

    async def close(self) -> None:
        """Readers first; the writer, the last to go, checkpoints and removes the WAL."""
        for connection in reversed(self._all):
            await connection.close()


def _stalled(error: sqlite3.DatabaseError) -> Exception:
    """The disk, the memory, a lock or the file itself failed us; whatever else SQLite says is a fault in our own SQL."""
    name = _name(error)
    if name == "SQLITE_ERROR" or name.startswith(("SQLITE_CONSTRAINT", "SQLITE_MISMATCH")):
        return RuntimeError(f"SQLite does not take a statement: {error}")
    return Stalled(f"the database failed: {name}")


def _name(error: sqlite3.DatabaseError) -> str:
    return str(getattr(error, "sqlite_errorname", "SQLITE_ERROR"))


async def _write_nothing_new(tx: Transaction) -> None:
    row = await tx.row("pragma user_version")
    await tx.run(f"pragma user_version = {int(row['user_version']) if row else 0}")  # written even when it is the same


async def open_sqlite(path: Path) -> SQLite:
    """Open (or make) the database file. Raises DatabaseRefused when it is damaged or the settings do not hold."""
    opened: list[_Connection] = []
    try:
        opened.append(writer := await _connect(path, _Writer))
        for _ in range(READERS):
            opened.append(await _connect(path, _Connection))  # noqa: PERF401 (what was opened must be closed on failure)
    except sqlite3.DatabaseError as error:
        await _close_all(opened)
        raise DatabaseRefused(
            f"The database {path} cannot be opened ({error.sqlite_errorname}): it is damaged or no database. Restore a backup."
        ) from None
    except DatabaseRefused:
        await _close_all(opened)
        raise
    return SQLite(path, writer, opened[1:])


async def _close_all(opened: list[_Connection]) -> None:
    for connection in opened:
        with suppress(sqlite3.Error):
            await connection.close()


async def _connect(path: Path, kind: type[C]) -> C:
    def connector() -> sqlite3.Connection:
        path.touch(mode=0o600)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
        connection.row_factory = sqlite3.Row
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace")  # a planted text must not stop a whole query
        return connection

    connection = kind(connector, 64)
    await connection.open()
    try:
        await _set_up(connection, read_only=not issubclass(kind, _Writer))
    except BaseException:
        await _close_all([connection])
        raise
    return connection


async def _set_up(connection: _Connection, *, read_only: bool) -> None:
    wanted = {**SETTINGS, "wal_autocheckpoint": 0 if read_only else CHECKPOINT_PAGES}
    if not read_only:
        await connection.execute_fetchall("pragma journal_mode = wal")
    wanted |= {"journal_mode": "wal"}
    for name, value in wanted.items():
        if name != "journal_mode":
            await connection.execute_fetchall(f"pragma {name} = {value}")
        await _assert_setting(connection, name, value)
    if read_only:
        await connection.execute_fetchall("pragma query_only = 1")


async def _assert_setting(connection: _Connection, name: str, value: object) -> None:
    found = [row[0] for row in await connection.execute_fetchall(f"pragma {name}")]
    if found != [value]:
        raise DatabaseRefused(f"SQLite keeps {name} at {found}, but Ailo needs {value}: use another build or file system.")
