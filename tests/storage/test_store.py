"""Opening a data directory: what is refused, and that the error message says what to do."""

import sqlite3
from pathlib import Path

import pytest

from storage import installation
from storage.crypto.keyring import create
from storage.engine import sqlite_opening
from storage.engine.lock import DirectoryLock
from storage.errors import DatabaseRefused, KeyringRefused, Refused
from storage.settings import StorageSettings
from storage.store import open_store, wall_clock
from tests.people import settings_in


@pytest.fixture
async def settings(tmp_path: Path) -> StorageSettings:
    await installation.build(settings_in(tmp_path))
    return settings_in(tmp_path)


async def refusal(settings: StorageSettings) -> Refused:
    with pytest.raises(Refused) as caught:
        async with open_store(settings):
            pass
    return caught.value


async def test_a_store_opens_with_all_that_belongs_to_it(settings: StorageSettings) -> None:
    async with open_store(settings) as opened:
        assert len(opened.officer) == 32
        assert not opened.is_example
        assert opened.clock is wall_clock
    assert not list(settings.data.glob("*-wal"))


async def test_the_example_knows_itself(tmp_path: Path) -> None:
    await installation.build(settings_in(tmp_path), is_example=True)
    async with open_store(settings_in(tmp_path)) as opened:
        assert opened.is_example


async def test_the_wall_clock_is_in_milliseconds() -> None:
    assert 1_700_000_000_000 < wall_clock() < 10_000_000_000_000


async def test_a_missing_house_says_to_make_one(settings: StorageSettings) -> None:
    settings.database.unlink()
    assert "ailo init" in str(await refusal(settings))


async def test_a_missing_keyring_says_so_first(tmp_path: Path) -> None:
    assert isinstance(await refusal(settings_in(tmp_path)), KeyringRefused)


async def test_a_keyring_that_others_may_read_is_refused(settings: StorageSettings) -> None:
    settings.keys.chmod(0o644)
    assert "chmod 600" in str(await refusal(settings))


async def test_the_wrong_keyring_is_refused(settings: StorageSettings) -> None:
    settings.keys.unlink()
    create(settings.keys)
    assert "set AILO_KEYS" in str(await refusal(settings))


async def test_a_second_one_on_the_directory_is_refused(settings: StorageSettings) -> None:
    lock = DirectoryLock(settings.data)
    assert "stop it first" in str(await refusal(settings))
    lock.release()
    async with open_store(settings):
        assert "stop it first" in str(await refusal(settings))


async def test_a_newer_database_is_refused(settings: StorageSettings) -> None:
    with sqlite3.connect(settings.database) as connection:
        connection.execute("insert into schema_steps values ('2099-01-01T0000_later', 'x', 999)")
    connection.close()
    assert "install the version of Ailo" in str(await refusal(settings))


async def test_a_damaged_file_is_refused(settings: StorageSettings) -> None:
    settings.database.write_bytes(b"\xff" * 8192)
    assert "Restore a backup" in str(await refusal(settings))


async def test_damaged_peppers_are_refused(settings: StorageSettings) -> None:
    settings.peppers.touch(mode=0o600)
    settings.peppers.write_text("{")
    assert "remove the file" in str(await refusal(settings))


@pytest.mark.parametrize("spoil", [lambda s: s.peppers.write_text("{"), lambda s: s.keys.chmod(0o644)])
async def test_who_was_refused_leaves_the_lock(settings: StorageSettings, spoil: object) -> None:
    assert callable(spoil)
    spoil(settings)
    await refusal(settings)
    DirectoryLock(settings.data).release()


async def test_wrong_settings_of_the_database_are_refused(settings: StorageSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sqlite_opening.SETTINGS, "page_size", 12345)
    assert isinstance(await refusal(settings), DatabaseRefused)


async def test_no_repr_shows_a_key(settings: StorageSettings) -> None:
    async with open_store(settings) as opened:
        assert repr(opened.guard.keyring.index_key) not in repr(opened)
