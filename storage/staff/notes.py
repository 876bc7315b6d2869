"""Private notes: what a staff member writes for themselves about a thread, sealed to its author alone.

The key derives from the author's private key: neither the service nor another participant can read them.
"""

import logging

from storage.crypto.keyholes import AccountKey
from storage.crypto.primitives import canonical, decrypt, encrypt, keyed_hash
from storage.crypto.sealing import padded, unpadded
from storage.engine import rows
from storage.engine.database import Reader, Row, Transaction
from storage.engine.rows import BYTES, ID, NUMBER, TIME
from storage.errors import CannotOpen
from storage.families import OF_ACCOUNT, OF_THREAD, Family, OwnSealed, Table
from storage.ids import AccountId, ThreadId

log = logging.getLogger("ailo.storage")


async def write(tx: Transaction, key: AccountKey, thread: ThreadId, text: str, now: int) -> None:
    """Store a note in place of the earlier one; an empty one is deleted."""
    if not text:
        await tx.run(
            "delete from notes where thread = :thread and account = :account", thread=thread.bytes, account=key.account.bytes
        )
        return
    await tx.run(
        "insert into notes (thread, account, generation, body, written_at) values (:thread, :account, :generation, :body, :now)"
        " on conflict (thread, account) do update set generation = excluded.generation, body = excluded.body,"
        " written_at = excluded.written_at",
        thread=thread.bytes, account=key.account.bytes, generation=key.generation, body=_sealed(key, thread, text), now=now,
    )  # fmt: skip


async def read(reader: Reader, key: AccountKey, thread: ThreadId) -> str:
    """The account's note about a thread; empty when it has none. Raises CannotOpen when it is not as it was written."""
    row = await reader.row(
        "select * from notes where thread = :thread and account = :account", thread=thread.bytes, account=key.account.bytes
    )
    return _opened(key, row) if row else ""


async def turn_to_key(tx: Transaction, old: AccountKey, new: AccountKey) -> None:
    """Re-seal every note of an account to its new key. One that does not open raises the alarm and stays as it is."""
    for row in await tx.rows("select * from notes where account = :account", account=old.account.bytes):
        try:
            thread, written_at, text = rows.thread_id(row, "thread"), rows.time(row, "written_at"), _opened(old, row)
        except (CannotOpen, ValueError) as error:
            log.error("alert: a note of %s cannot be opened while a key is renewed: %s", old.account, type(error).__name__)
            continue
        await write(tx, new, thread, text, written_at)


async def forget(tx: Transaction, account: AccountId) -> None:
    """Delete every note of an account: nobody has the key any more."""
    await tx.run("delete from notes where account = :account", account=account.bytes)


def _sealed(key: AccountKey, thread: ThreadId, text: str) -> bytes:
    return encrypt(_key(key), padded(text.encode()), _place(thread, key.account, key.generation))


def _opened(key: AccountKey, row: Row) -> str:
    place = _place(rows.thread_id(row, "thread"), key.account, rows.number(row, "generation"))
    return unpadded(decrypt(_key(key), row["body"], place)).decode()


def _key(key: AccountKey) -> bytes:
    return keyed_hash(key.private_key, b"ailo.notes.1")


def _place(thread: ThreadId, account: AccountId, generation: int) -> bytes:
    return canonical(b"ailo.note.1", account, thread, generation)


FAMILY = Family(
    tables=(
        Table(
            "notes",
            ("thread", "account"),
            {"thread": ID, "account": ID, "generation": NUMBER, "body": BYTES, "written_at": TIME},
            (OF_THREAD, OF_ACCOUNT),
        ),
    ),
    own_sealed=OwnSealed(turn_to_key, forget),
)
