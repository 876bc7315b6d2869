"""The traffic for every server under measurement: pairs of people who write to each other, and a full history of it.

There are two kinds of load: a closed loop keeps a number of messages of each side under way and finds what the server can carry;
an open loop sends at a fixed rate whatever the server answers. Latencies run from the *intended* moment of sending to the receipt
by the other side, so that a server that stalls is charged for everybody who would have had to wait.
"""

import asyncio
import gc
import itertools
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.load.figures import Figures, at_rest, busy_seconds, cpu_seconds, memory_kb, percentile

TEXT = "Bonjour Claire, j’ai repensé à notre échange de mardi, et j’ai essayé de dire non une fois cette semaine. " * 2
DRAIN_S = 60.0


@dataclass
class Patience:
    """How many seconds each load waits for the machine to be idle otherwise (`--calm`)."""

    seconds: float = 0.0


patience = Patience()

_numbers = itertools.count(time.time_ns() & 0xFFFFFFFFFFFF)


def fresh_id() -> str:
    """A UUID of version 7. Its last bits are counted, not random: the generator must cost less than what it measures."""
    ms, number = f"{time.time_ns() // 1_000_000:012x}", f"{next(_numbers):018x}"
    return f"{ms[:8]}-{ms[8:]}-7{number[:3]}-8{number[3:6]}-{number[6:]}"


@dataclass(eq=False)
class Side:
    """One of a pair: what it sent (and when it was meant to), what was acknowledged and refused, and what it received, in order.

    ``transmit`` puts a message on the wire. A server that does not number or acknowledge messages gives no ``seq``.
    """

    transmit: Callable[[str], None] = lambda _: None
    new_id: Callable[[], str] = fresh_id
    sent: dict[str, float] = field(default_factory=dict)
    acknowledged: list[tuple[str, int]] = field(default_factory=list)
    received: list[tuple[str, int]] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    latencies: "array[float]" = field(default_factory=lambda: array("d"))
    is_looping: bool = False
    other: "Side" = field(init=False)

    def send(self, intended: float) -> None:
        """Send one message."""
        id_ = self.new_id()
        self.sent[id_] = intended
        self.transmit(id_)

    @property
    def kept(self) -> list[str]:
        """What it sent and was not refused: exactly this must arrive."""
        return [id_ for id_ in self.sent if id_ not in self.refused] if self.refused else list(self.sent)

    def was_refused(self, id_: str) -> None:
        """The server reported that it did not take a message."""
        self.refused.add(id_)
        if self.is_looping:
            self.send(time.perf_counter())

    def took(self, id_: str, seq: int = 0) -> None:
        """A message of the other side has arrived."""
        now = time.perf_counter()
        self.received.append((id_, seq))
        self.latencies.append(now - self.other.sent.get(id_, now))
        if self.other.is_looping:
            self.other.send(now)


@dataclass(eq=False)
class Two:
    """A pair under load. ``base`` is the number of its thread's last message; ``acknowledges``: whether the server numbers."""

    one: Side
    two: Side
    base: int = 0
    acknowledges: bool = True

    def __post_init__(self) -> None:
        self.one.other, self.two.other = self.two, self.one

    @property
    def sides(self) -> tuple[Side, Side]:
        return self.one, self.two

    @property
    def is_done(self) -> bool:
        """Whether everything sent has come back to both sides."""
        return all(
            len(side.received) >= len(side.other.sent) - len(side.other.refused)
            and (not self.acknowledges or len(side.acknowledged) >= len(side.sent) - len(side.refused))
            for side in self.sides
        )

    def faults(self) -> list[str]:
        """What was lost, duplicated, never sent, or out of order; empty if all is well."""
        found = []
        for side in self.sides:
            expected, came = side.kept, [id_ for id_, _ in side.other.received]
            found += _difference("received", expected, came)
            if self.acknowledges:
                found += _difference("acknowledged", expected, [id_ for id_, _ in side.acknowledged])
                if not found and side.acknowledged != side.other.received:
                    found.append("the two sides were told different numbers")
        if self.acknowledges and not found:
            numbers = sorted(seq for side in self.sides for _, seq in side.acknowledged)
            if numbers != list(range(self.base + 1, self.base + len(numbers) + 1)):
                found.append("the numbers have a gap, or one stands twice")
        return found


def _difference(what: str, expected: list[str], came: list[str]) -> list[str]:
    if came == expected:
        return []
    lost, unexpected = set(expected) - set(came), set(came) - set(expected)
    doubled = len(came) - len(set(came))
    if lost or doubled or unexpected:
        return [f"of {len(expected)} sent, {len(lost)} never {what}, {doubled} {what} twice, {len(unexpected)} never sent"]
    return [f"{len(expected)} sent were {what} in another order"]


def check(pairs: Sequence[Two]) -> None:
    """Raise SystemExit, so that no figure is reported, if a message was lost, duplicated, unexpected or out of order."""
    faults = [fault for pair in pairs for fault in pair.faults()]
    if faults:
        raise SystemExit(f"no figures: the server failed {len(faults)} times, first: {faults[0]}")


async def drained(pairs: Sequence[Two]) -> None:
    """Wait until everything has come back, check it, and begin a new history."""
    await _all_done(pairs)
    await asyncio.sleep(0.05)  # a duplicate may come late
    check(pairs)
    for pair in pairs:
        pair.base += sum(len(side.kept) for side in pair.sides)
        for side in pair.sides:
            side.sent.clear()
            side.acknowledged.clear()
            side.received.clear()
            side.refused.clear()
            del side.latencies[:]


async def _all_done(pairs: Sequence[Two]) -> None:
    deadline = time.perf_counter() + DRAIN_S
    while not all(pair.is_done for pair in pairs) and time.perf_counter() < deadline:  # noqa: ASYNC110 (an event a message is dear)
        await asyncio.sleep(0.01)


@contextmanager
def no_collecting() -> Iterator[None]:
    """Keep the generator's own garbage collector, with millions of objects to scan, from interrupting a measurement."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@dataclass
class Meter:
    """Time and work of the server, of the generator and of others on the machine, between two moments.

    ``others_cpu`` says how reliable the figures are: the number of cores that worked for neither of the two.
    """

    pid: int
    started: float = field(default_factory=time.perf_counter)
    own: float = field(default_factory=time.process_time)
    busy: float = field(default_factory=busy_seconds)
    server: float = field(init=False)

    def __post_init__(self) -> None:
        self.server = cpu_seconds(self.pid)

    def read(self, latencies: list[float]) -> Figures:
        seconds = time.perf_counter() - self.started
        server, own = cpu_seconds(self.pid) - self.server, time.process_time() - self.own
        latencies.sort()
        return {
            "messages": len(latencies),
            "per_second": round(len(latencies) / seconds),
            **{f"p{name}_ms": percentile(latencies, part) for name, part in PERCENTILES.items()},
            "max_ms": percentile(latencies, 1.0),
            "server_cpu": round(server / seconds, 2),
            "per_cpu_s": round(len(latencies) / server) if server else 0,
            "server_mb": round(memory_kb(self.pid) / 1024),
            "generator_cpu": round(own / seconds, 2),
            "others_cpu": round(max(busy_seconds() - self.busy - server - own, 0) / seconds, 2),
        }


PERCENTILES = {"50": 0.5, "90": 0.9, "99": 0.99, "999": 0.999}


def _latencies(pairs: Sequence[Two]) -> list[float]:
    return [latency for pair in pairs for side in pair.sides for latency in side.latencies]


async def saturate(pid: int, pairs: Sequence[Two], window: int, seconds: float, warm: float) -> Figures:
    """Each side keeps ``window`` messages under way; the figures cover what arrived in ``seconds``, after a warm-up."""
    await at_rest(patience.seconds)
    with no_collecting():
        for side in _sides(pairs):
            side.is_looping = True
            for _ in range(window):
                side.send(time.perf_counter())
        await asyncio.sleep(warm)
        for side in _sides(pairs):
            del side.latencies[:]
        meter, rates = Meter(pid), []
        arrived, at = 0, meter.started
        while (now := time.perf_counter()) < meter.started + seconds:
            await asyncio.sleep(min(1.0, meter.started + seconds - now))
            total, then = sum(len(side.latencies) for side in _sides(pairs)), time.perf_counter()
            if then - at > 0.5:
                rates.append((total - arrived) / (then - at))
            arrived, at = total, then
        figures = meter.read(_latencies(pairs))
        for side in _sides(pairs):
            side.is_looping = False
        figures["refused"] = _refused(pairs)
        await drained(pairs)
    return {**figures, "slowest_second": round(min(rates, default=0))}


def _refused(pairs: Sequence[Two]) -> int:
    return sum(len(side.refused) for side in _sides(pairs))


def _sides(pairs: Sequence[Two]) -> list[Side]:
    return [side for pair in pairs for side in pair.sides]


async def pace(pid: int, pairs: Sequence[Two], rate: float, seconds: float, warm: float) -> Figures:
    """Send this many messages per second over all pairs, whatever the server answers.

    ``late_ms`` is how late the generator itself was (p99): it is part of the latencies.
    """
    await at_rest(patience.seconds)
    with no_collecting():
        await _send_at(pairs, rate, warm)
        await drained(pairs)
        meter = Meter(pid)
        lateness = await _send_at(pairs, rate, seconds)
        left = meter.started + seconds - time.perf_counter()
        await asyncio.sleep(max(left, 0))
        figures = meter.read([])
        await _all_done(pairs)
        of_all = {**meter.read(_latencies(pairs)), "refused": _refused(pairs)}
        await drained(pairs)
    loads = {name: figures[name] for name in ("server_cpu", "server_mb", "generator_cpu", "others_cpu")}
    return {**of_all, "per_second": round(of_all["messages"] / seconds), **loads, "late_ms": percentile(sorted(lateness), 0.99)}


async def _send_at(pairs: Sequence[Two], rate: float, seconds: float) -> list[float]:
    sides, lateness = [pair.one for pair in pairs] + [pair.two for pair in pairs], []
    started = time.perf_counter()
    for number in range(int(rate * seconds)):
        intended = started + number / rate
        if (ahead := intended - time.perf_counter()) > 0:
            await asyncio.sleep(ahead)
        elif number % 32 == 0:
            await asyncio.sleep(0)
        lateness.append(time.perf_counter() - intended)
        sides[number % len(sides)].send(intended)
    return lateness
