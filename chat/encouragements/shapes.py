"""The JSON shapes of encouragements, as typed structs. No input or output here. See docs/protocol.md."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from chat.protocol.frames import LONGEST_TEXT
from storage.ids import ThreadId


class Suggestion(msgspec.Struct, frozen=True):
    """A text that a companion may change and send as their own; ``why`` is what its rule saw, ``since`` when."""

    id: UUID
    thread: ThreadId
    rule: str
    why: str
    since: datetime
    text: str


class Reminded(msgspec.Struct, frozen=True):
    """A reminder that went to a member by itself."""

    thread: ThreadId
    rule: str
    why: str
    at: datetime


class Suggestions(msgspec.Struct, frozen=True):
    """What is suggested to a companion, the oldest first, and the last reminder in each of their threads."""

    suggestions: list[Suggestion]
    reminders: list[Reminded]


class NewWords(msgspec.Struct, frozen=True):
    """The text to send, changed or not."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_TEXT)]


class ShownRule(msgspec.Struct, frozen=True):
    """A rule as those who switch it see it; ``after_hours`` is how long after its cause it is due."""

    name: str
    meaning: str
    text: str
    automatic: bool
    after_hours: int
    on: bool


class Switched(msgspec.Struct, frozen=True):
    """Whether a rule is to be on."""

    on: bool
