"""An offer is worth a letter while its programme is sent, and while its reader has not begun it."""

from collections.abc import Mapping
from datetime import timedelta

from delivery.letters.kinds import Kind, Source
from storage.engine.database import Reader
from storage.ids import AccountId
from storage.programmes import enrolments, programmes

__all__ = ["KIND"]


async def _why_not(reader: Reader, account: AccountId, facts: Mapping[str, str]) -> str | None:
    if not await programmes.is_sent(reader, facts["programme"]):
        return "no longer offered"
    return "followed meanwhile" if await enrolments.exists(reader, account, facts["programme"]) else None


async def _read(source: Source, facts: Mapping[str, str]) -> Mapping[str, object] | None:
    """Its title and summary in the reader's language. Raises CannotOpen if anything was tampered with."""
    name = facts["programme"]
    programme = await programmes.find(source.reader, source.guard, name)
    if programme is None or not programme.is_sent:
        return None
    plan = await programmes.plan(source.reader, source.guard, name, programme.published)
    chosen = [texts.get(source.locale) or next(iter(texts.values()), "") for texts in (plan.titles, plan.summaries)]
    return {"title": chosen[0], "summary": chosen[1]}


KIND = Kind(
    _why_not,
    is_wanted=lambda wanted: wanted.offers,
    read=_read,
    list_name="offers",
    worth=timedelta(days=7),
    page="programmes",
)
