"""The five operations: what they return, and everything that they refuse."""

import hashlib
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from hypothesis import given
from hypothesis import strategies as st

from storage.crypto.primitives import (
    HEADER_BYTES,
    KEY_BYTES,
    KEY_ID_BYTES,
    TAG_BYTES,
    Part,
    argon2id,
    canonical,
    decrypt,
    encrypt,
    equal,
    key_id,
    key_name_of,
    keyed_hash,
    public_key_of,
    random_bytes,
    shared_key,
)
from storage.errors import Damaged, WrongKey

KEY, OTHER_KEY = bytes(range(32)), bytes(range(1, 33))
PLACE, OTHER_PLACE = b"here", b"there"

parts = st.lists(st.binary(max_size=6) | st.uuids() | st.integers(0, 2**64 - 1) | st.text(max_size=4), max_size=4)
purposes = st.sampled_from([b"ailo.one.1", b"ailo.one.2", b"ailo.other.1"])


def as_bytes(part: Part) -> bytes:
    """The bytes that a part stands for: parts with the same bytes are the same part."""
    if isinstance(part, UUID):
        return part.bytes
    if isinstance(part, int):
        return part.to_bytes(8, "big")
    return part.encode() if isinstance(part, str) else part


def split(encoded: bytes) -> list[bytes]:
    """Decode the canonical form, from its description alone."""
    found = []
    while encoded:
        size = int.from_bytes(encoded[:4], "big")
        found.append(encoded[4 : 4 + size])
        encoded = encoded[4 + size :]
    return found


@given(purposes, parts)
def test_canonical_bytes_give_back_every_part(purpose: bytes, some: list[Part]) -> None:
    assert split(canonical(purpose, *some)) == [purpose, *map(as_bytes, some)]


@given(purposes, parts, purposes, parts)
def test_two_lists_never_encode_alike(one: bytes, some: list[Part], other: bytes, others: list[Part]) -> None:
    are_same = [one, *map(as_bytes, some)] == [other, *map(as_bytes, others)]
    assert (canonical(one, *some) == canonical(other, *others)) is are_same


@given(st.binary(max_size=20), st.integers(0, 20))
def test_a_cut_moved_between_parts_changes_the_bytes(raw: bytes, at: int) -> None:
    assert canonical(b"p", raw[:at], raw[at:], b"") != canonical(b"p", raw[:at], b"", raw[at:]) or not raw[at:]


@pytest.mark.parametrize("planted", [-1, 2**64, 1.5, None])
def test_what_a_row_cannot_hold_is_damage(planted: Any) -> None:
    with pytest.raises(Damaged):
        canonical(b"p", planted)


@pytest.mark.parametrize("planted", [None, 7, "text", b""])
def test_what_is_no_value_is_damage(planted: Any) -> None:
    with pytest.raises(Damaged):
        decrypt(KEY, planted, PLACE)


@given(st.binary(max_size=300), st.binary(max_size=30))
def test_what_was_encrypted_comes_back(plaintext: bytes, place: bytes) -> None:
    assert decrypt(KEY, encrypt(KEY, plaintext, place), place) == plaintext


@given(st.binary(max_size=40), st.data())
def test_an_altered_byte_never_opens(plaintext: bytes, data: st.DataObject) -> None:
    value = bytearray(encrypt(KEY, plaintext, PLACE))
    at = data.draw(st.integers(0, len(value) - 1))
    value[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(WrongKey if 1 <= at <= KEY_ID_BYTES else Damaged):
        decrypt(KEY, bytes(value), PLACE)


@given(st.binary(max_size=40), st.data())
def test_a_cut_value_never_opens(plaintext: bytes, data: st.DataObject) -> None:
    value = encrypt(KEY, plaintext, PLACE)
    cut = value[: data.draw(st.integers(0, len(value) - 1))]
    with pytest.raises(Damaged):
        decrypt(KEY, cut, PLACE)


@given(st.binary(max_size=40), st.binary(min_size=1, max_size=40))
def test_a_lengthened_value_never_opens(plaintext: bytes, more: bytes) -> None:
    with pytest.raises(Damaged):
        decrypt(KEY, encrypt(KEY, plaintext, PLACE) + more, PLACE)


def test_a_value_does_not_open_elsewhere() -> None:
    with pytest.raises(Damaged):
        decrypt(KEY, encrypt(KEY, b"plain", PLACE), OTHER_PLACE)


def test_another_key_is_told_from_damage() -> None:
    with pytest.raises(WrongKey):
        decrypt(OTHER_KEY, encrypt(KEY, b"plain", PLACE), PLACE)


def test_a_key_that_borrows_anothers_name_opens_nothing() -> None:
    value = encrypt(KEY, b"plain", PLACE)
    renamed = value[:1] + key_id(OTHER_KEY) + value[1 + KEY_ID_BYTES :]
    with pytest.raises(Damaged):
        decrypt(OTHER_KEY, renamed, PLACE)


def test_a_value_is_version_key_id_nonce_ciphertext() -> None:
    value = encrypt(KEY, b"plain", PLACE)
    assert (value[0], key_name_of(value), len(value)) == (1, key_id(KEY), HEADER_BYTES + len(b"plain") + TAG_BYTES)


def test_no_nonce_comes_twice() -> None:
    values = [encrypt(KEY, b"", PLACE) for _ in range(2000)]
    assert len({value[1 + KEY_ID_BYTES : HEADER_BYTES] for value in values}) == len(values)


@given(st.binary(max_size=64), st.binary(max_size=16), st.binary(max_size=60))
def test_the_keyed_hash_is_blake2b(key: bytes, person: bytes, message: bytes) -> None:
    expected = hashlib.blake2b(message, digest_size=32, key=key, person=person).digest()
    assert keyed_hash(key, person, message) == expected


def test_one_key_gives_another_hash_per_purpose() -> None:
    assert keyed_hash(KEY, b"ailo.one.1") != keyed_hash(KEY, b"ailo.two.1")


@pytest.mark.parametrize("point", [bytes(32), b"\x01" + bytes(31), b"short", bytes(33)])
def test_a_degenerate_public_key_is_refused(point: bytes) -> None:
    with pytest.raises(Damaged):
        shared_key(KEY, point)


@pytest.mark.parametrize(("passes", "kib"), [(1, 1024), (2, 64), (3, 256)])
def test_argon2id_is_that_of_another_implementation(passes: int, kib: int) -> None:
    other = Argon2id(salt=b"0" * 16, length=64, iterations=passes, lanes=1, memory_cost=kib)
    assert argon2id(b"password", b"0" * 16, passes=passes, memory=kib * 1024) == other.derive(b"password")


def test_both_ends_share_one_key() -> None:
    one, other = random_bytes(KEY_BYTES), random_bytes(KEY_BYTES)
    point = X25519PrivateKey.from_private_bytes(one).public_key().public_bytes_raw()
    assert public_key_of(one) == point
    assert shared_key(other, point) == shared_key(one, public_key_of(other))


@given(st.binary(max_size=8), st.binary(max_size=8))
def test_equal_is_equality(one: bytes, other: bytes) -> None:
    assert equal(one, other) is (one == other)
    assert equal(one, bytes(one))
