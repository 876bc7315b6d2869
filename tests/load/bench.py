"""`./dev bench`: the whole way of a message, measured: sealed, on the disk, acknowledged, and received by the other side.

The server has one core, the load generator the other. A run that lost or doubled a message reports no figure.
`--quick` is the short form for every day; `--seconds N` and `--pairs N` change the size of the long one.
"""

import argparse
import asyncio
import json
import os
import platform
import sqlite3
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import aiohttp
import msgspec
import uvloop

from chat.ids import new_id
from tests.load.house import Pair, cpu_seconds, furnished, memory_kb, serving
from tests.load.wire import Wire, connect

HOST = "127.0.0.1"
TEXT = "Bonjour Claire, j’ai repensé à notre échange de mardi, et j’ai essayé de dire non une fois cette semaine. " * 2
WINDOW = 16


class Received(msgspec.Struct, tag_field="type", tag="message"):
    """What a receiver looks at."""

    id: str
    seq: int


class Acknowledged(msgspec.Struct, tag_field="type", tag="sent"):
    """What a sender looks at."""

    id: str
    seq: int


_received = msgspec.json.Decoder(Received)
_acknowledged = msgspec.json.Decoder(Acknowledged)


@dataclass
class Line:
    """One pair under load: what its sender sent and saw acknowledged, what its receiver received."""

    pair: Pair
    base: int = 0
    sent_at: dict[str, float] = field(default_factory=dict)
    acknowledged: list[int] = field(default_factory=list)
    received: list[int] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    is_stopped: bool = False
    sender: Wire | None = None
    receiver: Wire | None = None
    is_closed_loop: bool = True

    async def open(self, port: int) -> None:
        self.sender = await connect(HOST, port, self.pair.member.cookie, self._at_sender)
        self.receiver = await connect(HOST, port, self.pair.professional.cookie, self._at_receiver)

    def send(self, intended: float) -> None:
        """Send one message; its latency counts from when it was meant to be sent."""
        id_ = str(new_id())
        self.sent_at[id_] = intended
        frame = {"type": "send", "id": id_, "thread": str(self.pair.thread), "text": TEXT}
        assert self.sender
        self.sender.send(msgspec.json.encode(frame))

    def _at_sender(self, payload: bytes) -> None:
        if payload.startswith(b'{"type":"sent"'):
            self.acknowledged.append(_acknowledged.decode(payload).seq)
            if self.is_closed_loop and not self.is_stopped:
                self.send(time.perf_counter())
        elif payload.startswith(b'{"type":"error"'):
            raise SystemExit(f"the server refused: {payload.decode()}")

    def _at_receiver(self, payload: bytes) -> None:
        if payload.startswith(b'{"type":"message"'):
            message = _received.decode(payload)
            self.received.append(message.seq)
            self.latencies.append(time.perf_counter() - self.sent_at[message.id])

    def close(self) -> None:
        for wire in (self.sender, self.receiver):
            if wire:
                wire.transport.close()

    def check(self) -> None:
        """Raise SystemExit unless every message was acknowledged once and received once, in order."""
        expected = list(range(self.base + 1, self.base + len(self.sent_at) + 1))
        if self.acknowledged != expected or self.received != expected:
            raise SystemExit(
                f"lost, doubled or out of order: {len(expected)} sent,"
                f" {len(self.acknowledged)} acknowledged, {len(self.received)} received"
            )


def percentile(values: list[float], part: float) -> float:
    """A percentile in ms of latencies in s."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] * 1000 if ordered else 0.0


# The last number of each thread after the runs so far.
_ends: dict[UUID, int] = {}


async def drained(lines: list[Line]) -> None:
    """Wait until everything sent has come back to both sides."""
    deadline = time.perf_counter() + 30
    while any(len(line.received) < len(line.sent_at) or len(line.acknowledged) < len(line.sent_at) for line in lines):
        if time.perf_counter() > deadline:
            break
        await asyncio.sleep(0.01)
    for line in lines:
        line.check()
        _ends[line.pair.thread] = line.base + len(line.sent_at)


def summary(lines: list[Line], seconds: float, cpu: float) -> dict[str, float]:
    latencies = [latency for line in lines for latency in line.latencies]
    return {
        "messages": len(latencies),
        "per_second": round(len(latencies) / seconds),
        "p50_ms": round(percentile(latencies, 0.5), 2),
        "p90_ms": round(percentile(latencies, 0.9), 2),
        "p99_ms": round(percentile(latencies, 0.99), 2),
        "p999_ms": round(percentile(latencies, 0.999), 2),
        "max_ms": round(max(latencies, default=0) * 1000, 2),
        "server_cpu": round(cpu / seconds, 2),
    }


async def saturate(port: int, pid: int, pairs: list[Pair], seconds: float) -> dict[str, float]:
    """Every sender keeps WINDOW messages under way."""
    lines = [Line(pair, _ends.get(pair.thread, 0)) for pair in pairs]
    for line in lines:
        await line.open(port)
    await asyncio.sleep(0.5)
    started, cpu = time.perf_counter(), cpu_seconds(pid)
    for line in lines:
        for _ in range(WINDOW):
            line.send(time.perf_counter())
    await asyncio.sleep(seconds)
    for line in lines:
        line.is_stopped = True
    took, cpu = time.perf_counter() - started, cpu_seconds(pid) - cpu
    in_time = summary(lines, took, cpu)
    await drained(lines)
    for line in lines:
        line.close()
    return in_time


async def pace(port: int, pid: int, pairs: list[Pair], rate: int, seconds: float) -> dict[str, float]:
    """So many messages a second over all pairs, whatever the server answers (open loop)."""
    lines = [Line(pair, _ends.get(pair.thread, 0), is_closed_loop=False) for pair in pairs]
    for line in lines:
        await line.open(port)
    await asyncio.sleep(0.5)
    started, cpu = time.perf_counter(), cpu_seconds(pid)
    for number in range(int(rate * seconds)):
        intended = started + number / rate
        if (ahead := intended - time.perf_counter()) > 0:
            await asyncio.sleep(ahead)
        lines[number % len(lines)].send(intended)
        if number % 32 == 0:
            await asyncio.sleep(0)
    took, cpu = time.perf_counter() - started, cpu_seconds(pid) - cpu
    await drained(lines)
    for line in lines:
        line.close()
    return summary(lines, took, cpu)


async def echoes(port: int, connections: int, seconds: float) -> int:
    """Frames a second that the bare echo server answers."""
    count = 0
    frame = msgspec.json.encode({"type": "send", "id": str(new_id()), "thread": str(new_id()), "text": TEXT})
    wires: list[Wire] = []

    def opened(number: int) -> None:
        def took(_: bytes) -> None:
            nonlocal count
            count += 1
            wires[number].send(frame)

        wires[number].took = took

    for number in range(connections):
        wires.append(await connect(HOST, port, "", lambda _: None))
        opened(number)
    started = time.perf_counter()
    for wire in wires:
        for _ in range(WINDOW):
            wire.send(frame)
    await asyncio.sleep(seconds)
    rate = count / (time.perf_counter() - started)
    for wire in wires:
        wire.transport.close()
    return round(rate)


async def idle(port: int, pid: int, pairs: list[Pair], many: int) -> dict[str, float]:
    """Memory of signed-in connections that say nothing."""
    before = memory_kb(pid)
    people = [person for pair in pairs for person in (pair.member, pair.professional)]
    wires = [await connect(HOST, port, people[number % len(people)].cookie, lambda _: None) for number in range(many)]
    await asyncio.sleep(1)
    after = memory_kb(pid)
    for wire in wires:
        wire.transport.close()
    return {"connections": many, "kb_each": round((after - before) / many, 1)}


async def pages(port: int, pairs: list[Pair], times: int) -> dict[str, float]:
    """A page of 50 messages, from request to answer."""
    pair = pairs[0]
    took: list[float] = []
    async with aiohttp.ClientSession(headers={"Cookie": pair.member.cookie}) as http:
        for _ in range(times):
            started = time.perf_counter()
            async with http.get(f"http://{HOST}:{port}/api/threads/{pair.thread}/messages?limit=50") as response:
                assert response.status == 200, await response.text()
                await response.read()
            took.append(time.perf_counter() - started)
    return {"p50_ms": round(percentile(took, 0.5), 2), "p99_ms": round(percentile(took, 0.99), 2)}


async def measure(arguments: argparse.Namespace, folder: Path) -> dict[str, object]:
    """All measurements: the bare echo, then one house under saturation, at fixed rates, and at rest."""
    cores = sorted(os.sched_getaffinity(0))
    server_core = cores[0] if len(cores) > 1 else None
    os.sched_setaffinity(0, {cores[-1]})
    seconds, quick = arguments.seconds, arguments.quick
    results: dict[str, object] = {}
    async with furnished(folder, arguments.pairs) as (settings, pairs):
        with serving(settings, server_core, ("-m", "tests.load.echo")) as (port, _):
            echoed = await echoes(port, 2 * arguments.pairs, min(5.0, seconds))
        with serving(settings, server_core) as (port, pid):
            saturated = await saturate(port, pid, pairs, seconds)
            results = {"echo_frames_per_second": echoed, "saturated": saturated}
            results["share_of_echo"] = round(saturated["per_second"] / echoed, 2)
            for rate in [1000] if quick else [500, 1000, 2000, 4000, 8000]:
                results[f"at_{rate}"] = await pace(port, pid, pairs, rate, min(seconds, 10.0))
            results["page_of_50"] = await pages(port, pairs, 200)
        with serving(settings, server_core) as (port, pid):
            results["idle"] = await idle(port, pid, pairs, 500 if quick else 8_000)
    return results


def report(results: dict[str, object]) -> None:
    """Print the table."""
    uname = platform.uname()
    print(
        f"{uname.system} {uname.release}, Python {platform.python_version()},"
        f" SQLite {sqlite3.sqlite_version}, {os.cpu_count()} cores"
    )
    for name, value in results.items():
        figures = ", ".join(f"{key} {figure}" for key, figure in value.items()) if isinstance(value, dict) else value
        print(f"{name:24} {figures}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under 30 s")
    parser.add_argument("--seconds", type=float, default=None, help="of each load (30, quick: 4)")
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    arguments.seconds = arguments.seconds or (4.0 if arguments.quick else 30.0)
    with tempfile.TemporaryDirectory(prefix="ailo-bench-") as folder:
        results = uvloop.run(measure(arguments, Path(folder)))
    if arguments.json:
        print(json.dumps(results, indent=1))
    else:
        report(results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
