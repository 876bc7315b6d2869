"""The unused part of a page: content that moved to another page and was deleted there does not remain in it."""

import random
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from storage.engine.database import Transaction
from storage.engine.sqlite import SQLite, open_sqlite
from storage.engine.sqlite_scrub import gap
from tests.storage.engine.test_checkpoints import until

STRETCH = 24


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SQLite]:
    opened = await open_sqlite(tmp_path / "ailo.sqlite")
    await opened.write(
        lambda tx: tx.run("create table secrets (id bytea not null primary key, body bytea not null) without rowid")
    )
    yield opened
    await opened.close()


class Life:
    """Rows that are added, changed in size and deleted in random order, so that the tree is rebalanced again and again."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._rows: dict[bytes, bytes] = {}
        self.gone: list[bytes] = []

    async def live(self, tx: Transaction) -> None:
        for _ in range(500):
            await self._step(tx)

    async def _step(self, tx: Transaction) -> None:
        chance, body = self._random.random(), self._random.randbytes(self._random.choice([60, 150, 600, 1500, 5000]))
        if chance < 0.6 or not self._rows:
            id_ = self._random.randbytes(16)
            await tx.run("insert into secrets (id, body) values (:id, :body)", id=id_, body=body)
            self._rows[id_] = body
            return
        id_ = self._random.choice(list(self._rows))
        self.gone.append(self._rows.pop(id_))
        if chance < 0.75:
            await tx.run("update secrets set body = :body where id = :id", id=id_, body=body)
            self._rows[id_] = body
        else:
            await tx.run("delete from secrets where id = :id", id=id_)


def stretches_left(database: SQLite, gone: Sequence[bytes]) -> int:
    raw = b"".join(path.read_bytes() for path in database.path.parent.iterdir())
    return sum(part in raw for body in gone for part in (body[:STRETCH], body[-STRETCH:]))


@pytest.mark.parametrize("seed", [2, 3, 5])
async def test_what_was_removed_is_in_no_gap(database: SQLite, seed: int) -> None:
    life = Life(seed)
    for _ in range(6):
        await database.write(life.live)
    assert stretches_left(database, life.gone) == 0
    assert await database.check() == []


async def test_what_a_page_held_is_not_written_again_with_it(database: SQLite) -> None:
    """The writer has the page in its memory, including the gap."""
    life = Life(3)
    for _ in range(6):
        await database.write(life.live)
    await database.write(lambda tx: tx.run("insert into secrets (id, body) values (:id, :id)", id=b"one more"))
    assert stretches_left(database, life.gone) == 0


async def test_a_file_of_before_is_swept_at_start(tmp_path: Path) -> None:
    """The file was written without scrubbing, and has a leftover in a gap."""
    path = tmp_path / "ailo.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as plain:
        plain.execute("create table secrets (id integer primary key, body blob)")
        plain.executemany("insert into secrets (body) values (?)", [(b"x" * 400,)] * 500)
    raw = bytearray(path.read_bytes())
    gaps = ((at, *gap(bytes(raw[at : at + 4096]), 0)) for at in range(4096, len(raw), 4096))
    begin = next(at + begin for at, begin, end in gaps if end - begin > 50)
    raw[begin + 10 : begin + 16] = b"canary"
    path.write_bytes(raw)
    database = await open_sqlite(path)
    try:
        await until(lambda: b"canary" not in path.read_bytes())
        assert await database.check() == []
        assert len(await database.read(lambda reader: reader.rows("select * from secrets"))) == 500
    finally:
        await database.close()


async def test_after_the_log_was_begun_anew_all_is_swept(database: SQLite, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under load SQLite overwrites the log, after which nobody knows which pages it contained."""
    await swept(database)
    await database._writer.execute_fetchall("pragma wal_autocheckpoint = 10")
    life = Life(4)
    monkeypatch.setattr("storage.engine.sqlite_statements.removes", lambda _: False)
    for _ in range(6):
        await database.write(life.live)
    await database.cut()
    await swept(database)
    assert stretches_left(database, life.gone) == 0


async def swept(database: SQLite) -> None:
    await until(lambda: database._sweeping is None or database._sweeping.done())


@pytest.mark.parametrize(
    "page",
    [
        b"",
        bytes(4096),
        b"\x00\x00\x00\x05" + b"x" * 4092,  # an overflow page
        b"\x0d\x00\x00\xff\xff\x00\x10" + b"x" * 4089,  # more rows than fit
        b"\x0d\x00\x00\x00\x01\x00\x01" + b"x" * 4089,  # content before the pointers
        b"\x0d\x00\x00\x00\x01\xff\xff" + b"x" * 4089,  # content beyond the page
    ],
)
def test_what_is_no_sound_page_of_a_tree_has_no_gap(page: bytes) -> None:
    assert gap(page, 0) == (0, 0)


def test_the_gap_lies_between_pointers_and_content() -> None:
    leaf = b"\x0d\x00\x00\x00\x02\x0f\x00\x00" + b"\x0f\x80\x0f\x00"
    assert gap(leaf + bytes(4096 - len(leaf)), 0) == (12, 0xF00)
    inner = b"\x05\x00\x00\x00\x02\x0f\x00\x00\x00\x00\x00\x09" + b"\x0f\x80\x0f\x00"
    assert gap(inner + bytes(4096 - len(inner)), 0) == (16, 0xF00)
