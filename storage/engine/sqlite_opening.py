"""Opens a SQLite file with the settings that Ailo needs, each of them verified after it was set."""

import sqlite3
from pathlib import Path

from storage.errors import DatabaseRefused

BUSY_MS = 5000
CHECKPOINT_PAGES = 20_000
# What must apply on every connection: builds of SQLite have different defaults.
SETTINGS: dict[str, object] = {
    "synchronous": 2,
    "foreign_keys": 1,
    "secure_delete": 1,
    "trusted_schema": 0,
    "temp_store": 2,
    "cell_size_check": 1,
    "writable_schema": 0,
    "auto_vacuum": 0,
}

WRITES = {sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE}


def open_file(path: Path, *, read_only: bool) -> sqlite3.Connection:
    """Open the file, and create it if need be. Raises DatabaseRefused and sqlite3.DatabaseError."""
    path.touch(mode=0o600)
    connection = sqlite3.connect(path, BUSY_MS / 1000, isolation_level=None, check_same_thread=False, cached_statements=256)
    try:
        connection.row_factory = sqlite3.Row
        connection.set_authorizer(_no_trigger)
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace")  # a planted text must not stop a whole query
        _set_up(connection, read_only=read_only)
    except BaseException:
        connection.close()
        raise
    return connection


def _no_trigger(action: int, _first: str | None, _second: str | None, _database: str | None, source: str | None) -> int:
    """Deny every write by a trigger: Ailo creates none. SQLite names the trigger as the source of what it is about to do.

    Called when a statement is prepared, and again after each schema change. It is a second safeguard after the schema comparison.
    (The source of a read may also be a table expression of our own.)
    """
    return sqlite3.SQLITE_DENY if source and action in WRITES else sqlite3.SQLITE_OK


def _set_up(connection: sqlite3.Connection, *, read_only: bool) -> None:
    if not read_only:
        connection.execute("pragma journal_mode = wal")
    _assert_setting(connection, "journal_mode", "wal")
    for name, value in {**SETTINGS, "wal_autocheckpoint": 0 if read_only else CHECKPOINT_PAGES}.items():
        connection.execute(f"pragma {name} = {value}")
        _assert_setting(connection, name, value)
    if read_only:
        connection.execute("pragma query_only = 1")


def _assert_setting(connection: sqlite3.Connection, name: str, value: object) -> None:
    found = [row[0] for row in connection.execute(f"pragma {name}")]
    if found != [value]:
        raise DatabaseRefused(f"SQLite keeps {name} at {found}, but Ailo needs {value}: use another build or file system.")
