"""The schema of a database, compared with the one that Ailo's own statements make.

Whoever can write the file can plant a trigger, a view or an index in it, and SQLite would execute it with each of our own
statements, through restarts and backups. So nothing in ``sqlite_schema`` is trusted that we did not create ourselves.
"""

import re
import sqlite3
from collections.abc import Iterable, Mapping
from functools import lru_cache

# By kind and name: the table it belongs to, and the statement that created it, word by word.
Schema = Mapping[tuple[str, str], tuple[str, ...]]

# Fields of the file's header that SQLite or we might rely on.
HEADER = ("application_id", "user_version", "encoding")
LONGEST_NAME = 60

_PARTS = re.compile(
    r"(?P<apart>--[^\n]*|/\*.*?(?:\*/|\Z)|\s+)|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\[[^\]]*\]|\w+|.", re.DOTALL
)


def schema_of(connection: sqlite3.Connection) -> Schema:
    """The schema of an open database. Raises sqlite3.DatabaseError."""
    rows = connection.execute("select type, name, tbl_name, sql, rootpage from sqlite_schema").fetchall()
    found = {(str(kind), str(name)): (str(table), *words(sql)) for kind, name, table, sql, _ in rows}
    for pragma in HEADER:
        found["setting", pragma] = (str(connection.execute(f"pragma {pragma}").fetchone()[0]),)
    roots = [row[4] for row in rows if row[4]]
    if len(roots) != len(set(roots)) or len(rows) + len(HEADER) != len(found):
        found["table", "sqlite_schema"] = ("an entry is there twice",)
    return found


@lru_cache(4)
def schema_made_by(statements: tuple[str, ...]) -> Schema:
    """The schema that these statements create in an empty database. Raises sqlite3.Error."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        for statement in statements:
            connection.execute(statement)
        return schema_of(connection)
    finally:
        connection.close()


def differences(found: Schema, expected: Schema) -> list[str]:
    """What was added, changed or removed, each in a few words; empty when the two are the same."""
    added = [f"it has a {_named(*one)} that Ailo did not make" for one in sorted(found.keys() - expected.keys())]
    missing = [f"the {_named(*one)} is missing" for one in sorted(expected.keys() - found.keys())]
    both = sorted(found.keys() & expected.keys())
    changed = [f"the {_named(*one)} is not the one that Ailo made" for one in both if found[one] != expected[one]]
    return added + missing + changed


def _named(kind: str, name: str) -> str:
    """The name in printable form, whatever somebody called it."""
    return f"{kind} {name}"[:LONGEST_NAME].encode("unicode_escape").decode()


def words(sql: object) -> Iterable[str]:
    """A statement without its comments and whitespace, which we may edit: nothing depends on them."""
    return (part.group() for part in _PARTS.finditer(sql if isinstance(sql, str) else "") if not part.group("apart"))
