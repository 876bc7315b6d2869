"""Texts of messages that wait to go out in a letter, for members who chose to receive them.

Each is encrypted under the courier key, which is in memory alone: whoever has the disk, the root keyring and the backups reads
none of them. It is removed when its letter was sent, when it was read, after a day, and at the next start, which has no key for
it. Without it the letter says that there is a message, and no more.
"""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import NamedTuple

from storage.crypto.courier import KEPT_MS, Courier
from storage.crypto.primitives import Part
from storage.engine import rows
from storage.engine.database import Reader, Row, Transaction
from storage.engine.rows import ID, NUMBER, TIME
from storage.families import OF_ACCOUNT, OF_THREAD, Family, Table
from storage.ids import AccountId, MessageId, ThreadId


class SealedText(NamedTuple):
    """A text that waits for one account. ``at`` is when its message was written, in ms since 1970."""

    account: AccountId
    thread: ThreadId
    seq: int
    id: MessageId
    at: int
    body: bytes


def sealed(courier: Courier, account: AccountId, thread: ThreadId, id_: MessageId, text: str, now: int) -> bytes:
    """The body of a text that waits for an account."""
    return courier.seal(text, now, *_place(account, thread, id_))


async def keep(tx: Transaction, waiting: Iterable[SealedText]) -> None:
    """Keep texts, in the transaction of their messages."""
    await tx.run_rows(
        "insert into letter_texts (account, thread, seq, id, at, body) values :rows"
        " on conflict (account, thread, seq) do nothing",
        [(one.account.bytes, one.thread.bytes, one.seq, one.id.bytes, one.at, one.body) for one in waiting],
    )


async def unread(reader: Reader, courier: Courier, account: AccountId, told: Mapping[ThreadId, int], now: int) -> list[str]:
    """The texts up to these numbers that their reader has not read yet, in the order in which they were written.

    Those whose key is gone are left out, and those that have waited for more than a day.
    """
    found = await reader.rows_in(
        "select w.thread, w.seq, w.id, w.at, w.body from letter_texts w"
        " join participants p on p.thread = w.thread and p.account = w.account and p.read_seq < w.seq"
        " where w.account = :account and w.at > :since and w.thread in :values",
        [thread.bytes for thread in told], account=account.bytes, since=now - KEPT_MS,
    )  # fmt: skip
    waiting = [one for one in rows.sound("letter_texts", found, partial(_sealed_text, account)) if one.seq <= told[one.thread]]
    opened = [courier.open(one.body, now, *_place(account, one.thread, one.id)) for one in sorted(waiting, key=_order)]
    return [text for text in opened if text is not None]


def _sealed_text(account: AccountId, row: Row) -> SealedText:
    thread, id_ = rows.thread_id(row, "thread"), MessageId(rows.uuid(row, "id"))
    return SealedText(account, thread, rows.number(row, "seq"), id_, rows.time(row, "at"), rows.blob(row, "body"))


def _order(one: SealedText) -> tuple[int, bytes, int]:
    return one.at, one.thread.bytes, one.seq


async def count_unread(reader: Reader, account: AccountId, told: Mapping[ThreadId, int]) -> int:
    """How many messages up to these numbers an account has not read, whether or not their texts wait."""
    found = await reader.rows_in(
        "select thread, read_seq from participants where account = :account and thread in :values",
        [thread.bytes for thread in told], account=account.bytes,
    )  # fmt: skip
    return sum(max(0, told[rows.thread_id(row, "thread")] - rows.number(row, "read_seq")) for row in found)


async def forget(tx: Transaction, account: AccountId, told: Mapping[ThreadId, int]) -> None:
    """Remove an account's texts up to these numbers: their letter was sent."""
    await tx.run_many(
        "delete from letter_texts where account = :account and thread = :thread and seq <= :seq",
        [{"account": account.bytes, "thread": thread.bytes, "seq": seq} for thread, seq in told.items()],
    )


async def forget_expired(tx: Transaction, now: int) -> None:
    """Remove what has waited for a day, and what was read."""
    await tx.run(
        "delete from letter_texts where at <= :before or at > :now or exists (select 1 from participants p"
        " where p.thread = letter_texts.thread and p.account = letter_texts.account and p.read_seq >= letter_texts.seq)",
        before=now - KEPT_MS, now=now + KEPT_MS,
    )  # fmt: skip


async def any_waits(reader: Reader) -> bool:
    """Whether a text waits at all."""
    return await reader.row("select 1 from letter_texts limit 1") is not None


async def forget_all(tx: Transaction) -> None:
    """Remove every text: a process that starts has no key for any."""
    await tx.run("delete from letter_texts")


def _place(account: AccountId, thread: ThreadId, id_: MessageId) -> tuple[Part, ...]:
    return (account, thread, id_)


FAMILY = Family(
    tables=(
        Table(
            "letter_texts",
            ("account", "thread", "seq"),
            {"account": ID, "thread": ID, "seq": NUMBER, "id": ID, "at": TIME},
            (OF_ACCOUNT, OF_THREAD),
            covered=("body",),
        ),
    ),
    faults={
        "texts that wait for a letter longer than a day": "select count(*) as count from letter_texts"
        " where at <= :now - 108000000",
    },
)
