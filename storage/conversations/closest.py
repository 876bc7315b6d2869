"""Which of a member's conversations something goes to that belongs to none: an answer to a lesson, for instance."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from storage.accounts import accounts
from storage.accounts.accounts import Account, Role, Status
from storage.conversations import rosters
from storage.crypto.epochs import Roster
from storage.crypto.guarding import Guard
from storage.engine.database import Reader
from storage.ids import AccountId

# Who is written to, if there is one of each.
CLOSEST = (Role.COMPANION, Role.PROFESSIONAL)


@dataclass(frozen=True, repr=False)
class Closest:
    """The conversation's latest roster, whom of it is written to, and all who take part in any of the member's."""

    roster: Roster
    one: Account
    people: Mapping[AccountId, Account]


async def closest(reader: Reader, guard: Guard, member: AccountId) -> Closest | None:
    """The conversation with a companion that was opened last, else with a Professional; None if there is nobody."""
    found = await rosters.seated(reader, guard, member)
    people = await accounts.named(reader, guard, {one for roster in found for one in roster.accounts()})
    return _closest(member, found, people)


def _closest(member: AccountId, found: Iterable[Roster], people: Mapping[AccountId, Account]) -> Closest | None:
    ranked = [
        (CLOSEST.index(one.role), -seat.joined_at, Closest(roster, one, people))  # members take part from the beginning, and stay
        for roster in found
        if (seat := roster.seat_of(member))
        for one in map(people.get, roster.accounts())
        if one and one.role in CLOSEST and one.status is Status.ACTIVE
    ]
    return min(ranked, key=lambda entry: entry[:2])[2] if ranked else None
