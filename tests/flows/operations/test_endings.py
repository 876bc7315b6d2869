"""Stopping, killing and restarting: what was acknowledged is there, exactly once, and whoever is affected gets a clear answer."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from chat.client.remote import Json, Wire
from chat.operations.commands import Check
from storage import installation
from storage.ids import MessageId, new_id
from tests.flows.service import ROOT, Service, Visit, running, settled
from tests.people import settings_in


async def until_closed(wire: Wire) -> tuple[list[Json], int | None]:
    """All frames until the service closes the connection, and its close code."""
    frames = list(wire.seen)
    try:
        while True:
            frames.append(await wire.next())
    except ConnectionClosed as closed:
        return frames, closed.rcvd.code if closed.rcvd else None


async def history(visit: Visit, name: str, thread: str) -> list[Json]:
    client, found = await visit.client(name), list[Json]()
    while page := (await client.get(f"/api/threads/{thread}/messages?after={len(found)}&limit=100"))["messages"]:
        found += page
    return found


async def test_a_stop_answers_what_was_taken_and_closes_with_1012(tmp_path: Path) -> None:
    async with running(tmp_path) as service:
        visit = Visit(service)
        thread = await visit.thread("lea", "claire")
        lea, claire = await visit.wire("lea"), await visit.wire("claire")
        await settled(claire)
        ids = [str(new_id(MessageId)) for _ in range(200)]
        for id_ in ids:
            await lea.put({"type": "send", "id": id_, "thread": thread, "text": "…"})
        await lea.wait_for("sent", id=ids[0])
        service.signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            frames, code = await until_closed(lea)
            heard, others_code = await until_closed(claire)
            assert await service.ended() == 0
        await visit.close()
        service.close()
        service.start()
        sent = [ids[0], *(frame["id"] for frame in frames if frame["type"] == "sent")]
        kept = [message["id"] for message in await history(visit, "claire", thread)]
        assert (code, others_code) == (1012, 1012)
        live = [frame["id"] for frame in heard if frame["type"] == "message"]
        assert sent == kept == ids[: len(sent)]
        assert live == kept[: len(live)]
        await visit.close()


async def test_a_stop_waits_for_nobody(tmp_path: Path) -> None:
    """Neither for an idle connection, nor for a client that never reads, nor for half a request."""
    async with running(tmp_path) as service:
        visit = Visit(service)
        await visit.thread("lea", "claire")
        lea = await visit.wire("lea")
        lea.socket.transport.pause_reading()
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(b"POST /api/session HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
        async with asyncio.timeout(10):
            assert await service.stop() == 0
        lea.socket.transport.resume_reading()
        writer.close()
        del reader
        await visit.close()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
async def test_an_idle_service_stops_at_once(tmp_path: Path, how: signal.Signals) -> None:
    async with running(tmp_path) as service:
        service.signal(how)
        async with asyncio.timeout(5):
            assert await service.ended() == 0
        assert not (service.data / "ailo.sock").exists()


async def test_after_a_kill_all_that_was_acknowledged_is_there_once(tmp_path: Path) -> None:
    async with running(tmp_path) as service:
        visit = Visit(service)
        thread = await visit.thread("lea", "claire")
        texts: dict[str, str] = {}
        acknowledged: dict[str, int] = {}
        for round_ in range(3):
            lea = await visit.wire("lea")
            repeated = [id_ for id_ in texts if id_ not in acknowledged]
            fresh = {str(new_id(MessageId)): f"{round_} {number}" for number in range(150)}
            texts |= fresh
            for id_ in (*repeated, *fresh):
                await lea.put({"type": "send", "id": id_, "thread": thread, "text": texts[id_]})
            while len(acknowledged) < (round_ + 1) * 100:
                frame = await lea.wait_for("sent")
                acknowledged[frame["id"]] = frame["seq"]
            await service.kill()
            frames, _ = await until_closed(lea)
            acknowledged |= {frame["id"]: frame["seq"] for frame in frames if frame["type"] == "sent"}
            await visit.close()
            service.start()
        kept = await history(visit, "claire", thread)
        assert kept == await history(visit, "lea", thread)
        assert [message["seq"] for message in kept] == list(range(1, len(kept) + 1))
        assert {message["id"]: message["seq"] for message in kept}.items() >= acknowledged.items()
        assert [texts[message["id"]] for message in kept] == [message["text"] for message in kept]
        assert len({message["id"] for message in kept}) == len(kept)
        await visit.close()


async def test_a_message_whose_answer_was_lost_keeps_its_number(tmp_path: Path) -> None:
    """Killed between commit and answer: the other side has seen the message, and its author sends it again."""
    async with running(tmp_path) as service:
        visit = Visit(service)
        thread, id_ = await visit.thread("lea", "claire"), str(new_id(MessageId))
        lea, claire = await visit.wire("lea"), await visit.wire("claire")
        await lea.put({"type": "send", "id": id_, "thread": thread, "text": "un"})
        first = await claire.wait_for("message")  # committed; whether Léa got her answer does not matter
        await service.kill()
        await visit.close()
        service.start()
        again = await (await visit.wire("lea")).send(thread, "un", id_)
        assert (again["seq"], again["at"]) == (first["seq"], first["at"])
        assert len(await history(visit, "claire", thread)) == 1
        await visit.close()


async def test_after_a_restart_the_same_cookie_goes_on(tmp_path: Path) -> None:
    async with running(tmp_path) as service:
        visit = Visit(service)
        thread = await visit.thread("lea", "claire")
        lea = await visit.client("lea")
        assert await service.stop() == 0
        service.start()
        assert (await lea.get("/api/account"))["account"]["id"] == visit.ids["lea"]
        async with lea.connect() as wire:
            assert (await wire.send(thread, "un"))["seq"] == 1
            assert await settled(wire) == []
        await visit.close()


# Starting


def serve(folder: Path, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Run `ailo serve`, expecting it to exit by itself."""
    environment = {**Service(folder).environment, **{f"AILO_{name}": value for name, value in settings.items()}}
    return subprocess.run(
        [sys.executable, "-m", "chat", "serve"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def refused(done: "subprocess.CompletedProcess[str]", *words: str) -> None:
    """Assert one clear line on standard error, and the exit code of a failure."""
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("ailo: ")
    for word in words:
        assert word in line


async def build(folder: Path, *, is_example: bool = False) -> None:
    await installation.build(settings_in(folder), is_example=is_example)


def test_without_a_house_it_says_what_to_do(tmp_path: Path) -> None:
    refused(serve(tmp_path), "ailo init")


async def test_a_second_server_on_the_same_data_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path) as service:
        refused(await asyncio.to_thread(serve, tmp_path), str(service.data))
        assert service.process
        assert service.process.poll() is None


async def test_the_examples_keyring_is_refused_off_loopback(tmp_path: Path) -> None:
    await build(tmp_path, is_example=True)
    refused(await asyncio.to_thread(serve, tmp_path, HOST="0.0.0.0"), "example")


async def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    async with running(tmp_path / "one") as service:
        await build(tmp_path / "other", is_example=True)
        refused(await asyncio.to_thread(serve, tmp_path / "other", PORT=str(service.port)), str(service.port))


async def test_a_keyring_that_others_can_read_is_refused(tmp_path: Path) -> None:
    await build(tmp_path)
    (tmp_path / "keys" / "root.json").chmod(0o644)
    refused(await asyncio.to_thread(serve, tmp_path), "root.json")


async def test_a_keyring_of_another_house_is_refused(tmp_path: Path) -> None:
    await build(tmp_path / "one")
    await build(tmp_path / "other")
    refused(await asyncio.to_thread(serve, tmp_path / "one", KEYS=str(tmp_path / "other" / "keys" / "root.json")), "AILO_KEYS")


async def test_a_database_that_is_none_is_refused(tmp_path: Path) -> None:
    await build(tmp_path)
    (tmp_path / "data" / "ailo.sqlite").write_bytes(os.urandom(10_000))
    refused(await asyncio.to_thread(serve, tmp_path), "ailo.sqlite")


def test_all_faults_of_the_settings_are_told_at_once(tmp_path: Path) -> None:
    done = serve(tmp_path, PORT="x", ORIGIN="x", RATE="x", SMTP="x", NOTIFY_AFTER="x")
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert len(lines) >= 5
    assert all(line.startswith("ailo: AILO_") for line in lines)
    assert "Traceback" not in done.stderr


async def test_a_socket_left_by_a_kill_is_no_hindrance(tmp_path: Path) -> None:
    async with running(tmp_path) as service:
        await service.kill()
        assert (service.data / "ailo.sock").exists()
        service.start()
        assert await service.command(Check()) == "All is well."
