"""What is due to a member now, and whether what was chosen earlier still is. No input or output here.

One thing a day at most, where the member lives; each cause once; nothing while somebody waits for an answer: answer first.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import tzinfo
from uuid import UUID

from storage.encouragements.days import day_of
from storage.encouragements.rules import BY_NAME, MOST_REMINDERS, RULES, Event, Facts, Rule, Talk
from storage.ids import ThreadId

ANSWERED, TOO_LATE = "answered", "too late"
FOR_GOOD = frozenset({ANSWERED, TOO_LATE})


@dataclass(frozen=True)
class Given:
    """What a rule gave a member earlier. ``went_at`` is when it reached them, in ms since 1970; None if it has not.

    ``is_waiting`` is whether it may still do so; ``suggestion`` is its id while it waits for a companion.
    """

    rule: str
    cause: str
    made_at: int
    went_at: int | None = None
    is_waiting: bool = False
    suggestion: UUID | None = None


@dataclass(frozen=True)
class Member:
    """What there is to know of a member. ``last_word`` is theirs in any conversation, in ms since 1970.

    ``waits`` is whether they wait for an answer in one of them. ``talks`` are the open ones with a companion.
    """

    zone: tzinfo
    talks: tuple[Talk, ...] = ()
    last_word: int | None = None
    waits: bool = False
    given: tuple[Given, ...] = ()
    finished: tuple[Event, ...] = ()
    unused: tuple[Event, ...] = ()

    def has_answered(self, since: int) -> bool:
        """Whether they have written after ``since``, in ms since 1970."""
        return self.last_word is not None and self.last_word > since

    def had_one_today(self, now: int) -> bool:
        """Whether something has reached them on this day, where they live."""
        today = day_of(now, self.zone)
        return any(one.went_at is not None and day_of(one.went_at, self.zone) == today for one in self.given)

    @property
    def reminders_unanswered(self) -> int:
        """How many reminders they got, or are about to, since they last wrote."""
        reminders = [one for one in self.given if one.rule in BY_NAME and BY_NAME[one.rule].is_automatic]
        return sum(not self.has_answered(one.made_at) for one in reminders if one.is_waiting or one.went_at is not None)


@dataclass(frozen=True)
class Due:
    """What a member may get now, and in which conversation."""

    rule: Rule
    cause: Event
    thread: ThreadId


def choose(member: Member, now: int, off: Collection[str] = ()) -> Due | None:
    """What is due to a member at ``now`` (ms since 1970), if anything; ``off`` are the rules that are switched off."""
    if member.waits or member.had_one_today(now) or any(one.is_waiting for one in member.given):
        return None
    taken = {(one.rule, one.cause) for one in member.given}
    for due in _due(member, now):
        rests = due.rule.is_automatic and member.reminders_unanswered >= MOST_REMINDERS
        if due.rule.name not in off and (due.rule.name, due.cause.name) not in taken and not rests:
            return due
    return None


def _due(member: Member, now: int) -> Iterator[Due]:
    """Whatever the rules say of today, the first of them first; not what the member has answered."""
    for rule in RULES:
        for talk in member.talks:
            for cause in rule.causes(Facts(talk, member.finished, member.unused)):
                first = cause.at + rule.after
                if first <= now < first + rule.worth and not member.has_answered(cause.at):
                    yield Due(rule, cause, talk.thread)


def why_not(member: Member, rule: Rule, thread: ThreadId, since: int, now: int) -> str | None:
    """Why a suggestion, made for something of ``since``, may not be sent at ``now``; None if it may. Times in ms since 1970."""
    if member.has_answered(since):
        return ANSWERED
    if member.waits:
        return "somebody waits for an answer"
    if thread not in {talk.thread for talk in member.talks}:
        return "the conversation is closed"
    if now >= since + rule.after + rule.worth:
        return TOO_LATE
    return "there was one today" if member.had_one_today(now) else None
