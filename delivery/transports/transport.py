"""What takes letters away, the four possible outcomes, and those of a push."""

from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["Gone", "Later", "Message", "Outcome", "PushLater", "PushOutcome", "Rejected", "Sent", "Transport", "Unanswered"]


class Message(Protocol):
    """A letter to be taken away, such as ``letters.writing.Written`` or an ``EmailMessage``."""

    def __getitem__(self, name: str, /) -> Any:
        """A header."""
        ...

    def as_bytes(self) -> bytes:
        """The whole letter, with CRLF at the end of each line."""
        ...


@dataclass(frozen=True)
class Sent:
    """The other side has accepted it."""


@dataclass(frozen=True)
class Later:
    """Not now. ``for_all``: no letter could have been sent, so it says nothing about this one."""

    reason: str
    for_all: bool = False


@dataclass(frozen=True)
class Rejected:
    """Never. ``status`` is the enhanced status code (RFC 3463) that came with it, if any, such as 5.1.1."""

    reason: str
    status: str | None = None


@dataclass(frozen=True)
class Unanswered:
    """The other side has all of it, but did not say in time whether it accepted it. Sending it again would send it twice."""

    reason: str


@dataclass(frozen=True)
class Gone:
    """The subscription has ended: its browser takes nothing any more."""


@dataclass(frozen=True)
class PushLater:
    """Not now; not before ``seconds`` have passed, if the push service says so."""

    reason: str
    seconds: int = 0


Outcome = Sent | Later | Rejected | Unanswered
"""Reasons contain a code or words of ours, never an address or what the other side said."""
PushOutcome = Sent | Gone | PushLater | Rejected
"""The same of a push."""


class Transport(Protocol):
    """Takes letters away. Knows nothing about retries."""

    async def send(self, message: Message, recipient: str, /, sender: str | None = None) -> Outcome:
        """Send one letter to one address. Reports of what becomes of it go to ``sender``, or to the usual one.

        If it is cancelled while the other side has all of the letter but has not answered yet, it returns Unanswered.
        """
        ...

    async def close(self) -> None:
        """Close what is kept open between letters; the next ``send`` opens it again."""
        ...
