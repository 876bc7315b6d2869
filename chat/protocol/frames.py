"""The wire vocabulary: every frame and every JSON shape, as typed structs. No input or output here. See docs/protocol.md."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

from storage.accounts.accounts import Account
from storage.engine.rows import LAST_TIME

PROTOCOL = "ailo.v1"
LONGEST_TEXT = 8_000
LARGEST_FRAME = 128 * 1024
LARGEST_SEQ = 2**53
MOST_RESUMED = 1_000

Seq = Annotated[int, msgspec.Meta(ge=0, le=LARGEST_SEQ)]


class Code(StrEnum):
    """Why something was refused."""

    BAD_FRAME = "bad_frame"
    BAD_REQUEST = "bad_request"
    BUSY = "busy"
    CONFLICT = "conflict"
    FOREIGN_ORIGIN = "foreign_origin"
    NOT_FOUND = "not_found"
    SIGNED_OUT = "signed_out"
    SLOW_DOWN = "slow_down"
    TOO_LONG = "too_long"
    WRONG_CREDENTIALS = "wrong_credentials"
    WRONG_METHOD = "wrong_method"
    FAILED = "failed"
    MOVED_ON = "moved_on"


class Send(msgspec.Struct, frozen=True, tag="send"):
    """Post a message. Answered by `sent` or `error` with the same id; safe to repeat."""

    id: UUID
    thread: UUID
    text: str


class Read(msgspec.Struct, frozen=True, tag="read"):
    """Mark a thread as read up to a number."""

    thread: UUID
    seq: Seq


class Typing(msgspec.Struct, frozen=True, tag="typing"):
    """Tell the others that one types."""

    thread: UUID


class Resume(msgspec.Struct, frozen=True):
    """Ask for what followed in each named thread; ``after`` has the numbers by the 16 bytes of the thread's id.

    Not by UUID: its hash is its number modulo 2^61 - 1, so whoever chooses the ids can make all of them collide. The hash of
    bytes is keyed, per process.
    """

    after: dict[bytes, int]


class _ResumeFrame(msgspec.Struct, frozen=True, tag="resume"):
    """`resume` on the wire. Its ids stay text, for the same reason, until they are read one by one."""

    threads: Annotated[dict[str, Seq], msgspec.Meta(max_length=MOST_RESUMED)]


ClientFrame = Send | Read | Typing | Resume


class Message(msgspec.Struct, frozen=True, tag="message"):
    """A message, the same for every reader. ``kind`` is `broken` (and the text empty) where the row was tampered with."""

    id: UUID
    thread: UUID
    seq: int
    author: UUID
    kind: str
    at: datetime
    text: str


class Limits(msgspec.Struct, frozen=True):
    """The longest text, in code points, and the largest frame, in bytes."""

    text: int = LONGEST_TEXT
    frame: int = LARGEST_FRAME


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """The first frame of a connection."""

    account: UUID
    protocol: str = PROTOCOL
    limits: Limits = Limits()


class Sent(msgspec.Struct, frozen=True, tag="sent"):
    """A message is on the disk."""

    id: UUID
    thread: UUID
    seq: int
    at: datetime


class Participants(msgspec.Struct, frozen=True, tag="participants"):
    """Who takes part in a thread has changed."""

    thread: UUID
    participants: list["Participant"]


class ReadMark(msgspec.Struct, frozen=True, tag="read"):
    """Somebody has read up to a number."""

    thread: UUID
    account: UUID
    seq: int


class Types(msgspec.Struct, frozen=True, tag="typing"):
    """Somebody types."""

    thread: UUID
    account: UUID


class Presence(msgspec.Struct, frozen=True, tag="presence"):
    """Somebody has come or gone."""

    account: UUID
    online: bool


class AboutChanged(msgspec.Struct, frozen=True, tag="about"):
    """What there is to know about a thread has changed; ``thread`` is null where it may be so for any."""

    thread: UUID | None


class Resumed(msgspec.Struct, frozen=True, tag="resumed"):
    """All that was asked for has been sent; up to where, in each thread."""

    threads: dict[UUID, int]


class Error(msgspec.Struct, frozen=True, tag="error", omit_defaults=True):
    """A frame was refused."""

    code: str
    message: str
    id: UUID | None = None


class Participant(msgspec.Struct, frozen=True):
    """Somebody who takes part, as the others see them. ``initial`` of the last name is for staff alone."""

    id: UUID
    role: str
    first_name: str
    initial: str | None
    read_seq: int
    online: bool


class PlainMessage(msgspec.Struct, frozen=True):
    """A message as the JSON routes give it: a `message` frame without its type."""

    id: UUID
    thread: UUID
    seq: int
    author: UUID
    kind: str
    at: datetime
    text: str


class Colleague(msgspec.Struct, frozen=True):
    """Somebody of the staff who can be brought into a thread."""

    id: UUID
    role: str
    first_name: str
    initial: str | None


class AccessSeat(msgspec.Struct, frozen=True):
    """Somebody who can read a thread; ``brought_by`` is null where it was the service."""

    id: UUID
    role: str
    first_name: str
    since: datetime
    brought_by: UUID | None
    whole_history: bool


class Recovery(msgspec.Struct, frozen=True):
    """The recovery officer's key, by its fingerprint."""

    fingerprint: str


class AccessList(msgspec.Struct, frozen=True):
    """Who can read a thread, and since when just these."""

    participants: list[AccessSeat]
    recovery: Recovery | None
    since: datetime


class NewParticipant(msgspec.Struct, frozen=True):
    """Whom to bring in, or to hand over to."""

    account: UUID
    history: Literal["from_now", "whole"]


class ThreadEntry(msgspec.Struct, frozen=True):
    """A thread in somebody's list. ``closed_at`` stands only in one that is closed."""

    id: UUID
    participants: list[Participant]
    last_seq: int
    read_seq: int
    unread: int
    waiting_since: datetime | None
    last: PlainMessage | None
    closed_at: datetime | msgspec.UnsetType = msgspec.UNSET


class Profile(msgspec.Struct, frozen=True):
    """One's own account."""

    id: UUID
    role: str
    first_name: str
    locale: str


class Credentials(msgspec.Struct, frozen=True):
    """What signs in."""

    email: Annotated[str, msgspec.Meta(max_length=400)]
    password: Annotated[str, msgspec.Meta(max_length=1_000)]


class ChangePassword(msgspec.Struct, frozen=True):
    """A change of one's own password."""

    old: Annotated[str, msgspec.Meta(max_length=1_000)]
    new: Annotated[str, msgspec.Meta(max_length=1_000)]
    may_be_known: bool


class Proof(msgspec.Struct, frozen=True):
    """The password once more, before something that matters."""

    password: Annotated[str, msgspec.Meta(max_length=1_000)]


class Recover(msgspec.Struct, frozen=True):
    """A recovery code, and the password to set."""

    email: Annotated[str, msgspec.Meta(max_length=400)]
    code: Annotated[str, msgspec.Meta(max_length=100)]
    password: Annotated[str, msgspec.Meta(max_length=1_000)]


class OwnPractice(msgspec.Struct, frozen=True):
    """How somebody of the staff answers, as they say it. What is null, or not said, they say nothing about."""

    reply_within_hours: Annotated[int, msgspec.Meta(ge=1, le=336)] | None = None
    away_until: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    away_words: Annotated[str, msgspec.Meta(max_length=500)] | None = None


class AboutPerson(msgspec.Struct, frozen=True):
    """What somebody who takes part says of how they answer; ``joined_seq`` is the first number that they may read."""

    id: UUID
    reply_within_hours: int | None
    away_until: datetime | None
    away_words: str | None
    joined_seq: int


class PastPerson(msgspec.Struct, frozen=True):
    """Somebody who took part in what the reader may read, and does no more."""

    id: UUID
    role: str
    first_name: str


class About(msgspec.Struct, frozen=True):
    """What there is to know about a thread beside its messages."""

    closed_at: datetime | None
    waiting_since: datetime | None
    people: list[AboutPerson]
    past: list[PastPerson]


class Closing(msgspec.Struct, frozen=True):
    """Up to where whoever closes a thread has seen it; null to close it whatever there is."""

    last_seq: Seq | None = None


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


class NewMessage(msgspec.Struct, frozen=True):
    """A message to post by HTTP."""

    id: UUID
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_TEXT)]


class NotUnderstood(Exception):
    """A frame that is none of ours; ``id`` where one could be read from it."""

    def __init__(self, id_: UUID | None) -> None:
        super().__init__("not a frame of ours")
        self.id = id_


class _Id(msgspec.Struct):
    id: UUID


_frame_decoder: msgspec.json.Decoder[Send | Read | Typing | _ResumeFrame] = msgspec.json.Decoder(
    Send | Read | Typing | _ResumeFrame
)
_id_decoder = msgspec.json.Decoder(_Id)
_encoder = msgspec.json.Encoder()


def decode(text: str) -> ClientFrame:
    """Read a frame from the browser. Raises NotUnderstood, which holds nothing of its text."""
    try:
        frame = _frame_decoder.decode(text)
        return _resume(frame) if isinstance(frame, _ResumeFrame) else frame
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise NotUnderstood(id_in(text)) from None


def _resume(frame: _ResumeFrame) -> Resume:
    """Raises msgspec.ValidationError for a thread that is no id."""
    ids = msgspec.convert(list(frame.threads), list[UUID])
    return Resume({id_.bytes: seq for id_, seq in zip(ids, frame.threads.values(), strict=True)})


def id_in(text: str) -> UUID | None:
    """The id of a frame that is not acted on, if one can be read from it."""
    try:
        return _id_decoder.decode(text).id
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def encode(value: Any) -> bytes:
    """A frame or a JSON answer as UTF-8."""
    return _encoder.encode(value)


def plain(message: Message) -> PlainMessage:
    """A message without its frame's type."""
    return PlainMessage(message.id, message.thread, message.seq, message.author, message.kind, message.at, message.text)


def profile(account: Account) -> Profile:
    """What somebody is told of their own account."""
    return Profile(account.id, account.role.value, account.first_name, account.locale)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(ms: int) -> datetime:
    """A time in ms since 1970, as it goes on the wire (RFC 3339 in UTC). What no calendar shows is the last that one does."""
    return _EPOCH + timedelta(milliseconds=min(max(ms, 0), LAST_TIME - 1))
