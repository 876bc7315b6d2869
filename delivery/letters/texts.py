"""What letters of replies tell of, and the texts, for members who chose so: whole, in order, as many as fit."""

from collections.abc import Mapping
from html import escape
from itertools import accumulate
from uuid import UUID

from delivery.letters.kinds import Answered, Source
from storage.engine.database import Transaction
from storage.ids import AccountId, ThreadId
from storage.mail import texts

__all__ = ["as_fact", "forget_texts", "only_thread", "read_texts", "told_in"]

# In bytes of HTML, so that Gmail, which cuts a letter at 102 kB, cuts none. A message of 8,000 characters fits.
MOST_BYTES = 48_000


def as_fact(told: Mapping[ThreadId, int]) -> str:
    """How far a digest tells of each thread, as one of its facts."""
    return " ".join(f"{thread}:{seq}" for thread, seq in told.items())


def told_in(facts: Mapping[str, str]) -> dict[ThreadId, int]:
    """How far a digest tells of each thread, or a reply of its own."""
    if "thread" in facts:
        return {ThreadId(UUID(facts["thread"])): int(facts["seq"])}
    pairs = (pair.split(":") for pair in facts["told"].split())
    return {ThreadId(UUID(thread)): int(seq) for thread, seq in pairs}


async def only_thread(_source: Source, facts: Mapping[str, str]) -> Answered | None:
    """The conversation that a letter tells of, if it is one: of several, nobody knows which an answer is for."""
    told = told_in(facts)
    return Answered(next(iter(told))) if len(told) == 1 else None


async def read_texts(source: Source, facts: Mapping[str, str]) -> Mapping[str, object]:
    """``texts``: each message as a list of its lines; none unless the recipient chose so and this letter may carry them.

    ``is_cut``: more is unread than is shown.
    """
    told = told_in(facts)
    if source.courier is None or not source.wanted.texts:
        return {"texts": [], "is_cut": False}
    unread = await texts.unread(source.reader, source.courier, source.account, told, source.now)
    sizes = accumulate(len(escape(text).encode()) for text in unread)
    shown = [text.split("\n") for text, size in zip(unread, sizes, strict=True) if size <= MOST_BYTES]
    return {"texts": shown, "is_cut": len(shown) < await texts.count_unread(source.reader, source.account, told)}


async def forget_texts(tx: Transaction, account: AccountId, facts: Mapping[str, str]) -> None:
    """Remove the texts that a letter told of: it was sent."""
    await texts.forget(tx, account, told_in(facts))
