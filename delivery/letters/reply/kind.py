"""A reply is still worth a letter while it is unread, and while no newer announcement has taken its place."""

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from delivery.letters.kinds import Kind, Source
from delivery.letters.texts import forget_texts, texts_of
from storage.engine.database import Reader, Transaction
from storage.ids import AccountId, ThreadId
from storage.mail import unread

__all__ = ["KIND"]


async def _why_not(reader: Reader, account: AccountId, facts: Mapping[str, str]) -> str | None:
    still_tells = await unread.still_tells(reader, ThreadId(UUID(facts["thread"])), account, int(facts["seq"]))
    return None if still_tells else "already read"


async def _read(source: Source, facts: Mapping[str, str]) -> Mapping[str, object]:
    return await texts_of(source, _told(facts))


async def _sent(tx: Transaction, account: AccountId, facts: Mapping[str, str]) -> None:
    await forget_texts(tx, account, _told(facts))


def _told(facts: Mapping[str, str]) -> Mapping[ThreadId, int]:
    return {ThreadId(UUID(facts["thread"])): int(facts["seq"])}


KIND = Kind(
    _why_not,
    is_wanted=lambda wanted: wanted.replies,
    read=_read,
    sent=_sent,
    is_joined=True,
    thread=lambda facts: ThreadId(UUID(facts["thread"])),
    worth=timedelta(days=3),
)
