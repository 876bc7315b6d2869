"""Floods that no answer limits: pipelined requests whose answers nobody reads, pings, fragments, frames over the limit.

The service is a process of its own, with its own loop. No time is asserted: a neighbour must be answered during the flood,
the flood must stop by itself, and memory stays bounded. `./dev bench --neighbour` measures the cost in milliseconds.
"""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from chat.client.remote import Wire
from tests.flows.connections.test_overload import raw_frame
from tests.flows.connections.test_resume import memory_of
from tests.flows.service import Service, Visit, running

MEGABYTES = 48
MEMORY = 40_000_000
PATHS = ["/health/live", "/nothing-here", "/api/threads", "/sign-in"]


@contextmanager
def deaf(port: int) -> Iterator[socket.socket]:
    """A connection that is written to and never read from."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.setblocking(True)
    raw.connect(("127.0.0.1", port))
    raw.setblocking(False)
    yield raw
    raw.close()


async def pour(raw: socket.socket, what: bytes, megabytes: int) -> int:
    """Send until this many megabytes have gone out; return the number of bytes."""
    loop, sent, chunk = asyncio.get_running_loop(), 0, what * (65_536 // len(what))
    while sent < megabytes << 20:
        await loop.sock_sendall(raw, chunk)
        sent += len(chunk)
    return sent


@asynccontextmanager
async def neighbours(service: Service) -> AsyncIterator[tuple[Visit, Wire, str]]:
    """Karim, who writes to Thomas while others flood."""
    visit = Visit(service)
    thread = await visit.thread("karim", "thomas")
    yield visit, await visit.wire("karim"), thread
    await visit.close()
    assert "Traceback" not in visit.log
    assert " failed: " not in visit.log


async def answered(wire: Wire, thread: str, times: int = 10) -> None:
    for number in range(times):
        assert (await wire.send(thread, str(number)))["type"] == "sent"


# Strangers


@pytest.mark.parametrize("path", PATHS)
async def test_who_pipelines_and_never_reads_is_read_no_more(service: Service, path: str) -> None:
    """Their own unread answers hold them back: memory stays bounded, and others are still served."""
    assert service.process
    async with neighbours(service) as (visit, karim, thread):
        before = memory_of(service.process.pid)
        with deaf(service.port) as raw:
            pouring = asyncio.create_task(pour(raw, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode(), MEGABYTES))
            for _ in range(10):
                await answered(karim, thread)
                await visit.client("thomas")
            assert not pouring.done()
            assert memory_of(service.process.pid) - before < MEMORY
            pouring.cancel()
            await asyncio.wait([pouring])


async def test_who_pipelines_and_reads_is_one_of_many(service: Service) -> None:
    async with neighbours(service) as (visit, karim, thread):
        wires = [await asyncio.open_connection("127.0.0.1", service.port) for _ in range(20)]
        for _, writer in wires:
            writer.write(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n" * 400)
        answers = [asyncio.create_task(_statuses(reader, 400)) for reader, _ in wires]
        await answered(karim, thread, 40)
        await visit.client("thomas")
        assert sum(await asyncio.gather(*answers), Counter()) == Counter({b"404": 8_000})
        for _, writer in wires:
            writer.close()
            await writer.wait_closed()


async def _statuses(reader: asyncio.StreamReader, count: int) -> Counter[bytes]:
    found: Counter[bytes] = Counter()
    for _ in range(count):
        head = await reader.readuntil(b"\r\n\r\n")
        found[head.split()[1]] += 1
        size = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length: "))
        await reader.readexactly(int(size[16:]))
    return found


# Somebody who is signed in


@pytest.fixture
async def strict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Service]:
    """A service as shipped, except that it gives up on a flood after a second rather than twenty."""
    (tmp_path / "sitecustomize.py").write_text("from chat.connections import dialogue\ndialogue.MOST_OVER = 12\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    async with running(tmp_path / "house", RATE="5") as service:
        yield service


FRAMES = {
    "pings": raw_frame(0x89, b""),
    "pongs": raw_frame(0x8A, b"x" * 125),
    "typing": raw_frame(0x81, b'{"type":"typing","thread":"0197a1b2-0000-7000-8000-000000000000"}'),
    "resumes": raw_frame(0x81, b'{"type":"resume","threads":{}}'),
    "fragmented": raw_frame(0x01, b'{"type":"resume",') + raw_frame(0x80, b'"threads":{}}'),
}


@pytest.mark.parametrize("kind", FRAMES)
async def test_who_goes_on_over_the_limit_is_read_from_slowly_then_closed(strict: Service, kind: str) -> None:
    visit = Visit(strict)
    await visit.thread("lea", "claire")
    lea = await visit.wire("lea", ping_interval=None)
    for _ in range(40):
        lea.socket.transport.write(FRAMES[kind] * 100)
    errors, code = Counter[str](), None
    while code is None:
        try:
            errors[(await lea.next()).get("code", "")] += 1
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else 0
    assert code == 1008
    assert errors["slow_down"] <= 12
    assert "flood_closed account=" in visit.log
    await visit.close()


async def test_who_rests_is_forgiven(strict: Service) -> None:
    """A burst beyond the limit is answered in full: a page that comes back with much to say is no flood."""
    visit = Visit(strict)
    await visit.thread("lea", "claire")
    lea = await visit.wire("lea", ping_interval=None)
    lea.socket.transport.write(FRAMES["resumes"] * 450)
    told = Counter[str]()
    while told.total() < 450:
        told[(await lea.next())["type"]] += 1
    assert told["resumed"] >= 400
    await visit.close()


@pytest.mark.parametrize("rate", ["5", "off"])
@pytest.mark.parametrize("fragment", [b"", b" "])
async def test_fragments_without_end_are_in_nobodys_way(tmp_path: Path, rate: str, fragment: bytes) -> None:
    """They form no frame that could be counted: 43,000 of them fit into one read."""
    async with running(tmp_path, RATE=rate) as service, neighbours(service) as (visit, karim, thread):
        assert service.process
        await visit.thread("lea", "claire")
        before = memory_of(service.process.pid)
        client = await visit.client("lea")
        flooding = [await visit.wire(client, ping_interval=None) for _ in range(8)]
        for wire in flooding:
            wire.socket.transport.write(raw_frame(0x01, b"{"))
            wire.socket.transport.write(raw_frame(0x00, fragment) * 100_000)
        for number in range(15):
            assert (await karim.send(thread, str(number)))["type"] == "sent"
        assert memory_of(service.process.pid) - before < MEMORY
        for wire in flooding:
            wire.socket.transport.abort()


async def test_pings_are_counted_with_every_limit_lifted(service: Service) -> None:
    async with neighbours(service) as (visit, karim, thread):
        lea = await visit.wire("lea", ping_interval=None)
        lea.socket.transport.write(FRAMES["pings"] * 5_000)
        await answered(karim, thread, 40)
        assert lea.socket.transport.get_write_buffer_size() >= 0
        lea.socket.transport.abort()
