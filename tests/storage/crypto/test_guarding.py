"""Guarded values, proofs and the blind index: what the root keyring opens, and what it does not."""

import unicodedata
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.crypto.guarding import Guard, normalised_address
from storage.crypto.keyring import Keyring, RootKey
from storage.errors import Damaged, WrongKey

OLD, NEW, FOREIGN = (RootKey.derived_from(bytes([number]) * 32) for number in (1, 2, 3))
INDEX = bytes(32)
GUARD = Guard(Keyring(NEW, {OLD.id: OLD, NEW.id: NEW}, INDEX))
BEFORE = Guard(Keyring(OLD, {OLD.id: OLD}, INDEX))
STRANGER = Guard(Keyring(FOREIGN, {FOREIGN.id: FOREIGN}, bytes([1]) * 32))
ROW = uuid4()
PLACE = ("accounts", "email", ROW)


@given(st.binary(max_size=100))
def test_a_guarded_value_comes_back(plaintext: bytes) -> None:
    assert GUARD.unguard(GUARD.guard(plaintext, *PLACE), *PLACE) == plaintext


@pytest.mark.parametrize("place", [("accounts", "first_name", ROW), ("letters", "email", ROW), ("accounts", "email", uuid4())])
def test_a_moved_value_does_not_open(place: tuple[str, str, UUID]) -> None:
    with pytest.raises(Damaged):
        GUARD.unguard(GUARD.guard(b"lea@ailo.test", *PLACE), *place)


def test_an_older_key_still_opens() -> None:
    assert GUARD.unguard(BEFORE.guard(b"plain", *PLACE), *PLACE) == b"plain"
    GUARD.check(BEFORE.authenticate("accounts", ROW), "accounts", ROW)


def test_a_foreign_keyring_is_told_from_damage() -> None:
    with pytest.raises(WrongKey):
        STRANGER.unguard(GUARD.guard(b"plain", *PLACE), *PLACE)
    with pytest.raises(WrongKey):
        STRANGER.check(GUARD.authenticate("accounts", ROW), "accounts", ROW)


@given(st.data())
def test_a_value_that_was_altered_or_cut_never_opens(data: st.DataObject) -> None:
    value = GUARD.guard(b"lea@ailo.test", *PLACE)
    with pytest.raises((Damaged, WrongKey)):
        GUARD.unguard(spoilt(value, data), *PLACE)


@given(st.data())
def test_a_proof_that_was_altered_or_cut_is_refused(data: st.DataObject) -> None:
    proof = GUARD.authenticate("accounts", ROW, "member")
    with pytest.raises((Damaged, WrongKey)):
        GUARD.check(spoilt(proof, data), "accounts", ROW, "member")


def spoilt(value: bytes, data: st.DataObject) -> bytes:
    """A value with one byte altered, cut off at the end, or with bytes appended."""
    at = data.draw(st.integers(0, len(value) - 1))
    altered = value[:at] + bytes([value[at] ^ data.draw(st.integers(1, 255))]) + value[at + 1 :]
    return data.draw(st.sampled_from([altered, value[:at], value + value[: at + 1]]))


@pytest.mark.parametrize("parts", [("accounts", ROW, "administrator"), ("accounts", uuid4(), "member"), ("accounts", ROW)])
def test_a_proof_holds_for_its_parts_alone(parts: tuple[str | UUID, ...]) -> None:
    proof = GUARD.authenticate("accounts", ROW, "member")
    with pytest.raises(Damaged):
        GUARD.check(proof, *parts)


def test_a_proof_is_no_guarded_value() -> None:
    proof = GUARD.authenticate(*PLACE)
    with pytest.raises(Damaged):
        GUARD.unguard(proof, *PLACE)


@pytest.mark.parametrize("typed", ["  LEA@Ailo.Test ", "lea@ailo.test", "Lea@AILO.test\t"])
def test_an_address_is_found_however_it_is_typed(typed: str) -> None:
    assert GUARD.address_index(typed) == GUARD.address_index("lea@ailo.test")


def test_accents_are_one_address_composed_or_not() -> None:
    assert normalised_address("le\u0301a@ailo.test") == normalised_address("L\u00c9A@ailo.test")


@pytest.mark.parametrize(("one", "other"), [
    ("max@faß.example", "max@fass.example"),
    ("maß@ailo.test", "mass@ailo.test"),
    ("ﬁn@ailo.test", "fin@ailo.test"),
    ("ſam@ailo.test", "sam@ailo.test"),
    ("a@βόλος.example", "a@βόλοσ.example"),
])  # fmt: skip
def test_two_mailboxes_are_never_one_address(one: str, other: str) -> None:
    assert one.casefold() == other.casefold() or one == "ﬁn@ailo.test"
    assert GUARD.address_index(one) != GUARD.address_index(other)


@pytest.mark.parametrize(
    "typed", ["LEA@Bücher.Example", "lea@xn--bcher-kva.example", "lea@XN--BCHER-KVA.example", "lea@BÜCHER。example"]
)
def test_a_domain_is_one_however_it_is_spelled(typed: str) -> None:
    assert normalised_address(typed) == "lea@xn--bcher-kva.example"


@pytest.mark.parametrize("domain", ["☃", "xn--zz--", "ü" * 70, "ü." * 200, "\u0301", "a_ü.example", ""])
def test_what_is_no_domain_is_compared_as_it_stands(domain: str) -> None:
    assert normalised_address(f"LEA@{domain.upper()}") == f"lea@{unicodedata.normalize('NFC', domain.upper().lower())}"


@given(st.text(max_size=12) | st.tuples(st.text(max_size=5), st.text(max_size=12)).map("@".join))
def test_normalising_twice_changes_nothing(address: str) -> None:
    once = normalised_address(address)
    assert normalised_address(once) == once


def test_another_keyring_gives_another_index() -> None:
    assert STRANGER.address_index("lea@ailo.test") != GUARD.address_index("lea@ailo.test")


def test_a_new_root_key_leaves_the_index() -> None:
    assert BEFORE.address_index("lea@ailo.test") == GUARD.address_index("lea@ailo.test")


def test_nothing_secret_is_in_a_repr(tmp_path: Path) -> None:
    assert repr(NEW.guarding) not in repr(GUARD)
