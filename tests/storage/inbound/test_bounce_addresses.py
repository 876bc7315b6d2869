"""The address to which reports of a letter come: signed for one letter, in any case, under any key of the keyring."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.crypto import keyring
from storage.crypto.guarding import Guard
from storage.engine.rows import LAST_TIME
from storage.inbound import bounce_addresses
from storage.inbound.bounce_addresses import Sending

SENDING = Sending(UUID("0c7d5e4e-1f5b-4a8e-9d6a-2f4f8f1f0a11"), 1_795_424_400_000)


@pytest.fixture(scope="module")
def guard(tmp_path_factory: pytest.TempPathFactory) -> Guard:
    return Guard(keyring.create(tmp_path_factory.mktemp("keys") / "root.json"))


@given(st.builds(Sending, st.uuids(), st.integers(0, LAST_TIME - 1)))
def test_it_names_its_sending_in_any_case(guard: Guard, letter: Sending) -> None:
    made = bounce_addresses.make(guard, letter)
    assert len(made) <= 64
    assert bounce_addresses.find(guard, made) == bounce_addresses.find(guard, made.upper()) == letter
    assert bounce_addresses.make(guard, letter) == made


@given(st.integers(0, 57), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_no_sign_of_it_can_be_another(guard: Guard, place: int, sign: str) -> None:
    made = bounce_addresses.make(guard, SENDING).removeprefix("b.")
    changed = f"b.{made[:place]}{sign}{made[place + 1 :]}"
    assert bounce_addresses.find(guard, changed) == (SENDING if sign == made[place] else None)


@pytest.mark.parametrize("local_part", ["", "b.", "b.short", "r." + "a" * 58, "b." + "a" * 58, "b." + "1" * 58, "b." + "é" * 58])
def test_what_was_never_made_is_nobodys(guard: Guard, local_part: str) -> None:
    assert bounce_addresses.find(guard, local_part) is None


def test_another_service_cannot_make_one(guard: Guard, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = Guard(keyring.create(tmp_path_factory.mktemp("keys") / "other.json"))
    assert bounce_addresses.find(guard, bounce_addresses.make(other, SENDING)) is None


def test_one_of_before_a_new_root_key_is_good_while_the_old_key_is_there(tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("keys") / "root.json"
    guard = Guard(keyring.create(file))
    letter = Sending(uuid4(), 1)
    made = bounce_addresses.make(guard, letter)
    file.write_bytes(keyring.with_fresh_key(file.read_bytes()))
    guard.turn_to(keyring.load(file))
    assert bounce_addresses.find(guard, made) == letter
    assert bounce_addresses.make(guard, letter) != made
