"""A backup: complete, private, readable with its keyring but not without it, and never written over another."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

from storage import installation
from storage.crypto.keyring import create
from storage.engine.copies import is_copy
from storage.errors import KeyringRefused, Stalled
from storage.mail import letters
from storage.mail.letters import Letter
from storage.maintenance import backup, check
from storage.settings import StorageSettings
from storage.store import open_store
from tests.people import DAY, House, StoppedClock


async def test_a_backup_is_a_house_again(house: House, stopped_clock: StoppedClock, tmp_path: Path) -> None:
    thread = await house.open_thread(house.lea, house.claire)
    await house.post(house.lea, thread, "Bonjour")
    await backup.copy(house.store, tmp_path / "a" / "backup")
    await house.post(house.lea, thread, "après")
    restored = StorageSettings(tmp_path / "a" / "backup", house.store.settings.keys)
    async with open_store(restored, stopped_clock) as store:
        assert await check.check_all(store) == []
        again = House(store, house.commits, house.officer)
        again.lea = house.lea
        assert await again.texts(house.lea, thread) == ["Bonjour"]


async def test_a_backup_without_its_keyring_says_so(house: House, tmp_path: Path) -> None:
    await backup.copy(house.store, tmp_path / "backup")
    create(tmp_path / "foreign" / "root.json")
    with pytest.raises(KeyringRefused, match="keyring made with it"):
        async with open_store(StorageSettings(tmp_path / "backup", tmp_path / "foreign" / "root.json")):
            pass


async def test_a_backup_under_load_is_one_point_in_time(house: House, stopped_clock: StoppedClock, tmp_path: Path) -> None:
    thread = await house.open_thread(house.lea, house.claire)
    posting = asyncio.gather(*[house.post(house.lea, thread, str(number)) for number in range(40)])
    await backup.copy(house.store, tmp_path / "backup")
    await posting
    async with open_store(StorageSettings(tmp_path / "backup", house.store.settings.keys), stopped_clock) as store:
        assert await check.check_all(store) == []


async def test_a_backup_is_there_already_and_stays(house: House, tmp_path: Path) -> None:
    made = await backup.copy(house.store, tmp_path / "backup")
    before = made.read_bytes()
    with pytest.raises(FileExistsError, match="already"):
        await backup.copy(house.store, tmp_path / "backup")
    assert made.read_bytes() == before


async def test_the_data_directory_takes_no_backup(house: House) -> None:
    with pytest.raises(FileExistsError):
        await backup.copy(house.store, house.store.settings.data)


async def test_a_backup_that_was_cut_short_is_begun_anew(house: House, tmp_path: Path) -> None:
    (tmp_path / "backup").mkdir()
    (tmp_path / "backup" / "ailo.new").write_bytes(b"half")
    made = await backup.copy(house.store, tmp_path / "backup")
    assert made.exists()
    assert not (tmp_path / "backup" / "ailo.new").exists()


async def test_a_backup_that_fails_is_not_there(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_: str) -> None:
        raise Stalled("full")

    monkeypatch.setattr(house.store.database, "copy_to", fail)
    with pytest.raises(Stalled):
        await backup.copy(house.store, tmp_path / "backup")
    assert not (tmp_path / "backup" / "ailo.sqlite").exists()


async def test_a_folder_that_cannot_be_made_is_an_os_error(house: House, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError):
        await backup.copy(house.store, tmp_path / "file" / "backup")


async def test_only_its_owner_may_read_it(house: House, tmp_path: Path) -> None:
    made = await backup.copy(house.store, tmp_path / "backup")
    assert made.parent.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in made.parent.iterdir()} == {0o600}


async def test_the_root_keyring_is_in_no_backup(house: House, tmp_path: Path) -> None:
    made = await backup.copy(house.store, tmp_path / "backup")
    raw = house.store.settings.keys.read_bytes()
    for path in made.parent.iterdir():
        assert not any(part in path.read_bytes() for part in raw.split(b'"') if len(part) > 40)


async def test_a_copy_whose_maker_is_cancelled_twice_leaves_nothing(house: House) -> None:
    """The second time while it cleans up: as when the service stops just after the asker has gone."""
    made: list[backup.Copied] = []
    is_made, go = asyncio.Event(), threading.Event()

    async def make() -> None:
        async with backup.copied(house.store) as copied:
            made.append(copied)
            is_made.set()
            await asyncio.Event().wait()

    making = asyncio.create_task(make())
    await is_made.wait()
    threads = ThreadPoolExecutor(1)
    asyncio.get_running_loop().set_default_executor(threads)  # The loop shuts it down.
    threads.submit(go.wait)  # What cleans up has to wait for its turn.
    making.cancel()
    await asyncio.sleep(0)
    making.cancel()
    await asyncio.wait([making])
    go.set()
    await asyncio.to_thread(int)
    assert making.cancelled()
    assert made[0].database.closed
    assert list(house.store.settings.data.glob(".*")) == []


async def test_a_house_begun_from_a_backup_knows_since_when(house: House, stopped_clock: StoppedClock, tmp_path: Path) -> None:
    """So that nothing is sent again that may have been sent since the backup was made. A second start changes nothing."""
    assert await house.store.database.read(lambda reader: installation.restored_at(reader, house.store.guard)) == 0
    assert not is_copy(house.store.settings.database)
    assert is_copy(await backup.copy(house.store, tmp_path / "backup"))
    restored = StorageSettings(tmp_path / "backup", house.store.settings.keys)
    stopped_clock.advance(7 * DAY)
    began = stopped_clock()
    for _ in range(2):
        async with open_store(restored, stopped_clock) as store:
            found = await store.database.read(lambda reader, guard=store.guard: installation.restored_at(reader, guard))  # type: ignore[misc]
            assert found == began
        stopped_clock.advance(DAY)


async def test_lessons_that_waited_in_a_backup_are_not_sent(house: House, stopped_clock: StoppedClock, tmp_path: Path) -> None:
    """Other letters are: they tell of what is unread even now."""
    guard, now = house.store.guard, house.store.clock()
    made = [Letter(uuid4(), house.lea.id, kind, "souffler", {}, f"{kind}@ailo.test", now) for kind in ("lesson", "reply")]
    for letter in made:
        await house.store.database.write(lambda tx, letter=letter: letters.write(tx, guard, letter, now))  # type: ignore[misc]
    await backup.copy(house.store, tmp_path / "backup")
    async with open_store(StorageSettings(tmp_path / "backup", house.store.settings.keys), stopped_clock) as store:
        rows = await store.database.read(lambda reader: reader.rows("select kind, state, reason from letters order by kind"))
    assert [tuple(row) for row in rows] == [("lesson", "dropped", "restored from a backup"), ("reply", "waiting", None)]
