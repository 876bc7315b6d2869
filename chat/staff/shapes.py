"""The JSON shapes of the staff's tools, as typed structs. No input or output here. See docs/protocol.md."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from chat.protocol.frames import LONGEST_TEXT, Seq


class OwnPractice(msgspec.Struct, frozen=True):
    """How a staff member says that they answer. They say nothing about what is null or left out."""

    reply_within_hours: Annotated[int, msgspec.Meta(ge=1, le=336)] | None = None
    away_until: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    away_words: Annotated[str, msgspec.Meta(max_length=500)] | None = None


class NewNote(msgspec.Struct, frozen=True):
    """A private note about a thread; empty to delete it."""

    text: Annotated[str, msgspec.Meta(max_length=LONGEST_TEXT)]


class CannedReply(msgspec.Struct, frozen=True):
    """A text that a staff member keeps for reuse; ``{fields}`` in it are filled in where it is used."""

    id: UUID
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_TEXT)]


class CannedReplies(msgspec.Struct, frozen=True):
    """All replies of one account; ``version`` counts the changes, so that one tab does not undo what another did."""

    replies: Annotated[list[CannedReply], msgspec.Meta(max_length=100)]
    version: Seq
