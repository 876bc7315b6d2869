"""The budget: how many letters somebody gets on a day of their own calendar, and which of those that wait come first.

It is counted at the attempt, from what was really sent. An account has one letter in flight at a time, so that nothing is
sent between the count and the letter. What does not fit waits for the next day. While the last places of a day are needed
by more important letters that are due on it, a less important one waits for those.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from delivery.letters.kinds import Kind, kinds
from delivery.wall_time import day_around, zone_named
from storage.accounts.preferences import Letters
from storage.engine.database import Reader
from storage.ids import AccountId
from storage.mail import budget

__all__ = ["Today", "most_for", "today_of"]

SPENT = "the day's letters were sent"
BEHIND = "more important letters come first"
# How long a letter waits for a more important one that is due already.
SOON = timedelta(minutes=1) // timedelta(milliseconds=1)


@dataclass(frozen=True)
class Today:
    """An account's day so far: how many budgeted letters were sent on it, the rank and the time of each that is still due on it,
    and when it ends (ms since 1970).
    """

    sent: int
    due: Sequence[tuple[int, int]]
    ends_at: int

    def room_at(self, kind: Kind, most: int, now: int) -> tuple[int, str] | None:
        """When there may be room for a letter, and why not now; None if there is. ``most`` letters may be sent on this day."""
        if not kind.is_budgeted:
            return None
        if self.sent >= most:
            return self.ends_at, SPENT
        before = [due_at for rank, due_at in self.due if rank < kind.rank]
        if len(before) >= most - self.sent:
            return max(now, *before) + SOON, BEHIND
        return None


def most_for(wanted: Letters, letters_a_day: int) -> int:
    """How many letters a day somebody gets at most: what they chose can only lower the service's number."""
    return letters_a_day if wanted.most_a_day is None else max(1, min(wanted.most_a_day, letters_a_day))


async def today_of(reader: Reader, account: AccountId, time_zone: str, now: int) -> Today:
    """The day so far of an account in this zone."""
    begins_at, ends_at = day_around(now, zone_named(time_zone))
    sent = await budget.sent_by_kind(reader, account, begins_at, ends_at)
    due = await budget.waiting(reader, account, ends_at)
    return Today(
        sum(count for kind, count in sent.items() if _is_budgeted(kind)),
        [(kinds()[kind][0].rank, due_at) for kind, due_at in due if kind in kinds() and _is_budgeted(kind)],
        ends_at,
    )


def _is_budgeted(kind: str) -> bool:
    """Whether letters of a kind count; those of a kind that this program does not know do."""
    return kind not in kinds() or kinds()[kind][0].is_budgeted
