"""Connections until no descriptor is left: the longest idle ones are closed, others still get in, and the log reports it."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from chat.client.remote import Client
from tests.flows.service import Service, Visit

LIMITED = ("sh", "-c", 'ulimit -S -n 128; ulimit -H -n 256; exec "$@"', "sh")
MANY = 300

Wires = list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]


@asynccontextmanager
async def narrow(folder: Path, rate: str) -> AsyncIterator[tuple[Service, Visit]]:
    """A service with a soft limit of 128 open files and a hard limit of 256."""
    service = Service(folder, RATE=rate)
    await service.build()
    service.start(*LIMITED)
    visit = Visit(service)
    try:
        yield service, visit
        await visit.close()
        assert "Traceback" not in service.log
        assert " failed: " not in service.log
    finally:
        service.close()


async def come(service: Service, say: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect and send ``say``; if it is a complete request, read the first line of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write(say)
    if say.endswith(b"\r\n\r\n"):
        with suppress(ConnectionError):
            await reader.readline()
    return reader, writer


@asynccontextmanager
async def idle(service: Service, say: bytes) -> AsyncIterator[None]:
    """``MANY`` connections that have sent ``say``."""
    wires: Wires = []
    try:
        for _ in range(MANY):
            wires.append(await come(service, say))
        yield
    finally:
        for _, writer in wires:
            writer.transport.abort()
        await asyncio.sleep(0)


async def get_in(visit: Visit, name: str, other: str) -> None:
    """Somebody new signs in, opens a WebSocket connection, and writes."""
    thread = await visit.thread(name, other)
    wire = await visit.wire(name)
    assert (await wire.send(thread, "Bonjour"))["type"] == "sent"


def open_files(service: Service) -> tuple[int, int]:
    """The soft limit of open files, and how many are open."""
    assert service.process
    place = Path(f"/proc/{service.process.pid}")
    found = re.search(r"Max open files\s+(\d+)", (place / "limits").read_text())
    assert found
    return int(found[1]), len(list((place / "fd").iterdir()))


SAID = {
    "nothing": b"",
    "half a request": b"GET / HTTP/1.1\r\n",
    "a request": b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n",
    "half a body": b"POST /api/session HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
}


@pytest.mark.parametrize("say", SAID)
async def test_idle_strangers_shut_nobody_out(tmp_path: Path, say: str) -> None:
    async with narrow(tmp_path, "5") as (service, visit):
        await get_in(visit, "karim", "thomas")
        async with idle(service, SAID[say]):
            await get_in(visit, "lea", "claire")
            limit, used = open_files(service)
            assert (limit, used < 256) == (256, True)
            assert 1 <= visit.log.count("strangers_limited") <= 4


@pytest.mark.parametrize("rate", ["5", "off"])
async def test_one_members_connections_shut_nobody_out(tmp_path: Path, rate: str) -> None:
    """Each connection carries requests of a signed-in account, and is kept."""
    async with narrow(tmp_path, rate) as (service, visit):
        await visit.thread("lea", "claire")
        lea = await visit.client("lea")
        say = f"GET /api/account HTTP/1.1\r\nHost: x\r\nCookie: {lea.cookie}\r\n\r\n".encode()
        async with idle(service, say):
            await get_in(visit, "karim", "thomas")
            assert await asks(lea) == "lea"
            told = "account_connections_limited" if rate == "5" else "connections_limited"
            assert 1 <= visit.log.count(f'"{told} ') <= 4
            assert open_files(service)[1] < 256


async def asks(client: Client) -> str:
    """The first name of the account that the client is signed in to; asked again if the service says to slow down."""
    async with client.http.get(client.origin + "/api/account") as response:
        if response.status == 429:
            await asyncio.sleep(float(response.headers["Retry-After"]))
            return await asks(client)
        return str((await response.json())["account"]["first_name"]).lower()
