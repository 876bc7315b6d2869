"""The steps of the schema: a set, each applied once, completely or not at all, whatever happens meanwhile."""

import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from storage.engine import migrations, sqlite_statements
from storage.engine.database import Reader
from storage.engine.migrations import LEDGER, NUMBERED, Step, in_order, migrate, statements, steps
from storage.engine.sqlite import SQLite, open_sqlite
from storage.errors import DatabaseRefused, SchemaRefused

STEPS = steps()
# Hashes of the steps that existing databases may already have had, without comments and spaces.
RELEASED = {
    "2026-11-23T1756_first": "173ab7d9e708d3f9",
    "2026-11-23T1835_rotation": "946802e58792f8c3",
    "2026-11-23T1840_renewal": "1f4078f4fd9598b3",
    "2026-11-23T1847_recovery": "416f46c393a8422b",
    "2026-11-23T2050_preferences": "75bad3053ab446cf",
    "2026-11-23T2052_practices": "2071d483e8ac349d",
    "2026-11-23T2054_canned_replies": "a86e8dbafb5e5ded",
    "2026-11-23T2059_messages_in_rows": "1372d7c9d2b591f7",
}
TOMORROW = Step("2027-01-01T0000_of_tomorrow", "create table of_tomorrow (id bigint)")


async def noted(database: SQLite) -> list[str]:
    """The steps that a database records as applied, in order."""

    async def read(reader: Reader) -> list[str]:
        return [row["name"] for row in await reader.rows("select name from schema_steps order by number")]

    return await database.read(read) if "schema_steps" in await database.tables() else []


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


async def migrated(path: Path, known: Sequence[Step] = STEPS) -> tuple[list[str], list[tuple[str, ...]]]:
    """Bring a database to these steps; return the steps that it then records, and its schema."""
    database = await open_sqlite(path)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(migrations, "steps", lambda: list(known))
            await migrate(database)
        return await noted(database), await schema(database)
    finally:
        await database.close()


def numbered(path: Path, number: int) -> None:
    """A database as an earlier version left it, which recorded the number of its last step and no name."""
    with closing(sqlite3.connect(path)) as plain:
        plain.executescript("create table if not exists schema_version (version bigint not null);")
        plain.executescript("".join(step.sql for step in STEPS[:number]))
        plain.execute("insert into schema_version values (?)", (number,))
        plain.commit()


def names(known: Sequence[Step]) -> list[str]:
    return [step.name for step in known]


async def test_a_new_database_gets_every_step(path: Path) -> None:
    assert (await migrated(path))[0] == names(STEPS) != []


async def test_a_second_start_changes_nothing(path: Path) -> None:
    assert await migrated(path) == await migrated(path)


async def test_the_schema_is_that_of_the_steps(path: Path) -> None:
    """Running all the SQL on one plain connection gives the same schema."""
    _, found = await migrated(path)
    plain = sqlite3.connect(":memory:")
    plain.executescript(f"{LEDGER};\n" + "\n".join(step.sql for step in STEPS))
    expected = plain.execute("select type, name, sql from sqlite_schema order by type, name").fetchall()
    plain.close()
    assert [one[:2] for one in found] == [one[:2] for one in expected]


@pytest.mark.parametrize("number", range(len(STEPS)))
async def test_each_older_database_comes_to_the_same(path: Path, number: int) -> None:
    assert (await migrated(path, STEPS[:number]))[0] == names(STEPS[:number])
    fresh = path.with_name("fresh.sqlite")
    assert await migrated(path) == await migrated(fresh)


@pytest.mark.parametrize("number", range(1, len(NUMBERED) + 1))
async def test_a_database_that_went_by_numbers_is_carried_over(path: Path, number: int) -> None:
    numbered(path, number)
    assert await migrated(path) == await migrated(path.with_name("fresh.sqlite"))


def test_the_numbered_steps_are_the_first_of_the_dated_ones() -> None:
    assert names(STEPS[: len(NUMBERED)]) == list(NUMBERED)


async def test_a_numbered_database_that_is_newer_is_refused(path: Path) -> None:
    numbered(path, len(NUMBERED))
    with closing(sqlite3.connect(path)) as plain:
        plain.execute("update schema_version set version = 11")
        plain.commit()
    with pytest.raises(DatabaseRefused, match="version 11: install the version of Ailo that wrote it"):
        await migrated(path)


async def test_a_step_that_is_merged_later_is_applied_though_newer_ones_were(path: Path) -> None:
    """Two branches, the older one merged last: no step is left out, and the schema is compared in the order of application."""
    older = Step("2026-12-31T2359_of_a_branch", "create table of_a_branch (id bigint)")
    await migrated(path, [*STEPS, TOMORROW])
    found, _ = await migrated(path, [*STEPS, older, TOMORROW])
    assert found == [*names(STEPS), TOMORROW.name, older.name]
    assert (await migrated(path, [*STEPS, older, TOMORROW]))[0] == found


# What is refused


def test_of_two_steps_of_one_minute_none_vanishes() -> None:
    with pytest.raises(DatabaseRefused, match="Two steps of the schema are named 2027-01-01T0000"):
        in_order([TOMORROW, Step("2027-01-01T0000_of_another_branch", "")])


def test_a_step_that_is_there_under_two_dates_is_refused() -> None:
    with pytest.raises(DatabaseRefused, match="Two steps of the schema are named of_tomorrow"):
        in_order([TOMORROW, Step("2027-01-02T0000_of_tomorrow", TOMORROW.sql)])


@pytest.mark.parametrize("name", ["0011_appointments", "2026-12-04_appointments", "2026-12-04T1015", "2026-12-04T1015_Été"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(DatabaseRefused, match=r"misnamed: a name looks like 2026-12-04T1015_appointments\.sql"):
        in_order([Step(name, "")])


async def test_a_missing_step_is_refused(path: Path) -> None:
    """A database that is newer than the program, or a program that lacks a file."""
    await migrated(path, [*STEPS, TOMORROW])
    with pytest.raises(DatabaseRefused, match=r"has step 2027-01-01T0000_of_tomorrow.*install the version of Ailo"):
        await migrated(path)
    await migrated(path.with_name("other.sqlite"))
    with pytest.raises(DatabaseRefused, match=f"has step {STEPS[3].name}, which this program lacks"):
        await migrated(path.with_name("other.sqlite"), [*STEPS[:3], *STEPS[4:]])


async def test_a_step_that_was_altered_is_refused(path: Path) -> None:
    await migrated(path, [*STEPS, TOMORROW])
    with pytest.raises(DatabaseRefused, match="Step 2027-01-01T0000_of_tomorrow differs from the one applied to this database"):
        await migrated(path, [*STEPS, TOMORROW._replace(sql="create table of_tomorrow (id bigint, at bigint)")])


async def test_a_remark_in_a_step_may_change(path: Path) -> None:
    before = await migrated(path)
    assert await migrated(path, [step._replace(sql=f"-- Said better.\n{step.sql}") for step in STEPS]) == before


async def test_a_noted_step_that_was_taken_out_is_refused(path: Path) -> None:
    """Detected by the schema: what the step made is there, and no recorded step accounts for it."""
    await migrated(path)
    with closing(sqlite3.connect(path)) as plain:
        plain.execute("delete from schema_steps where name = ?", (STEPS[1].name,))
        plain.commit()
    with pytest.raises(SchemaRefused):
        await migrated(path)


def test_no_step_changes_that_a_database_may_have_had() -> None:
    """The schema is compared with what the steps make: a database made by the older step would be refused. Add a step instead."""
    assert {step.name: step.hash for step in STEPS if step.name in RELEASED} == RELEASED


@pytest.mark.parametrize("number", range(1, len(STEPS)))
async def test_an_older_database_with_something_planted_is_refused_unchanged(path: Path, number: int) -> None:
    await migrated(path, STEPS[:number])
    with closing(sqlite3.connect(path)) as plain:
        plain.execute("create trigger planted after insert on house begin delete from house; end")
    with pytest.raises(SchemaRefused, match="trigger planted"):
        await migrated(path)
    database = await open_sqlite(path)
    try:
        assert await noted(database) == names(STEPS[:number])
    finally:
        await database.close()


# Failures and kills


async def test_a_step_that_fails_leaves_the_database_as_it_was(path: Path) -> None:
    old = await migrated(path)
    with pytest.raises(RuntimeError):
        await migrated(path, [*STEPS, TOMORROW._replace(sql="create table half (id bigint);\ncreate table house (id bigint);\n")])
    assert await migrated(path) == old


@pytest.mark.parametrize("begun", [0, len(NUMBERED)], ids=["new", "numbered"])
async def test_killed_half_way_it_is_old_or_new(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: int) -> None:
    """The files as `kill -9` leaves them before each statement: always between two steps, and the next start finishes."""
    if begun:
        numbered(path, begun)
    copies = await killed_at_each_statement(path, tmp_path, monkeypatch)
    assert len(copies) > 10
    expected = {n: (await migrated(tmp_path / f"{n}.sqlite", STEPS[:n]))[1] for n in range(len(STEPS) + 1)}
    for copy in copies:
        database = await open_sqlite(copy)
        try:
            if "schema_steps" in (tables := await database.tables()):
                assert await schema(database) == expected[len(await noted(database))]
            else:
                assert tables == [] or begun
        finally:
            await database.close()
        assert await migrated(copy) == (names(STEPS), expected[len(STEPS)])


async def killed_at_each_statement(path: Path, to: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    copies: list[Path] = []
    run = sqlite_statements.Statements.run

    async def copy_and_run(self: sqlite_statements.Statements, sql: str, /, **values: object) -> int:
        copy = to / f"killed-{len(copies)}"
        shutil.copytree(path.parent, copy, ignore=shutil.ignore_patterns("*-shm"))
        copies.append(copy / path.name)
        return await run(self, sql, **values)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(sqlite_statements.Statements, "run", copy_and_run)
        await migrated(path)
    return copies


def test_a_statement_ends_with_its_line() -> None:
    assert statements("create table a (b text);\n\n-- and; so on\ncreate table c (d text default ';');\n") == [
        "create table a (b text)",
        "-- and; so on\ncreate table c (d text default ';')",
    ]


async def test_messages_are_all_there_when_they_have_become_rows(path: Path) -> None:
    """What was in a table without rowid is in one with rowid: every column, thread by thread."""
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
