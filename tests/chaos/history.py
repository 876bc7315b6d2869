"""What the people of a run did and saw, in order. Written by `people`, judged by `checker`."""

import time
from dataclasses import dataclass, field
from typing import NamedTuple


class Sent(NamedTuple):
    """Somebody sent a message to the service (or repeated one that was not answered)."""

    who: str
    thread: str
    id: str
    text: str
    at: float


class Acknowledged(NamedTuple):
    """The service acknowledged that it is on disk."""

    who: str
    connection: int
    id: str
    seq: int
    at: float


class Received(NamedTuple):
    """A `message` frame arrived."""

    who: str
    connection: int
    id: str
    seq: int
    author: str
    text: str
    at: float


class Connected(NamedTuple):
    """A connection began and resumed after the number ``after``."""

    who: str
    connection: int
    after: int
    at: float


Event = Sent | Acknowledged | Received | Connected


class Kept(NamedTuple):
    """A message as the pages of history show it at the end."""

    id: str
    seq: int
    author: str
    kind: str
    text: str


@dataclass
class History:
    """All events of one thread, and what each side is shown at the end. ``people`` maps a name to its account's id."""

    thread: str
    people: dict[str, str]
    events: list[Event] = field(default_factory=list)
    kept: dict[str, list[Kept]] = field(default_factory=dict)

    def add(self, event: Event) -> None:
        """Record what has just happened."""
        self.events.append(event)


def now() -> float:
    """The clock of all events of a run."""
    return time.monotonic()
