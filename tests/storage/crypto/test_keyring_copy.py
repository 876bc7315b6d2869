"""The root keyring sealed to the recovery officer: nobody else can open it, and damage is distinguished from a wrong key."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage import installation
from storage.crypto import keyring
from storage.crypto.keyring_copy import officer_of, recover, seal, unseal
from storage.crypto.primitives import key_id, public_key_of, random_bytes
from storage.errors import CannotOpen, Damaged, KeyringRefused, WrongKey
from storage.maintenance import backup
from storage.rekeying.rotation import Rotation
from tests.people import House, settings_in

OFFICER = bytes(range(32))
OTHER = bytes(range(1, 33))
SEALED = seal(b"the keyring", public_key_of(OFFICER))


@given(st.binary(max_size=2000))
def test_the_officer_opens_what_was_sealed(content: bytes) -> None:
    assert unseal(seal(content, public_key_of(OFFICER)), OFFICER) == content


def test_the_copy_names_its_officer() -> None:
    assert officer_of(SEALED) == key_id(public_key_of(OFFICER))


def test_another_officers_key_is_a_wrong_key() -> None:
    with pytest.raises(WrongKey):
        unseal(SEALED, OTHER)


@given(st.integers(9, len(SEALED) - 1), st.integers(1, 255))
def test_an_altered_copy_is_damaged(at: int, change: int) -> None:
    altered = bytearray(SEALED)
    altered[at] ^= change
    with pytest.raises(Damaged):
        unseal(bytes(altered), OFFICER)


@given(st.integers(0, len(SEALED) - 1))
def test_a_cut_copy_does_not_open(end: int) -> None:
    with pytest.raises(CannotOpen):
        unseal(SEALED[:end], OFFICER)


def test_a_copy_of_another_version_is_refused() -> None:
    with pytest.raises(Damaged):
        unseal(b"\x02" + SEALED[1:], OFFICER)


def test_the_same_keyring_is_never_sealed_to_the_same_bytes() -> None:
    assert seal(b"the keyring", public_key_of(OFFICER)) != SEALED


# In the house


async def test_a_new_house_has_its_copy(house: House) -> None:
    settings = house.store.settings
    assert settings.sealed_keyring.stat().st_mode & 0o777 == 0o600
    assert unseal(settings.sealed_keyring.read_bytes(), house.officer.private_key) == settings.keys.read_bytes()


async def test_without_an_officer_there_is_no_copy(tmp_path: Path) -> None:
    await installation.build(settings_in(tmp_path), with_recovery=False, is_example=True)
    assert not settings_in(tmp_path).sealed_keyring.exists()


async def test_a_turn_and_a_drop_write_the_copy_anew(house: House) -> None:
    settings, rotation = house.store.settings, Rotation(house.store)
    await rotation.turn()
    assert unseal(settings.sealed_keyring.read_bytes(), house.officer.private_key) == settings.keys.read_bytes()
    await rotation.finish()
    await rotation.drop((await rotation.status()).keys[0].id)
    assert unseal(settings.sealed_keyring.read_bytes(), house.officer.private_key) == settings.keys.read_bytes()


async def test_a_backup_has_the_copy_of_its_time(house: House, tmp_path: Path) -> None:
    rotation = Rotation(house.store)
    await rotation.turn()
    await backup.copy(house.store, tmp_path / "backup")
    assert (tmp_path / "backup" / "root.sealed").read_bytes() == house.store.settings.sealed_keyring.read_bytes()
    assert (tmp_path / "backup" / "root.sealed").stat().st_mode & 0o777 == 0o600


async def test_a_backup_makes_the_copy_that_is_missing(house: House, tmp_path: Path) -> None:
    house.store.settings.sealed_keyring.unlink()
    await backup.copy(house.store, tmp_path / "backup")
    sealed = (tmp_path / "backup" / "root.sealed").read_bytes()
    assert unseal(sealed, house.officer.private_key) == house.store.settings.keys.read_bytes()


@pytest.mark.parametrize("left", [None, b"", seal(b"{}", public_key_of(OTHER))], ids=["none", "cut", "of another officer"])
async def test_a_copy_that_is_not_ours_is_written_anew_at_start(house: House, left: bytes | None) -> None:
    path = house.store.settings.sealed_keyring
    path.unlink()
    if left is not None:
        path.write_bytes(left)
    async with Rotation(house.store).in_background():
        assert unseal(path.read_bytes(), house.officer.private_key) == house.store.settings.keys.read_bytes()


async def test_a_backup_without_an_officer_has_no_copy(house: House, tmp_path: Path) -> None:
    object.__setattr__(house.store, "officer", b"")
    await backup.copy(house.store, tmp_path / "backup")
    assert [path.name for path in (tmp_path / "backup").iterdir()] == ["ailo.sqlite"]


# On the officer's machine


async def test_what_is_recovered_is_the_keyring(house: House, tmp_path: Path) -> None:
    out = tmp_path / "made" / "root.json"
    recover(house.store.settings.sealed_keyring, house.officer.private_key, out)
    assert keyring.load(out).newest.id == house.store.guard.keyring.newest.id
    assert out.stat().st_mode & 0o777 == 0o600


async def test_a_file_that_is_there_is_not_overwritten(house: House, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_text("precious")
    with pytest.raises(FileExistsError):
        recover(house.store.settings.sealed_keyring, house.officer.private_key, out)
    assert out.read_text() == "precious"


def test_a_planted_copy_of_something_else_is_not_written(tmp_path: Path) -> None:
    sealed, out = tmp_path / "root.sealed", tmp_path / "root.json"
    sealed.write_bytes(seal(random_bytes(40), public_key_of(OFFICER)))
    with pytest.raises(KeyringRefused):
        recover(sealed, OFFICER, out)
    assert not out.exists()
