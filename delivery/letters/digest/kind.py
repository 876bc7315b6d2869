"""A digest is worth sending while one of the conversations that it tells of is still unread; it says how many are."""

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from delivery.letters.kinds import Kind
from storage.crypto.guarding import Guard
from storage.engine.database import Reader
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


async def _read(reader: Reader, _: Guard, account: AccountId, facts: Mapping[str, str], __: str) -> Mapping[str, object]:
    return {"count": await unread.still_told(reader, account, told_in(facts))}


KIND = Kind(_why_not, is_wanted=lambda wanted: wanted.replies, read=_read, is_joined=True, worth=timedelta(days=3))
