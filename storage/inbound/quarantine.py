"""Mails that came to a reply address and that nobody vouches for: they wait for their owner's word, sealed to the owner alone.

The service cannot open one again, nor can the other participants. It goes when it was taken or discarded, and after a while.
Whoever can write to the database can plant one, as anybody can who knows the address: its owner judges what it says.
"""

import logging
from dataclasses import dataclass
from datetime import timedelta

from storage.crypto.keyholes import AccountKey
from storage.crypto.sealing import Place, seal_to_epoch, unseal_from_service
from storage.engine import rows
from storage.engine.database import Reader, Row, Transaction
from storage.engine.rows import ID, NUMBER, TIME
from storage.errors import CannotOpen
from storage.families import OF_ACCOUNT, OF_THREAD, Family, OwnSealed, Table
from storage.ids import AccountId, MessageId, ThreadId
from storage.inbound.whole_mail import WholeMail, decoded

log = logging.getLogger("ailo.storage")

KIND = "quarantined"
KEPT_MS = timedelta(days=90) // timedelta(milliseconds=1)
# More than this wait for nobody: what comes then is refused for the time being.
MOST_WAITING = 50


@dataclass(frozen=True, repr=False)
class Waiting:
    """A mail that waits, and when it came (ms since 1970)."""

    id: MessageId
    came_at: int
    mail: WholeMail


@dataclass(frozen=True)
class Owner:
    """Whom a mail waits for, in which thread, and the key that it is sealed to."""

    account: AccountId
    thread: ThreadId
    generation: int
    public_key: bytes


async def is_full(reader: Reader, account: AccountId) -> bool:
    """Whether as many wait for an account as may."""
    row = await reader.row("select count(*) as count from quarantined_mails where account = :account", account=account.bytes)
    return row is not None and row["count"] >= MOST_WAITING


async def keep(tx: Transaction, owner: Owner, id_: MessageId, mail: WholeMail, now: int) -> bool:
    """Keep a mail for its owner; False if it is there already, or is a message by now."""
    if await tx.row("select 1 from messages where thread = :thread and id = :id", thread=owner.thread.bytes, id=id_.bytes):
        return False
    body = seal_to_epoch(owner.public_key, mail.encoded(), _inside(owner, id_))
    kept = await tx.run(
        "insert into quarantined_mails (id, account, thread, generation, came_at, body)"
        " values (:id, :account, :thread, :generation, :now, :body) on conflict (id) do nothing",
        id=id_.bytes, account=owner.account.bytes, thread=owner.thread.bytes, generation=owner.generation, now=now, body=body,
    )  # fmt: skip
    return bool(kept)


async def waiting(reader: Reader, key: AccountKey, thread: ThreadId) -> list[Waiting]:
    """What waits for an account in a thread, in the order in which it came. What was tampered with is left out, with an alarm."""
    found = await reader.rows(
        "select * from quarantined_mails where account = :account and thread = :thread order by came_at, id",
        account=key.account.bytes, thread=thread.bytes,
    )  # fmt: skip
    return rows.sound("quarantined_mails", found, lambda row: _opened(key, row))


async def drop(tx: Transaction, account: AccountId, thread: ThreadId, id_: MessageId) -> bool:
    """Remove a mail of its owner's; False if there is none."""
    dropped = await tx.run(
        "delete from quarantined_mails where id = :id and account = :account and thread = :thread",
        id=id_.bytes, account=account.bytes, thread=thread.bytes,
    )  # fmt: skip
    return bool(dropped)


async def forget_old(tx: Transaction, now: int) -> None:
    """Remove what nobody took in all that time."""
    await tx.run("delete from quarantined_mails where came_at < :before", before=now - KEPT_MS)


async def forget(tx: Transaction, account: AccountId) -> None:
    """Remove all that waits for an account: nobody has the key any more."""
    await tx.run("delete from quarantined_mails where account = :account", account=account.bytes)


async def turn_to_key(tx: Transaction, old: AccountKey, new: AccountKey) -> None:
    """Seal what waits for an account to its new key. What does not open raises the alarm and stays as it is."""
    for row in await tx.rows("select * from quarantined_mails where account = :account", account=old.account.bytes):
        try:
            one, thread = _opened(old, row), rows.thread_id(row, "thread")
        except CannotOpen as error:
            log.error("alert: a mail of %s cannot be opened while a key is renewed: %s", old.account, type(error).__name__)
            continue
        owner = Owner(new.account, thread, new.generation, new.public_key)
        await drop(tx, old.account, thread, one.id)
        await keep(tx, owner, one.id, one.mail, one.came_at)


def _opened(key: AccountKey, row: Row) -> Waiting:
    id_, thread = MessageId(rows.uuid(row, "id")), rows.thread_id(row, "thread")
    owner = Owner(key.account, thread, rows.number(row, "generation"), key.public_key)
    sealed = unseal_from_service(key.private_key, rows.blob(row, "body"), _inside(owner, id_))
    return Waiting(id_, rows.time(row, "came_at"), decoded(sealed))


def _inside(owner: Owner, id_: MessageId) -> Place:
    """The place of the seal: there is no epoch, but a generation of the owner's key."""
    return Place(owner.thread, owner.generation, id_, owner.account, KIND)


FAMILY = Family(
    tables=(
        Table(
            "quarantined_mails",
            ("id",),
            {"id": ID, "account": ID, "thread": ID, "generation": NUMBER, "came_at": TIME},
            (OF_ACCOUNT, OF_THREAD),
            covered=("body",),
        ),
    ),
    own_sealed=OwnSealed(turn_to_key, forget),
)
