"""Brings a database to the schema that this program knows: a set of steps, each applied once, completely or not at all.

A step is a file in ``schema/``, named after the minute in which it was begun and what it adds:
``2026-12-04T1015_appointments.sql``. So two branches do not use the same name, and whichever is merged later is still applied.
The database records each step with a hash of its text, in the order in which it applied them. It is refused when it has a
step that the program lacks or that was altered since, or when a step exists twice.
"""

import re
from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import NamedTuple

from storage.engine.database import Database, Reader, Row, Transaction
from storage.engine.sqlite_schema import words
from storage.errors import DatabaseRefused, SchemaRefused

LEDGER = """create table schema_steps (
    name text not null primary key,
    hash text not null,
    number bigint not null
)"""

# Until November 2026 steps were numbered, and the database recorded only the last number.
LAST_NUMBER = "create table if not exists schema_version (version bigint not null)"
NUMBERED = (
    "2026-11-23T1756_first",
    "2026-11-23T1835_rotation",
    "2026-11-23T1840_renewal",
    "2026-11-23T1847_recovery",
    "2026-11-23T2050_preferences",
    "2026-11-23T2052_practices",
    "2026-11-23T2054_canned_replies",
    "2026-11-23T2059_messages_in_rows",
    "2026-11-29T0229_recovery_proofs",
    "2026-11-29T0231_grants_of_account",
)

FOLDERS: list[Traversable] = [files("storage.engine") / "schema"]

_NAME = re.compile(r"(\d{4}-\d\d-\d\dT\d{4})_([a-z0-9_]+)")


class Step(NamedTuple):
    """One step: its name without `.sql`, and its SQL."""

    name: str
    sql: str

    @property
    def hash(self) -> str:
        """16 hexadecimal digits of BLAKE2b over its words; comments and whitespace do not count."""
        return blake2b(" ".join(words(self.sql)).encode(), digest_size=8).hexdigest()


class Noted(NamedTuple):
    """A step recorded as applied. ``hash`` is None where the database still used numbers."""

    name: str
    hash: str | None


def steps() -> list[Step]:
    """All steps, oldest first. Raises DatabaseRefused when one is misnamed or exists twice."""
    found = [entry for folder in FOLDERS for entry in folder.iterdir() if entry.name.endswith(".sql")]
    return in_order([Step(entry.name.removesuffix(".sql"), entry.read_text("utf-8")) for entry in found])


def in_order(found: Sequence[Step]) -> list[Step]:
    """The oldest first. Raises DatabaseRefused when a name is malformed, or two steps share a minute or the rest of a name."""
    parts = {step.name: _NAME.fullmatch(step.name) for step in found}
    if misnamed := sorted(name for name, match in parts.items() if not match):
        raise DatabaseRefused(
            f"Step {misnamed[0]} of the schema is misnamed: a name looks like 2026-12-04T1015_appointments.sql."
        )
    shared = Counter(part for step in found if (match := parts[step.name]) for part in match.groups())
    if doubled := [part for part, count in shared.items() if count > 1]:
        raise DatabaseRefused(f"Two steps of the schema are named {doubled[0]}: reinstall Ailo, or rename one of them.")
    return sorted(found)


async def migrate(database: Database) -> None:
    """Apply the steps that this database has not had.

    Raises DatabaseRefused when it has had a step that the program lacks or that was altered since, and SchemaRefused when
    its schema is not what its steps make: both before anything else is read from it or written to it.
    """
    known = steps()
    tables = await database.tables()
    is_numbered = "schema_steps" not in tables and "schema_version" in tables
    noted = await _by_number(database) if is_numbered else await _in_ledger(database) if "schema_steps" in tables else []
    had = _had(known, noted)
    began = [LAST_NUMBER] if is_numbered else [LEDGER] if "schema_steps" in tables else []
    await _expect(database, [*began, *_statements_of(had)])
    missing = [step for step in known if step not in had]
    if missing or is_numbered or not began:
        await database.expect_schema(None)
        await database.write(lambda tx: _begin_ledger(tx, had, is_numbered=is_numbered, is_new=not began))
        for number, step in enumerate(missing, len(had) + 1):
            await database.write(lambda tx, number=number, step=step: _apply(tx, number, step))  # type: ignore[misc]
        await _expect(database, [LEDGER, *_statements_of([*had, *missing])])


async def _expect(database: Database, made: list[str]) -> None:
    if found := await database.expect_schema(made):
        raise SchemaRefused(found)


def _had(known: Sequence[Step], noted: Sequence[Noted]) -> list[Step]:
    """The steps that a database has had, in the order in which they were applied. Raises DatabaseRefused."""
    by_name = {step.name: step for step in known}
    for name, hash_ in noted:
        if name not in by_name:
            raise DatabaseRefused(
                f"The database has step {_shown(name)}, which this program lacks: install the version of Ailo that wrote it."
            )
        if hash_ is not None and by_name[name].hash != hash_:
            raise DatabaseRefused(
                f"Step {name} differs from the one applied to this database: install the version of Ailo that wrote it, "
                "or restore a backup."
            )
    return [by_name[name] for name, _ in noted]


def _shown(name: str) -> str:
    """The name in printable form, whatever somebody wrote there."""
    return name[:80].encode("unicode_escape").decode()


def _statements_of(applied: Sequence[Step]) -> list[str]:
    return [statement for step in applied for statement in statements(step.sql)]


async def _in_ledger(database: Database) -> list[Noted]:
    """The steps that the database claims to have had; the claim is not trusted yet."""
    rows = await database.read(_rows_of_ledger)
    if not all(isinstance(value, str) for row in rows for value in (row["name"], row["hash"])):
        raise DatabaseRefused("The database does not record which steps were applied to it: restore a backup.")
    return [Noted(row["name"], row["hash"]) for row in rows]


async def _rows_of_ledger(reader: Reader) -> Sequence[Row]:
    return await reader.rows("select name, hash from schema_steps order by number, name")


async def _by_number(database: Database) -> list[Noted]:
    rows = await database.read(lambda reader: reader.rows("select * from schema_version"))
    stated = [value for row in rows for value in dict(row).values()] or [0]
    if len(stated) > 1 or not isinstance(stated[0], int) or stated[0] < 0:
        raise DatabaseRefused("The database does not record its version: restore a backup.")
    if stated[0] > len(NUMBERED):
        raise DatabaseRefused(f"The database has version {stated[0]}: install the version of Ailo that wrote it.")
    return [Noted(name, None) for name in NUMBERED[: stated[0]]]


async def _begin_ledger(tx: Transaction, had: Sequence[Step], *, is_numbered: bool, is_new: bool) -> None:
    if is_numbered:
        await tx.run("drop table schema_version")
    if is_numbered or is_new:
        await tx.run(LEDGER)
        for number, step in enumerate(had, 1):
            await _note(tx, number, step)


async def _apply(tx: Transaction, number: int, step: Step) -> None:
    for statement in statements(step.sql):
        await tx.run(statement)
    await _note(tx, number, step)


async def _note(tx: Transaction, number: int, step: Step) -> None:
    await tx.run(
        "insert into schema_steps (name, hash, number) values (:name, :hash, :number)",
        name=step.name,
        hash=step.hash,
        number=number,
    )


def statements(sql: str) -> list[str]:
    """The statements of a step; a semicolon at the end of a line ends one."""
    return [part.strip() for part in sql.split(";\n") if part.strip()]
