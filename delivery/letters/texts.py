"""The texts of replies, as letters show them to members who chose so: whole, in order, as many as fit."""

from collections.abc import Mapping
from html import escape
from itertools import accumulate

from delivery.letters.kinds import Source
from storage.engine.database import Transaction
from storage.ids import AccountId, ThreadId
from storage.mail import texts

__all__ = ["forget_texts", "texts_of"]

# In bytes of HTML, so that Gmail, which cuts a letter at 102 kB, cuts none. A message of 8,000 characters fits.
MOST_BYTES = 48_000


async def texts_of(source: Source, told: Mapping[ThreadId, int]) -> Mapping[str, object]:
    """``texts``: each message as a list of its lines; none unless the recipient chose so and this letter may carry them.

    ``is_cut``: more is unread than is shown.
    """
    if source.courier is None or not source.wanted.texts:
        return {"texts": [], "is_cut": False}
    unread = await texts.unread(source.reader, source.courier, source.account, told, source.now)
    sizes = accumulate(len(escape(one.text).encode()) for one in unread)
    shown = [one.text.split("\n") for one, size in zip(unread, sizes, strict=True) if size <= MOST_BYTES]
    return {"texts": shown, "is_cut": len(shown) < await texts.count_unread(source.reader, source.account, told)}


async def forget_texts(tx: Transaction, account: AccountId, told: Mapping[ThreadId, int]) -> None:
    """Remove the texts that a letter carried: it was sent."""
    await texts.forget(tx, account, told)
