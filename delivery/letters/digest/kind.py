"""A digest is worth sending while one of the conversations that it tells of is still unread; it says how many are."""

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from delivery.letters.kinds import Kind, Source
from delivery.letters.texts import forget_texts, texts_of
from storage.engine.database import Reader, Transaction
from storage.ids import AccountId, ThreadId
from storage.mail import unread

__all__ = ["KIND", "as_fact", "told_in"]


def as_fact(told: Mapping[ThreadId, int]) -> str:
    """How far a digest tells of each thread, as one of its facts."""
    return " ".join(f"{thread}:{seq}" for thread, seq in told.items())


def told_in(facts: Mapping[str, str]) -> dict[ThreadId, int]:
    """How far a digest tells of each thread, or a reply of its own."""
    if "thread" in facts:
        return {ThreadId(UUID(facts["thread"])): int(facts["seq"])}
    pairs = (pair.split(":") for pair in facts["told"].split())
    return {ThreadId(UUID(thread)): int(seq) for thread, seq in pairs}


async def _why_not(reader: Reader, account: AccountId, facts: Mapping[str, str]) -> str | None:
    return None if await unread.still_told(reader, account, told_in(facts)) else "already read"


async def _read(source: Source, facts: Mapping[str, str]) -> Mapping[str, object]:
    told = told_in(facts)
    return {"count": await unread.still_told(source.reader, source.account, told), **await texts_of(source, told)}


async def _sent(tx: Transaction, account: AccountId, facts: Mapping[str, str]) -> None:
    await forget_texts(tx, account, told_in(facts))


def _only_thread(facts: Mapping[str, str]) -> ThreadId | None:
    """The conversation that it tells of, if it is one: an answer to several would go to no one knows which."""
    told = told_in(facts)
    return next(iter(told)) if len(told) == 1 else None


KIND = Kind(
    _why_not,
    is_wanted=lambda wanted: wanted.replies,
    read=_read,
    sent=_sent,
    is_joined=True,
    thread=_only_thread,
    worth=timedelta(days=3),
)
