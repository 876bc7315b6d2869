"""What another part of the service tells the rules of members: a module here for each, named in ``facts.SOURCES``."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from storage.encouragements.rules import Event
from storage.engine.database import Reader
from storage.ids import AccountId


@dataclass(frozen=True)
class Elsewhere:
    """What another part of the service knows of a member: what they ``finished``, and what they have left ``unused`` since."""

    finished: tuple[Event, ...] = ()
    unused: tuple[Event, ...] = ()


Source = Callable[[Reader, Sequence[AccountId]], Awaitable[Mapping[AccountId, Elsewhere]]]
