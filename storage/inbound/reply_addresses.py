"""Addresses by which a letter can be answered: each holds a random token, for one reader and one thread.

The token goes out in a letter and is kept nowhere: a row holds its hash, so that the database, with or without the root key,
gives no address that works. A row that somebody planted names nobody: its proof covers whose it is.
"""

import base64
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from storage.crypto.guarding import Guard, Guarded
from storage.crypto.primitives import Part, canonical, keyed_hash
from storage.engine import rows
from storage.engine.database import Reader, Row, Transaction
from storage.engine.rows import ID, KEY, TEXT, TIME
from storage.families import OF_ACCOUNT, OF_THREAD, Family, Table
from storage.ids import AccountId, MessageId, ThreadId

MS = timedelta(milliseconds=1)
TOKEN_BYTES = 20
GOOD_FOR_MS = timedelta(days=90) // MS
# So long after its end it is still known, so that who writes to it can be told why nothing comes of it.
KEPT_MS = timedelta(days=365) // MS
# Base32, as mailboxes are compared without regard to case by some who pass them on (RFC 5321, 2.4 leaves it to the receiver).
LOCAL_PART = re.compile(r"r\.([a-z2-7]{32})")


@dataclass(frozen=True)
class ReplyAddress:
    """Whom and which thread an address is for; times in ms since 1970.

    ``about`` names what an answer is about, if the thread does not show it: a lesson.
    """

    account: AccountId
    thread: ThreadId
    made_at: int
    revoked_at: int | None
    about: str | None = None

    def is_good(self, now: int) -> bool:
        """Whether what is written to it is taken."""
        return self.revoked_at is None and now < self.made_at + GOOD_FOR_MS

    def message_id(self, known_by: bytes) -> MessageId:
        """The id of the message that a mail becomes: the same whenever what is known by this comes again."""
        parts = canonical(b"ailo.mail-id.1", self.account, self.thread, known_by)
        return MessageId(UUID(bytes=keyed_hash(b"", b"ailo.mail-id.1", parts, size=16), version=5))


async def make(tx: Transaction, guard: Guard, account: AccountId, thread: ThreadId, now: int, about: str | None = None) -> str:
    """Make an address; return its local part."""
    token = secrets.token_bytes(TOKEN_BYTES)
    lookup = _lookup(token)
    row: Row = {"lookup": lookup, "account": account.bytes, "thread": thread.bytes, "made_at": now, "about": about}
    await tx.run(
        "insert into reply_addresses (lookup, account, thread, made_at, about, proof)"
        " values (:lookup, :account, :thread, :made_at, :about, :proof)",
        **row, proof=guard.authenticate(*_proven(row)),
    )  # fmt: skip
    return f"r.{base64.b32encode(token).decode().lower()}"


async def find(reader: Reader, guard: Guard, local_part: str) -> ReplyAddress | None:
    """Whose address this is, good or not; None if it is none. One that was tampered with raises the alarm and is none."""
    form = LOCAL_PART.fullmatch(local_part.lower())
    if form is None:
        return None
    token = base64.b32decode(form[1].upper())
    row = await reader.row("select * from reply_addresses where lookup = :lookup", lookup=_lookup(token))
    return rows.unless_damaged("reply_addresses", row, lambda: _address(guard, row), None) if row else None


def _address(guard: Guard, row: Row) -> ReplyAddress:
    guard.check(row["proof"], *_proven(row))
    account, thread = rows.account_id(row, "account"), rows.thread_id(row, "thread")
    about = None if row["about"] is None else rows.text(row, "about")
    return ReplyAddress(account, thread, rows.time(row, "made_at"), rows.time_or_none(row, "revoked_at"), about)


async def revoke_all(tx: Transaction, account: AccountId, now: int) -> None:
    """Take nothing more that is written to an account's addresses of before."""
    await tx.run(
        "update reply_addresses set revoked_at = :now where account = :account and revoked_at is null",
        account=account.bytes, now=now,
    )  # fmt: skip


async def forget_old(tx: Transaction, now: int) -> None:
    """Remove addresses that ended long ago: they are then as unknown as any other."""
    await tx.run("delete from reply_addresses where made_at < :before", before=now - GOOD_FOR_MS - KEPT_MS)


def _lookup(token: bytes) -> bytes:
    return keyed_hash(b"", b"ailo.reply.1", token)


def _proven(row: Row) -> tuple[Part, ...]:
    about = () if row["about"] is None else (row["about"],)
    return ("reply_addresses", row["lookup"], row["account"], row["thread"], row["made_at"], *about)


FAMILY = Family(
    tables=(
        Table(
            "reply_addresses",
            ("lookup",),
            {"lookup": KEY, "account": ID, "thread": ID, "made_at": TIME, "revoked_at": TIME.or_null(), "about": TEXT.or_null()},
            (OF_ACCOUNT, OF_THREAD),
        ),
    ),
    guarded=(Guarded("reply_addresses", ("lookup",), "proof", _proven, is_proof=True),),
)
