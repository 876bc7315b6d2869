"""SQLite through aiosqlite: one connection that writes and checkpoints, a few beside it that read.

SQLite 3.7.0 to 3.51.2 can lose a commit when two connections write or checkpoint a WAL at the same instant. So all writes
and every checkpoint happen on one connection, and readers have ``wal_autocheckpoint=0``. The lock of the directory
(see ``lock``) keeps other processes out.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import aiosqlite

from storage.engine.checkpoints import Forgetting
from storage.engine.database import Reader, Row, Transaction, Value
from storage.engine.removals import removes
from storage.engine.sqlite_schema import Schema, differences, schema_made_by, schema_of
from storage.engine.sqlite_scrub import Scrubber
from storage.errors import DatabaseRefused, SchemaRefused, Stalled

T = TypeVar("T")
log = logging.getLogger("ailo.storage")

READERS = 2
LARGEST_CHUNK = 128
CHECKPOINT_PAGES = 20_000
BUSY_MS = 5000
# How long new reads are held up so that the log can be truncated, and how long a read may have been running for that to be tried.
HOLD_S = 0.25
# Scanning all pages takes a twentieth of the writer's time.
SWEPT_PAGES, SWEEP_REST = 256, 20.0
# What must apply on every connection, and is verified after it was set: builds of SQLite have different defaults.
SETTINGS: dict[str, object] = {
    "synchronous": 2,
    "foreign_keys": 1,
    "secure_delete": 1,
    "trusted_schema": 0,
    "temp_store": 2,
    "cell_size_check": 1,
    "writable_schema": 0,
    "auto_vacuum": 0,
}


# What was not written for lack of space, or because of a quota, was never promised: it can be tried again.
# After any other disk failure under the writer nothing more is written: the system may have dropped what a sync failed to
# bring to disk, and the next sync would succeed without it (PostgreSQL learned this in 2018).
WANT_OF_ROOM = {"SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHMSIZE"}
# The same goes for a trigger: see ``_no_trigger``.
BEYOND_TRUST = ("SQLITE_IOERR", "SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_AUTH")

WRITES = {sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE}


class _Statements:
    """A transaction on a connection's own thread. Its methods never suspend: see ``_finish``."""

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


class _Changed(Exception):
    """The schema is not as expected; says how."""


class _Connection(aiosqlite.Connection):
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
            result = _finish(work(_Statements(connection)))
            connection.execute("commit")
        except BaseException:
            if connection.in_transaction:
                connection.execute("rollback")
            raise
        return result

    def _begun(self, connection: sqlite3.Connection) -> None:
        """Raise _Changed if the schema is not the expected one. SQLite counts its changes: asking takes three microseconds."""
        if self.expected is None or (now := _schema_version(connection)) == self._schema_seen:
            return
        if found := differences(schema_of(connection), self.expected):
            raise _Changed(f"its schema was changed: {found[0]}")
        self._schema_seen = now

    def expect(self, expected: Schema | None) -> None:
        """From now on do nothing on a database with another schema."""
        self.expected, self._schema_seen = expected, -1

    async def look(self, look: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function on the connection between two transactions."""
        return cast("T", await self._execute(lambda: look(self._conn)))  # type: ignore[no-untyped-call]


class _Writer(_Connection):
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
        except _Changed as changed:
            self.failure = str(changed)
            raise
        except sqlite3.DatabaseError as error:
            name = _name(error)
            if name.startswith(BEYOND_TRUST) and name not in WANT_OF_ROOM:
                self.failure = name
            raise


def _forget_pages(connection: sqlite3.Connection) -> None:
    """Drop the cached pages: when one next changes, what was scrubbed from the file would be written again."""
    connection.execute("pragma shrink_memory")


def _schema_version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("pragma schema_version").fetchone()[0])


C = TypeVar("C", bound=_Connection)


def _finish(work: Awaitable[T]) -> T:
    """Run a coroutine that never suspends to completion, here and now."""
    coroutine = cast("Coroutine[object, None, T]", work)
    try:
        coroutine.send(None)
    except StopIteration as end:
        return cast("T", end.value)
    coroutine.close()
    raise RuntimeError("work in a transaction awaited something that is not the transaction")


class _Noting(Generic[T]):
    """Work in a transaction, and whether it removed something. It is committed even if its caller has given up on it."""

    def __init__(self, work: Callable[[Transaction], Awaitable[T]], forget: Callable[[], None]) -> None:
        self._work = work
        self._forget = forget
        self._loop = asyncio.get_running_loop()
        self._is_given_up = False
        self.has_removed = False

    async def __call__(self, tx: _Statements) -> T:
        """Run in the writer's thread. Either this or ``give_up`` sees what the other has set; truncation follows the commit."""
        result = await self._work(tx)
        self.has_removed = tx.has_removed
        if self.has_removed and self._is_given_up:
            with suppress(RuntimeError):  # the loop has ended; what is left is truncated at the next start
                self._loop.call_soon_threadsafe(self._forget)
        return result

    def give_up(self) -> None:
        """Record that nobody waits for it any more."""
        self._is_given_up = True
        if self.has_removed:
            self._forget()


class SQLite:
    """The database of one data directory. Made by ``open_sqlite``."""

    def __init__(self, path: Path, writer: _Writer, readers: list[_Connection]) -> None:
        self.path = path
        self._writer = writer
        self._all = [writer, *readers]
        self._has_failed = asyncio.Event()
        self._idle: asyncio.LifoQueue[_Connection] = asyncio.LifoQueue()
        self._reading: dict[_Connection, float] = {}
        for reader in readers:
            self._idle.put_nowait(reader)
        self._sweeping: asyncio.Task[None] | None = None
        self._forgetting = Forgetting(self.cut)

    async def write(self, work: Callable[[Transaction], Awaitable[T]], /) -> T:
        noting = _Noting(work, self._forgetting.ask)
        try:
            result = await self._writer.work("begin immediate", noting)
        except sqlite3.DatabaseError as error:
            self._tell_failure()
            raise _stalled(error) from None
        except Stalled:
            self._tell_failure()
            raise
        except _Changed as changed:
            raise self._failed(changed) from None
        except asyncio.CancelledError:
            noting.give_up()
            raise
        if noting.has_removed:
            await self._forgetting.done()
        return result

    def _failed(self, changed: _Changed) -> Stalled:
        """Stop all writing, also when it was a reader that found the change."""
        self._writer.failure = self._writer.failure or str(changed)
        self._tell_failure()
        return Stalled(f"the database failed: {changed}")

    def _tell_failure(self) -> None:
        if self._writer.failure:
            self._has_failed.set()

    async def failure(self) -> str:
        await self._has_failed.wait()
        return self._writer.failure

    async def probe(self) -> None:
        await self.write(_write_nothing_new)

    async def read(self, work: Callable[[Reader], Awaitable[T]], /) -> T:
        reader = await self._idle.get()
        self._reading[reader] = time.monotonic()
        try:
            return await reader.work("begin", work)
        except sqlite3.DatabaseError as error:
            raise _stalled(error) from None
        except _Changed as changed:
            raise self._failed(changed) from None
        finally:
            self._give_back(reader)

    def _give_back(self, reader: _Connection) -> None:
        self._reading.pop(reader, None)
        self._idle.put_nowait(reader)

    async def expect_schema(self, statements: Sequence[str] | None, /) -> list[str]:
        try:
            expected = None if statements is None else await asyncio.to_thread(schema_made_by, statements)
        except sqlite3.Error:
            return ["its steps cannot have been applied in the recorded order"]
        try:
            found = await self._writer.look(lambda one: differences(schema_of(one), expected) if expected is not None else [])
        except sqlite3.DatabaseError as error:
            raise _stalled(error) from None
        for connection in self._all:
            connection.expect(expected)
        return found

    async def tables(self) -> list[str]:
        rows = await self.read(lambda reader: reader.rows("select name from sqlite_schema where type = 'table' and rootpage > 0"))
        return [str(row["name"]) for row in rows]

    @property
    def removed_for_s(self) -> float:
        return self._forgetting.overdue_s

    async def cut(self) -> bool:
        """Checkpoint the write-ahead log into the database and truncate it; False while a reader needs what is in it.

        The log is truncated only at an instant at which nobody reads from it. Where reads follow each other without a gap, new
        ones are held up until those that are running have ended.
        """
        try:
            is_cut = (
                not await asyncio.to_thread(_has_content, self.path.with_name(f"{self.path.name}-wal"))
                or await self._writer.look(self._writer.cut)
                or await self._cut_between_reads()
            )
        except sqlite3.DatabaseError as error:
            raise _stalled(error) from None
        except OSError as error:
            raise Stalled(f"the database failed: {error.strerror}") from None
        if is_cut and self._writer.scrubber.must_sweep and (self._sweeping is None or self._sweeping.done()):
            await self._begin_sweep()
        return is_cut

    async def _begin_sweep(self) -> None:
        """Scrub all pages once, a few at a time; in the background when there are more than that."""
        self._writer.scrubber.must_sweep = False
        if page := await self._swept(1):
            self._sweeping = asyncio.create_task(self._sweep(page), name="sweeping")

    async def _sweep(self, page: int) -> None:
        while page:
            began = time.monotonic()
            page = await self._swept(page)
            await asyncio.sleep(SWEEP_REST * (time.monotonic() - began))

    async def _swept(self, page: int) -> int:
        """Scrub some pages, from this one on; return the page that comes next, 0 at the end."""
        try:
            return await self._writer.look(lambda connection: self._writer.sweep(connection, page))
        except (sqlite3.DatabaseError, OSError) as error:
            log.warning("could not scrub the unused parts of the database: %s", type(error).__name__)
            self._writer.scrubber.must_sweep = True  # after the next truncation
            return 0

    async def _cut_between_reads(self) -> bool:
        """Hold up new reads and truncate. Not while a read has been running for long: everybody would wait for it."""
        if any(time.monotonic() - began > HOLD_S for began in self._reading.values()):
            return False
        held: list[_Connection] = []
        try:
            async with asyncio.timeout(HOLD_S):
                while len(held) < len(self._all) - 1:
                    held.append(await self._idle.get())
            return await self._writer.look(self._writer.cut)
        except TimeoutError:
            return False
        finally:
            for reader in held:
                self._give_back(reader)

    async def copy_to(self, path: str, /) -> None:
        """Copy with VACUUM INTO, on a connection of its own: unlike the backup API, it does not copy deleted content."""
        source = await _connect(self.path, _Connection)
        try:
            await source.execute_fetchall("pragma query_only = 0")  # it would forbid writing the copy, too
            await source.execute("vacuum into :path", {"path": path})
            found = await asyncio.to_thread(_differences_of, Path(path), self._writer.expected)
        except asyncio.CancelledError:  # nobody waits for the copy any more
            await source.interrupt()
            raise
        except sqlite3.DatabaseError as error:
            raise _stalled(error) from None
        finally:
            await source.close()
        if found:
            raise SchemaRefused(found)

    async def check(self) -> list[str]:
        reader = await self._idle.get()
        self._reading[reader] = time.monotonic()
        try:
            expected = self._writer.expected
            changed = await reader.look(lambda one: differences(schema_of(one), expected) if expected is not None else [])
            found = await reader.execute_fetchall("pragma integrity_check")
            return changed + [str(row[0]) for row in found if row[0] != "ok"]
        except sqlite3.DatabaseError as error:
            return [f"it cannot be read: {error.sqlite_errorname}"]
        finally:
            self._give_back(reader)

    async def close(self) -> None:
        """Close the readers first; the writer, closed last, checkpoints and removes the WAL."""
        await self._forgetting.close()
        if self._sweeping:
            self._sweeping.cancel()
            await asyncio.wait([self._sweeping])
        for connection in reversed(self._all):
            await connection.close()
        self._writer.scrubber.close()


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False


def _differences_of(path: Path, expected: Schema | None) -> list[str]:
    """How the schema in a file that nobody uses differs from the expected one."""
    if expected is None:
        return []
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        return differences(schema_of(connection), expected)
    finally:
        connection.close()


def _stalled(error: sqlite3.DatabaseError) -> Exception:
    """Stalled when the disk, the memory, a lock or the file itself failed; anything else from SQLite is a bug in our own SQL."""
    name = _name(error)
    if name == "SQLITE_ERROR" or name.startswith(("SQLITE_CONSTRAINT", "SQLITE_MISMATCH")):
        return RuntimeError(f"SQLite rejected a statement: {error}")
    return Stalled(f"the database failed: {name}")


def _name(error: sqlite3.DatabaseError) -> str:
    return str(getattr(error, "sqlite_errorname", "SQLITE_ERROR"))


async def _write_nothing_new(tx: Transaction) -> None:
    row = await tx.row("pragma user_version")
    await tx.run(f"pragma user_version = {int(row['user_version']) if row else 0}")  # written even if the value is the same


async def open_sqlite(path: Path) -> SQLite:
    """Open (or create) the database file. Raises DatabaseRefused when it is damaged or a setting does not take effect."""
    opened: list[_Connection] = []
    try:
        opened.append(writer := await _connect(path, _Writer))
        for _ in range(READERS):
            opened.append(await _connect(path, _Connection))  # noqa: PERF401 (what was opened must be closed on failure)
        writer.scrubber = Scrubber(path)
    except sqlite3.DatabaseError as error:
        await _close_all(opened)
        raise DatabaseRefused(
            f"The database {path} cannot be opened ({error.sqlite_errorname}): it is damaged or not a database. Restore a backup."
        ) from None
    except BaseException:
        await _close_all(opened)
        raise
    database = SQLite(path, writer, opened[1:])
    with suppress(Stalled):  # tried again in a minute
        await database.cut()
    return database


async def _close_all(opened: list[_Connection]) -> None:
    for connection in opened:
        with suppress(sqlite3.Error):
            await connection.close()


async def _connect(path: Path, kind: type[C]) -> C:
    def connector() -> sqlite3.Connection:
        path.touch(mode=0o600)
        connection = sqlite3.connect(path, BUSY_MS / 1000, isolation_level=None, check_same_thread=False, cached_statements=256)
        connection.row_factory = sqlite3.Row
        connection.set_authorizer(_no_trigger)
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


def _no_trigger(action: int, _first: str | None, _second: str | None, _database: str | None, source: str | None) -> int:
    """Deny every write by a trigger: Ailo creates none. SQLite names the trigger as the source of what it is about to do.

    Called when a statement is prepared, and again after each schema change. It is a second safeguard after the schema comparison.
    (The source of a read may also be a table expression of our own.)
    """
    return sqlite3.SQLITE_DENY if source and action in WRITES else sqlite3.SQLITE_OK


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
