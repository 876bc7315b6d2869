"""Limits for each destination domain: so many letters a minute, shared fairly among what is sent to it.

A provider takes a sudden wave for an attack, and puts off or refuses the rest. So the letters to one domain are spaced, after
those that may go at once (the generic cell rate algorithm, ITU-T I.371, annex A). Each class of letters (replies, lists, what
is tried again) has an equal share of its domain while others wait there, and all that they leave otherwise: a wave of lessons
holds up no reply, and new letters neither wait behind a backlog nor keep it waiting, as with Postfix's queue manager.

It is kept in memory alone: after a start, each domain may have its few at once again.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field
from uuid import UUID

__all__ = ["AGAIN", "OF_DOMAIN", "DomainLimits"]

OF_DOMAIN = "many letters go to this domain"
# The class of letters that are tried again, whatever their kind.
AGAIN = "again"
MINUTE_MS = 60_000
# As many as in this time may go at once.
AT_ONCE_MS = 5_000
# A letter that was held and has not come back so long after its time was dropped meanwhile.
FORGOTTEN_MS = 60_000
# Domains to which nothing went for a minute are forgotten, once there are more than this.
MOST_REMEMBERED = 1_000


@dataclass
class _Class:
    """The letters of one class to a domain: when its share allows the next, and which wait, until when.

    ``planned`` is the time of the last that began to wait, ``put_off`` of the last that came back and has to wait again.
    """

    due: float = 0.0
    planned: float = 0.0
    put_off: float = 0.0
    waiting: dict[UUID, float] = field(default_factory=dict)

    def forget(self, now: int) -> None:
        """Forget those that do not come back. They wait in the order of their times, more or less."""
        while self.waiting and (first := next(iter(self.waiting.items())))[1] <= now - FORGOTTEN_MS:
            del self.waiting[first[0]]

    def plan(self, letter: UUID, ready: float, step: float, now: int, *, was_held: bool) -> float:
        """Have a letter wait behind those before it; return until when. A clock that was set back makes nobody wait longer."""
        earliest, behind = max(ready, now + 1), len(self.waiting)
        if was_held:
            until = self.put_off = min(max(self.put_off + step, earliest), earliest + step * behind)
        else:
            last = max(self.planned, self.put_off)
            until = self.planned = min(max(last + step, earliest), earliest + step * behind)
        self.waiting[letter] = until
        return until


@dataclass
class _Domain:
    due: float = 0.0
    classes: dict[Hashable, _Class] = field(default_factory=dict)

    def is_busy(self, now: int) -> bool:
        return self.due > now - MINUTE_MS or any(each.waiting for each in self.classes.values())


class DomainLimits:
    """Says of each letter whether it may go now. Times in ms since 1970. ``a_minute`` is the limit; 0 for none."""

    def __init__(self, a_minute: int) -> None:
        self._interval = MINUTE_MS / a_minute if a_minute else 0.0
        self._domains: dict[str, _Domain] = {}

    def hold_until(self, domain: str, letter: UUID, of: Hashable, now: int) -> int | None:
        """None if a letter of class ``of`` may go to a domain now, and then it counts; else when to ask again."""
        if not self._interval:
            return None
        place = self._place(domain, now)
        mine = place.classes.setdefault(of, _Class())
        was_held = mine.waiting.pop(letter, None) is not None
        sharing = 1 + sum(bool(each.waiting) for each in place.classes.values() if each is not mine)
        step = self._interval * sharing
        ready = self._ready(place, mine, step if sharing > 1 else 0.0, now)
        if ready <= now and (was_held or not mine.waiting):
            place.due = max(place.due, now) + self._interval
            mine.due = max(mine.due, now) + step
            return None
        return int(mine.plan(letter, ready, step, now, was_held=was_held)) + 1

    def _ready(self, place: _Domain, mine: _Class, step: float, now: int) -> float:
        """When the next letter may go: by the domain's limit and, with a ``step`` of more than 0, by the share of its class."""
        place.due = min(place.due, now + AT_ONCE_MS + self._interval)  # later only if the clock was set back
        mine.due = min(mine.due, now + AT_ONCE_MS + step) if step else mine.due
        return max(place.due, mine.due if step else 0.0) - AT_ONCE_MS

    def _place(self, domain: str, now: int) -> _Domain:
        if len(self._domains) > MOST_REMEMBERED:
            self._domains = {name: one for name, one in self._domains.items() if one.is_busy(now)}
        place = self._domains.setdefault(domain, _Domain())
        for each in place.classes.values():
            each.forget(now)
        return place
