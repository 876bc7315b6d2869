"""Every table is claimed by one family, which declares the shape or proof of each column and what each row belongs to."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing

import pytest

from storage.engine.migrations import LEDGER, statements, steps
from storage.families import families, guarded, tables


@pytest.fixture(scope="module")
def made() -> Iterator[sqlite3.Connection]:
    """A database made by all the steps."""
    with closing(sqlite3.connect(":memory:")) as plain:
        for statement in [LEDGER, *(statement for step in steps() for statement in statements(step.sql))]:
            plain.execute(statement)
        yield plain


def names(made: sqlite3.Connection) -> list[str]:
    return [name for (name,) in made.execute("select name from sqlite_master where type = 'table' order by name")]


def test_no_table_is_unclaimed_or_claimed_twice(made: sqlite3.Connection) -> None:
    claimed = Counter(table.name for family in families() for table in family.tables)
    assert claimed == Counter(names(made)), "end the module that keeps the table with FAMILY = Family(…)"


@pytest.mark.parametrize("name", tables())
def test_every_column_has_a_shape_or_a_proof(made: sqlite3.Connection, name: str) -> None:
    there = [row[1] for row in made.execute(f"pragma table_info({name})")]
    proven = [column.column for column in guarded() if column.table == name]
    assert Counter([*tables()[name].shapes, *tables()[name].covered, *proven]) == Counter(there)


@pytest.mark.parametrize("name", tables())
def test_the_primary_key_is_that_of_the_schema(made: sqlite3.Connection, name: str) -> None:
    key = sorted((row[5], row[1]) for row in made.execute(f"pragma table_info({name})") if row[5])
    assert list(tables()[name].key) == [column for _, column in key]
    assert {column.key for column in guarded() if column.table == name} <= {tables()[name].key}


@pytest.mark.parametrize("name", tables())
def test_every_reference_of_the_schema_is_declared(made: sqlite3.Connection, name: str) -> None:
    """The check relies on these to find rows that belong to nothing, even if written with foreign keys off."""
    by_number: dict[int, list[tuple[str, str, str]]] = {}
    for number, _, parent, column, key, *_ in made.execute(f"pragma foreign_key_list({name})"):
        by_number.setdefault(number, []).append((parent, column, key))
    references = {(rows[0][0], tuple(row[1] for row in rows), tuple(row[2] for row in rows)) for rows in by_number.values()}
    assert references <= {(link.table, link.columns, link.key) for link in tables()[name].belongs_to}


@pytest.mark.parametrize("name", tables())
def test_what_names_an_account_or_a_thread_belongs_to_it(made: sqlite3.Connection, name: str) -> None:
    """Except for grants: the officer, who has no account, gets one too. They belong to their epoch, the epoch to its thread."""
    there = {row[1] for row in made.execute(f"pragma table_info({name})")} & {"account", "thread"}
    linked = {column for link in tables()[name].belongs_to for column in link.columns}
    assert there - linked == ({"account"} if name == "grants" else set())
