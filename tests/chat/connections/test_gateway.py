"""One WebSocket connection: frames that never end, the heartbeat, how it begins, and what it leaves behind.

It must leave nothing for the cycle collector: otherwise 1,000 reconnecting clients would leave it 90,000 objects, and the loop
would stand still while it frees them.
"""

import asyncio
import gc
import json
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import web

from chat.ailo import Ailo
from chat.auth.door import Door, application
from chat.auth.sign_in import Attempt
from chat.connections import gateway as module
from chat.connections.dialogue import Dialogue
from chat.connections.gateway import ANSWER_S, FRAME_S, HEARTBEAT_S, Gateway, unheard_s
from chat.settings import ChatSettings
from storage.accounts import sessions
from storage.conversations.unlocked import Unlocked
from storage.ids import AccountId, MessageId, ThreadId, new_id
from tests.chat.talk import Cast, Json
from tests.load.wire import Wire, connect
from tests.people import PASSWORD, address

SHUT = b"\x88\x82\0\0\0\0\x03\xe8"
PING = b"\x89\x80\0\0\0\0"
HALF = b"\x81\xfe\x10\x00\0\0\0\0{"


@dataclass
class Served:
    """The gateway on its own port, Léa's cookie and her thread; Claire is signed in."""

    gateway: Gateway
    claire: Unlocked
    port: int
    cookie: str
    thread: ThreadId
    lea: AccountId
    session: bytes

    async def visit(self) -> Wire:
        """Connect, resume, and send a message."""
        frames: asyncio.Queue[str] = asyncio.Queue()
        wire = await connect("127.0.0.1", self.port, self.cookie, lambda payload: frames.put_nowait(json.loads(payload)["type"]))
        wire.send(json.dumps({"type": "resume", "threads": {str(self.thread): 0}}).encode())
        wire.send(json.dumps({"type": "send", "id": str(new_id(MessageId)), "thread": str(self.thread), "text": "…"}).encode())
        missing = {"hello", "resumed", "sent"}
        while missing:
            missing.discard(await asyncio.wait_for(frames.get(), 10))
        return wire

    async def emptied(self) -> None:
        async with asyncio.timeout(10):
            while self.gateway.connections:  # noqa: ASYNC110 (nothing in the product tells of it)
                await asyncio.sleep(0.01)
        # The group commit keeps a reference to its last group until the next.
        await self.gateway.conversation.post_and_wait(self.claire, self.thread, new_id(MessageId), "…")
        await asyncio.sleep(0.05)  # and aiohttp has dropped its own references


@pytest.fixture
async def served(ailo: Ailo, cast: Cast) -> AsyncIterator[Served]:
    thread = await cast.open_thread("lea", "claire")
    granted = await ailo.sign_ins.sign_in(Attempt(address("lea"), PASSWORD, "", "192.0.2.1"))
    signed_in = await ailo.sign_ins.find(granted.cookie)
    assert signed_in
    door = Door(ChatSettings("127.0.0.1", 0, "http://127.0.0.1:8080", 0), ailo.sign_ins)
    gateway = Gateway(
        ailo.conversations.conversation,
        ailo.conversations.participants,
        ailo.hub,
        door.signed_in,
        ailo.sign_ins.is_signed_in,
        door.limits_of,
        set(),
    )
    app = application(door)
    app.router.add_get("/ws", gateway.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    assert runner.server
    listener = socket.create_server(("127.0.0.1", 0))
    claire, port, cookie = await cast.unlock("claire"), listener.getsockname()[1], f"ailo={granted.cookie}"
    door.keeper.open(runner.server, listener)
    yield Served(gateway, claire, port, cookie, thread, granted.account.id, signed_in.session_id)
    await door.keeper.close()
    await runner.cleanup()


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def ours() -> Counter[str]:
    """The number of objects of each type that a connection consists of."""
    kinds = {"Connection", "Dialogue", "Outgoing", "Sequencer", "LastingSocket", "WebSocketReader"}
    kinds |= {"Request", "Visitor", "HttpRequestParser"}
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
    """With a browser's headers, a request would be a third of an idle connection's memory."""
    before = ours()
    wire = await served.visit()
    assert not {"Request", "HttpRequestParser"} & (ours() - before).keys()
    assert served.gateway.connections
    wire.transport.close()
    await served.emptied()


# One byte per second


async def closed(wire: Wire) -> int | None:
    async with asyncio.timeout(10):
        while wire.closed is None:  # noqa: ASYNC110 (the load generator's wire tells nobody)
            await asyncio.sleep(0.01)
    return wire.closed


async def test_a_frame_that_takes_too_long_ends_its_connection_alone(served: Served) -> None:
    """A connection that sends whole frames, even if only pings, goes on."""
    slow, quiet = await served.visit(), await served.visit()
    slow.transport.write(HALF)
    began = time.monotonic()
    while sorted(one.waits_since >= began for one in served.gateway.connections) != [False, True]:
        quiet.transport.write(PING)
        await asyncio.sleep(0.01)
    served.gateway.beat(began + FRAME_S)
    assert await closed(slow) == 1008
    assert len(served.gateway.connections) == 1
    assert quiet.closed is None
    quiet.transport.close()


async def test_who_waits_for_the_disk_is_not_slow(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """With 64 of its messages waiting, nothing is read from a connection: that does not count as a slow frame."""
    waits = asyncio.Event()

    async def stall(*_: object) -> None:
        waits.set()
        await asyncio.Event().wait()

    wire = await served.visit()
    monkeypatch.setattr(Dialogue, "take", stall)
    wire.send(b"{}")
    await asyncio.wait_for(waits.wait(), 10)
    served.gateway.beat(time.monotonic() + 10 * FRAME_S)
    (connection,) = served.gateway.connections
    assert connection._code is None
    wire.transport.close()
    connection.end(1012)


# The heartbeat


class Deaf(asyncio.Protocol):
    """A protocol that keeps whatever it receives and answers nothing."""

    def __init__(self) -> None:
        self.heard = b""
        self.is_down = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.heard += data

    def connection_lost(self, _: Exception | None) -> None:
        self.is_down.set()


async def deafened(served: Served) -> tuple[Wire, Deaf]:
    """A connection whose browser no longer reacts: whatever arrives is kept as raw bytes."""
    wire, deaf = await served.visit(), Deaf()
    wire.transport.set_protocol(deaf)
    return wire, deaf


async def heard(deaf: Deaf, what: bytes) -> None:
    async with asyncio.timeout(10):
        while what not in deaf.heard:  # noqa: ASYNC110 (a line tells nobody)
            await asyncio.sleep(0.01)


async def test_who_is_silent_is_asked_once_and_cut_off_without_an_answer(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    _, deaf = await deafened(served)
    now = time.monotonic()
    served.gateway.beat(now + HEARTBEAT_S - 1)
    served.gateway.beat(now + HEARTBEAT_S + 1)
    served.gateway.beat(now + HEARTBEAT_S + 6)
    await heard(deaf, b"\x89\x00")
    monkeypatch.setattr(module, "ANSWER_S", 0.0)
    served.gateway.beat(now + HEARTBEAT_S + 6)
    await asyncio.wait_for(deaf.is_down.wait(), 10)
    assert deaf.heard == b"\x89\x00"
    await served.emptied()


async def test_who_answers_is_asked_again_when_silent_again(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEARTBEAT_S", 0.0)
    wire, deaf = await deafened(served)
    (connection,) = served.gateway.connections
    for times in (1, 2):
        before = connection.waits_since
        served.gateway.beat(time.monotonic())
        served.gateway.beat(time.monotonic())
        await heard(deaf, times * b"\x89\x00")
        wire.transport.write(b"\x8a\x80\0\0\0\0")
        async with asyncio.timeout(10):
            while connection.waits_since == before:  # noqa: ASYNC110 (nothing tells of a pong)
                await asyncio.sleep(0.01)
    assert not connection.transport.is_closing()
    assert deaf.heard == 2 * b"\x89\x00"
    wire.transport.close()
    await served.emptied()


async def test_nothing_is_written_behind_a_close_frame(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 6455 section 5.5.1: aiohttp has answered a browser's close frame; a frame offered at that moment is dropped."""
    finish = module.Connection._finish

    async def tell_and_finish(self: module.Connection, session: Dialogue) -> None:
        self.queue.offer(b"{}")
        await finish(self, session)

    monkeypatch.setattr(module.Connection, "_finish", tell_and_finish)
    wire, deaf = await deafened(served)
    wire.transport.write(b"\x88\x82\0\0\0\0\x03\xe8")
    await asyncio.wait_for(deaf.is_down.wait(), 10)
    assert deaf.heard == b"\x88\x02\x03\xe8"
    await served.emptied()


async def test_half_a_frame_on_its_way_is_a_sign_of_life(served: Served) -> None:
    """The browser could send a pong only after it."""
    wire, _ = await deafened(served)
    (connection,) = served.gateway.connections
    now = time.monotonic()
    served.gateway.beat(now + HEARTBEAT_S)
    async with asyncio.timeout(10):
        while unheard_s(connection.transport) < 0.1:  # noqa: ASYNC110 (the system tells nobody)
            await asyncio.sleep(0.01)
        wire.transport.write(HALF)
        while unheard_s(connection.transport) >= 0.1:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    served.gateway.beat(now + HEARTBEAT_S + ANSWER_S + 1)
    assert not connection.transport.is_closing()
    wire.transport.close()
    await served.emptied()


# The beginning: joined to the hub, then `hello`, and nothing between


class Halt:
    """Suspends an asynchronous call: ``reached`` is set once it gets there, and it continues once ``go`` is set."""

    def __init__(self, call: Callable[..., Awaitable[Any]]) -> None:
        self._call = call
        self.reached, self.go = asyncio.Event(), asyncio.Event()

    async def before(self, *given: Any) -> Any:
        """Suspend, then make the call."""
        await self._stop()
        return await self._call(*given)

    async def after(self, *given: Any) -> Any:
        """Make the call, then suspend before returning its result."""
        found = await self._call(*given)
        await self._stop()
        return found

    async def _stop(self) -> None:
        self.reached.set()
        await self.go.wait()


class Arriving:
    """A connection being opened, and the frames that it receives."""

    def __init__(self, served: Served) -> None:
        self.frames: asyncio.Queue[Json] = asyncio.Queue()
        self.wire = asyncio.ensure_future(
            connect("127.0.0.1", served.port, served.cookie, lambda payload: self.frames.put_nowait(json.loads(payload)))
        )

    async def next(self) -> Json:
        return await asyncio.wait_for(self.frames.get(), 10)

    async def until(self, kind: str) -> Json:
        while (frame := await self.next())["type"] != kind:
            pass
        return frame


async def turns() -> None:
    """Let the loop run everything that is ready by now."""
    for _ in range(200):
        await asyncio.sleep(0)


async def test_hello_comes_when_nothing_can_be_missed(served: Served, ailo: Ailo, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it takes to read the correspondents: whatever is sent after `hello` arrives."""
    halt = Halt(ailo.conversations.participants.correspondents)
    monkeypatch.setattr(ailo.conversations.participants, "correspondents", halt.before)
    coming = Arriving(served)
    await halt.reached.wait()
    await turns()
    was_greeted = not coming.frames.empty()
    ailo.hub.tell([served.lea], b'{"type":"about","thread":null}')
    halt.go.set()
    assert (await coming.next())["type"] == "hello"
    ailo.hub.tell([served.lea], b'{"type":"about","thread":null}')
    await coming.until("about")
    assert not was_greeted
    (await coming.wire).transport.close()
    await served.emptied()


async def test_hello_is_followed_by_presence(served: Served, ailo: Ailo) -> None:
    ailo.hub.join(served.claire.account.id, Ear(), {served.lea})
    coming = Arriving(served)
    assert [(await coming.next())["type"] for _ in range(2)] == ["hello", "presence"]
    (await coming.wire).transport.close()
    await served.emptied()


async def test_who_came_to_correspond_meanwhile_is_known(
    served: Served, ailo: Ailo, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Correspondents that changed while they were read are read again: otherwise the newcomer's presence would never be sent."""
    with monkeypatch.context() as patched:
        halt = Halt(ailo.conversations.participants._store.database.read)
        patched.setattr(type(ailo.store.database), "read", lambda _, act: halt.after(act), raising=True)
        reading = asyncio.create_task(ailo.conversations.participants.correspondents(served.lea))
        await halt.reached.wait()
    await cast.open_thread("lea", "thomas")
    halt.go.set()
    assert await reading == {served.claire.account.id, (await cast.account("thomas")).id}


@pytest.mark.parametrize(("ends", "code"), [("sign_out", 4401), ("restart", 1012)])
@pytest.mark.parametrize("when", ["looked up", "corresponds", "looked at again"])
async def test_what_ends_a_connection_that_begins_is_not_missed(
    served: Served, ailo: Ailo, monkeypatch: pytest.MonkeyPatch, when: str, ends: str, code: int
) -> None:
    """Wherever it is waiting when its session ends or its account gets another key."""
    where, name = {
        "looked up": (served.gateway, "signed_in"),
        "corresponds": (ailo.conversations.participants, "correspondents"),
        "looked at again": (served.gateway, "is_signed_in"),
    }[when]
    halt = Halt(getattr(where, name))
    object.__setattr__(where, name, halt.after)
    coming = Arriving(served)
    await halt.reached.wait()
    if ends == "restart":
        ailo.hub.restart(served.lea)
    else:
        await ailo.store.database.write(lambda tx: sessions.end(tx, served.session))
        ailo.hub.sign_out(served.lea, served.session)
    halt.go.set()
    assert await closed(await coming.wire) == code
    await served.emptied()
    monkeypatch.undo()


async def test_what_is_live_is_held_until_the_first_frame(served: Served, ailo: Ailo) -> None:
    """Any first frame releases it: whoever sends something will not resume any more."""
    coming = Arriving(served)
    await coming.until("hello")
    wire = await coming.wire
    for text in ("un", "deux"):
        await ailo.conversations.conversation.post_and_wait(served.claire, served.thread, new_id(MessageId), text)
    ailo.hub.tell([served.lea], b'{"type":"about","thread":null}')
    await coming.until("about")
    wire.send(json.dumps({"type": "typing", "thread": str(served.thread)}).encode())
    assert [(await coming.until("message"))["text"] for _ in range(2)] == ["un", "deux"]
    wire.transport.close()
    await served.emptied()


async def test_what_is_held_comes_to_who_says_nothing(served: Served, ailo: Ailo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HELD_S", 0.0)
    coming = Arriving(served)
    await coming.until("hello")
    await ailo.conversations.conversation.post_and_wait(served.claire, served.thread, new_id(MessageId), "un")
    assert (await coming.until("message"))["text"] == "un"
    (await coming.wire).transport.close()
    await served.emptied()


class Ear:
    """The connection of somebody else who is present."""

    session_id = b"ear"
    was_used = False

    def offer(self, frame: bytes) -> None: ...

    def offer_message(self, thread: ThreadId, seq: int, frame: bytes) -> None: ...

    def sign_out(self) -> None: ...

    def restart(self) -> None: ...


async def test_who_goes_before_a_pong_is_no_failure(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gone = asyncio.Event()

    async def wait(_: object) -> None:
        await gone.wait()

    monkeypatch.setattr(Dialogue, "take_control", wait)
    wire = await served.visit()
    (connection,) = served.gateway.connections
    wire.transport.write(PING * 20)
    wire.transport.abort()
    async with asyncio.timeout(10):
        while not connection.transport.is_closing():  # noqa: ASYNC110 (the line tells nobody)
            await asyncio.sleep(0.01)
    gone.set()
    await served.emptied()
    assert caplog.records == []
