"""What takes a letter away, and the four ways in which that ends."""

from dataclasses import dataclass
from email.message import EmailMessage
from typing import Protocol

__all__ = ["Later", "Outcome", "Rejected", "Sent", "Transport", "Unanswered"]


@dataclass(frozen=True)
class Sent:
    """The other side has taken it."""


@dataclass(frozen=True)
class Later:
    """Not now. ``for_all``: nobody could have been served, so it says nothing about this letter."""

    reason: str
    for_all: bool = False


@dataclass(frozen=True)
class Rejected:
    """Not ever."""

    reason: str


@dataclass(frozen=True)
class Unanswered:
    """The other side has all of it, and did not say in time whether it took it. To send it again would be to send it twice."""

    reason: str


Outcome = Sent | Later | Rejected | Unanswered
"""Reasons hold a code or a word of ours, never an address or what the other side said."""


class Transport(Protocol):
    """Takes letters away. Knows nothing of when to try again."""

    async def send(self, message: EmailMessage, recipient: str, /) -> Outcome:
        """Send one letter to one address.

        Whoever cancels this while the other side has all of the letter, but has not answered yet, is told Unanswered.
        """
        ...

    async def close(self) -> None:
        """Let go of what is kept open between letters; the next ``send`` opens it again."""
        ...
