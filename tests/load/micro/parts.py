"""What each part can do alone, in this process on one core; docs/speed.md says how far the whole is from that."""

import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from chat.protocol import frames
from storage.crypto.primitives import canonical, decrypt_named, encrypt_named, key_id, keyed_hash, random_bytes
from storage.crypto.sealing import Fact, Place, link, padded
from storage.engine.sqlite_opening import CHECKPOINT_PAGES
from storage.ids import AccountId, MessageId, ThreadId
from tests.load.figures import Figures, Results, of_times
from tests.load.live import send_frame
from tests.load.traffic import TEXT, fresh_id

SECONDS = 1.0


def _rate(work: Callable[[], object], each: int = 1) -> Figures:
    """How often per second, at the best of three attempts: the limit of a part is what it does undisturbed."""
    best, work_, clock = 0.0, work, time.perf_counter
    for _ in range(3):
        times, started = 0, clock()
        while (took := clock() - started) < SECONDS / 3:
            work_()
            times += each
        best = max(best, times / took)
    return {"per_second": round(best), "us_each": round(1e6 / best, 2)}


def _rows(folder: Path, group: int) -> Figures:
    """Rows per second into a table like that of messages, with a commit and its fsync for each group."""
    with sqlite3.connect(folder / f"rows-{group}.db", isolation_level=None) as database:
        for pragma in (
            "journal_mode = wal",
            "synchronous = full",
            "secure_delete = on",
            f"wal_autocheckpoint = {CHECKPOINT_PAGES}",
        ):
            database.execute(f"pragma {pragma}")
        database.execute(
            "create table messages (thread blob, seq integer, id blob, epoch integer, author blob, kind text, at integer,"
            " body blob, link blob, primary key (thread, seq))"
        )
        database.execute("create unique index messages_by_id on messages (id, thread)")
        threads, body, seq = [os.urandom(16) for _ in range(100)], os.urandom(305), 0

        def commit() -> None:
            nonlocal seq
            rows = []
            for _ in range(group):
                seq += 1
                row = (threads[seq % 100], seq, UUID(fresh_id()).bytes, 1, threads[0], "text", 1, body, body[:41])
                rows.append(row)
            database.execute("begin immediate")
            database.executemany("insert into messages values (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
            database.execute("commit")

        figures = _rate(commit, group)
    database.close()
    return figures


def syncs(folder: Path, seconds: float = 2.0) -> Figures:
    """How long the disk takes to sync 8 kB, measured repeatedly: no message can be acknowledged sooner."""
    took: list[float] = []
    ends = time.perf_counter() + seconds
    with (folder / "synced").open("wb", buffering=0) as file:
        while (started := time.perf_counter()) < ends:
            file.write(bytes(8192))
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - started)
            time.sleep(0.002)
    return of_times(took)


async def measure(folder: Path) -> Results:
    """Measure every part."""
    key = random_bytes(32)
    name, text = key_id(key), padded(TEXT.encode())
    thread, id_, author = ThreadId(UUID(fresh_id())), MessageId(UUID(fresh_id())), AccountId(UUID(fresh_id()))
    place = Place(thread, 1, id_, author, "text")
    body = encrypt_named(key, name, text, place.encoded())
    fact = Fact(7, 1_795_000_000_000, id_, author, "text", 1, body)
    sent = send_frame(str(thread))(str(id_)).decode()
    message = frames.Message(id_, thread, 7, author, "text", frames.moment(fact.at), TEXT)
    encoded = place.encoded()
    results: Results = {f"SQLite rows, fsync every {group}": _rows(folder, group) for group in (1, 32, 128, 512)}
    return results | {
        "fsync of 8 kB": syncs(folder),
        f"encryption of {len(text)} bytes": _rate(lambda: encrypt_named(key, name, text, encoded)),
        f"decryption of {len(text)} bytes": _rate(lambda: decrypt_named(key, body, encoded)),
        "BLAKE2b of a body": _rate(lambda: keyed_hash(b"", b"ailo.body.1", body)),
        "link of a message (2 hashes)": _rate(lambda: link(name, key, body[:41], fact)),
        "associated data (canonical)": _rate(lambda: canonical(b"ailo.message.1", thread, id_, author, 1, "text")),
        "frame `send` decoded": _rate(lambda: frames.decode(sent)),
        "frame `message` encoded": _rate(lambda: frames.encode(message)),
    }
