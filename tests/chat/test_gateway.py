"""One connection: a frame that takes for ever, and what is left behind.

That is nothing that the collector of cycles would have to find: a thousand who come back would else leave it 90,000 objects, and
the loop would stand still while it frees them.
"""

import asyncio
import gc
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from uuid import UUID

import pytest
from aiohttp import web

from chat.gateway import FRAME_S, Gateway
from chat.ids import new_id
from chat.rooms import Rooms
from chat.session import Session
from chat.settings import ChatSettings
from chat.sign_in import Attempt
from chat.web import Door, application
from storage.unlocked import Unlocked
from tests.chat.cast import PASSWORD, Cast, address
from tests.load.wire import Wire, connect

SHUT = b"\x88\x82\0\0\0\0\x03\xe8"
PING = b"\x89\x80\0\0\0\0"
HALF = b"\x81\xfe\x10\x00\0\0\0\0{"


@dataclass
class Served:
    """The gateway behind a port of its own, Léa's cookie, and her thread; Claire is at home."""

    gateway: Gateway
    claire: Unlocked
    port: int
    cookie: str
    thread: UUID

    async def visit(self) -> Wire:
        """Connect, resume, and say something."""
        frames: asyncio.Queue[str] = asyncio.Queue()
        wire = await connect("127.0.0.1", self.port, self.cookie, lambda payload: frames.put_nowait(json.loads(payload)["type"]))
        wire.send(json.dumps({"type": "resume", "threads": {str(self.thread): 0}}).encode())
        wire.send(json.dumps({"type": "send", "id": str(new_id()), "thread": str(self.thread), "text": "…"}).encode())
        missing = {"hello", "resumed", "sent"}
        while missing:
            missing.discard(await asyncio.wait_for(frames.get(), 10))
        return wire

    async def emptied(self) -> None:
        async with asyncio.timeout(10):
            while self.gateway.connections:  # noqa: ASYNC110 (nothing in the product tells of it)
                await asyncio.sleep(0.01)
        # The group commit has its last group at hand until the next.
        await self.gateway.conversation.post_and_wait(self.claire, self.thread, new_id(), "…")
        await asyncio.sleep(0.05)  # and the library has let go of its own


@pytest.fixture
async def served(rooms: Rooms, cast: Cast) -> AsyncIterator[Served]:
    thread = await cast.open_thread("lea", "claire")
    granted = await rooms.sign_ins.sign_in(Attempt(address("lea"), PASSWORD, "", "192.0.2.1"))
    door = Door(ChatSettings("127.0.0.1", 0, "http://127.0.0.1:8080", 0), rooms.sign_ins)
    gateway = Gateway(
        rooms.conversation, rooms.taking_part, rooms.hub, door.signed_in, rooms.sign_ins.is_signed_in, door.limits_of, set()
    )
    app = application(door)
    app.router.add_get("/ws", gateway.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield Served(gateway, await cast.unlock("claire"), runner.addresses[0][1], f"ailo={granted.cookie}", thread)
    await runner.cleanup()


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def ours() -> Counter[str]:
    """How many objects there are of each kind that a connection is made of."""
    kinds = {"Connection", "Session", "Outgoing", "Line", "Socket", "WebSocketReader"}
    kinds |= {"Request", "RequestHandler", "HttpRequestParser"}
    return Counter(name for one in gc.get_objects() if (name := type(one).__qualname__) in kinds)


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("how", ["good-bye", "end of the line", "reset", "half a frame"])
async def test_a_connection_leaves_nothing_to_the_collector(served: Served, how: str) -> None:
    before = ours()
    for wire in [await served.visit() for _ in range(5)]:
        match how:
            case "good-bye":
                wire.transport.write(SHUT)
            case "half a frame":
                wire.transport.write(HALF)
                wire.transport.close()
            case "end of the line":
                wire.transport.close()
            case "reset":
                wire.transport.abort()
    await served.emptied()
    assert ours() - before == Counter()


@pytest.mark.usefixtures("no_collector")
async def test_a_connection_outlives_its_request(served: Served) -> None:
    """With a browser's headers a request is a third of what an idle connection would take."""
    before = ours()
    wire = await served.visit()
    assert not {"Request", "HttpRequestParser"} & (ours() - before).keys()
    assert served.gateway.connections
    wire.transport.close()
    await served.emptied()


# A byte a second


async def closed(wire: Wire) -> int | None:
    async with asyncio.timeout(10):
        while wire.closed is None:  # noqa: ASYNC110 (the load generator's wire tells nobody)
            await asyncio.sleep(0.01)
    return wire.closed


async def test_a_frame_that_takes_too_long_ends_its_connection_alone(served: Served) -> None:
    """Whoever sends whole frames, if only pings, goes on."""
    slow, quiet = await served.visit(), await served.visit()
    slow.transport.write(HALF)
    began = time.monotonic()
    while sorted(one.waits_since >= began for one in served.gateway.connections) != [False, True]:
        quiet.transport.write(PING)
        await asyncio.sleep(0.01)
    served.gateway.end_slow(began + FRAME_S)
    assert await closed(slow) == 1008
    assert len(served.gateway.connections) == 1
    assert quiet.closed is None
    quiet.transport.close()


async def test_who_waits_for_the_disk_is_not_slow(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """With 64 of its messages waiting nothing is read from a connection: that is no frame that takes too long."""
    waits = asyncio.Event()

    async def stall(*_: object) -> None:
        waits.set()
        await asyncio.Event().wait()

    wire = await served.visit()
    monkeypatch.setattr(Session, "take", stall)
    wire.send(b"{}")
    await asyncio.wait_for(waits.wait(), 10)
    served.gateway.end_slow(time.monotonic() + 10 * FRAME_S)
    (connection,) = served.gateway.connections
    assert connection._code is None
    wire.transport.close()
    connection.end(1012)
