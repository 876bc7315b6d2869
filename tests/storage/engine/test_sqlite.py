"""The SQLite adapter: required settings, transactions, readers beside the writer, and damaged files."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from storage.engine import sqlite, sqlite_connections, sqlite_opening
from storage.engine.database import Reader, Transaction
from storage.engine.sqlite import SQLite, open_sqlite
from storage.engine.sqlite_opening import CHECKPOINT_PAGES
from storage.engine.sqlite_statements import LARGEST_CHUNK
from storage.errors import DatabaseRefused, Stalled


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SQLite]:
    opened = await open_sqlite(tmp_path / "ailo.sqlite")
    await opened.write(lambda tx: tx.run("create table notes (id integer primary key, body text not null unique)"))
    yield opened
    await opened.close()


async def note(database: SQLite, body: str) -> None:
    await database.write(lambda tx: tx.run("insert into notes (body) values (:body)", body=body))


async def notes(reader: Reader) -> list[str]:
    return [row["body"] for row in await reader.rows("select body from notes order by id")]


# Settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("journal_mode", "wal"),
        ("synchronous", 2),
        ("foreign_keys", 1),
        ("secure_delete", 1),
        ("trusted_schema", 0),
        ("temp_store", 2),
    ],
)
async def test_every_connection_keeps_the_settings(database: SQLite, name: str, value: object) -> None:
    found = [list(await one.execute_fetchall(f"pragma {name}")) for one in database._all]
    assert [tuple(rows[0]) for rows in found] == [(value,)] * (1 + sqlite.READERS)


async def test_only_the_writer_checkpoints(database: SQLite) -> None:
    found = [next(iter(await one.execute_fetchall("pragma wal_autocheckpoint")))[0] for one in database._all]
    assert found == [CHECKPOINT_PAGES] + [0] * sqlite.READERS


async def test_a_setting_that_does_not_hold_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sqlite_opening.SETTINGS, "page_size", 12345)
    with pytest.raises(DatabaseRefused, match="use another build or file system"):
        await open_sqlite(tmp_path / "ailo.sqlite")


async def test_a_reader_that_does_not_hold_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = sqlite_connections.connect

    async def connect(path: Path, kind: type[sqlite_connections.Connection]) -> object:
        if kind is not sqlite_connections.Writer:
            monkeypatch.setitem(sqlite_opening.SETTINGS, "page_size", 12345)
        return await real(path, kind)

    monkeypatch.setattr(sqlite, "connect", connect)
    with pytest.raises(DatabaseRefused):
        await open_sqlite(tmp_path / "ailo.sqlite")


async def test_only_its_owner_may_read_the_files(database: SQLite) -> None:
    await note(database, "one")
    modes = {path.name: path.stat().st_mode & 0o777 for path in database.path.parent.iterdir()}
    assert modes == {"ailo.sqlite": 0o600, "ailo.sqlite-wal": 0o600, "ailo.sqlite-shm": 0o600}


# Transactions


async def test_work_gives_its_result(database: SQLite) -> None:
    await note(database, "one")
    assert await database.write(notes) == await database.read(notes) == ["one"]


async def test_work_that_fails_leaves_nothing(database: SQLite) -> None:
    async def work(tx: Transaction) -> None:
        await tx.run("insert into notes (body) values ('one')")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await database.write(work)
    assert await database.read(notes) == []
    await note(database, "two")


async def test_work_awaits_nothing_but_its_transaction(database: SQLite) -> None:
    async def work(tx: Transaction) -> None:
        await tx.run("insert into notes (body) values ('one')")
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="not the transaction"):
        await database.write(work)
    assert await database.read(notes) == []


async def test_many_values_are_one_statement(database: SQLite) -> None:
    values = [{"body": str(number)} for number in range(3)]
    await database.write(lambda tx: tx.run_many("insert into notes (body) values (:body)", values))
    assert await database.read(notes) == ["0", "1", "2"]


async def test_a_row_that_is_not_there_is_none(database: SQLite) -> None:
    assert await database.read(lambda reader: reader.row("select * from notes")) is None


async def test_a_reader_writes_nothing(database: SQLite) -> None:
    with pytest.raises(Stalled):
        await database.read(lambda tx: tx.run("insert into notes (body) values ('one')"))  # type: ignore[attr-defined]
    assert await database.read(notes) == []


async def test_a_read_is_one_point_in_time(database: SQLite) -> None:
    begun, written = threading.Event(), threading.Event()

    async def work(reader: Reader) -> list[list[str]]:
        first = await notes(reader)
        begun.set()
        written.wait(10)
        return [first, await notes(reader)]

    reading = asyncio.create_task(database.read(work))
    await asyncio.to_thread(begun.wait, 10)
    await note(database, "one")
    written.set()
    assert await reading == [[], []]


async def test_more_readers_than_connections_wait_their_turn(database: SQLite) -> None:
    await note(database, "one")
    assert await asyncio.gather(*(database.read(notes) for _ in range(20))) == [["one"]] * 20


@pytest.mark.parametrize("sql", ["select * from nowhere", "selekt", "insert into notes (body) values (null)"])
async def test_a_fault_of_our_own_is_a_bug(database: SQLite, sql: str) -> None:
    with pytest.raises(RuntimeError):
        await database.write(lambda tx: tx.run(sql))


async def test_a_lock_that_does_not_end_stalls(database: SQLite) -> None:
    await database._writer.execute_fetchall("pragma busy_timeout = 0")
    other = sqlite3.connect(database.path, isolation_level=None)
    other.execute("begin immediate")
    with pytest.raises(Stalled, match="SQLITE_BUSY"):
        await note(database, "one")
    other.execute("rollback")
    other.close()
    await note(database, "one")


async def test_a_trigger_writes_nothing(database: SQLite) -> None:
    with closing(sqlite3.connect(database.path, isolation_level=None)) as other:
        other.execute("create trigger doubles after insert on notes begin insert into notes (body) values (new.body || '!'); end")
    with pytest.raises(Stalled, match="SQLITE_AUTH"):
        await note(database, "one")
    assert await database.read(notes) == []


def failing(writer: sqlite_connections.Writer, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Make the next commit fail with this SQLite error."""

    def work(*_: object) -> None:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorname = name
        raise error

    monkeypatch.setattr(sqlite_connections.Connection, "_work", work)


@pytest.mark.parametrize("name", ["SQLITE_IOERR_FSYNC", "SQLITE_IOERR_READ", "SQLITE_CORRUPT", "SQLITE_NOTADB"])
async def test_after_a_failure_of_the_disk_nothing_more_is_written(
    database: SQLite, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    failure = asyncio.create_task(database.failure())
    with monkeypatch.context() as patch:
        failing(database._writer, patch, name)
        with pytest.raises(Stalled, match=name):
            await note(database, "one")
    assert await failure == name
    with pytest.raises(Stalled, match=name):
        await note(database, "two")
    assert await database.read(notes) == []


@pytest.mark.parametrize("name", ["SQLITE_FULL", "SQLITE_BUSY", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHMSIZE"])
async def test_want_of_room_is_forgiven(database: SQLite, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    with monkeypatch.context() as patch:
        failing(database._writer, patch, name)
        with pytest.raises(Stalled, match=name):
            await note(database, "one")
    await note(database, "one")
    assert await database.read(notes) == ["one"]


async def test_a_reader_that_fails_leaves_the_writer_alone(database: SQLite, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        failing(database._writer, patch, "SQLITE_CORRUPT")
        with pytest.raises(Stalled):
            await database.read(notes)
    await note(database, "one")


async def test_a_probe_reaches_the_disk(database: SQLite) -> None:
    wal = database.path.with_name("ailo.sqlite-wal")
    before = wal.stat().st_size
    await database.probe()
    assert wal.stat().st_size > before


async def test_no_error_repeats_a_value(database: SQLite) -> None:
    await note(database, "canary")
    with pytest.raises(RuntimeError) as caught:
        await note(database, "canary")
    assert "canary" not in str(caught.value)


# Files


async def test_closing_leaves_one_file(tmp_path: Path) -> None:
    database = await open_sqlite(tmp_path / "ailo.sqlite")
    await database.write(lambda tx: tx.run("create table notes (body text)"))
    await database.close()
    assert [path.name for path in tmp_path.iterdir()] == ["ailo.sqlite"]


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 4096])
async def test_what_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ailo.sqlite").write_bytes(content)
    with pytest.raises(DatabaseRefused, match="Restore a backup"):
        await open_sqlite(tmp_path / "ailo.sqlite")


async def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(DatabaseRefused):
        await open_sqlite(tmp_path)


async def test_a_sound_database_has_nothing_to_say(database: SQLite) -> None:
    assert await database.check() == []


async def test_a_damaged_page_is_told(tmp_path: Path) -> None:
    path = tmp_path / "ailo.sqlite"
    await fill_and_damage(path)
    database = await open_sqlite(path)
    try:
        assert await database.check()
        with pytest.raises(Stalled, match="SQLITE_CORRUPT"):
            await database.read(lambda reader: reader.rows("select * from notes"))
    finally:
        await database.close()


async def fill_and_damage(path: Path) -> None:
    """Write a few pages of notes, then overwrite everything after the first page with noise."""
    database = await open_sqlite(path)
    await database.write(lambda tx: tx.run("create table notes (body text)"))
    values = [{"body": "x" * 1000} for _ in range(20)]
    await database.write(lambda tx: tx.run_many("insert into notes (body) values (:body)", values))
    await database.close()
    raw = bytearray(path.read_bytes())
    raw[4096:] = b"\xaa" * (len(raw) - 4096)
    path.write_bytes(raw)


async def test_a_copy_is_whole_and_without_what_was_deleted(database: SQLite, tmp_path: Path) -> None:
    await note(database, "canary")
    await note(database, "kept")
    await database.write(lambda tx: tx.run("delete from notes where body = 'canary'"))
    await database.copy_to(str(tmp_path / "copy"))
    raw = (tmp_path / "copy").read_bytes()
    assert b"kept" in raw
    assert b"canary" not in raw


async def test_a_copy_that_cannot_be_written_stalls(database: SQLite, tmp_path: Path) -> None:
    with pytest.raises(Stalled):
        await database.copy_to(str(tmp_path / "nowhere" / "copy"))


@pytest.mark.parametrize("many", [0, 1, 5, LARGEST_CHUNK, 300])
async def test_many_values_are_found_at_once_beside_other_names(database: SQLite, many: int) -> None:
    for number in range(3):
        await note(database, f"note {number}")
    wanted = [f"note {number}" for number in range(1, many + 1)]

    async def read(reader: Reader) -> list[list[str]]:
        all_ = await reader.rows_in("select body from notes where body in :values", wanted)
        some = await reader.rows_in("select body from notes where body in :values and id > :minimum", wanted, minimum=2)
        return [sorted(row["body"] for row in rows) for rows in (all_, some)]

    there = ["note 1", "note 2"][:many]
    assert await database.read(read) == [there, there[1:]]
