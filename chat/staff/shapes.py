"""The JSON shapes of what those have who answer, as typed structs. No input or output here. See docs/protocol.md."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from chat.protocol.frames import LONGEST_TEXT, Seq


class OwnPractice(msgspec.Struct, frozen=True):
    """How somebody of the staff answers, as they say it. What is null, or not said, they say nothing about."""

    reply_within_hours: Annotated[int, msgspec.Meta(ge=1, le=336)] | None = None
    away_until: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    away_words: Annotated[str, msgspec.Meta(max_length=500)] | None = None


class NewNote(msgspec.Struct, frozen=True):
    """A private note about a thread; empty to forget it."""

    text: Annotated[str, msgspec.Meta(max_length=LONGEST_TEXT)]


class CannedReply(msgspec.Struct, frozen=True):
    """A text that somebody of the staff keeps at hand; ``{fields}`` in it are filled where it is used."""

    id: UUID
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_TEXT)]


class CannedReplies(msgspec.Struct, frozen=True):
    """All of somebody's; ``version`` counts the changes, so that one tab does not undo what another did."""

    replies: Annotated[list[CannedReply], msgspec.Meta(max_length=100)]
    version: Seq
