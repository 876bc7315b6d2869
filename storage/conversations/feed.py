"""What was committed, reported to subscribers: group by group, in order, before the senders are notified.

A subscriber gets a hint, not the messages: to show them, it reads on by number, as after a gap.
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
    """Items committed together, or not committed, each with its outcome; and how many seconds it took."""

    items: Sequence[ItemT]
    outcomes: Sequence[OutcomeT]
    seconds: float


class Feed(Generic[ItemT, OutcomeT]):
    """Notifies of each group. A subscriber that fails is logged, and does not keep the others from being called."""

    def __init__(self) -> None:
        self._subscribers: list[Callable[[Group[ItemT, OutcomeT]], None]] = []

    def subscribe(self, subscriber: Callable[[Group[ItemT, OutcomeT]], None]) -> None:
        """Have a function called with each group from now on. It must not block."""
        self._subscribers.append(subscriber)

    def tell(self, group: Group[ItemT, OutcomeT]) -> None:
        """Call every subscriber, in the order of subscription."""
        for subscriber in self._subscribers:
            try:
                subscriber(group)
            except Exception as error:  # noqa: BLE001 (a faulty subscriber must not keep senders waiting for ever)
                log.error("a subscriber failed: %s", type(error).__name__)
