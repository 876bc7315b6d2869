"""The root key is rotated while people talk, or the process is killed in the middle of it: nobody notices."""

import asyncio
import shutil
from pathlib import Path
from typing import Any

from chat.client.remote import Client, Json, sign_in
from chat.operations import control
from chat.operations.commands import Backup, Check, KeysDrop, KeysRotate, KeysStatus
from storage.crypto import keyring
from storage.files import write_private
from tests.flows.service import Service, Visit, running
from tests.people import PASSWORD

LONGEST = 20.0


async def facts(service: Service, command: KeysRotate | KeysStatus) -> dict[str, Any]:
    """The facts about the keyring, as a command reports them to scripts."""
    done = await control.ask(service.data, command)
    assert done
    assert done.facts, done.line
    return done.facts


async def rotated(service: Service) -> dict[str, Any]:
    """The facts, once everything is under the newest key."""
    async with asyncio.timeout(LONGEST):
        while (found := await facts(service, KeysStatus()))["rotating"]:
            pass
    return found


async def texts(client: Client, thread: str) -> list[str]:
    """The texts of the thread's last hundred messages, oldest first."""
    page: Json = await client.get(f"/api/threads/{thread}/messages?limit=100")
    return [message["text"] for message in page["messages"]]


async def test_a_rotation_under_load_is_noticed_by_nobody(tmp_path: Path) -> None:
    async with running(tmp_path) as service:
        visit = Visit(service)
        thread = await visit.thread("lea", "claire")
        lea, claire = await visit.wire("lea"), await visit.client("claire")
        is_over = asyncio.Event()

        async def talk() -> int:
            sent = 0
            while not is_over.is_set():
                assert (await lea.send(thread, f"{sent}"))["seq"] == sent + 1
                sent += 1
            return sent

        async with asyncio.timeout(LONGEST), asyncio.TaskGroup() as group:
            talking = group.create_task(talk())
            assert (await facts(service, KeysRotate()))["added"]
            status = await rotated(service)
            is_over.set()
        sent = await talking
        old, newest = status["keys"]
        assert (old["total"], old["may_be_dropped"]) == (0, True)
        await service.command(KeysDrop(old["id"]))
        assert (await texts(claire, thread))[-1] == f"{sent - 1}"
        assert await service.command(Check()) == "All is well."
        (left,) = (await facts(service, KeysStatus()))["keys"]
        assert (left["id"], left["uses"]["messages.link"]) == (newest["id"], sent)
        await visit.close()


async def test_a_rotation_goes_on_after_a_kill(tmp_path: Path) -> None:
    """The kill comes when the new key is on the disk and nothing is re-encrypted yet: cookie and password keep working."""
    async with running(tmp_path) as service:
        visit = Visit(service)
        thread = await visit.thread("lea", "claire")
        async with sign_in(service.origin, visit.address("lea"), PASSWORD) as lea:
            async with lea.connect() as wire:
                await wire.send(thread, "avant")
            await facts(service, KeysRotate())
            await service.kill()
            service.start()
            assert await texts(lea, thread) == ["avant"]
            status = await rotated(service)
            await service.command(KeysDrop(status["keys"][0]["id"]))
            assert await texts(lea, thread) == ["avant"]
            await service.stop()
            service.start()
            assert await texts(lea, thread) == ["avant"]
        async with sign_in(service.origin, visit.address("claire"), PASSWORD) as claire:
            assert await texts(claire, thread) == ["avant"]


async def test_a_backup_from_before_is_brought_to_the_key_of_today(tmp_path: Path) -> None:
    async with running(tmp_path) as service:
        visit = Visit(service)
        thread = await visit.thread("lea", "claire")
        async with sign_in(service.origin, visit.address("lea"), PASSWORD) as lea, lea.connect() as wire:
            await wire.send(thread, "avant")
        keys = tmp_path / "keys" / "root.json"
        await service.command(Backup(str(tmp_path / "backup")))
        assert await service.stop() == 0
        write_private(keys, keyring.with_fresh_key(keys.read_bytes()), replace=True)
        shutil.rmtree(service.data)
        shutil.move(tmp_path / "backup", service.data)
        service.start()  # with today's keyring, which still has the older key
        await rotated(service)
        async with sign_in(service.origin, visit.address("lea"), PASSWORD) as lea:
            assert await texts(lea, thread) == ["avant"]
        await service.stop()
