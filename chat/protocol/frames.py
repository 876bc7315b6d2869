"""The wire format: every frame and JSON shape as a typed struct. No I/O here. See docs/protocol.md."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import msgspec

from storage.engine.rows import LAST_TIME
from storage.ids import AccountId, MessageId, ThreadId

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
    """Post a message. Answered by `sent` or `error` with the same id; idempotent."""

    id: MessageId
    thread: ThreadId
    text: str


class Read(msgspec.Struct, frozen=True, tag="read"):
    """Mark a thread as read up to a sequence number."""

    thread: ThreadId
    seq: Seq


class Typing(msgspec.Struct, frozen=True, tag="typing"):
    """Tell the other participants that this one is typing."""

    thread: ThreadId


class Resume(msgspec.Struct, frozen=True):
    """Request what followed in each named thread; ``after`` maps the 16 bytes of a thread's id to a sequence number.

    Not the UUID itself: its hash is its integer value modulo 2^61 - 1, so a client that chooses the ids could make them all
    collide. The hash of bytes is keyed per process.
    """

    after: dict[bytes, int]


class _ResumeFrame(msgspec.Struct, frozen=True, tag="resume"):
    """`resume` on the wire. For the same reason, its ids stay text until they are converted one by one."""

    threads: Annotated[dict[str, Seq], msgspec.Meta(max_length=MOST_RESUMED)]


ClientFrame = Send | Read | Typing | Resume


class Message(msgspec.Struct, frozen=True, tag="message"):
    """A message, the same for every reader. If its row was tampered with, ``kind`` is `broken` and the text is empty."""

    id: MessageId
    thread: ThreadId
    seq: int
    author: AccountId
    kind: str
    at: datetime
    text: str


class Limits(msgspec.Struct, frozen=True):
    """The longest text, in code points, and the largest frame, in bytes."""

    text: int = LONGEST_TEXT
    frame: int = LARGEST_FRAME


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """The first frame that the server sends on a connection."""

    account: AccountId
    protocol: str = PROTOCOL
    limits: Limits = Limits()


class Sent(msgspec.Struct, frozen=True, tag="sent"):
    """A message has been written to disk."""

    id: MessageId
    thread: ThreadId
    seq: int
    at: datetime


class Participants(msgspec.Struct, frozen=True, tag="participants"):
    """The participants of a thread have changed."""

    thread: ThreadId
    participants: list["Participant"]


class ReadMark(msgspec.Struct, frozen=True, tag="read"):
    """A participant has read up to a sequence number."""

    thread: ThreadId
    account: AccountId
    seq: int


class Types(msgspec.Struct, frozen=True, tag="typing"):
    """A participant is typing."""

    thread: ThreadId
    account: AccountId


class Presence(msgspec.Struct, frozen=True, tag="presence"):
    """An account has come online or gone offline."""

    account: AccountId
    online: bool


class AboutChanged(msgspec.Struct, frozen=True, tag="about"):
    """The details of a thread have changed; ``thread`` is null if those of any may have."""

    thread: ThreadId | None


class MailsChanged(msgspec.Struct, frozen=True, tag="mails"):
    """Other mails than before wait for one's word in a thread."""

    thread: ThreadId


class Resumed(msgspec.Struct, frozen=True, tag="resumed"):
    """Everything requested by `resume` has been sent; ``threads`` gives the last sequence number sent in each."""

    threads: dict[ThreadId, int]


class Error(msgspec.Struct, frozen=True, tag="error", omit_defaults=True):
    """A frame was refused."""

    code: str
    message: str
    id: UUID | None = None


class Participant(msgspec.Struct, frozen=True):
    """A participant, as the others see them. ``initial`` (of the last name) is shown to staff only."""

    id: AccountId
    role: str
    first_name: str
    initial: str | None
    read_seq: int
    online: bool


class NotUnderstood(Exception):
    """A frame that is not part of the protocol; ``id`` is set if one could be read from it."""

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
    """Decode a frame from the client. Raises NotUnderstood, which contains none of its text."""
    try:
        frame = _frame_decoder.decode(text)
        return _resume(frame) if isinstance(frame, _ResumeFrame) else frame
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise NotUnderstood(id_in(text)) from None


def _resume(frame: _ResumeFrame) -> Resume:
    """Convert the ids of `resume`. Raises msgspec.ValidationError if one is not a UUID."""
    ids = msgspec.convert(list(frame.threads), list[UUID])
    return Resume({id_.bytes: seq for id_, seq in zip(ids, frame.threads.values(), strict=True)})


def id_in(text: str) -> UUID | None:
    """The id of a frame that is not processed, if one can be read from it."""
    try:
        return _id_decoder.decode(text).id
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def encode(value: Any) -> bytes:
    """A frame or a JSON answer as UTF-8."""
    return _encoder.encode(value)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(ms: int) -> datetime:
    """A time in ms since 1970, as sent on the wire (RFC 3339 in UTC), clamped to what ``datetime`` can represent."""
    return _EPOCH + timedelta(milliseconds=min(max(ms, 0), LAST_TIME - 1))
