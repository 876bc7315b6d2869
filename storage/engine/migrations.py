"""Brings a database to the schema that this program knows, step by step, each step whole or not at all.

The steps are the numbered files in ``schema/``. Their number is stamped in the database with the step itself; a database
that is newer than the program is refused.
"""

from collections.abc import Sequence
from importlib.resources import files
from itertools import count

from storage.engine.database import Database, Transaction
from storage.errors import DatabaseRefused, SchemaRefused

VERSIONS = "create table if not exists schema_version (version bigint not null)"


def steps() -> list[str]:
    """The SQL of each step, the first at index 0."""
    folder = files("storage.engine") / "schema"
    found = {entry.name.partition("_")[0]: entry for entry in folder.iterdir() if entry.name.endswith(".sql")}
    ordered: list[str] = []
    for number in count(1):
        if (entry := found.get(f"{number:04}")) is None:
            return ordered
        ordered.append(entry.read_text("utf-8"))
    raise AssertionError


async def migrate(database: Database) -> None:
    """Run the steps that this database lacks.

    Raises DatabaseRefused when it is newer than the program, or its schema is not what the steps up to its version make:
    before anything else is read from it or written to it.
    """
    known = steps()
    version = await _version(database)
    if version is not None and version > len(known):
        raise DatabaseRefused(
            f"The database is of version {version}, this program knows {len(known)}: install the version of Ailo that wrote it."
        )
    await _hold(database, made_until(known, version))
    if version != len(known):
        await database.expect_schema(None)
        await database.write(lambda tx: tx.run(VERSIONS))
        for number, step in enumerate(known[version or 0 :], (version or 0) + 1):
            await database.write(lambda tx, number=number, step=step: _run(tx, number, step))  # type: ignore[misc]
        await _hold(database, made_until(known, len(known)))


async def _hold(database: Database, made: list[str]) -> None:
    if found := await database.expect_schema(made):
        raise SchemaRefused(found)


def made_until(known: Sequence[str], version: int | None) -> list[str]:
    """The statements that made the schema of a database of this version; None is one in which nothing was made yet."""
    if version is None:
        return []
    return [VERSIONS, *(statement for step in known[:version] for statement in statements(step))]


async def _version(database: Database) -> int | None:
    """What the database says of itself, which is not believed yet."""
    if "schema_version" not in await database.tables():
        return None
    rows = await database.read(lambda reader: reader.rows("select * from schema_version"))
    stated = [value for row in rows for value in dict(row).values()]
    if not stated:
        return 0
    if len(stated) > 1 or not isinstance(stated[0], int) or stated[0] < 0:
        raise DatabaseRefused("The database does not say of which version it is: restore a backup.")
    return stated[0]


async def _run(tx: Transaction, number: int, step: str) -> None:
    for statement in statements(step):
        await tx.run(statement)
    await tx.run("delete from schema_version")
    await tx.run("insert into schema_version (version) values (:number)", number=number)


def statements(step: str) -> list[str]:
    """The statements of a step; a semicolon at the end of a line ends one."""
    return [part.strip() for part in step.split(";\n") if part.strip()]
