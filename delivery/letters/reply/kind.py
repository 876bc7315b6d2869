"""A reply is still worth a letter while it is unread, and while no newer announcement has taken its place."""

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from delivery.letters.kinds import Kind
from delivery.letters.texts import forget_texts, only_thread, read_texts
from storage.engine.database import Reader
from storage.ids import AccountId, ThreadId
from storage.mail import unread

__all__ = ["KIND"]


async def _why_not(reader: Reader, account: AccountId, facts: Mapping[str, str]) -> str | None:
    still_tells = await unread.still_tells(reader, ThreadId(UUID(facts["thread"])), account, int(facts["seq"]))
    return None if still_tells else "already read"


KIND = Kind(
    _why_not,
    is_wanted=lambda wanted: wanted.replies,
    read=read_texts,
    sent=forget_texts,
    is_joined=True,
    is_pushed=True,
    answered=only_thread,
    worth=timedelta(days=3),
)
