"""An attacker who can write to the database but has no key: puts any value into any column, and takes it out again."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tests.flows.service import Visit

Value = bytes | str | int | float | None

NO_UTF_8 = "no UTF-8"  # stands for a text that is not valid UTF-8
WRONG: dict[str, Value] = {
    "nothing": None,
    "negative": -1,
    "huge": 2**62,
    "half": 1.5,
    "text": "sixteen letters.",
    "no text": "",
    "no bytes": b"",
    "a byte": b"\0",
    "forty bytes": b"\7" * 40,
    NO_UTF_8: b"\xff\xfe",
}


def spoil(visit: Visit, sql: str, *values: object) -> None:
    """Change rows of the service's database behind its back, ignoring foreign keys."""
    with closing(sqlite3.connect(visit.service.data / "ailo.sqlite", isolation_level=None)) as connection:
        connection.execute("pragma foreign_keys = off")
        assert connection.execute(sql, values).rowcount


class Planter:
    """A second connection to the database, which ignores foreign keys and checks, and `not null` if asked to."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.text_factory = bytes
        self._connection.execute("pragma synchronous = off")
        self._connection.execute("pragma foreign_keys = off")
        self._connection.execute("pragma ignore_check_constraints = on")
        self._schema = self._connection.execute("select name, sql from sqlite_master where sql is not null").fetchall()

    def close(self) -> None:
        self._connection.close()

    def tables(self) -> list[str]:
        """The names of all tables."""
        found = self._connection.execute("select name from sqlite_master where type = 'table' order by name")
        return [name.decode() for (name,) in found if not name.startswith(b"sqlite_")]

    def columns(self, table: str) -> list[str]:
        """The names of a table's columns."""
        return [row[1].decode() for row in self._connection.execute(f"pragma table_info({table})")]

    def run(self, sql: str, /, **values: Value) -> int:
        """Run a statement; return how many rows it changed."""
        return self._connection.execute(sql, values).rowcount

    def one(self, sql: str, /, **values: Value) -> Any:
        """The first value of the first row, or None."""
        row = self._connection.execute(sql, values).fetchone()
        return row[0] if row else None

    def plant(self, table: str, column: str, wrong: str, where: str, **values: Value) -> bool:
        """Put a wrong value into a column of the rows ``where``; return False if the database does not accept it."""
        new = "cast(:new as text)" if wrong == NO_UTF_8 else ":new"
        try:
            changed = self.run(f"update {table} set {column} = {new} where {where}", new=WRONG[wrong], **values)
        except sqlite3.IntegrityError:  # a duplicate key, or null in the key of a table without rowids
            return False
        assert changed, (table, column, where)
        return True

    @contextmanager
    def without_not_null(self) -> Iterator[None]:
        """Remove `not null` from the schema that this connection uses; others keep theirs, and the file gets it back."""
        is_table = [sql.lower().startswith(b"create table") for _, sql in self._schema]  # an index may hold what is not null
        changed = [(name, sql.replace(b" not null", b"")) for (name, sql), one in zip(self._schema, is_table, strict=True) if one]
        self._write_schema(changed)
        try:
            yield
        finally:
            self._write_schema(self._schema)

    def _write_schema(self, schema: list[tuple[bytes, bytes]]) -> None:
        self.run("pragma writable_schema = on")
        for name, sql in schema:
            self.run("update sqlite_master set sql = :sql where name = :name", sql=sql.decode(), name=name.decode())
        self.run("pragma writable_schema = reset")

    def everything(self) -> dict[str, list[tuple[Value, ...]]]:
        """All rows of all tables."""
        return {table: self._connection.execute(f"select * from {table}").fetchall() for table in self.tables()}

    def put_back(self, rows: dict[str, list[tuple[Value, ...]]], types: dict[str, list[str]]) -> None:
        """Restore all rows, in one transaction."""
        self.run("begin immediate")
        for table, kept in rows.items():
            self.run(f"delete from {table}")
            places = ", ".join(f"cast(? as {kind})" if kind == "text" else "?" for kind in types[table])
            self._connection.executemany(f"insert into {table} values ({places})", kept)
        self.run("commit")

    def types(self) -> dict[str, list[str]]:
        """The declared types of each table's columns."""
        return {
            table: [row[2].decode().lower() for row in self._connection.execute(f"pragma table_info({table})")]
            for table in self.tables()
        }
