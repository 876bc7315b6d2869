"""What programmes tell the rules: that somebody has come to the end of one."""

from collections.abc import Mapping, Sequence

from storage.encouragements.elsewhere import Elsewhere
from storage.encouragements.rules import Event
from storage.engine.database import Reader
from storage.ids import AccountId
from storage.programmes import enrolments

__all__ = ["finished"]


async def finished(reader: Reader, accounts: Sequence[AccountId]) -> Mapping[AccountId, Elsewhere]:
    """The programmes that each of these members has come to the end of; each round is an event of its own."""
    ends = await enrolments.ends_of(reader, accounts)
    return {
        account: Elsewhere(finished=tuple(Event(f"{one.programme}/{one.round}", one.at) for one in found))
        for account, found in ends.items()
    }
