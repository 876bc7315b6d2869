"""A disk that is really full: an honest refusal, nothing acknowledged is lost, and work resumes once there is room."""

import asyncio
import resource
import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from storage.conversations.group_commit import GroupCommit
from storage.errors import Stalled
from storage.ids import ThreadId
from storage.maintenance import backup, check
from storage.store import open_store
from tests.people import House, StoppedClock, open_house


class Disk(ABC):
    """A place for a house, which can be filled up completely and freed again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    def fill(self) -> None: ...

    @abstractmethod
    def free(self) -> None: ...


class SmallDisk(Disk):
    """A separate file system of a few megabytes."""

    def fill(self) -> None:
        with (self.folder / "ballast").open("wb", buffering=0) as file:
            for size in (65536, 4096, 512, 1):
                while self._took(file.write, bytes(size)):
                    pass

    def _took(self, write: object, content: bytes) -> bool:
        assert callable(write)
        try:
            return bool(write(content) == len(content))
        except OSError:
            return False

    def free(self) -> None:
        (self.folder / "ballast").unlink(missing_ok=True)


class LimitedFiles(Disk):
    """For machines where mounting is not allowed: no file may grow beyond the WAL's present size (RLIMIT_FSIZE)."""

    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]

    def fill(self) -> None:
        size = (self.folder / "data" / "ailo.sqlite-wal").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, self.hard))

    def free(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.hard, self.hard))


@pytest.fixture(params=[SmallDisk, LimitedFiles])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    if request.param is LimitedFiles:
        limited = LimitedFiles(tmp_path)
        yield limited
        limited.free()
        return
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "ailo-test", str(tmp_path)]
    if shutil.which("mount") is None or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only who may mount a file system can fill a small one")
    yield SmallDisk(tmp_path)
    subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


@pytest.fixture
async def full(disk: Disk, stopped_clock: StoppedClock) -> AsyncIterator[House]:
    """A house with one message, on a disk that has been filled up."""
    async with open_house(disk.folder, stopped_clock) as house:
        thread = await house.open_thread(house.lea, house.claire)
        await house.post(house.lea, thread, "avant")
        disk.fill()
        yield house
        disk.free()


async def thread_of(house: House) -> ThreadId:
    return ThreadId(UUID(bytes=(await house.select("select id from threads"))[0]["id"]))


async def post_until_stalled(house: House) -> list[str]:
    """Post until there is no room left; return the texts that were acknowledged."""
    thread, kept = await thread_of(house), ["avant"]
    for number in range(200):
        try:
            await house.post(house.lea, thread, str(number))
        except Stalled:
            return kept
        kept.append(str(number))
    raise AssertionError("the disk never was full")


async def test_what_was_acknowledged_is_read_while_full(full: House) -> None:
    kept = await post_until_stalled(full)
    assert await full.texts(full.claire, await thread_of(full)) == kept
    assert await check.check_all(full.store) == []


async def test_the_same_message_goes_when_there_is_room(full: House, disk: Disk) -> None:
    kept, thread = await post_until_stalled(full), await thread_of(full)
    post = await full.sealed(full.lea, thread, "enfin")
    with pytest.raises(Stalled):
        await full.commits.commit(post)
    disk.free()
    await full.commits.commit(post)
    assert await full.texts(full.claire, thread) == [*kept, "enfin"]


async def test_a_group_that_finds_no_room_is_told_to_all(full: House) -> None:
    await post_until_stalled(full)
    thread = await thread_of(full)
    posts = [await full.sealed(full.lea, thread, "ensemble") for _ in range(5)]
    outcomes = await asyncio.gather(*(full.commits.commit(post) for post in posts), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Stalled] * 5


@asynccontextmanager
async def reopened(data: Path, house: House, clock: StoppedClock) -> AsyncIterator[House]:
    """The same people, on a copy of the data."""
    settings = replace(house.store.settings, data=data)
    async with open_store(settings, clock) as store, GroupCommit(store) as commits:
        again = House(store, commits, house.officer)
        again.lea, again.claire = house.lea, house.claire
        yield again


async def test_a_killed_server_on_a_full_disk_loses_nothing(
    full: House, disk: Disk, tmp_path_factory: pytest.TempPathFactory, stopped_clock: StoppedClock
) -> None:
    kept, thread = await post_until_stalled(full), await thread_of(full)
    disk.free()
    copy = tmp_path_factory.mktemp("copy") / "data"
    shutil.copytree(full.store.settings.data, copy, ignore=shutil.ignore_patterns("*-shm", "lock", "*.sock"))
    async with reopened(copy, full, stopped_clock) as again:
        assert await again.texts(full.claire, thread) == kept
        assert await check.check_all(again.store) == []


async def test_a_backup_without_room_is_not_there(full: House, disk: Disk) -> None:
    await post_until_stalled(full)
    with pytest.raises((Stalled, OSError)):
        await backup.copy(full.store, disk.folder / "backup")
    assert not (disk.folder / "backup" / "ailo.sqlite").exists()
