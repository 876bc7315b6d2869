"""The whole mail behind a message that came by e-mail: sealed to the same epoch, so that the same people can open it."""

from collections.abc import Iterable
from typing import NamedTuple

from storage.crypto.epochs import EpochSecret
from storage.crypto.guarding import Guard, Guarded
from storage.crypto.primitives import Part
from storage.crypto.sealing import Place, seal_to_epoch, unseal_from_service
from storage.engine import rows
from storage.engine.database import Reader, Row, Transaction
from storage.engine.rows import ID, NUMBER
from storage.families import OF_THREAD, BelongsTo, Family, Table
from storage.ids import AccountId, MessageId, ThreadId
from storage.inbound.whole_mail import WholeMail, decoded

KIND = "original"


class Original(NamedTuple):
    """The place of a whole mail, and its sealed body."""

    thread: ThreadId
    id: MessageId
    epoch: int
    author: AccountId
    body: bytes


def sealed(guard: Guard, epoch_key: bytes, place: Place, mail: WholeMail) -> Original:
    """Seal a mail for the epoch with this public key, beside the message of this place."""
    there = Place(place.thread, place.epoch, place.id, place.author, KIND)
    body = guard.guard(seal_to_epoch(epoch_key, mail.encoded(), there), *_place(place.thread, place.epoch, place.id))
    return Original(place.thread, place.id, place.epoch, place.author, body)


async def keep(tx: Transaction, originals: Iterable[Original]) -> None:
    """Keep whole mails, in the transaction of their messages."""
    await tx.run_rows(
        "insert into originals (thread, id, epoch, author, body) values :rows on conflict (thread, id) do nothing",
        [(one.thread.bytes, one.id.bytes, one.epoch, one.author.bytes, one.body) for one in originals],
    )


async def find(reader: Reader, thread: ThreadId, id_: MessageId) -> Original | None:
    """The whole mail behind a message, still sealed; None if there is none. Raises Damaged."""
    row = await reader.row("select * from originals where thread = :thread and id = :id", thread=thread.bytes, id=id_.bytes)
    if row is None:
        return None
    return Original(thread, id_, rows.number(row, "epoch"), rows.account_id(row, "author"), rows.blob(row, "body"))


def opened(guard: Guard, secret: EpochSecret, original: Original) -> WholeMail:
    """Open a whole mail with the secret of its epoch. Raises CannotOpen."""
    body = guard.unguard(original.body, *_place(original.thread, original.epoch, original.id))
    place = Place(original.thread, original.epoch, original.id, original.author, KIND)
    return decoded(unseal_from_service(secret.private_key, body, place))


def _place(thread: ThreadId, epoch: int, id_: MessageId) -> tuple[Part, ...]:
    return ("originals", "body", thread, epoch, id_)


def _place_of(row: Row) -> tuple[Part, ...]:
    return _place(rows.thread_id(row, "thread"), rows.number(row, "epoch"), MessageId(rows.uuid(row, "id")))


FAMILY = Family(
    tables=(
        Table(
            "originals",
            ("thread", "id"),
            {"thread": ID, "id": ID, "epoch": NUMBER, "author": ID},
            (OF_THREAD, BelongsTo(("thread", "id"), "messages", ("thread", "id"))),
        ),
    ),
    guarded=(Guarded("originals", ("thread", "id"), "body", _place_of),),
)
