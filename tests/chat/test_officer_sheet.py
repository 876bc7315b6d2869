"""The recovery officer's sheet, as printed once."""

import json
from base64 import b32decode

from chat.officer_sheet import fingerprint, grouped, sheet
from storage.house import Officer

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
