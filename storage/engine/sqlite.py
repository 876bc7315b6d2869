"""SQLite through aiosqlite: one connection that writes and checkpoints, a few beside it that read.

SQLite 3.7.0 to 3.51.2 can lose a commit when two connections write or checkpoint a WAL at the same instant. So all writes
and every checkpoint happen on one connection, and readers have ``wal_autocheckpoint=0``. The lock of the directory
(see ``lock``) keeps other processes out.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Generic, TypeVar

from storage.engine.checkpoints import Forgetting
from storage.engine.database import Reader, Transaction
from storage.engine.sqlite_connections import Connection, SchemaChanged, Writer, connect, name_of
from storage.engine.sqlite_schema import Schema, differences, schema_made_by, schema_of
from storage.engine.sqlite_scrub import Scrubber
from storage.engine.sqlite_statements import Statements
from storage.errors import DatabaseRefused, SchemaRefused, Stalled

T = TypeVar("T")
log = logging.getLogger("ailo.storage")

READERS = 2
# How long new reads are held up so that the log can be truncated, and how long a read may have been running for that to be tried.
HOLD_S = 0.25
# Scanning all pages takes a twentieth of the writer's time.
SWEEP_REST = 20.0


class _Noting(Generic[T]):
    """Work in a transaction, and whether it removed something. It is committed even if its caller has given up on it."""

    def __init__(self, work: Callable[[Transaction], Awaitable[T]], forget: Callable[[], None]) -> None:
        self._work = work
        self._forget = forget
        self._loop = asyncio.get_running_loop()
        self._is_given_up = False
        self.has_removed = False

    async def __call__(self, tx: Statements) -> T:
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

    def __init__(self, path: Path, writer: Writer, readers: list[Connection]) -> None:
        self.path = path
        self._writer = writer
        self._all = [writer, *readers]
        self._has_failed = asyncio.Event()
        self._idle: asyncio.LifoQueue[Connection] = asyncio.LifoQueue()
        self._reading: dict[Connection, float] = {}
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
        except SchemaChanged as changed:
            raise self._failed(changed) from None
        except asyncio.CancelledError:
            noting.give_up()
            raise
        if noting.has_removed:
            await self._forgetting.done()
        return result

    def _failed(self, changed: SchemaChanged) -> Stalled:
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
        except SchemaChanged as changed:
            raise self._failed(changed) from None
        finally:
            self._give_back(reader)

    def _give_back(self, reader: Connection) -> None:
        self._reading.pop(reader, None)
        self._idle.put_nowait(reader)

    async def expect_schema(self, statements: Sequence[str] | None, /) -> list[str]:
        try:
            expected = None if statements is None else await asyncio.to_thread(schema_made_by, tuple(statements))
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
        held: list[Connection] = []
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
        source = await connect(self.path, Connection)
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
    name = name_of(error)
    if name == "SQLITE_ERROR" or name.startswith(("SQLITE_CONSTRAINT", "SQLITE_MISMATCH")):
        return RuntimeError(f"SQLite rejected a statement: {error}")
    return Stalled(f"the database failed: {name}")


async def _write_nothing_new(tx: Transaction) -> None:
    row = await tx.row("pragma user_version")
    await tx.run(f"pragma user_version = {int(row['user_version']) if row else 0}")  # written even if the value is the same


async def open_sqlite(path: Path) -> SQLite:
    """Open (or create) the database file. Raises DatabaseRefused when it is damaged or a setting does not take effect."""
    opened: list[Connection] = []
    try:
        opened.append(writer := await connect(path, Writer))
        for _ in range(READERS):
            opened.append(await connect(path, Connection))  # noqa: PERF401 (what was opened must be closed on failure)
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


async def _close_all(opened: list[Connection]) -> None:
    for connection in opened:
        with suppress(sqlite3.Error):
            await connection.close()
