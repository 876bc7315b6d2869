"""Why an answer by e-mail was not posted: told at once, as its author believes that it was; once a day for each reason."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum

from delivery.letters.kinds import Kind
from storage.engine.database import Reader
from storage.ids import AccountId

__all__ = ["KIND", "Reason"]


class Reason(StrEnum):
    """Why nothing was posted, or not all."""

    ENDED = "ended"
    """The address has ended, or was revoked."""
    EMPTY = "empty"
    """There is no text of its author's own."""
    ATTACHMENTS = "attachments"
    """Files were attached, which are not taken."""
    GONE = "gone"
    """Its author takes part in the conversation no longer, or there is none."""


async def _why_not(_reader: Reader, _account: AccountId, _facts: Mapping[str, str]) -> str | None:
    return None


def _values(facts: Mapping[str, str]) -> Mapping[str, str]:
    return {"reason": facts["reason"]}


KIND = Kind(_why_not, is_wanted=lambda _: True, values=_values, is_urgent=True, is_budgeted=False, worth=timedelta(days=2))
