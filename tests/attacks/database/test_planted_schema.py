"""An attacker who can write to the database plants triggers, views, tables or indexes, or changes a table's definition.

None of it ever takes effect: the service does not start, `ailo check` names it, and no backup contains it. Planted while the
service runs, it ends the service at the next write.
"""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from chat.client.remote import ClientRefused, sign_in
from chat.operations import control
from chat.operations.commands import Check, KeysRenew
from storage.errors import DatabaseRefused, SchemaRefused, Stalled
from storage.installation import build
from storage.maintenance import backup
from storage.maintenance.check import check_all
from storage.store import open_store
from tests.flows.service import Visit, running
from tests.people import PASSWORD, House, settings_in

KEEPS_WHAT_IS_REMOVED = (
    "create table kept (account blob, body blob)",
    "create trigger keeps before delete on keyholes begin insert into kept values (old.account, old.body); end",
)
BRINGS_A_KEYHOLE_BACK = (
    "create table kept (account blob, kind text, profile int, generation int, body blob, made_at int)",
    "insert into kept select * from keyholes",
    """create trigger back after update on keyholes begin update keyholes set body = (select body from kept
    where kept.account = new.account and kept.kind = new.kind) where account = new.account and kind = new.kind; end""",
)
KEEPS_SESSIONS = ("create trigger keeps before delete on sessions begin select raise(ignore); end",)
FORGETS_RENEWALS = ("create trigger forgets after insert on renewals_due begin delete from renewals_due; end",)
CHANGES_GRANTS = ("create trigger gives after insert on grants begin update grants set body = x'00'; end",)
A_VIEW = ("create view everybody as select * from accounts",)
A_VIEW_INSTEAD = (
    "alter table notes rename to hidden",
    "create view notes as select * from hidden",
    "create trigger written instead of insert on notes begin select 1; end",
)
AN_INDEX = ("create unique index one_session on sessions (account)",)
A_TABLE = ("create table anything (body blob)",)
STATISTICS = ("analyze",)
NO_INDEX = ("drop index sessions_of_account",)
A_COLUMN = ("alter table keyholes add column extra blob default x'00'",)
A_GENERATED_COLUMN = ("alter table keyholes add column copy blob generated always as (body) virtual",)
A_VIRTUAL_TABLE = ("create virtual table words using fts5(body)",)
A_USER_VERSION = ("pragma user_version = 7",)
AN_APPLICATION = ("pragma application_id = 7",)
NO_STEPS = ("drop table schema_steps",)
STEPS_FORGOTTEN = ("delete from schema_steps",)
A_STEP_OF_BYTES = ("insert into schema_steps values (x'00', x'00', 99)",)
A_STEP_WITHOUT_HASH = ("update schema_steps set hash = x'00'",)
STEPS_IN_ANOTHER_ORDER = ("update schema_steps set number = 99 where number = 1",)
A_VIEW_AS_STEPS = ("drop table schema_steps", "create view schema_steps as select 'x' as name, 'x' as hash, 1 as number")
BY_NUMBER_AGAIN = (
    "drop table schema_steps",
    "create table schema_version (version bigint not null)",
    "insert into schema_version values (3)",
)

PLANTED = {name: value for name, value in globals().items() if isinstance(value, tuple) and name.isupper()}


def edited(old: str, new: str) -> tuple[str, ...]:
    """Statements that edit the SQL with which a table was created."""
    return (
        "pragma writable_schema = 1",
        f"update sqlite_master set sql = replace(sql, '{old}', '{new}') where instr(sql, '{old}')",
        "pragma writable_schema = 0",
    )


PLANTED |= {
    "A_CHECK": edited("body bytea not null,                      -- guarded\n    made_at", "body bytea check (1),\n    made_at"),
    "A_CONFLICT_CLAUSE": edited("primary key (account, kind)\n", "primary key (account, kind) on conflict ignore\n"),
    "A_QUOTED_KEYWORD": edited("pepper bytea not null", 'pepper bytea "not" null'),
    "TWO_TABLES_ON_ONE_PAGE": (
        "pragma writable_schema = 1",
        """update sqlite_master set rootpage = (select rootpage from sqlite_master where name = 'notes')
        where name = 'canned_replies'""",
    ),
}


def plant(database: Path, statements: tuple[str, ...]) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        for statement in statements:
            changed = connection.execute(statement).rowcount
            assert changed or not statement.startswith("update")


# At start


@pytest.mark.parametrize("name", PLANTED)
async def test_what_was_planted_keeps_the_service_from_starting(tmp_path: Path, name: str) -> None:
    await build(settings_in(tmp_path), is_example=True)
    plant(settings_in(tmp_path).database, PLANTED[name])
    with pytest.raises(DatabaseRefused) as refused:
        async with open_store(settings_in(tmp_path)):
            pass
    assert "backup" in str(refused.value)


async def test_it_is_named(tmp_path: Path) -> None:
    await build(settings_in(tmp_path), is_example=True)
    plant(settings_in(tmp_path).database, KEEPS_SESSIONS)
    with pytest.raises(SchemaRefused, match="it has a trigger keeps that Ailo did not make"):
        async with open_store(settings_in(tmp_path)):
            pass


async def test_its_name_writes_nothing_on_a_terminal(tmp_path: Path) -> None:
    await build(settings_in(tmp_path), is_example=True)
    plant(settings_in(tmp_path).database, ('create table "\x1b[2Jall is well\n' + "x" * 1000 + '" (a)',))
    with pytest.raises(SchemaRefused) as refused:
        async with open_store(settings_in(tmp_path)):
            pass
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 400


async def test_it_is_refused_before_a_step_runs(tmp_path: Path) -> None:
    """Running the steps that the database lacks would fire the trigger."""
    await build(settings_in(tmp_path), is_example=True)
    database = settings_in(tmp_path).database
    plant(
        database,
        ("create table seen (a)", "create trigger sees after insert on schema_steps begin insert into seen values (1); end"),
    )
    with pytest.raises(SchemaRefused):
        async with open_store(settings_in(tmp_path)):
            pass
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("select * from seen").fetchall() == []


async def test_comments_and_spaces_are_nobodys_concern(tmp_path: Path) -> None:
    """In a step that an older version of Ailo ran, they may have been edited since."""
    await build(settings_in(tmp_path), is_example=True)
    plant(settings_in(tmp_path).database, edited("-- guarded", "/* guarded, */  -- as always"))
    async with open_store(settings_in(tmp_path)) as store:
        assert await store.database.check() == []


# While it runs


async def test_a_check_names_what_was_planted_while_the_service_runs(house: House) -> None:
    plant(house.store.settings.database, A_TABLE)
    assert "database: it has a table anything that Ailo did not make" in await check_all(house.store)


async def test_no_backup_is_made_of_it(house: House, tmp_path: Path) -> None:
    plant(house.store.settings.database, KEEPS_SESSIONS)
    with pytest.raises(SchemaRefused, match="trigger keeps"):
        await backup.copy(house.store, tmp_path / "backup")
    assert not [one for one in (tmp_path / "backup").rglob("*") if one.is_file()]


@pytest.mark.parametrize("name", ["KEEPS_WHAT_IS_REMOVED", "BRINGS_A_KEYHOLE_BACK", "AN_INDEX", "A_COLUMN", "A_VIEW", "NO_INDEX"])
async def test_nothing_more_is_written_on_top_of_it(house: House, name: str) -> None:
    plant(house.store.settings.database, PLANTED[name])
    with pytest.raises(Stalled, match="its schema was changed"):
        await house.spoil("delete from keyholes")
    with closing(sqlite3.connect(house.store.settings.database)) as plain:
        assert plain.execute("select 1 from keyholes").fetchall()
    assert "its schema was changed" in await house.store.database.failure()


async def test_a_view_in_place_of_a_table_is_never_read(house: House) -> None:
    plant(house.store.settings.database, A_VIEW_INSTEAD)
    with pytest.raises(Stalled, match="its schema was changed"):
        await house.select("select * from notes")
    assert "its schema was changed" in await house.store.database.failure()


async def test_an_operators_vacuum_is_no_change(house: House) -> None:
    plant(house.store.settings.database, ("vacuum",))
    await house.spoil("delete from keyholes")
    assert await house.store.database.check() == []


@pytest.fixture
async def visit(tmp_path: Path) -> AsyncIterator[Visit]:
    async with running(tmp_path) as service:
        visit = Visit(service)
        yield visit
        await visit.close()


@pytest.mark.parametrize("planted", [KEEPS_SESSIONS, FORGETS_RENEWALS])
async def test_a_renewal_of_keys_is_not_defeated(visit: Visit, planted: tuple[str, ...]) -> None:
    """It never reports that everybody was signed out if they were not: the service ends, and says why at the next start."""
    service = visit.service
    await visit.thread("lea", "claire")
    async with sign_in(service.origin, visit.address("lea"), PASSWORD) as lea:
        plant(service.data / "ailo.sqlite", planted)
        done = await control.ask(service.data, KeysRenew(None))
        assert done
        assert done.code == 1
        assert await service.ended() == 1
        with pytest.raises((ClientRefused, OSError)):
            await lea.get("/api/account")
    service.close()
    assert "its schema was changed: it has a trigger" in service.log
    with pytest.raises(AssertionError, match="was changed by somebody else: it has a trigger"):
        service.start()
    service.close()
    plant(service.data / "ailo.sqlite", (f"drop trigger {planted[0].split()[2]}",))
    service.start()
    assert "were signed out" in await service.command(KeysRenew(None))


async def test_a_running_service_tells_of_it(visit: Visit) -> None:
    plant(visit.service.data / "ailo.sqlite", KEEPS_SESSIONS)
    done = await control.ask(visit.service.data, Check())
    assert done
    assert done.code == 1
    assert "it has a trigger keeps that Ailo did not make" in done.line
