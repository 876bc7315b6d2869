"""Brings a database to the schema that this program knows, step by step, each step whole or not at all.

The steps are the numbered files in ``schema/``. Their number is stamped in the database with the step itself; a database
that is newer than the program is refused.
"""

from importlib.resources import files
from itertools import count

from storage.database import Database, Transaction
from storage.errors import DatabaseRefused


def steps() -> list[str]:
    """The SQL of each step, the first at index 0."""
    found = {
        entry.name.partition("_")[0]: entry for entry in (files("storage") / "schema").iterdir() if entry.name.endswith(".sql")
    }
    ordered: list[str] = []
    for number in count(1):
        if (entry := found.get(f"{number:04}")) is None:
            return ordered
        ordered.append(entry.read_text("utf-8"))
    raise AssertionError


async def migrate(database: Database) -> None:
    """Run the steps that this database lacks. Raises DatabaseRefused when it is newer than the program."""
    known = steps()
    version = await database.write(_version)
    if version > len(known):
        raise DatabaseRefused(
            f"The database is of version {version}, this program knows {len(known)}: install the version of Ailo that wrote it."
        )
    for number, step in enumerate(known[version:], version + 1):
        await database.write(lambda tx, number=number, step=step: _run(tx, number, step))  # type: ignore[misc]


async def _version(tx: Transaction) -> int:
    await tx.run("create table if not exists schema_version (version bigint not null)")
    row = await tx.row("select version from schema_version")
    return int(row["version"]) if row else 0


async def _run(tx: Transaction, number: int, step: str) -> None:
    for statement in statements(step):
        await tx.run(statement)
    await tx.run("delete from schema_version")
    await tx.run("insert into schema_version (version) values (:number)", number=number)


def statements(step: str) -> list[str]:
    """The statements of a step; a semicolon at the end of a line ends one."""
    return [part.strip() for part in step.split(";\n") if part.strip()]
