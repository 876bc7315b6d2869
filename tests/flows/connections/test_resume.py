"""Resuming: after a cut at any step, while others write, or with a slow reader. Nothing is missed or duplicated."""

import asyncio
import json
import select
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import websockets.asyncio.client
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin, Subprotocol

from chat.client.remote import Client, Json, Wire
from storage.ids import MessageId, ThreadId, new_id
from tests.flows.service import Visit, running, settled
from tests.flows.slow_line import SlowLine


async def fill(wire: Wire, thread: str, count: int, text: str = "…") -> None:
    """Post ``count`` messages, and wait until they are on the disk."""
    last = None
    for _ in range(count):
        await wire.put({"type": "send", "id": str(new_id(MessageId)), "thread": thread, "text": text})
    for _ in range(count):
        last = await wire.wait_for("sent")
    assert last


async def told(wire: Wire, thread: str, until: int) -> list[int]:
    """The numbers of a thread's messages in order of arrival, up to ``until``."""
    numbers: list[int] = []
    while not numbers or numbers[-1] < until:
        frame = wire.seen.pop(0) if wire.seen else await wire.next()
        if frame["type"] == "message" and frame["thread"] == thread:
            numbers.append(frame["seq"])
    return numbers


async def test_what_followed_comes_in_order_then_where_it_ended(visit: Visit) -> None:
    thread, other = await visit.thread("lea", "claire"), await visit.thread("lea", "thomas")
    lea = await visit.wire("lea")
    await fill(lea, thread, 5)
    await fill(lea, other, 3)
    claire = await visit.wire("lea")
    await claire.put({"type": "resume", "threads": {thread: 2, other: 99, str(new_id(ThreadId)): 0}})
    frames = [await claire.next() for _ in range(4)]
    while "presence" in [frame["type"] for frame in frames]:
        frames = [frame for frame in frames if frame["type"] != "presence"] + [await claire.next()]
    assert [(frame["type"], frame.get("seq")) for frame in frames] == [
        ("message", 3),
        ("message", 4),
        ("message", 5),
        ("resumed", None),
    ]
    assert frames[-1]["threads"] == {thread: 5, other: 3}


async def test_a_thread_that_was_not_named_gets_nothing_old(visit: Visit) -> None:
    thread, other = await visit.thread("lea", "claire"), await visit.thread("karim", "claire")
    await fill(await visit.wire("lea"), thread, 3)
    karim, claire = await visit.wire("karim"), await visit.wire("claire", resumes=False)
    await claire.put({"type": "resume", "threads": {other: 0}})
    await claire.wait_for("resumed", threads={other: 0})
    await karim.send(other, "un")
    assert (await claire.wait_for("message"))["thread"] == other
    assert [frame for frame in await settled(claire) if frame["type"] == "message"] == []


async def test_without_a_resume_all_that_is_live_comes(visit: Visit) -> None:
    """Everything committed after `hello` arrives, however soon after it; at least one message does follow it."""
    thread = await visit.thread("lea", "claire")
    lea = await visit.wire("lea")
    flood = asyncio.create_task(fill(lea, thread, 300))
    claire = await visit.wire("claire", resumes=False)
    await flood
    await fill(lea, thread, 1)
    numbers = await told(claire, thread, 301)
    assert numbers == list(range(numbers[0], 302))


@pytest.mark.parametrize("cut", ["connected", "asked", "half", "resumed", "sent"])
async def test_cut_after_any_step_one_more_resume_mends_it(visit: Visit, cut: str) -> None:
    thread = await visit.thread("lea", "claire")
    await fill(await visit.wire("lea"), thread, 150)
    client, seen = await visit.client("claire"), [0]
    async with client.connect() as wire:
        if cut != "connected":
            await wire.put({"type": "resume", "threads": {thread: 0}})
        if cut in {"half", "resumed", "sent"}:
            seen += await told(wire, thread, 70 if cut == "half" else 150)
        if cut == "sent":
            await wire.put({"type": "send", "id": str(new_id(MessageId)), "thread": thread, "text": "…"})
        wire.socket.transport.abort()
    async with client.connect() as wire:
        await wire.put({"type": "resume", "threads": {thread: seen[-1]}})
        end = (await wire.wait_for("resumed"))["threads"][thread]
        seen += [frame["seq"] for frame in wire.seen if frame["type"] == "message"]
    assert seen == list(range(end + 1))
    assert end >= 150


async def test_while_others_write_numbers_only_rise(visit: Visit) -> None:
    """Three readers connect in the middle of a flood, each resuming from a different number."""
    thread = await visit.thread("lea", "claire")
    lea, laptop, client = await visit.wire("lea"), await visit.wire("lea"), await visit.client("claire")
    await fill(lea, thread, 400)
    flood = [asyncio.create_task(fill(wire, thread, 600)) for wire in (lea, laptop)]

    async def come_back(after: int) -> None:
        wire = await visit.wire(client, resumes=False)
        await wire.put({"type": "resume", "threads": {thread: after}})
        assert await told(wire, thread, 1_600) == list(range(after + 1, 1_601))

    await asyncio.gather(*flood, *map(come_back, (0, 150, 399)))


async def test_who_writes_while_resuming_is_answered_in_order(visit: Visit) -> None:
    """An answer does not overtake earlier messages: a client that goes by its number would take them for seen."""
    thread = await visit.thread("lea", "claire")
    lea = await visit.wire("lea")
    await fill(lea, thread, 500)
    flood = asyncio.create_task(fill(lea, thread, 300))
    claire = await visit.wire("claire", resumes=False)
    await claire.put({"type": "resume", "threads": {thread: 0}})
    for _ in range(20):
        await claire.put({"type": "send", "id": str(new_id(MessageId)), "thread": thread, "text": "…"})
    await flood
    numbers: list[int] = []
    while len(numbers) < 820:
        frame = await claire.next()
        if frame["type"] in {"message", "sent"}:
            numbers.append(frame["seq"])
    assert numbers == list(range(1, 821))


async def test_a_second_resume_waits_for_the_first(visit: Visit) -> None:
    thread = await visit.thread("lea", "claire")
    await fill(await visit.wire("lea"), thread, 250)
    claire = await visit.wire("claire", resumes=False)
    for after in (0, 200):
        await claire.put({"type": "resume", "threads": {thread: after}})
    numbers: list[int | None] = []
    while len(numbers) < 302:
        frame = await claire.next()
        if frame["type"] in {"message", "resumed"}:
            numbers.append(frame.get("seq"))
    assert numbers == [*range(1, 251), None, *range(201, 251), None]


# Slow readers


@asynccontextmanager
async def deaf(client: Client) -> AsyncIterator[websockets.asyncio.client.ClientConnection]:
    """A connection whose client reads nothing more from its socket until ``resume_reading`` is called on its transport."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    raw.setblocking(False)
    await asyncio.get_running_loop().sock_connect(raw, (urlsplit(client.origin).hostname, urlsplit(client.origin).port))
    async with websockets.asyncio.client.connect(
        client.origin.replace("http", "ws", 1) + "/ws",
        sock=raw,
        origin=Origin(client.origin),
        subprotocols=[Subprotocol("ailo.v1")],
        additional_headers={"Cookie": client.cookie},
        compression=None,
        ping_interval=None,
        max_queue=None,
    ) as connection:
        await connection.send('{"type":"resume","threads":{}}')
        while b"resumed" not in await connection.recv(decode=False):
            pass
        connection.transport.pause_reading()
        yield connection


async def begun(connection: websockets.asyncio.client.ClientConnection) -> None:
    """Wait until the service has sent something more to a deaf connection: what is live meanwhile comes after it."""
    incoming = connection.transport.get_extra_info("socket")
    assert (await asyncio.to_thread(select.select, [incoming], [], [], 60))[0]


async def drained(connection: websockets.asyncio.client.ClientConnection) -> tuple[list[Json], int | None]:
    """All frames until the service closes the connection, and its close code."""
    frames: list[Json] = []
    connection.transport.resume_reading()
    try:
        while True:
            frames.append(json.loads(await connection.recv()))
    except ConnectionClosed as closed:
        return frames, closed.rcvd.code if closed.rcvd else None


async def test_a_long_resume_goes_at_the_readers_pace(visit: Visit) -> None:
    """2,000 long messages for a reader that starts late: 30 MB, and never a 1013."""
    thread = await visit.thread("lea", "claire")
    lea = await visit.wire("lea")
    await fill(lea, thread, 2_000, "\N{WOMAN}" * 4_000)
    client = await visit.client("claire")
    async with deaf(client) as connection:
        await connection.send(json.dumps({"type": "resume", "threads": {thread: 0}}))
        await begun(connection)
        await lea.send(thread, "…")
        for _ in range(3):
            await settled(lea)
        connection.transport.resume_reading()
        numbers: list[int] = []
        while True:
            frame = json.loads(await connection.recv())
            if frame["type"] == "resumed":
                break
            if frame["type"] == "message":
                numbers.append(frame["seq"])
    assert numbers[:2_000] == list(range(1, 2_001))
    assert frame["threads"][thread] == len(numbers)


def memory_of(pid: int) -> int:
    """The resident memory of a process, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


async def test_who_does_not_read_is_cut_off_and_catches_up(tmp_path: Path) -> None:
    async with running(tmp_path) as service:
        visit = Visit(service)
        thread = await visit.thread("lea", "claire", "sam")
        lea, sam = await visit.wire("lea"), await visit.wire("sam")
        client = await visit.client("claire")
        assert service.process
        async with deaf(client) as connection:
            await fill(lea, thread, 20)
            before = memory_of(service.process.pid)
            numbers = await told(sam, thread, 20)
            for _ in range(60):  # at Sam's pace: if Sam fell behind on a busy machine, Sam would be cut off, too
                await fill(lea, thread, 50, "x" * 8_000)
                numbers += await told(sam, thread, numbers[-1] + 50)
            assert numbers == list(range(1, 3_021))
            assert memory_of(service.process.pid) - before < 40_000_000
            frames, code = await drained(connection)
        assert code == 1013
        seen = [frame["seq"] for frame in frames if frame["type"] == "message"]
        assert seen == list(range(1, len(seen) + 1))
        async with client.connect() as wire:
            await wire.put({"type": "resume", "threads": {thread: len(seen)}})
            assert await told(wire, thread, 3_020) == list(range(len(seen) + 1, 3_021))
        await visit.close()


async def test_many_come_back_at_once(visit: Visit) -> None:
    thread = await visit.thread("lea", "claire")
    await fill(await visit.wire("lea"), thread, 200)
    client = await visit.client("claire")

    async def come_back() -> list[int]:
        async with client.connect() as wire:
            await wire.put({"type": "resume", "threads": {thread: 100}})
            await wire.wait_for("resumed")
            return [frame["seq"] for frame in wire.seen if frame["type"] == "message"]

    with suppress(ConnectionClosed):
        assert await asyncio.gather(*(come_back() for _ in range(50))) == [list(range(101, 201))] * 50


# A slow line


@pytest.fixture
async def slow_line(visit: Visit) -> AsyncIterator[SlowLine]:
    """Two seconds each way, like a phone at the edge of its network."""
    async with SlowLine(visit.service.port, 2.0).open() as line:
        yield line


async def test_on_a_slow_line_the_old_comes_before_the_new(visit: Visit, slow_line: SlowLine) -> None:
    """The resume in response to `hello` arrives four seconds after it was sent: until then, live messages are held."""
    thread = await visit.thread("lea", "claire")
    lea = await visit.wire("lea")
    await fill(lea, thread, 150)
    async with (await visit.client("claire")).connect(max_queue=None, host="127.0.0.1", port=slow_line.port) as wire:
        await fill(lea, thread, 50)
        await wire.put({"type": "resume", "threads": {thread: 100}})
        flood = asyncio.create_task(fill(lea, thread, 100))
        assert await told(wire, thread, 300) == list(range(101, 301))
        await flood
