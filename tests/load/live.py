"""Ailo under load: pairs over its WebSocket; the bare echo server for comparison; idle and reconnecting connections; pages."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import count

import aiohttp
import msgspec

from tests.load.figures import Figures, at_rest, busy_seconds, cpu_seconds, memory_kb, of_times
from tests.load.population import Pair, Person
from tests.load.traffic import TEXT, Side, Two, drained, fresh_id, patience
from tests.load.wire import Wire, connect

HOST = "127.0.0.1"
AT_ONCE = 50


class Arrived(msgspec.Struct):
    """The fields of `sent` and `message` that the generator reads."""

    id: str
    seq: int


class Refused(msgspec.Struct):
    """The fields of `error` that the generator reads."""

    code: str
    id: str = ""


_arrived = msgspec.json.Decoder(Arrived)
_refused = msgspec.json.Decoder(Refused)
_text = msgspec.json.encode(TEXT)


def send_frame(thread: str) -> Callable[[str], bytes]:
    """A function that makes the `send` frames of one thread; the parts that do not change are encoded once."""
    end = f'","thread":"{thread}","text":'.encode() + _text + b"}"
    return lambda id_: b'{"type":"send","id":"' + id_.encode() + end


@asynccontextmanager
async def conversing(
    port: int, pairs: Sequence[Pair], bases: dict[Pair, int], new_id: Callable[[], str] = fresh_id
) -> AsyncIterator[list[Two]]:
    """Two connections per pair, each ready to send. ``bases`` carries each thread's last number from one load to the next."""
    made, wires = [], []
    for pair in pairs:
        two = Two(Side(new_id=new_id), Side(new_id=new_id), bases.get(pair, 0))
        for side, person in zip(two.sides, (pair.member, pair.professional), strict=True):
            wire = await signed_in(port, person, _listener(side))
            frame = send_frame(str(pair.thread))
            side.transmit = lambda id_, wire=wire, frame=frame: wire.send(frame(id_))  # type: ignore[misc]
            wires.append(wire)
        made.append(two)
    for two in made:  # the first message in a thread begins an epoch of the participants' own: not part of the traffic
        two.one.send(time.perf_counter())
    await drained(made)
    try:
        yield made
    finally:
        bases |= {pair: two.base for pair, two in zip(pairs, made, strict=True)}
        for wire in wires:
            wire.transport.close()


def _listener(side: Side) -> Callable[[bytes], None]:
    def took(payload: bytes) -> None:
        if payload.startswith(b'{"type":"sent"'):
            arrived = _arrived.decode(payload)
            side.acknowledged.append((arrived.id, arrived.seq))
        elif payload.startswith(b'{"type":"message"'):
            arrived = _arrived.decode(payload)
            side.took(arrived.id, arrived.seq)
        elif payload.startswith(b'{"type":"error"'):
            refused = _refused.decode(payload)
            if refused.code != "busy":
                raise SystemExit(f"no figures: the server refused: {payload.decode()}")
            side.was_refused(refused.id)

    return took


async def signed_in(port: int, person: Person, took: Callable[[bytes], None], headers: str = "") -> Wire:
    """A connection that has received `hello`. Raises SystemExit if it does not."""
    welcome: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def first(payload: bytes) -> None:
        if welcome.done():  # presence follows immediately
            took(payload)
        else:
            welcome.set_result(payload)

    wire = await connect(HOST, port, person.cookie, first, headers)
    try:
        payload = await asyncio.wait_for(welcome, 30)
    except TimeoutError:
        raise SystemExit("no figures: a connection was not welcomed") from None
    if not payload.startswith(b'{"type":"hello"'):
        raise SystemExit(f"no figures: a connection was turned away: {payload.decode()}")
    wire.took = took
    return wire


async def echoes(port: int, pid: int, connections: int, window: int, seconds: float, warm: float = 0.5) -> Figures:
    """Frames per second answered by an echo server, with ``window`` frames of each connection under way."""
    await at_rest(patience.seconds)
    frame = send_frame(fresh_id())(fresh_id())
    wires: list[Wire] = []
    answered = count()

    def answering(number: int) -> Callable[[bytes], None]:
        def took(_: bytes) -> None:
            next(answered)
            wires[number].send(frame)

        return took

    wires.extend([await connect(HOST, port, "", answering(number)) for number in range(connections)])
    for wire in wires:
        for _ in range(window):
            wire.send(frame)
    await asyncio.sleep(warm)
    before, started, own, server = next(answered), time.perf_counter(), time.process_time(), cpu_seconds(pid)
    busy = busy_seconds()
    await asyncio.sleep(seconds)
    took, frames = time.perf_counter() - started, next(answered) - before
    own, server = time.process_time() - own, cpu_seconds(pid) - server
    figures = {
        "frames_per_second": round(frames / took),
        "server_cpu": round(server / took, 2),
        "per_cpu_s": round(frames / max(server, 0.01)),
        "generator_cpu": round(own / took, 2),
        "others_cpu": round(max(busy_seconds() - busy - server - own, 0) / took, 2),
    }
    for wire in wires:
        wire.took = lambda _: None
        wire.transport.close()
    return figures


async def idle(port: int, pid: int, pairs: Sequence[Pair], many: int, headers: str = "") -> Figures:
    """Memory of idle signed-in connections. ``headers`` are sent in addition to those of the handshake."""
    people = [person for pair in pairs for person in (pair.member, pair.professional)]
    warm = [await signed_in(port, person, lambda _: None) for person in people]  # the one-time cost of each person
    figures = await at_rest_each(pid, many, lambda number: signed_in(port, people[number % len(people)], lambda _: None, headers))
    for wire in warm:
        wire.transport.close()
    return figures


async def idle_echo(port: int, pid: int, many: int) -> Figures:
    """The same for the bare echo server: what a connection of aiohttp's own takes."""
    return await at_rest_each(pid, many, lambda _: connect(HOST, port, "", lambda _: None))


async def at_rest_each(pid: int, many: int, opened: Callable[[int], Awaitable[Wire]]) -> Figures:
    """The cost of ``many`` more connections, opened several at a time."""
    before, wires = memory_kb(pid), []
    for start in range(0, many, AT_ONCE):
        wires += await asyncio.gather(*(opened(number) for number in range(start, min(start + AT_ONCE, many))))
    await asyncio.sleep(1)
    after, cpu = memory_kb(pid), cpu_seconds(pid)
    await asyncio.sleep(2)
    cpu = (cpu_seconds(pid) - cpu) / 2
    if any(wire.closed is not None for wire in wires):
        raise SystemExit("no figures: connections at rest were closed")
    for wire in wires:
        wire.transport.close()
    return {"connections": many, "kb_each": round((after - before) / many, 1), "server_cpu": round(cpu, 2)}


async def pages(port: int, pid: int, asked: Sequence[tuple[Person, str]], warm: int = 30) -> Figures:
    """Requests one after the other, each by one person: the time of the round trip, and the server's share of it."""
    await at_rest(patience.seconds)
    took: list[float] = []
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        for person, path in [*asked[:warm], *asked]:
            if len(took) == warm:
                cpu = cpu_seconds(pid)
            started = time.perf_counter()
            async with http.get(f"http://{HOST}:{port}{path}", headers={"Cookie": person.cookie}) as response:
                body = await response.read()
            took.append(time.perf_counter() - started)
            if response.status != 200 or b'"broken"' in body:
                raise SystemExit(f"no figures: {response.status} {body[:200].decode()}")
    cpu = cpu_seconds(pid) - cpu
    return {**of_times(took[warm:]), "server_ms": round(cpu / len(asked) * 1000, 2)}


def newest_page(pair: Pair) -> tuple[Person, str]:
    """The request for the page that is shown first."""
    return pair.member, f"/api/threads/{pair.thread}/messages?limit=50"


class Returning:
    """Somebody who reconnects with `resume`, having missed ``missed`` messages of a thread."""

    def __init__(self, person: Person, pair: Pair, seen: int, missed: int) -> None:
        self.person, self.seen, self.missed = person, seen, missed
        self.resume = f'{{"type":"resume","threads":{{"{pair.thread}":{seen}}}}}'.encode()
        self.received: list[int] = []
        self.is_back: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def took(self, payload: bytes) -> None:
        if payload.startswith(b'{"type":"message"'):
            self.received.append(_arrived.decode(payload).seq)
        elif payload.startswith(b'{"type":"resumed"') and not self.is_back.done():
            self.is_back.set_result(None)

    async def come(self, port: int, started: float) -> float:
        """Connect, resume, and wait for everything missed; return the seconds since ``started``."""
        wire = await connect(HOST, port, self.person.cookie, self.took)
        wire.send(self.resume)
        await asyncio.wait_for(self.is_back, 60)
        took = time.perf_counter() - started
        wire.transport.close()
        if self.received != list(range(self.seen + 1, self.seen + self.missed + 1)):
            raise SystemExit(f"no figures: {self.missed} were missed, {len(self.received)} came")
        return took


async def reconnect(port: int, pid: int, pairs: Sequence[Pair], seen: int, missed: int) -> Figures:
    """Everybody reconnects at the same instant."""
    back = [Returning(person, pair, seen, missed) for pair in pairs for person in (pair.member, pair.professional)]
    started, cpu = time.perf_counter(), cpu_seconds(pid)
    took = sorted(await asyncio.gather(*(one.come(port, started) for one in back)))
    return {
        "clients": len(back), "missed_each": missed, "p50_s": round(took[len(took) // 2], 2), "all_s": round(took[-1], 2),
        "server_cpu_s": round(cpu_seconds(pid) - cpu, 2), "server_mb": round(memory_kb(pid) / 1024),
    }  # fmt: skip
