"""Disk faults under a running service: failing and slow syncs, a kill after the commit, a full disk, a restored backup."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest
from websockets.exceptions import ConnectionClosed

from chat.client.remote import Json, Wire, sign_in
from chat.operations.commands import Backup
from storage.ids import MessageId, new_id
from storage.maintenance import check
from storage.store import open_store
from tests.flows.service import ROOT, Service, Visit
from tests.people import PASSWORD, settings_in

has_strace = shutil.which("strace") is not None and sys.platform == "linux"
injected = pytest.mark.skipif(not has_strace and not os.environ.get("CI"), reason="needs strace, which CI has")


def strace(service: Service, fault: str) -> list[str]:
    """The command prefix that injects this fault into the service's syncs of its log."""
    log = service.data / "ailo.sqlite-wal"
    quiet = ["-D", "-f", "-qq", "-o", "/dev/null", "-P", str(log)]
    return ["strace", *quiet, "-e", "trace=fsync,fdatasync", "-e", f"inject=fsync,fdatasync:{fault}"]


class Pair:
    """A service with Léa and Claire in one thread, to be started under a fault."""

    def __init__(self, service: Service, visit: Visit, thread: str) -> None:
        self.service, self.visit, self.thread = service, visit, thread

    @asynccontextmanager
    async def wire(self, name: str = "lea") -> AsyncIterator[Wire]:
        async with sign_in(self.service.origin, self.visit.address(name), PASSWORD) as client, client.connect() as wire:
            yield wire

    async def history(self, name: str) -> list[Json]:
        async with sign_in(self.service.origin, self.visit.address(name), PASSWORD) as client:
            found: list[Json] = []
            path = f"/api/threads/{self.thread}/messages?limit=100&after="
            while page := (await client.get(f"{path}{len(found)}"))["messages"]:
                found += page
            return found

    async def resumed(self, wire: Wire) -> list[str]:
        """What an open connection can still read of the thread."""
        await wire.put({"type": "resume", "threads": {self.thread: 0}})
        await wire.wait_for("resumed")
        return [frame["text"] for frame in wire.seen if frame["type"] == "message"]

    async def texts(self) -> list[str]:
        """The texts that both sides see, which must be the same."""
        seen = [await self.history(name) for name in ("lea", "claire")]
        assert seen[0] == seen[1]
        assert [message["seq"] for message in seen[0]] == list(range(1, len(seen[0]) + 1))
        return [message["text"] for message in seen[0]]

    async def check(self) -> list[str]:
        """What `ailo check` finds in the data, once the service has ended."""
        settings = settings_in(self.service.folder)
        async with open_store(settings) as store:
            return await check.check_all(store)


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    """Built, but not running."""
    service = Service(tmp_path)
    await service.build()
    try:
        service.start()
        visit = Visit(service)
        thread = await visit.thread("lea", "claire")
        await service.stop()
        yield Pair(service, visit, thread)
    finally:
        service.close()


async def until_closed(wire: Wire) -> int | None:
    """Read until the service closes the connection; return the close code."""
    try:
        while True:
            wire.seen.append(await wire.next())
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None


# Syncs that fail


@injected
async def test_a_sync_that_fails_ends_the_service_and_nothing_is_acknowledged(pair: Pair) -> None:
    """EIO once, after which syncs would succeed again: none of them is trusted."""
    service = pair.service
    service.start(*strace(service, "error=EIO:when=6"))
    kept: list[str] = []
    async with pair.wire() as wire:
        answer: Json = {"type": "sent"}
        while answer["type"] == "sent":
            kept.append(text := f"message {len(kept)}")
            answer = await wire.send(pair.thread, text)
        assert answer["code"] == "busy"
        refused = kept.pop()
        assert await until_closed(wire) == 1012
        assert [frame for frame in wire.seen if frame["type"] == "sent"] == []
    async with asyncio.timeout(3):
        assert await service.ended() == 1
    service.close()
    assert service.log.count("the disk failed during a write (SQLITE_IOERR_FSYNC)") == 1
    assert all(line.startswith("ts=") and " event=" in line for line in service.log.splitlines())
    assert not any(text in service.log for text in (refused, "Lea", "Rossi", "ailo.test"))
    assert await pair.check() == []
    service.start()
    assert await pair.texts() in (kept, [*kept, refused])  # unacknowledged, so stored at most once
    await service.stop()


@injected
async def test_in_the_whole_group_of_a_failed_sync_none_is_acknowledged(pair: Pair) -> None:
    service = pair.service
    service.start(*strace(service, "error=EIO:when=4+"))
    async with pair.wire() as wire:
        ids = [str(new_id(MessageId)) for _ in range(95)]
        for id_ in ids:
            await wire.put({"type": "send", "id": id_, "thread": pair.thread, "text": id_})
        await until_closed(wire)
        sent = [frame["id"] for frame in wire.seen if frame["type"] == "sent"]
        busy = {frame["id"] for frame in wire.seen if frame["type"] == "error" and frame["code"] == "busy"}
    assert await service.ended() == 1
    service.close()
    assert busy
    assert busy.isdisjoint(sent)
    service.start()
    texts = await pair.texts()
    assert texts[: len(sent)] == sent
    assert len(set(texts)) == len(texts)
    await service.stop()


@injected
async def test_what_was_refused_can_be_sent_again_after_the_restart(pair: Pair) -> None:
    service, id_ = pair.service, new_id(MessageId)
    service.start(*strace(service, "error=EIO:when=4+"))
    async with pair.wire() as wire:
        while (answer := await wire.send(pair.thread, "encore", id_))["type"] == "sent":
            await wire.send(pair.thread, "avant")
    assert answer["code"] == "busy"
    assert await service.ended() == 1
    service.close()
    service.start()
    async with pair.wire() as wire:
        answers = [await wire.send(pair.thread, "encore", id_) for _ in range(2)]
    assert answers[0]["type"] == "sent"
    assert answers[0] == answers[1]
    assert (await pair.texts()).count("encore") == 1
    await service.stop()


@injected
async def test_syncs_that_take_their_time_delay_the_answers_and_nothing_else(pair: Pair) -> None:
    """While a sync takes 0.3 s, the event loop answers others."""
    service = pair.service
    service.start(*strace(service, "delay_enter=300000"))
    async with pair.wire() as wire, aiohttp.ClientSession() as http:
        writing = asyncio.create_task(wire.send(pair.thread, "lentement"))
        answered = 0
        while not writing.done():
            async with http.get(f"{service.origin}/health/live") as response:
                answered += response.status == 200
        assert (await writing)["type"] == "sent"
    assert answered > 10
    await service.stop()


# After the commit


@injected
async def test_killed_between_commit_and_answer_the_repeat_has_the_same_number(pair: Pair) -> None:
    """The kill comes at the sync, when the transaction is in the log and nobody has been answered."""
    service, ids = pair.service, [new_id(MessageId)]
    service.start(*strace(service, "signal=SIGKILL:when=7"))
    async with pair.wire() as wire:
        with suppress(ConnectionClosed):
            while await wire.send(pair.thread, "au bord", ids[-1]):
                ids.append(new_id(MessageId))
    assert await service.ended() == -signal.SIGKILL
    service.close()
    service.start()
    there = await pair.history("claire")
    assert [there[-1]["id"], len(there)] == [str(ids[-1]), len(ids)], "the commit was to stand in the log"
    async with pair.wire() as wire:
        answers = [await wire.send(pair.thread, "au bord", ids[-1]) for _ in range(10)]
    assert {(answer["type"], answer["seq"], answer["at"]) for answer in answers} == {("sent", len(ids), there[-1]["at"])}
    assert await pair.history("claire") == there
    await service.stop()
    assert await pair.check() == []


# No space left


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "ailo-test", str(tmp_path)]
    if shutil.which("mount") is None or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only who may mount a file system can fill a small one")
    yield tmp_path
    subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


def fill(folder: Path) -> None:
    """Write until not one more byte fits."""
    with (folder / "ballast").open("wb", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError:
                continue


async def ready(service: Service) -> int:
    async with aiohttp.ClientSession() as http, http.get(f"{service.origin}/health/ready") as response:
        return response.status


async def test_on_a_full_disk_it_says_so_and_recovers(small_disk: Path, pair: Pair) -> None:
    pair.service.start()
    kept: list[str] = []
    async with pair.wire() as wire:
        fill(small_disk)
        while (await wire.send(pair.thread, "x" * 2000))["type"] == "sent":
            kept.append("x" * 2000)
        last = await wire.send(pair.thread, "refusé", id_ := new_id(MessageId))
        assert last["code"] == "busy"
        assert await ready(pair.service) == 503
        assert await pair.resumed(wire) == kept
        (small_disk / "ballast").unlink()
        assert (await wire.send(pair.thread, "refusé", id_))["type"] == "sent"
        assert await ready(pair.service) == 200
    assert await pair.texts() == [*kept, "refusé"]
    await pair.service.stop()
    assert await pair.check() == []


# Backups


async def test_a_backup_under_load_is_restored_elsewhere(pair: Pair, tmp_path: Path) -> None:
    """A consistent snapshot: everything acknowledged before it began, and no gaps. Its keyring is kept elsewhere."""
    pair.service.start()
    before = after = 20
    async with pair.wire() as wire:
        for number in range(before):
            await wire.send(pair.thread, str(number))
        backing = asyncio.create_task(pair.service.command(Backup(str(tmp_path / "backup"))))
        while not backing.done():
            await wire.send(pair.thread, str(after))
            after += 1
    await pair.service.stop()
    kept_apart = tmp_path / "apart"
    pair.service.data.rename(tmp_path / "lost")
    (pair.service.folder / "keys").rename(kept_apart)
    (tmp_path / "backup").rename(pair.service.data)
    said = await _start_without_keys(pair.service)
    assert said.startswith("ailo: ")
    assert "keyring" in said
    kept_apart.rename(pair.service.folder / "keys")
    pair.service.start()
    texts = await pair.texts()
    assert before <= len(texts) <= after
    assert texts == [str(number) for number in range(len(texts))]
    async with pair.wire("claire") as wire:
        assert (await wire.send(pair.thread, "après"))["seq"] == len(texts) + 1
    await pair.service.stop()
    assert await pair.check() == []


async def _start_without_keys(service: Service) -> str:
    command = [sys.executable, "-m", "chat", "serve"]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=service.environment, stderr=asyncio.subprocess.PIPE)
    _, told = await process.communicate()
    assert process.returncode == 1
    return told.decode()
