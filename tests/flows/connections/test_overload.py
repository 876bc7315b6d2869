"""Overload, by one account or by strangers: it is slowed down or shut out with a clear answer, and others notice nothing.

No time is asserted here (a busy machine would fail); `./dev bench` measures how little a flood slows others down.
"""

import asyncio
import json
import zlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from chat.client.remote import Client, Json, Wire
from storage.ids import MessageId, new_id
from tests.flows.connections.test_resume import memory_of
from tests.flows.service import Service, Visit, running, settled

NO_MASK = b"\0\0\0\0"


@pytest.fixture
async def limited(tmp_path: Path) -> AsyncIterator[Service]:
    """A service with the default limits per account."""
    async with running(tmp_path, RATE="5") as service:
        yield service


async def flood(wire: Wire, thread: str, count: int) -> list[str]:
    """Send ``count`` messages without waiting for any answer; return their ids."""
    ids = [str(new_id(MessageId)) for _ in range(count)]
    for id_ in ids:
        await wire.put({"type": "send", "id": id_, "thread": thread, "text": id_})
    return ids


async def answers(wire: Wire, count: int) -> list[Json]:
    found: list[Json] = []
    while len(found) < count:
        frame = wire.seen.pop(0) if wire.seen else await wire.next()
        if frame["type"] in {"sent", "error"} and "id" in frame:
            found.append(frame)
    return found


async def texts(client: Client, thread: str) -> list[str]:
    found: list[Json] = []
    while page := (await client.get(f"/api/threads/{thread}/messages?limit=100&after={len(found)}"))["messages"]:
        found += page
    return [message["text"] for message in found]


def raw_frame(head: int, payload: bytes) -> bytes:
    size = len(payload)
    return bytes((head, 0x80 | (min(126, size)))) + (size.to_bytes(2, "big") if size > 125 else b"") + NO_MASK + payload


async def code_of(wire: Wire) -> int | None:
    try:
        while True:
            await wire.next()
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None


# One account


async def test_who_floods_is_told_and_others_are_answered(limited: Service) -> None:
    """A thousand at once: those beyond the limit are refused by their ids, and exactly the acknowledged ones are stored."""
    visit = Visit(limited)
    thread, other = await visit.thread("lea", "claire"), await visit.thread("karim", "thomas")
    lea, karim = await visit.wire("lea"), await visit.wire("karim")
    flooding = asyncio.create_task(flood(lea, thread, 1_000))
    for number in range(15):
        assert (await karim.send(other, str(number)))["type"] == "sent"
    ids = await flooding
    told = await answers(lea, 1_000)
    codes = Counter(frame.get("code", "sent") for frame in told)
    assert {frame["id"] for frame in told} == set(ids)
    assert codes.keys() == {"sent", "slow_down"}
    assert 20 <= codes["sent"] < 500
    kept = await texts(await visit.client("claire"), thread)
    assert kept == [frame["id"] for frame in told if frame["type"] == "sent"]
    assert await texts(await visit.client("thomas"), other) == [str(number) for number in range(15)]
    await visit.close()


async def test_a_flood_without_limits_loses_nothing_and_leaves_room(visit: Visit) -> None:
    """A flood delays only its own answers; a neighbour's come in between."""
    thread, other = await visit.thread("lea", "claire"), await visit.thread("karim", "thomas")
    lea, karim = await visit.wire("lea"), await visit.wire("karim")
    flooding = asyncio.create_task(flood(lea, thread, 3_000))
    neighbour = [await karim.send(other, str(number)) for number in range(40)]
    ids = await flooding
    told = await answers(lea, 3_000)
    assert [frame["type"] for frame in neighbour] == ["sent"] * 40
    assert [frame["id"] for frame in told if frame["type"] == "sent"] == ids
    assert await texts(await visit.client("claire"), thread) == ids


async def test_who_asks_for_too_many_pages_is_slowed_alone(limited: Service) -> None:
    visit = Visit(limited)
    thread = await visit.thread("lea", "claire")
    lea, claire = await visit.client("lea"), await visit.client("claire")
    path = f"/api/threads/{thread}/messages"
    statuses: Counter[int] = Counter()
    for _ in range(20):
        for one in await asyncio.gather(*(_status(lea, path) for _ in range(25))):
            statuses[one] += 1
    assert statuses.keys() == {200, 429}
    assert statuses[200] >= 200
    assert await _status(claire, path) == 200
    await visit.close()


async def _status(client: Client, path: str) -> int:
    async with client.http.get(client.origin + path) as response:
        assert response.status != 429 or int(response.headers["Retry-After"]) >= 1
        return response.status


async def test_who_floods_with_frames_is_told(limited: Service) -> None:
    """All frames count towards the limit, not only messages: here, typing."""
    visit = Visit(limited)
    thread = await visit.thread("lea", "claire")
    lea = await visit.wire("lea")
    for _ in range(1_500):
        await lea.put({"type": "typing", "thread": thread})
    frame = await lea.wait_for("error")
    assert frame["code"] == "slow_down"
    assert (await (await visit.wire("claire")).send(thread, "…"))["type"] == "sent"
    await visit.close()


# Frames made to be expensive


async def test_five_thousand_fragments_are_one_frame(visit: Visit) -> None:
    lea = await visit.wire("lea")
    frame = json.dumps({"type": "resume", "threads": {}}) + " " * 4_950
    assert visit.service.process
    before = memory_of(visit.service.process.pid)
    await lea.socket.send(letter for letter in frame)
    assert await lea.next() == {"type": "resumed", "threads": {}}
    assert memory_of(visit.service.process.pid) - before < 20_000_000


async def test_fragments_without_end_are_counted_together(visit: Visit) -> None:
    """Empty fragments add nothing; the others add up to the limit of a frame."""
    lea = await visit.wire("lea")
    lea.socket.transport.write(raw_frame(0x01, b"{"))
    for _ in range(5_000):
        lea.socket.transport.write(raw_frame(0x00, b""))
    for _ in range(33):  # nothing may follow the one too many: unread bytes would turn the close into a reset
        lea.socket.transport.write(raw_frame(0x00, b" " * 4_000))
    assert await code_of(lea) == 1009


async def test_a_compressed_bomb_is_refused_unopened(visit: Visit) -> None:
    """50 MB compressed to 50 kB, on a connection without negotiated compression."""
    lea, karim = await visit.wire("lea"), await visit.wire("karim")
    assert visit.service.process
    before = memory_of(visit.service.process.pid)
    lea.socket.transport.write(raw_frame(0xC1, zlib.compress(bytes(50_000_000))[2:-4]))
    assert await code_of(lea) == 1002
    assert memory_of(visit.service.process.pid) - before < 20_000_000
    assert await settled(karim) is not None


async def test_a_byte_now_and_then_does_not_keep_a_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame that never ends, from somebody signed in: 1008 after `FRAME_S`, shortened here; others are served meanwhile."""
    (tmp_path / "sitecustomize.py").write_text(
        "from chat.connections import gateway\ngateway.FRAME_S, gateway.LOOK_S = 1.0, 0.1\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    async with running(tmp_path / "house") as service:
        visit = Visit(service)
        thread = await visit.thread("lea", "claire")
        lea, claire = await visit.wire("lea"), await visit.wire("claire")
        lea.socket.transport.write(b"\x81\xfe\x10\x00" + NO_MASK)
        answered = 0
        async with asyncio.timeout(60):
            while not lea.socket.close_code:
                with suppress(ConnectionClosed, TimeoutError):
                    async with asyncio.timeout(0.05):
                        await lea.next()
                if not lea.socket.transport.is_closing():
                    lea.socket.transport.write(b" " if answered % 100 == 0 else b"")  # the frame announces 4,096 bytes
                await claire.socket.ping()  # like a browser that answers the heartbeat: a complete frame
                answered += (await claire.send(thread, "…"))["type"] == "sent"
        assert lea.socket.close_code == 1008
        assert answered > 1
        await visit.close()


# Strangers


async def test_strangers_who_say_nothing_are_in_nobodys_way(visit: Visit) -> None:
    thread = await visit.thread("lea", "claire")
    silent = [await asyncio.open_connection("127.0.0.1", visit.service.port) for _ in range(300)]
    for _, writer in silent[::2]:
        writer.write(b"GET /ws HTTP/1.1\r\nUpgrade: web")
    lea = await visit.wire("lea")
    assert [(await lea.send(thread, "…"))["seq"] for _ in range(20)] == list(range(1, 21))
    for _, writer in silent:
        writer.close()


async def test_strangers_with_made_up_cookies_are_in_nobodys_way(visit: Visit) -> None:
    thread = await visit.thread("lea", "claire")
    lea = await visit.wire("lea")
    asking = asyncio.gather(*(_ask_as_stranger(visit.service.port, number) for number in range(200)))
    assert [(await lea.send(thread, "…"))["seq"] for _ in range(20)] == list(range(1, 21))
    assert set(await asking) == {b"401"}


async def _ask_as_stranger(port: int, number: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    cookie = f"{number:043}="
    writer.write(f"GET /api/threads HTTP/1.1\r\nHost: x\r\nConnection: close\r\nCookie: ailo={cookie}\r\n\r\n".encode())
    status = (await reader.readline()).split()[1]
    await reader.read()
    writer.close()
    return status
