"""The recovery officer's sheet, which is printed once."""

import json
from base64 import b32decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.operations.officer_sheet import Mistyped, fingerprint, grouped, page, read_key, sheet
from storage.installation import Officer

OFFICER = Officer(bytes(range(32)), bytes(range(32, 64)))


def test_the_sheet_holds_the_key_in_groups_of_four() -> None:
    key = json.loads(sheet(OFFICER, as_json=True))["recovery"]["key"]
    assert b32decode(key.replace("-", "") + "====") == OFFICER.private_key


def test_the_printed_sheet_shows_key_and_fingerprint() -> None:
    printed = sheet(OFFICER, as_json=False)
    assert fingerprint(OFFICER.public_key) in printed
    assert json.loads(sheet(OFFICER, as_json=True))["recovery"]["key"] in printed


def test_without_an_officer_the_sheet_says_so() -> None:
    assert json.loads(sheet(None, as_json=True)) == {"recovery": None}
    assert "no recovery key" in sheet(None, as_json=False)


def test_a_fingerprint_is_sixteen_digits() -> None:
    assert len(fingerprint(OFFICER.public_key).replace("-", "")) == 16


def test_what_is_short_is_one_group() -> None:
    assert (grouped("abc"), grouped("abcde")) == ("abc", "abcd-e")


def printed(private_key: bytes) -> tuple[str, str]:
    """The key and its check digits, as on a sheet."""
    recovery = json.loads(sheet(Officer(private_key, bytes(32)), as_json=True))["recovery"]
    return recovery["key"], recovery["check"]


keys = st.binary(min_size=32, max_size=32)


@given(keys)
def test_a_key_is_read_as_printed(private_key: bytes) -> None:
    key, check = printed(private_key)
    assert read_key(key) == read_key(f"{key}-{check}") == read_key(f"{key} {check}\n") == private_key


@given(keys)
def test_a_key_is_read_however_it_is_typed(private_key: bytes) -> None:
    key, check = printed(private_key)
    typed = f" {key.lower().replace('-', ' ')}\n{check.lower()}".replace("o", "0").replace("i", "1").replace("b", "8")
    assert read_key(typed) == private_key


@given(keys, st.integers(0, 51), st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"))
def test_one_wrong_character_is_a_typing_error(private_key: bytes, at: int, other: str) -> None:
    key, check = printed(private_key)
    plain = key.replace("-", "")
    typed = plain[:at] + other + plain[at + 1 :]
    if typed != plain:
        with pytest.raises(Mistyped):
            read_key(typed + check)


@pytest.mark.parametrize("typed", ["", "ABCD", "A" * 51, "A" * 53, "A" * 57, "9" * 52, "é" * 52, "=" * 52, "A" * 51 + "B"])
def test_what_is_no_key_is_a_typing_error(typed: str) -> None:
    with pytest.raises(Mistyped):
        read_key(typed)


def test_the_check_stands_on_the_sheet() -> None:
    assert f"check        {printed(OFFICER.private_key)[1]}\n" in sheet(OFFICER, as_json=False)


def test_the_page_to_print_holds_all_and_asks_for_nothing() -> None:
    key, check = printed(OFFICER.private_key)
    printed_page = page(OFFICER)
    assert all(one in printed_page for one in (key, check, fingerprint(OFFICER.public_key)))
    assert "http" not in printed_page
    assert "<script" not in printed_page
