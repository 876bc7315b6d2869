"""Sealed messages: each opens only in its own place; padding; the chain of links."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from storage.crypto.epochs import EpochSecret, MessageKey
from storage.crypto.primitives import HEADER_BYTES, TAG_BYTES, canonical, encrypt_named, keyed_hash
from storage.crypto.sealing import PADDING_STEP, Fact, Place, first_link, is_linked, link, seal, unseal
from storage.errors import CannotOpen, Damaged, WrongKey
from storage.ids import AccountId, MessageId, ThreadId

KEY, OTHER_KEY = EpochSecret(bytes([1]) * 32).message_key(), EpochSecret(bytes([2]) * 32).message_key()
PLACE = Place(ThreadId(UUID(int=10)), 1, MessageId(UUID(int=11)), AccountId(UUID(int=12)), "text")
FACT = Fact(3, 1_795_424_400_000, MessageId(UUID(int=11)), AccountId(UUID(int=12)), "text", 1, b"body")
LINKING, NAME = bytes([5]) * 32, b"rootkey1"
PREVIOUS = first_link(ThreadId(UUID(int=10)))

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=600)


@given(texts)
def test_a_message_comes_back_as_it_was_sent(text: str) -> None:
    assert unseal(KEY, seal(KEY, text, PLACE), PLACE) == text


@given(texts)
def test_a_size_tells_only_the_step(text: str) -> None:
    padded = len(seal(KEY, text, PLACE)) - HEADER_BYTES - TAG_BYTES
    assert padded % PADDING_STEP == 0
    assert 0 < padded - len(text.encode()) <= PADDING_STEP


@pytest.mark.parametrize("text", ["", "\0", "\0\0\x80", "\x80\0", "é" * 127, "a" * 255, "a" * 256, "a" * 257])
def test_what_looks_like_padding_is_kept(text: str) -> None:
    assert unseal(KEY, seal(KEY, text, PLACE), PLACE) == text


@given(texts, texts)
def test_short_texts_have_one_size(one: str, other: str) -> None:
    assert len(seal(KEY, one[:60], PLACE)) == len(seal(KEY, other[:60], PLACE))


@given(st.data())
def test_a_message_that_was_altered_or_cut_never_opens(data: st.DataObject) -> None:
    body = seal(KEY, "Bonjour Claire", PLACE)
    at = data.draw(st.integers(0, len(body) - 1))
    altered = body[:at] + bytes([body[at] ^ data.draw(st.integers(1, 255))]) + body[at + 1 :]
    for spoilt in (altered, body[:at], body + b"\0"):
        with pytest.raises(CannotOpen):
            unseal(KEY, spoilt, PLACE)


@pytest.mark.parametrize("change", [{"thread": uuid4()}, {"epoch": 2}, {"id": uuid4()}, {"author": uuid4()}, {"kind": "lesson"}])
def test_a_moved_message_does_not_open(change: dict[str, Any]) -> None:
    with pytest.raises(Damaged):
        unseal(KEY, seal(KEY, "Bonjour", PLACE), replace(PLACE, **change))


def test_a_message_of_another_epoch_is_told_from_damage() -> None:
    with pytest.raises(WrongKey):
        unseal(OTHER_KEY, seal(KEY, "Bonjour", PLACE), PLACE)


@pytest.mark.parametrize("raw", [b"", bytes(PADDING_STEP), b"Bonjour"])
def test_a_message_without_padding_is_damaged(raw: bytes) -> None:
    with pytest.raises(Damaged, match="padding"):
        unseal(KEY, encrypt_named(KEY.key, KEY.id, raw, PLACE.encoded()), PLACE)


def test_the_keys_name_is_its_hash_not_the_key() -> None:
    assert isinstance(KEY, MessageKey)
    assert KEY.id not in KEY.key


# Values packed in one step match the documented format

numbers = st.integers(0, 2**64 - 1)


@given(st.uuids(), numbers, st.uuids(), st.uuids(), texts)
def test_a_place_is_packed_as_the_format_says(thread: ThreadId, epoch: int, id_: MessageId, author: AccountId, kind: str) -> None:
    packed = Place(thread, epoch, id_, author, kind).encoded()
    assert packed == canonical(b"ailo.message.1", thread, epoch, id_, author, kind)


@given(st.binary(max_size=50), numbers, numbers, st.uuids(), st.uuids(), texts, numbers, st.binary(max_size=50))
def test_a_link_covers_what_the_format_says(
    before: bytes, seq: int, at: int, id_: MessageId, author: AccountId, kind: str, epoch: int, body: bytes
) -> None:
    hashed = keyed_hash(b"", b"ailo.body.1", body)
    covered = canonical(b"ailo.link.1", before, seq, at, id_, author, kind, epoch, hashed)
    made = link(NAME, LINKING, before, Fact(seq, at, id_, author, kind, epoch, body))
    assert made == b"\x01" + NAME + keyed_hash(LINKING, b"ailo.link.1", covered)


@pytest.mark.parametrize("epoch", [-1, 2**64, "1", None, 1.5])
def test_an_epoch_that_is_no_number_is_damaged(epoch: Any) -> None:
    with pytest.raises(Damaged):
        replace(PLACE, epoch=epoch).encoded()
    with pytest.raises(Damaged):
        link(NAME, LINKING, PREVIOUS, replace(FACT, epoch=epoch))


# Links


def linked(previous: bytes = PREVIOUS, fact: Fact = FACT, found: bytes | None = None, name: bytes = NAME) -> bool:
    return is_linked({NAME: LINKING, b"rootkey0": bytes(32)}, previous, fact, found or link(name, LINKING, PREVIOUS, FACT))


def test_a_message_follows_from_the_one_before() -> None:
    assert linked()


@pytest.mark.parametrize(
    "change", [{"seq": 4}, {"at": 0}, {"id": uuid4()}, {"author": uuid4()}, {"kind": "lesson"}, {"body": b"other"}]
)
def test_whatever_is_changed_breaks_the_link(change: dict[str, Any]) -> None:
    assert not linked(fact=replace(FACT, **change))


def test_another_message_before_breaks_the_link() -> None:
    assert not linked(previous=link(NAME, LINKING, PREVIOUS, FACT))


def test_two_threads_begin_differently() -> None:
    assert first_link(ThreadId(UUID(int=1))) != first_link(ThreadId(UUID(int=2)))


@pytest.mark.parametrize("found", [b"x", b"\x01" + NAME, b"\x02" + link(NAME, LINKING, PREVIOUS, FACT)[1:]])
def test_what_is_no_link_is_none(found: bytes) -> None:
    assert not linked(found=found)


def test_a_link_under_a_foreign_key_is_none() -> None:
    assert not linked(name=b"unknown!")
    assert not linked(name=b"rootkey0")
