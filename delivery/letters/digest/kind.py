"""A digest is worth sending while one of the conversations that it tells of is still unread; it says how many are."""

from collections.abc import Mapping
from datetime import timedelta

from delivery.letters.kinds import Kind, Source
from delivery.letters.texts import forget_texts, only_thread, read_texts, told_in
from storage.engine.database import Reader
from storage.ids import AccountId
from storage.mail import unread

__all__ = ["KIND"]


async def _why_not(reader: Reader, account: AccountId, facts: Mapping[str, str]) -> str | None:
    return None if await unread.still_told(reader, account, told_in(facts)) else "already read"


async def _read(source: Source, facts: Mapping[str, str]) -> Mapping[str, object]:
    count = await unread.still_told(source.reader, source.account, told_in(facts))
    return {"count": count, **await read_texts(source, facts)}


KIND = Kind(
    _why_not,
    is_wanted=lambda wanted: wanted.replies,
    read=_read,
    sent=forget_texts,
    is_joined=True,
    is_pushed=True,
    answered=only_thread,
    worth=timedelta(days=3),
)
