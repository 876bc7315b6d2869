"""Migrations: step by step, each whole or not at all, whatever happens meanwhile."""

import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from hashlib import blake2b
from pathlib import Path

import pytest

from storage.engine import migrations, sqlite
from storage.engine.database import Reader
from storage.engine.migrations import migrate, statements, steps
from storage.engine.sqlite import SQLite, open_sqlite
from storage.engine.sqlite_schema import words
from storage.errors import DatabaseRefused, SchemaRefused

STEPS = steps()
# Of the steps that somebody's database may have run already, without comments and spaces.
RELEASED = [
    "173ab7d9e708d3f9",
    "946802e58792f8c3",
    "1f4078f4fd9598b3",
    "416f46c393a8422b",
    "75bad3053ab446cf",
    "2071d483e8ac349d",
    "a86e8dbafb5e5ded",
    "1372d7c9d2b591f7",
]


async def version(database: SQLite) -> int:
    async def read(reader: Reader) -> int:
        row = await reader.row("select version from schema_version")
        return row["version"] if row else 0

    return await database.read(read)


async def schema(database: SQLite) -> list[tuple[str, ...]]:
    async def read(reader: Reader) -> list[tuple[str, ...]]:
        return [tuple(row) for row in await reader.rows("select type, name, sql from sqlite_schema order by type, name")]

    return await database.read(read)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "ailo.sqlite"


@pytest.fixture(autouse=True)
def folder(path: Path) -> None:
    path.parent.mkdir()


async def migrated(path: Path, known: Sequence[str] = STEPS) -> tuple[int, list[tuple[str, ...]]]:
    """Bring a database to these steps; its version and schema afterwards."""
    database = await open_sqlite(path)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(migrations, "steps", lambda: list(known))
            await migrate(database)
        return await version(database), await schema(database)
    finally:
        await database.close()


async def test_a_new_database_gets_every_step(path: Path) -> None:
    assert (await migrated(path))[0] == len(STEPS) > 0


async def test_a_second_start_changes_nothing(path: Path) -> None:
    assert await migrated(path) == await migrated(path)


async def test_the_schema_is_that_of_the_steps(path: Path) -> None:
    """One plain connection that runs all the SQL there is has the same schema."""
    _, found = await migrated(path)
    plain = sqlite3.connect(":memory:")
    plain.executescript("create table schema_version (version bigint not null);\n" + "\n".join(STEPS))
    expected = plain.execute("select type, name, sql from sqlite_schema order by type, name").fetchall()
    plain.close()
    assert [one[:2] for one in found] == [one[:2] for one in expected]


@pytest.mark.parametrize("number", range(len(STEPS)))
async def test_each_older_version_comes_to_the_same(path: Path, number: int) -> None:
    assert (await migrated(path, STEPS[:number]))[0] == number
    fresh = path.with_name("fresh.sqlite")
    assert await migrated(path) == await migrated(fresh)


def test_no_step_changes_that_a_database_may_have_run() -> None:
    """The schema is compared with what the steps make: a database that the older step made would be refused. Add one instead."""
    found = [blake2b(" ".join(words(step)).encode(), digest_size=8).hexdigest() for step in STEPS]
    assert found[: len(RELEASED)] == RELEASED


@pytest.mark.parametrize("number", range(1, len(STEPS)))
async def test_an_older_version_with_something_planted_is_refused_unchanged(path: Path, number: int) -> None:
    await migrated(path, STEPS[:number])
    with closing(sqlite3.connect(path)) as plain:
        plain.execute("create trigger planted after insert on house begin delete from house; end")
    with pytest.raises(SchemaRefused, match="trigger planted"):
        await migrated(path)
    database = await open_sqlite(path)
    try:
        assert await version(database) == number
    finally:
        await database.close()


async def test_a_newer_database_is_refused(path: Path) -> None:
    await migrated(path, [*STEPS, "create table of_tomorrow (id bigint)"])
    with pytest.raises(DatabaseRefused, match="install the version of Ailo that wrote it"):
        await migrated(path)


async def test_a_step_that_fails_leaves_the_old_version(path: Path) -> None:
    old = await migrated(path)
    with pytest.raises(RuntimeError):
        await migrated(path, [*STEPS, "create table half (id bigint);\ncreate table house (id bigint);\n"])
    assert await migrated(path) == old


async def test_killed_half_way_it_is_old_or_new(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files as `kill -9` leaves them before each statement: one version or the next, and the next start finishes."""
    copies = await killed_at_each_statement(path, tmp_path, monkeypatch)
    assert len(copies) > 10
    expected = {number: await migrated(tmp_path / f"{number}.sqlite", STEPS[:number]) for number in range(len(STEPS) + 1)}
    for copy in copies:
        database = await open_sqlite(copy)
        try:
            names = [one[1] for one in await schema(database)]
            assert not names or await schema(database) == expected[await version(database)][1]
        finally:
            await database.close()
        assert await migrated(copy) == expected[len(STEPS)]


async def killed_at_each_statement(path: Path, to: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    copies: list[Path] = []
    run = sqlite._Statements.run

    async def copy_and_run(self: sqlite._Statements, sql: str, /, **values: object) -> int:
        copy = to / f"killed-{len(copies)}"
        shutil.copytree(path.parent, copy, ignore=shutil.ignore_patterns("*-shm"))
        copies.append(copy / path.name)
        return await run(self, sql, **values)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(sqlite._Statements, "run", copy_and_run)
        await migrated(path)
    return copies


def test_a_statement_ends_with_its_line() -> None:
    assert statements("create table a (b text);\n\n-- and; so on\ncreate table c (d text default ';');\n") == [
        "create table a (b text)",
        "-- and; so on\ncreate table c (d text default ';')",
    ]


async def test_messages_are_all_there_when_they_have_become_rows(path: Path) -> None:
    """What stood in a table without rowid stands in one with it: every column, thread by thread."""
    await migrated(path, STEPS[:7])
    rows = [(bytes([thread]) * 16, seq, bytes([thread, seq]) * 8, 1, b"a" * 16, "text", seq, b"body", b"link")
            for seq in (1, 2, 3) for thread in (2, 1)]  # fmt: skip
    with sqlite3.connect(path) as plain:
        for thread in (1, 2):
            plain.execute(
                "insert into threads (id, epoch, last_seq, last_at, last_link, head, opened_at) values (?, 1, 3, 3, ?, ?, 1)",
                (bytes([thread]) * 16, b"link", b"head"),
            )
        plain.executemany("insert into messages values (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    plain.close()
    await migrated(path)
    plain = sqlite3.connect(path)
    found = plain.execute("select * from messages order by rowid").fetchall()
    plan = str(plain.execute("explain query plan select * from messages where thread = x'00' and seq < 3").fetchall())
    plain.close()
    assert found == sorted(rows)
    assert "USING INDEX" in plan
