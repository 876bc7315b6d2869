"""What one account that sends 1,000 messages per second costs the others: `./dev bench --neighbour`.

Quiet pairs write at a modest fixed rate, alternately alone and beside the flood, because the machine changes over time. With the
limits as shipped the flood gets `slow_down`; without them all of it is committed. As shipped, the pairs are also measured beside
each of the floods of `floods`, which contain no messages.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from tests.load import floods, live
from tests.load.figures import Figures, Results, middle
from tests.load.population import Pair, furnished, serving
from tests.load.traffic import Two, fresh_id, pace
from tests.load.wire import Wire

PAIRS = 20
RATE = 80
FLOOD = 1_000
MODES = {"as shipped": "5", "AILO_RATE=off": "off"}


class _Told(msgspec.Struct):
    type: str
    id: str = ""
    seq: int = 0
    code: str = ""


_told = msgspec.json.Decoder(_Told)


class Flood:
    """One account that sends whatever answers it gets, and what became of its messages."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.frame = live.send_frame(str(pair.thread))
        self.answers: Counter[str] = Counter()
        self.kept: list[tuple[str, int]] = []
        self.received: list[tuple[str, int]] = []
        self.sent = 0

    def answered(self, payload: bytes) -> None:
        told = _told.decode(payload)
        if told.type in {"sent", "error"}:
            self.answers[told.code or told.type] += 1
        if told.type == "sent":
            self.kept.append((told.id, told.seq))

    def arrived(self, payload: bytes) -> None:
        told = _told.decode(payload)
        if told.type == "message":
            self.received.append((told.id, told.seq))

    @asynccontextmanager
    async def flowing(self, port: int) -> AsyncIterator[None]:
        """Send while this lasts, then wait for the answers: whatever was acknowledged must have arrived."""
        one, other = self.pair.member, self.pair.professional
        wires = [await live.signed_in(port, one, self.answered), await live.signed_in(port, other, self.arrived)]
        sending = asyncio.create_task(self._send(wires[0].send))
        try:
            yield
        finally:
            sending.cancel()
            await asyncio.wait([sending])
            await self._ended(wires[0])
            for wire in wires:
                wire.transport.close()

    async def _send(self, send: Callable[[bytes], None]) -> None:
        started, sent = time.perf_counter(), 0
        while True:
            due = int((time.perf_counter() - started) * FLOOD)
            for _ in range(due - sent):
                send(self.frame(fresh_id()))
            self.sent, sent = self.sent + due - sent, due
            await asyncio.sleep(0.002)

    async def _ended(self, wire: Wire) -> None:
        async with asyncio.timeout(60):
            while (self.answers.total() < self.sent and wire.closed is None) or len(self.received) < len(self.kept):  # noqa: ASYNC110 (an event a message is dear)
                await asyncio.sleep(0.01)
        if self.kept != self.received:
            raise SystemExit("no figures: what the flood saw acknowledged is not what arrived")


async def measure(folder: Path, core: int | None, seconds: float, times: int) -> Results:
    """Both modes, each measured ``times`` times alone and beside the flood."""
    results: Results = {}
    for mode, rate in MODES.items():
        async with furnished(folder / rate, PAIRS + 1) as (settings, pairs):
            with serving(settings, core, rate=rate) as (port, pid):
                async with live.conversing(port, pairs[1:], {}) as twos:
                    if rate != "off":
                        results |= await beside_each(port, pid, pairs[0], twos, seconds)
                    results |= await _by_turns(mode, port, pid, Flood(pairs[0]), twos, seconds, times)
    return results


async def beside_each(port: int, pid: int, flooding: Pair, twos: Sequence[Two], seconds: float) -> Results:
    """Measure beside each flood of `floods`."""
    return {name: await _beside(port, pid, floods.Flood(name, flooding), twos, seconds) for name in floods.KINDS}


async def _beside(port: int, pid: int, flood: floods.Flood, twos: Sequence[Two], seconds: float) -> Figures:
    """Measure three times alone and beside a flood."""
    alone: list[Figures] = []
    beside: list[Figures] = []
    for _ in range(3):
        alone.append(await pace(pid, twos, RATE, seconds, 1.0))
        async with flood.flowing(port):
            beside.append(await pace(pid, twos, RATE, seconds, 1.0))
    one, two = middle(alone, "p99_ms"), middle(beside, "p99_ms")
    return {
        "p50_alone": one["p50_ms"], "p50_beside": two["p50_ms"], "p99_alone": one["p99_ms"], "p99_beside": two["p99_ms"],
        "max_beside": two["max_ms"], "server_cpu": two["server_cpu"], "server_mb": two["server_mb"],
        "closed": flood.closed,
    }  # fmt: skip


async def _by_turns(mode: str, port: int, pid: int, flood: Flood, twos: Sequence[Two], seconds: float, times: int) -> Results:
    alone: list[Figures] = []
    beside: list[Figures] = []
    for _ in range(times):
        alone.append(await pace(pid, twos, RATE, seconds, 1.0))
        async with flood.flowing(port):
            beside.append(await pace(pid, twos, RATE, seconds, 1.0))
    ratios = sorted(two["p99_ms"] / one["p99_ms"] for one, two in zip(alone, beside, strict=True))
    return {
        f"{mode}, alone": middle(alone, "p99_ms"),
        f"{mode}, beside the flood": middle(beside, "p99_ms"),
        f"{mode}: p99 beside, of p99 alone": {
            "middle": round(ratios[len(ratios) // 2], 2), "least": round(ratios[0], 2), "most": round(ratios[-1], 2),
            "p50": round(middle(beside, "p50_ms")["p50_ms"] / middle(alone, "p50_ms")["p50_ms"], 2),
            "flood_sent": flood.sent, "acknowledged": flood.answers["sent"], "slow_down": flood.answers["slow_down"],
            "busy": flood.answers["busy"],
        },
    }  # fmt: skip
