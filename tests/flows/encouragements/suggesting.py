"""Has something suggested in a running service: its clock cannot be advanced by the days that it takes."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from uuid import UUID, uuid4

A_DAY = 86_400_000


def suggest(data: Path, thread: str, rule: str = "month-together") -> str:
    """Suggest something to the companions of a thread, as a morning would; return its id. What is written later ends it."""
    id_, at, raw = uuid4(), int(time.time() * 1000), UUID(thread).bytes
    with closing(sqlite3.connect(data / "ailo.sqlite", isolation_level=None)) as connection:
        connection.execute(
            "insert into encouragements (id, account, thread, rule, cause, since, state, made_at)"
            " select ?, a.id, p.thread, ?, ?, ?, 'waiting', ? from participants p join accounts a on a.id = p.account"
            " where p.thread = ? and a.role = 'member'",
            (id_.bytes, rule, str(id_), at, at, raw),
        )
    return str(id_)


def remind(data: Path, thread: str, rule: str = "silence") -> None:
    """Have had a reminder gone to a thread's member, yesterday."""
    id_, at = suggest(data, thread, rule), int(time.time() * 1000) - A_DAY
    with closing(sqlite3.connect(data / "ailo.sqlite", isolation_level=None)) as connection:
        connection.execute(
            "insert into letters (id, account, kind, cause, facts, message_id, state, due_at, attempts, written_at, ended_at)"
            " select id, account, 'reminder', cause, zeroblob(60), 'one@ailo.test', 'sent', ?, 1, ?, ?"
            " from encouragements where id = ?",
            (at, at, at, UUID(id_).bytes),
        )
