"""What the people of a run did and saw, in the order in which it happened. Written by `people`, judged by `checker`."""

import time
from dataclasses import dataclass, field
from typing import NamedTuple


class Sent(NamedTuple):
    """Somebody handed a message to the service (again, when it was not answered before)."""

    who: str
    thread: str
    id: str
    text: str
    at: float


class Acknowledged(NamedTuple):
    """The service said that it is on the disk."""

    who: str
    connection: int
    id: str
    seq: int
    at: float


class Received(NamedTuple):
    """A `message` frame came."""

    who: str
    connection: int
    id: str
    seq: int
    author: str
    text: str
    at: float


class Connected(NamedTuple):
    """A connection began, and asked for what followed ``after``."""

    who: str
    connection: int
    after: int
    at: float


Event = Sent | Acknowledged | Received | Connected


class Kept(NamedTuple):
    """A message as a history page shows it at the end."""

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
        """Note what has just happened."""
        self.events.append(event)


def now() -> float:
    """The one clock of all events of a run."""
    return time.monotonic()
