"""The JSON shapes of threads, as typed structs. No input or output here. See docs/protocol.md."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from chat.protocol.frames import LONGEST_TEXT, Message, Participant, Seq
from storage.ids import AccountId, MessageId, ThreadId


class PlainMessage(msgspec.Struct, frozen=True):
    """A message as the JSON routes return it: a `message` frame without its type."""

    id: MessageId
    thread: ThreadId
    seq: int
    author: AccountId
    kind: str
    at: datetime
    text: str


class Colleague(msgspec.Struct, frozen=True):
    """A staff member who can be brought into a thread."""

    id: AccountId
    role: str
    first_name: str
    initial: str | None


class AccessSeat(msgspec.Struct, frozen=True):
    """Somebody who can read a thread; ``brought_by`` is null if it was the service."""

    id: AccountId
    role: str
    first_name: str
    since: datetime
    brought_by: AccountId | None
    whole_history: bool


class Recovery(msgspec.Struct, frozen=True):
    """The recovery officer's key, by its fingerprint."""

    fingerprint: str


class AccessList(msgspec.Struct, frozen=True):
    """Who can read a thread, and since when it has been exactly these people."""

    participants: list[AccessSeat]
    recovery: Recovery | None
    since: datetime


class NewParticipant(msgspec.Struct, frozen=True):
    """Whom to bring in, or hand over to."""

    account: AccountId
    history: Literal["from_now", "whole"]


class ThreadEntry(msgspec.Struct, frozen=True):
    """A thread in somebody's list. ``closed_at`` is present only if it is closed."""

    id: ThreadId
    participants: list[Participant]
    last_seq: int
    read_seq: int
    unread: int
    waiting_since: datetime | None
    last: PlainMessage | None
    closed_at: datetime | msgspec.UnsetType = msgspec.UNSET


class AboutPerson(msgspec.Struct, frozen=True):
    """What a participant says about how they answer; ``joined_seq`` is the first number that they may read."""

    id: AccountId
    reply_within_hours: int | None
    away_until: datetime | None
    away_words: str | None
    joined_seq: int


class PastPerson(msgspec.Struct, frozen=True):
    """Somebody who took part in what the reader may read, and no longer does."""

    id: AccountId
    role: str
    first_name: str


class About(msgspec.Struct, frozen=True):
    """What there is to know about a thread besides its messages."""

    closed_at: datetime | None
    waiting_since: datetime | None
    people: list[AboutPerson]
    past: list[PastPerson]


class Closing(msgspec.Struct, frozen=True):
    """How far whoever closes a thread has seen it; null to close it regardless."""

    last_seq: Seq | None = None


class NewMessage(msgspec.Struct, frozen=True):
    """A message to post by HTTP."""

    id: MessageId
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_TEXT)]


def plain(message: Message) -> PlainMessage:
    """A message without its frame's type."""
    return PlainMessage(message.id, message.thread, message.seq, message.author, message.kind, message.at, message.text)
