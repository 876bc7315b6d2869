"""Sealed messages: only those who hold the epoch's secret can read them.

The text is padded so that its length reveals little, and encrypted for one place: a ciphertext moved to another thread,
epoch, id, author or kind does not open. ``link`` chains the rows of a thread, so that a row that was removed, inserted,
swapped or re-dated is detected.
"""

import struct
from typing import Protocol

from msgspec import Struct

from storage.crypto.epochs import MessageKey
from storage.crypto.primitives import (
    KEY_BYTES,
    VERSION,
    canonical,
    decrypt,
    decrypt_named,
    encrypt,
    encrypt_named,
    equal,
    key_name_of,
    keyed_hash,
    parts_of,
    public_key_of,
    random_bytes,
    shared_key,
)
from storage.errors import Damaged, WrongKey
from storage.ids import AccountId, MessageId, ThreadId

PADDING_STEP = 256

# What ``canonical`` would produce for a message's place and for what its link covers, in one step instead of one per part:
# both are computed for every message that is written, and again for every one that is read.
_PLACE = struct.Struct(">I14sI16sIQI16sI16sI")
_LINKED_HEAD = struct.Struct(">I11sI")
_LINKED = struct.Struct(">IQIQI16sI16sI")
_LINKED_TAIL = struct.Struct(">IQI32s")


class _Named(Protocol):
    @property
    def epoch(self) -> int: ...

    @property
    def id(self) -> MessageId: ...

    @property
    def author(self) -> AccountId: ...

    @property
    def kind(self) -> str: ...


class Placed(_Named, Protocol):
    """Anything with a place: a ``Place``; also a message's row, so that no further object is created for each one read."""

    @property
    def thread(self) -> ThreadId: ...


class Linked(_Named, Protocol):
    """What a link covers of one message: a ``Fact``; also a message's row, as above."""

    @property
    def seq(self) -> int: ...

    @property
    def at(self) -> int: ...

    @property
    def body(self) -> bytes: ...


class Place(Struct, frozen=True, gc=False):
    """Where a message belongs."""

    thread: ThreadId
    epoch: int
    id: MessageId
    author: AccountId
    kind: str

    def encoded(self) -> bytes:
        """As ``encoded_place``."""
        return encoded_place(self)


def encoded_place(it: Placed) -> bytes:
    """canonical("ailo.message.1", thread, epoch, id, author, kind). Raises Damaged when a row has anything else there."""
    try:
        kind = it.kind.encode()
        thread, id_, author = it.thread.bytes, it.id.bytes, it.author.bytes
        return _PLACE.pack(14, b"ailo.message.1", 16, thread, 8, it.epoch, 16, id_, 16, author, len(kind)) + kind
    except struct.error:
        raise Damaged("a row contains something that the service never writes there") from None


def seal(key: MessageKey, text: str, place: Place) -> bytes:
    """Encrypt a text for its place: version · key id · nonce · ciphertext of the padded text."""
    return encrypt_named(key.key, key.id, padded(text.encode()), place.encoded())


def unseal(key: MessageKey, body: bytes, place: Placed) -> str:
    """Decrypt a message. Raises WrongKey when it is of another epoch, Damaged when it is not as it was written."""
    if key_name_of(body) != key.id:
        raise WrongKey("the message was sealed under another key")
    return unpadded(decrypt_named(key.key, body, encoded_place(place))).decode()


def seal_to_epoch(epoch_key: bytes, text: str, place: Place) -> bytes:
    """Encrypt for whoever holds the secret of the epoch with this public key: an ephemeral public key, then the value.

    The ephemeral private key is discarded at once: not even the service can open it again.
    """
    private_key = random_bytes(KEY_BYTES)
    public_key = public_key_of(private_key)
    inside = canonical(b"ailo.service.1", place.kind, place.author, text)
    return public_key + encrypt(shared_key(private_key, epoch_key), padded(inside), _service_place(public_key, place))


def unseal_from_service(epoch_private_key: bytes, sealed: bytes, place: Placed) -> str:
    """Decrypt what ``seal_to_epoch`` made. Raises CannotOpen when it was not made for this epoch and place."""
    public_key, value = sealed[:KEY_BYTES], sealed[KEY_BYTES:]
    if len(public_key) != KEY_BYTES:
        raise Damaged("a service message is truncated")
    inside = unpadded(decrypt(shared_key(epoch_private_key, public_key), value, _service_place(public_key, place)))
    purpose, kind, origin, text = parts_of(inside)
    if (purpose, kind, origin) != (b"ailo.service.1", place.kind.encode(), place.author.bytes):
        raise Damaged("a service message does not match its row")
    return text.decode()


def _service_place(public_key: bytes, place: Placed) -> bytes:
    return canonical(b"ailo.to-epoch.1", public_key, encoded_place(place))


def padded(raw: bytes) -> bytes:
    """ISO/IEC 7816-4: a byte 0x80, then zeros up to the next step."""
    size = (len(raw) // PADDING_STEP + 1) * PADDING_STEP
    return (raw + b"\x80").ljust(size, b"\0")


def unpadded(raw: bytes) -> bytes:
    stripped = raw.rstrip(b"\0")
    if not stripped.endswith(b"\x80"):
        raise Damaged("a message has no padding")
    return stripped[:-1]


class Fact(Struct, frozen=True, gc=False):
    """What a link covers of one message row. ``at`` in ms since 1970."""

    seq: int
    at: int
    id: MessageId
    author: AccountId
    kind: str
    epoch: int
    body: bytes


def first_link(thread: ThreadId) -> bytes:
    """What takes the place of a previous link for a thread's message 1."""
    return keyed_hash(b"", b"ailo.thread.1", thread.bytes)


def link(key_name: bytes, key: bytes, previous: bytes, fact: Linked) -> bytes:
    """The link from a message to everything before it: version · key id · 32 bytes."""
    return VERSION + key_name + keyed_hash(key, b"ailo.link.1", _covered(previous, fact))


def _covered(previous: bytes, fact: Linked) -> bytes:
    """canonical("ailo.link.1", previous, seq, at, id, author, kind, epoch, hash of the body). Raises Damaged as a place."""
    try:
        kind = fact.kind.encode()
        return b"".join(
            (
                _LINKED_HEAD.pack(11, b"ailo.link.1", len(previous)),
                previous,
                _LINKED.pack(8, fact.seq, 8, fact.at, 16, fact.id.bytes, 16, fact.author.bytes, len(kind)),
                kind,
                _LINKED_TAIL.pack(8, fact.epoch, 32, keyed_hash(b"", b"ailo.body.1", fact.body)),
            )
        )
    except (struct.error, TypeError):
        raise Damaged("a row contains something that the service never writes there") from None


def is_linked(linking_keys: dict[bytes, bytes], previous: bytes, fact: Linked, found: bytes) -> bool:
    """Whether ``found`` is the link that the service wrote for this message after ``previous``."""
    key = linking_keys.get(found[1:9]) if isinstance(found, bytes) else None
    return key is not None and equal(found, link(found[1:9], key, previous, fact))
