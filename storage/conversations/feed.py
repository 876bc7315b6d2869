"""What was committed, told to whoever subscribed: group by group, in order, before the senders hear of it.

A subscriber gets a hint, not the messages: whoever shows them reads on by number, as after a gap.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")
OutcomeT = TypeVar("OutcomeT")

log = logging.getLogger("ailo.storage")


@dataclass(frozen=True, slots=True)
class Group(Generic[ItemT, OutcomeT]):
    """Items that were committed together, or were not, each with its outcome; and the seconds that it took."""

    items: Sequence[ItemT]
    outcomes: Sequence[OutcomeT]
    seconds: float


class Feed(Generic[ItemT, OutcomeT]):
    """Tells of each group. A subscriber that fails is logged, and keeps nothing from the others."""

    def __init__(self) -> None:
        self._subscribers: list[Callable[[Group[ItemT, OutcomeT]], None]] = []

    def subscribe(self, subscriber: Callable[[Group[ItemT, OutcomeT]], None]) -> None:
        """Have a function called with each group from now on. It must not wait."""
        self._subscribers.append(subscriber)

    def tell(self, group: Group[ItemT, OutcomeT]) -> None:
        """Call every subscriber, the first to come first."""
        for subscriber in self._subscribers:
            try:
                subscriber(group)
            except Exception as error:  # noqa: BLE001 (nobody's fault keeps senders waiting for ever)
                log.error("a subscriber failed: %s", type(error).__name__)
