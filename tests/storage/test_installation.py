"""The installation: made once, completely or not at all, and refused with the keyring of another."""

import os
from pathlib import Path

import pytest

from storage import installation
from storage.crypto.guarding import Guard
from storage.crypto.keyring import create, load
from storage.crypto.primitives import public_key_of
from storage.crypto.push_keys import PushKey
from storage.engine.migrations import migrate
from storage.engine.sqlite import open_sqlite
from storage.errors import Damaged, DatabaseRefused, KeyringRefused
from storage.settings import StorageSettings
from storage.store import open_store
from tests.people import settings_in


@pytest.fixture
def settings(tmp_path: Path) -> StorageSettings:
    return settings_in(tmp_path / "made" / "with" / "parents")


async def officer_of(settings: StorageSettings, guard: Guard | None = None) -> bytes:
    database = await open_sqlite(settings.database)
    try:
        return await installation.officer(database, guard or Guard(load(settings.keys)))
    finally:
        await database.close()


async def test_the_officers_key_is_given_once(settings: StorageSettings) -> None:
    officer = await installation.build(settings)
    assert officer is not None
    assert officer.public_key == public_key_of(officer.private_key)
    assert await officer_of(settings) == officer.public_key
    assert all(officer.private_key not in path.read_bytes() for path in settings.data.parent.rglob("*") if path.is_file())


async def test_without_recovery_there_is_no_officer(settings: StorageSettings) -> None:
    assert await installation.build(settings, with_recovery=False) is None
    assert await officer_of(settings) == b""


async def test_only_its_owner_may_enter_whatever_the_umask(settings: StorageSettings) -> None:
    before = os.umask(0)
    try:
        await installation.build(settings)
    finally:
        os.umask(before)
    assert settings.data.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (*settings.data.iterdir(), settings.keys)} == {0o600}


async def test_a_house_that_stands_is_left_as_it_is(settings: StorageSettings) -> None:
    await installation.build(settings)
    before = settings.database.read_bytes(), settings.keys.read_bytes()
    with pytest.raises(DatabaseRefused, match="nothing was changed"):
        await installation.build(settings)
    assert (settings.database.read_bytes(), settings.keys.read_bytes()) == before


async def test_a_keyring_that_is_there_is_left_as_it_is(settings: StorageSettings) -> None:
    create(settings.keys)
    with pytest.raises(KeyringRefused, match="left unchanged"):
        await installation.build(settings)
    assert not settings.database.exists()


async def test_a_foreign_keyring_is_refused(settings: StorageSettings, tmp_path: Path) -> None:
    await installation.build(settings)
    with pytest.raises(KeyringRefused, match="set AILO_KEYS"):
        await officer_of(settings, Guard(create(tmp_path / "foreign.json")))


async def test_an_altered_row_of_the_house_is_refused(settings: StorageSettings) -> None:
    await installation.build(settings)
    database = await open_sqlite(settings.database)
    await database.write(lambda tx: tx.run("update house set body = zeroblob(65) where name = 'officer'"))
    await database.write(lambda tx: tx.run("update house set body = x'01' || substr(body, 2)"))
    await database.close()
    with pytest.raises((DatabaseRefused, KeyringRefused)):
        await officer_of(settings)


async def test_a_database_without_a_house_is_refused(settings: StorageSettings) -> None:
    create(settings.keys)
    settings.data.mkdir()
    database = await open_sqlite(settings.database)
    await migrate(database)
    await database.close()
    with pytest.raises(DatabaseRefused, match="did not finish"):
        await officer_of(settings)


async def test_what_a_killed_init_left_is_no_house(settings: StorageSettings) -> None:
    settings.data.mkdir(parents=True)
    settings.database.with_suffix(".new").write_bytes(b"half")
    assert await installation.build(settings) is not None
    assert not settings.database.with_suffix(".new").exists()


async def test_the_officers_key_is_not_in_a_repr(settings: StorageSettings) -> None:
    officer = await installation.build(settings)
    assert officer is not None
    assert repr(officer.private_key) not in repr(officer)


async def test_a_build_cut_short_is_begun_again(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    await installation.build(settings, is_example=True)
    settings.database.rename(settings.database.with_suffix(".new"))
    assert await installation.build(settings, is_example=True)
    async with open_store(settings) as store:
        assert store.officer


async def test_a_keyring_without_a_house_is_left_alone(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    create(settings.keys)
    before = settings.keys.read_bytes()
    with pytest.raises(KeyringRefused):
        await installation.build(settings)
    assert (settings.keys.read_bytes(), settings.data.exists()) == (before, False)


async def push_key_of(settings: StorageSettings) -> PushKey | None:
    async with open_store(settings) as store:
        return await store.database.read(lambda reader: installation.push_key(reader, store.guard))


async def test_the_key_of_push_is_made_once_and_guarded(settings: StorageSettings) -> None:
    await installation.build(settings)
    key = await push_key_of(settings)
    assert key is not None
    assert (len(key.private_key), len(key.public_key)) == (32, 65)
    assert await push_key_of(settings) == key
    assert all(key.private_key not in path.read_bytes() for path in settings.data.rglob("*") if path.is_file())
    assert repr(key.private_key) not in repr(key)


async def test_an_installation_of_before_gets_one_when_it_is_opened(settings: StorageSettings) -> None:
    await installation.build(settings)
    async with open_store(settings) as store:
        await store.database.write(lambda tx: tx.run("delete from house where name = 'push key'"))
    assert await push_key_of(settings) is not None


async def test_one_that_was_altered_is_left_for_the_check_to_report(settings: StorageSettings) -> None:
    await installation.build(settings)
    async with open_store(settings) as store:
        await store.database.write(lambda tx: tx.run("update house set body = x'01' where name = 'push key'"))
    with pytest.raises(Damaged):
        await push_key_of(settings)
