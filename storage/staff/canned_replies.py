"""Canned replies: what a staff member keeps at hand to write again, all of it in one value, sealed to its author alone.

The key derives from the author's private key, like that of private notes: neither the service nor anybody else can read them.
The format of the value is up to the author; here it is a text.
"""

import logging
from dataclasses import dataclass

from storage.crypto.keyholes import AccountKey
from storage.crypto.primitives import canonical, decrypt, encrypt, keyed_hash
from storage.crypto.sealing import padded, unpadded
from storage.engine import rows
from storage.engine.database import Reader, Row, Transaction
from storage.engine.rows import BYTES, ID, NUMBER, TIME
from storage.errors import CannotOpen
from storage.families import OF_ACCOUNT, Family, OwnSealed, Table
from storage.ids import AccountId

log = logging.getLogger("ailo.storage")


@dataclass(frozen=True, repr=False)
class Kept:
    """What is kept, and how often it was changed: version 0, with an empty text, if nothing was ever kept."""

    version: int
    text: str


NOTHING = Kept(0, "")


async def read(reader: Reader, key: AccountKey) -> Kept:
    """What an account keeps. Raises CannotOpen when it is not as it was written."""
    row = await reader.row("select * from canned_replies where account = :account", account=key.account.bytes)
    return Kept(rows.number(row, "version"), _opened(key, row)) if row else NOTHING


async def write(tx: Transaction, key: AccountKey, new: Kept, now: int) -> bool:
    """Store the next version; return False, with nothing changed, when somebody else was faster."""
    sql = (
        "insert into canned_replies (account, generation, version, body, written_at)"
        " values (:account, :generation, :version, :body, :now) on conflict (account) do nothing"
        if new.version == 1
        else "update canned_replies set generation = :generation, version = :version, body = :body, written_at = :now"
        " where account = :account and version = :version - 1"
    )
    changed = await tx.run(
        sql, account=key.account.bytes, generation=key.generation, version=new.version, body=_sealed(key, new), now=now
    )
    return changed == 1


async def turn_to_key(tx: Transaction, old: AccountKey, new: AccountKey) -> None:
    """Re-seal what an account keeps to its new key. What does not open raises the alarm and stays as it is."""
    row = await tx.row("select * from canned_replies where account = :account", account=old.account.bytes)
    if row is None:
        return
    try:
        kept = Kept(rows.number(row, "version"), _opened(old, row))
    except (CannotOpen, ValueError) as error:
        log.error(
            "alert: the canned replies of %s cannot be opened while a key is renewed: %s", old.account, type(error).__name__
        )
        return
    await tx.run(
        "update canned_replies set generation = :generation, body = :body where account = :account",
        account=new.account.bytes, generation=new.generation, body=_sealed(new, kept),
    )  # fmt: skip


async def forget(tx: Transaction, account: AccountId) -> None:
    """Delete what an account keeps: nobody has the key any more."""
    await tx.run("delete from canned_replies where account = :account", account=account.bytes)


def _sealed(key: AccountKey, kept: Kept) -> bytes:
    return encrypt(_key(key), padded(kept.text.encode()), _place(key.account, key.generation, kept.version))


def _opened(key: AccountKey, row: Row) -> str:
    place = _place(rows.account_id(row, "account"), rows.number(row, "generation"), rows.number(row, "version"))
    return unpadded(decrypt(_key(key), row["body"], place)).decode()


def _key(key: AccountKey) -> bytes:
    return keyed_hash(key.private_key, b"ailo.replies.1")


def _place(account: AccountId, generation: int, version: int) -> bytes:
    return canonical(b"ailo.replies.1", account, generation, version)


FAMILY = Family(
    tables=(
        Table(
            "canned_replies",
            ("account",),
            {"account": ID, "generation": NUMBER, "version": NUMBER, "body": BYTES, "written_at": TIME},
            (OF_ACCOUNT,),
        ),
    ),
    own_sealed=OwnSealed(turn_to_key, forget),
)
