"""What was removed is gone from the files once its removal is acknowledged, whatever else reads and writes meanwhile."""

import asyncio
import logging
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest

from storage.engine import checkpoints
from storage.engine.database import Reader
from storage.engine.migrations import steps
from storage.engine.removals import HARMLESS_TABLES, removes
from storage.engine.sqlite import SQLite, open_sqlite

CANARY = "canary" * 20


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SQLite]:
    opened = await open_sqlite(tmp_path / "ailo.sqlite")
    await opened.write(lambda tx: tx.run("create table secrets (id integer primary key, body text not null)"))
    await opened.write(lambda tx: tx.run("create table threads (id integer primary key, at bigint)"))
    yield opened
    await opened.close()


async def keep(database: SQLite, body: str = CANARY) -> None:
    await database.write(lambda tx: tx.run("insert into secrets (body) values (:body)", body=body))


async def forget(database: SQLite) -> None:
    await database.write(lambda tx: tx.run("delete from secrets where body = :body", body=CANARY))


async def remove(database: SQLite, number: int) -> None:
    await database.write(lambda tx: tx.run("delete from secrets where id = :id", id=number))


def holding(database: SQLite, text: str = CANARY) -> set[str]:
    """The names of the files that contain a text."""
    return {path.name for path in database.path.parent.iterdir() if path.is_file() and text.encode() in path.read_bytes()}


async def until(is_so: Callable[[], object]) -> None:
    """Wait for something that is done in the background."""
    async with asyncio.timeout(30):
        while not is_so():  # noqa: ASYNC110 (the files change, and tell nobody)
            await asyncio.sleep(0.005)


def log_of(database: SQLite) -> Path:
    return database.path.with_name("ailo.sqlite-wal")


# Which statements remove something


@pytest.mark.parametrize(
    "sql",
    [
        "delete from keyholes where account = :account",
        "DELETE FROM sessions",
        "update accounts set public_key = :key",
        "insert into notes (a) values (1) on conflict (a) do update set body = excluded.body",
        "insert or replace into notes values (1)",
        "replace into notes values (1)",
        "-- a comment\n delete from grants",
        "/* select */ delete from grants",
        "with gone as (select 1) delete from grants",
        "with gone as (select id from threads) update grants set body = x''",
        "update letters set facts = :facts",
        "delete from letters",
        "update of_tomorrow set secret = 1",
        "drop table messages_before",
        "alter table sessions drop column about",
        "delete from grants returning body",
    ],
)
def test_what_takes_something_away_is_known_by_its_text(sql: str) -> None:
    assert removes(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "select * from keyholes",
        "insert into messages (a) values (1) on conflict do nothing",
        "update threads set last_seq = 3",
        "insert into threads (id) values (:id) on conflict (id) do update set last_seq = 3",
        "delete from unread_owed where due_at = -1",
        "update participants set read_seq = v.column3 from (values :rows) as v",
        "update letters set leased_until = :until, attempts = attempts + 1 where id = :id",
        "update push_subscriptions set due_at = :until, attempts = attempts + 1 where id = :id returning *",
        "create table x (a)",
        "pragma user_version = 0",
    ],
)
def test_what_takes_nothing_away_costs_nothing(sql: str) -> None:
    assert not removes(sql)


def test_harmless_tables_hold_no_secret() -> None:
    """Fails when a column is added to one of these tables: may its old value remain in the files after a change?"""
    with closing(sqlite3.connect(":memory:")) as plain:
        plain.executescript("\n".join(step.sql for step in steps()))
        columns = {name: [row[1] for row in plain.execute(f"pragma table_info({name})")] for name in HARMLESS_TABLES}
    assert {name: set(found) for name, found in columns.items() if found} == {
        "threads": {
            "id", "epoch", "last_seq", "last_at", "last_link", "head", "waiting_since", "opened_at", "closed_at",
        },
        "participants": {"thread", "account", "joined_at", "read_seq"},
        "unread_owed": {"account", "thread", "due_at", "told_seq"},
        "relinking": {"thread", "seq", "old_link", "new_link", "proof"},
        "broken_chains": {"thread", "seq", "found_at"},
        "programmes": {"name", "newest", "published", "paused_at", "proof"},
        "enrolments": {
            "account", "programme", "round", "state", "enrolled_at", "began_on", "shift", "version", "reached", "last_wall",
            "changed_at", "proof", "next_at",
        },
        "encouragement_looks": {"account", "look_at"},
        "encouragements": {
            "id", "account", "thread", "rule", "cause", "since", "state", "made_at", "ended_at", "sender",
        },
    }  # fmt: skip


# Cutting the log


async def test_what_was_removed_is_gone_when_that_is_acknowledged(database: SQLite) -> None:
    await keep(database)
    await keep(database, "kept")
    assert holding(database)
    await forget(database)
    assert holding(database) == set()
    assert holding(database, "kept") == {"ailo.sqlite"}


async def test_what_was_replaced_is_gone(database: SQLite) -> None:
    await keep(database)
    await database.write(lambda tx: tx.run("update secrets set body = 'other'"))
    assert holding(database) == set()


async def test_what_removes_nothing_cuts_nothing(database: SQLite) -> None:
    await forget(database)
    before = log_of(database).stat().st_size
    await database.write(lambda tx: tx.run("insert into threads (at) values (1)"))
    await database.write(lambda tx: tx.run("update threads set at = 2"))
    await forget(database)
    assert log_of(database).stat().st_size > before


async def test_the_log_is_cut_at_start(tmp_path: Path, database: SQLite) -> None:
    await keep(database)
    (tmp_path / "copy").mkdir()
    for path in (database.path, log_of(database)):
        (tmp_path / "copy" / path.name).write_bytes(path.read_bytes())
    copy = await open_sqlite(tmp_path / "copy" / "ailo.sqlite")
    try:
        assert log_of(copy).stat().st_size == 0
        assert await copy.read(lambda reader: reader.row("select * from secrets"))
    finally:
        await copy.close()


async def test_the_log_is_cut_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "EVERY_S", 0.01)
    database = await open_sqlite(tmp_path / "ailo.sqlite")
    try:
        await database.write(lambda tx: tx.run("create table notes (body text)"))
        await until(lambda: log_of(database).stat().st_size == 0)
    finally:
        await database.close()


async def test_many_removals_share_a_cut(database: SQLite, monkeypatch: pytest.MonkeyPatch) -> None:
    cuts = 0
    real = database._writer.cut

    def counted(connection: sqlite3.Connection) -> bool:
        nonlocal cuts
        cuts += 1
        return real(connection)

    monkeypatch.setattr(database._writer, "cut", counted)
    for number in range(50):
        await keep(database, f"{CANARY}{number}")
    await asyncio.gather(*(remove(database, number) for number in range(1, 51)))
    assert holding(database) == set()
    assert cuts < 50


async def test_who_went_away_is_forgotten_too(database: SQLite) -> None:
    """A request whose client disconnected is still committed, and what it removed is gone."""
    await keep(database)
    begun, go_on = threading.Event(), threading.Event()

    async def work(tx: Reader) -> None:
        begun.set()
        go_on.wait(10)
        await tx.rows("delete from secrets returning id")

    removing = asyncio.create_task(database.write(work))
    await asyncio.to_thread(begun.wait, 10)
    removing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await removing
    go_on.set()
    await until(lambda: not holding(database))


# What delays the cut


async def test_reads_and_writes_without_a_gap_do_not_stand_in_its_way(database: SQLite) -> None:
    ended = False

    async def read() -> None:
        while not ended:
            await database.read(lambda reader: reader.rows("select * from secrets"))

    async def write() -> None:
        while not ended:
            await database.write(lambda tx: tx.run("insert into threads (at) values (1)"))

    await keep(database)
    crowd = [asyncio.create_task(read()) for _ in range(8)] + [asyncio.create_task(write()) for _ in range(4)]
    try:
        for _ in range(5):
            await forget(database)
            assert database.removed_for_s == 0 or holding(database) == set()
            assert holding(database) == set()
            await keep(database)
    finally:
        ended = True
        await asyncio.gather(*crowd)


async def test_a_long_read_holds_up_nobody_for_long(database: SQLite, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows that it began to read must stay until it ends; others read and write meanwhile, and then the rows are gone."""
    monkeypatch.setattr(checkpoints, "PATIENCE_S", 0.1)
    await keep(database)
    begun, go_on = threading.Event(), threading.Event()

    async def long(reader: Reader) -> int:
        await reader.rows("select * from secrets")
        begun.set()
        go_on.wait(30)
        return len(await reader.rows("select * from secrets"))

    reading = asyncio.create_task(database.read(long))
    await asyncio.to_thread(begun.wait, 10)
    await forget(database)
    assert holding(database)
    for _ in range(5):
        assert await database.read(lambda reader: reader.rows("select * from secrets")) == []
        await keep(database, "others")
        await database.write(lambda tx: tx.run("delete from secrets"))
    assert database.removed_for_s > 0
    go_on.set()
    assert await reading == 1
    await until(lambda: not holding(database))
    await until(lambda: database.removed_for_s == 0)


async def test_a_reader_of_another_process_is_told_of(
    database: SQLite, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(checkpoints, "PATIENCE_S", 0.1)
    monkeypatch.setattr(checkpoints, "TELL_AFTER_S", 0.1)
    await keep(database)
    with closing(sqlite3.connect(database.path, isolation_level=None)) as other, caplog.at_level(logging.WARNING):
        other.execute("begin")
        other.execute("select * from secrets").fetchall()
        await forget(database)
        await until(lambda: "could not truncate" in caplog.text)
        before = time.monotonic()
        await keep(database, "others")  # nobody waits for the other process
        assert time.monotonic() - before < 4
        other.execute("rollback")
        await until(lambda: not holding(database))
    assert caplog.text.count("could not truncate") == 1
    assert CANARY not in caplog.text


async def test_a_cut_that_fails_is_tried_again(database: SQLite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "PATIENCE_S", 0.05)
    await keep(database)

    def fails(_: sqlite3.Connection) -> bool:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorname = "SQLITE_FULL"
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(database._writer, "cut", fails)
        await forget(database)
        assert await database.read(lambda reader: reader.rows("select * from secrets")) == []
        assert holding(database)
    await until(lambda: not holding(database))
