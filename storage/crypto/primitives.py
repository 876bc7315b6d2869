"""The only module that touches libsodium: five operations, no options.

Everything else names a purpose. XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha), keyed BLAKE2b (RFC 7693),
X25519 (RFC 7748) through crypto_box, Argon2id (RFC 9106), and the system's random numbers.
"""

import hmac
import struct
import threading
from hashlib import blake2b
from uuid import UUID

from nacl import bindings
from nacl.exceptions import CryptoError
from nacl.pwhash import argon2id as libsodium_argon2id
from nacl.utils import random as random_bytes

from storage.errors import Damaged, WrongKey

__all__ = [
    "KEY_BYTES",
    "argon2id",
    "canonical",
    "decrypt",
    "encrypt",
    "equal",
    "key_id",
    "keyed_hash",
    "parts_of",
    "public_key_of",
    "random_bytes",
    "shared_key",
]

KEY_BYTES = 32
KEY_ID_BYTES = 8
NONCE_BYTES = bindings.crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
TAG_BYTES = bindings.crypto_aead_xchacha20poly1305_ietf_ABYTES
VERSION = b"\x01"
HEADER_BYTES = 1 + KEY_ID_BYTES + NONCE_BYTES

Part = bytes | str | int | UUID


def canonical(purpose: bytes, *parts: Part) -> bytes:
    """Encode a purpose and its parts so that no two different lists give the same bytes.

    The purpose (which ends with its version) and each part are written as a 4-byte big-endian length and the bytes;
    a UUID is its 16 bytes, an integer 8 big-endian bytes, a text its UTF-8. Raises Damaged on anything else: parts come
    from rows, and whoever can write to the database may put anything there.
    """
    encoded = [struct.pack(">I", len(purpose)), purpose]
    for part in parts:
        raw = _bytes_of(part)
        encoded += (struct.pack(">I", len(raw)), raw)
    return b"".join(encoded)


def parts_of(raw: bytes) -> list[bytes]:
    """The purpose and the parts of what ``canonical`` encoded. Raises ValueError when it did not."""
    parts, at = [], 0
    while at < len(raw):
        size = int.from_bytes(raw[at : at + 4], "big")
        at += 4 + size
        if at > len(raw):
            raise ValueError("a part is truncated")
        parts.append(raw[at - size : at])
    return parts


def _bytes_of(part: Part) -> bytes:
    if isinstance(part, bytes):
        return part
    if isinstance(part, UUID):
        return part.bytes
    if isinstance(part, str):
        return part.encode()
    if not isinstance(part, int) or not 0 <= part < 2**64:
        raise Damaged("a row contains something that the service never writes there")
    return part.to_bytes(8, "big")


def keyed_hash(key: bytes, person: bytes, message: bytes = b"", size: int = 32) -> bytes:
    """BLAKE2b of ``message`` under ``key`` (0 to 64 bytes) with ``person`` (at most 16 bytes): one person per purpose."""
    # The standard library's: the same function (RFC 7693) at a fifth of the cost of libsodium's through PyNaCl.
    return blake2b(message, digest_size=size, key=key, person=person).digest()


def key_id(key: bytes) -> bytes:
    """The 8 bytes by which a value names the key that encrypted it. They reveal nothing about the key."""
    return keyed_hash(key, b"ailo.key-id.1", size=KEY_ID_BYTES)


class _Nonces(threading.local):
    """Random nonces, fetched from the system many at a time: a call for each would cost more than the encryption.

    Each thread has its own. (A process that forks would need to start afresh; this one does not fork.)
    """

    AT_ONCE = 256

    def __init__(self) -> None:
        self._fetched = b""
        self._at = 0

    def next(self) -> bytes:
        """A nonce that was never returned before."""
        if self._at == len(self._fetched):
            self._fetched, self._at = random_bytes(NONCE_BYTES * self.AT_ONCE), 0
        self._at += NONCE_BYTES
        return self._fetched[self._at - NONCE_BYTES : self._at]


_nonces = _Nonces()


def encrypt(key: bytes, plaintext: bytes, place: bytes) -> bytes:
    """Encrypt for one place only: version · key id · nonce · ciphertext, with ``place`` as the associated data.

    The nonce is random: 192 bits make a repeat impossible in practice, and no counter has to survive a crash.
    """
    return encrypt_named(key, key_id(key), plaintext, place)


def encrypt_named(key: bytes, name: bytes, plaintext: bytes, place: bytes) -> bytes:
    """As ``encrypt``, for a caller that stores the key's id next to the key (used for messages)."""
    nonce = _nonces.next()
    sealed = bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(plaintext, place, nonce, key)
    return VERSION + name + nonce + sealed


def decrypt(key: bytes, value: bytes, place: bytes) -> bytes:
    """Decrypt what ``encrypt`` made under this key for this place.

    Raises WrongKey when the value names another key, Damaged when it is truncated, altered or from another place.
    """
    name = key_name_of(value)
    if name != key_id(key):
        raise WrongKey("the value was encrypted under another key")
    return decrypt_named(key, value, place)


def key_name_of(value: bytes) -> bytes:
    """The id of the key under which a value was encrypted. Raises Damaged when it is not such a value."""
    if not isinstance(value, bytes) or len(value) < HEADER_BYTES + TAG_BYTES or value[:1] != VERSION:
        raise Damaged("the value is truncated or of an unknown version")
    return value[1 : 1 + KEY_ID_BYTES]


def decrypt_named(key: bytes, value: bytes, place: bytes) -> bytes:
    """As ``decrypt``, for a caller that has already compared the key's id. Raises Damaged."""
    try:
        return bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(
            value[HEADER_BYTES:], place, value[1 + KEY_ID_BYTES : HEADER_BYTES], key
        )
    except CryptoError:
        raise Damaged("the value was altered or belongs to another place") from None


def public_key_of(private_key: bytes) -> bytes:
    """The X25519 public key for a private key; both 32 bytes."""
    return bindings.crypto_scalarmult_base(private_key)


def shared_key(private_key: bytes, public_key: bytes) -> bytes:
    """The key that the two ends share (crypto_box: HSalsa20 over X25519). Raises Damaged for a degenerate public key."""
    try:
        return bindings.crypto_box_beforenm(public_key, private_key)
    except CryptoError:
        raise Damaged("a public key is not a valid point") from None


def argon2id(password: bytes, salt: bytes, *, passes: int, memory: int, size: int = 64) -> bytes:
    """Argon2id (RFC 9106), one lane. ``memory`` in bytes, ``salt`` 16 bytes. Slow on purpose: call it in a thread.

    Raises MemoryError when that much memory is not available.
    """
    try:
        return libsodium_argon2id.kdf(size, password, salt, opslimit=passes, memlimit=memory)
    except CryptoError:  # the only way in which it fails with parameters that it accepts
        raise MemoryError from None


def equal(one: bytes, other: bytes) -> bool:
    """Compare without revealing, by the time taken, where they differ."""
    return hmac.compare_digest(one, other)
