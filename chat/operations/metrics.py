"""What an operator can watch, for Prometheus: only totals and times, on a port of its own. Nothing here identifies anybody.

Frames are only counted: everything else is looked up when it is scraped, or measured once per group of commits.
"""

import asyncio
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CollectorRegistry, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from chat.connections.gateway import Gateway
from chat.http.aiohttp_internals import SignedConnection
from chat.http.headers import Signature
from storage.conversations.feed import Group
from storage.conversations.group_commit import GroupCommit, Item, Outcome, Posted
from storage.errors import Stalled
from storage.mail import letters
from storage.store import Store

BEAT_S = 0.05
WINDOW_S = 60.0
PATIENCE_S = 2.0
SIGNING_IN = {("POST", "/api/session"), ("POST", "/api/session/recovery")}
OUTCOMES = {200: "granted", 401: "wrong_credentials", 429: "slow_down"}
TIMES = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Lag:
    """How late the event loop runs what is due; ``worst`` is over the last minute or two."""

    def __init__(self, seconds: Histogram) -> None:
        self._seconds = seconds
        self._worst = [0.0, 0.0]
        self._window_began = time.monotonic()

    @property
    def worst(self) -> float:
        return max(self._worst)

    async def measure(self) -> None:
        """Until cancelled, sleep again and again and measure how late the wake-up is."""
        while True:
            began = time.perf_counter()
            await asyncio.sleep(BEAT_S)
            self.note(max(0.0, time.perf_counter() - began - BEAT_S))

    def note(self, late: float) -> None:
        """Record one measurement."""
        if time.monotonic() - self._window_began > WINDOW_S:
            self._worst, self._window_began = [self._worst[1], 0.0], time.monotonic()
        self._worst[1] = max(self._worst[1], late)
        self._seconds.observe(late)


@dataclass(eq=False)
class Metrics(Collector):
    """All metrics of one service."""

    store: Store
    commits: GroupCommit
    gateway: Gateway
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        self.sign_ins: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        self.committed = 0
        self.refused = 0
        self._letters: dict[str, int] = {}
        self._sizes = Histogram("ailo_group_size", "Items committed together.", buckets=SIZES, registry=self.registry)
        self._seconds = Histogram(
            "ailo_commit_seconds", "Time to commit a group, including the sync.", buckets=TIMES, registry=self.registry
        )
        self.lag = Lag(Histogram("ailo_loop_lag_seconds", "Lag of the event loop.", buckets=TIMES, registry=self.registry))
        self.registry.register(self)
        ProcessCollector(registry=self.registry)
        self.commits.feed.subscribe(self.note_group)

    def note_group(self, group: Group[Item, Outcome]) -> None:
        """Record a group that was committed, or could not be."""
        self._sizes.observe(len(group.items))
        self._seconds.observe(group.seconds)
        self.committed += sum(isinstance(outcome, Posted) and outcome.is_new for outcome in group.outcomes)
        self.refused += sum(isinstance(outcome, Stalled) for outcome in group.outcomes)

    @web.middleware
    async def count(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Count the answers, and the outcomes of signing in."""
        status = 500
        try:
            response = await handler(request)
            status = response.status
        except web.HTTPException as error:
            status = error.status
            raise
        finally:
            self.answers[f"{status // 100}xx"] += 1
            if (request.method, request.path) in SIGNING_IN:
                self.sign_ins[OUTCOMES.get(status, "refused")] += 1
        return response

    async def text(self) -> bytes:
        """All metrics, in Prometheus's text format."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                self._letters = await self.store.database.read(letters.count_by_state)
        except (Stalled, TimeoutError):
            self._letters = {}
        return generate_latest(self.registry)

    def collect(self) -> Iterable[Metric]:
        """Yield what is looked up rather than measured; called by the library."""
        queues = [len(connection.queue) for connection in self.gateway.connections]
        yield _gauge("ailo_connections", "Open WebSocket connections.", len(queues))
        yield _gauge("ailo_outgoing_frames", "Frames waiting to be sent to browsers.", sum(queues))
        yield _gauge("ailo_outgoing_frames_longest", "Frames in the longest queue of one connection.", max(queues, default=0))
        yield _gauge("ailo_commit_queue", "Messages and read marks waiting for the next commit.", self.commits.depth)
        yield _gauge("ailo_loop_lag_worst_seconds", "Worst lag of the event loop in the last few minutes.", self.lag.worst)
        yield _gauge(
            "ailo_removed_seconds",
            "How long removed content has been left in the files.",
            self.store.database.removed_for_s,
        )
        yield _counter("ailo_messages_committed", "Messages committed to disk.", self.committed)
        yield _counter("ailo_items_refused", "Messages and read marks that the store could not commit.", self.refused)
        frames = {kind.__name__.lower(): count for kind, count in self.gateway.taken.items()}
        yield _counters("ailo_frames", "Frames received from browsers.", "type", frames)
        yield _counters("ailo_http_answers", "Responses to HTTP requests.", "status", self.answers)
        yield _counters("ailo_sign_ins", "Sign-in attempts.", "outcome", self.sign_ins)
        yield _gauges("ailo_letters", "Letters in the outbox.", "state", self._letters)


def _gauge(name: str, what: str, value: float) -> Metric:
    return GaugeMetricFamily(name, what, value=value)


def _counter(name: str, what: str, value: float) -> Metric:
    return CounterMetricFamily(name, what, value=value)


def _counters(name: str, what: str, label: str, values: dict[str, int]) -> Metric:
    return _labelled(CounterMetricFamily(name, what, labels=[label]), values)


def _gauges(name: str, what: str, label: str, values: dict[str, int]) -> Metric:
    return _labelled(GaugeMetricFamily(name, what, labels=[label]), values)


def _labelled(family: CounterMetricFamily | GaugeMetricFamily, values: dict[str, int]) -> Metric:
    for value, count in sorted(values.items()):
        family.add_metric([value], count)
    return family


@asynccontextmanager
async def shown_at(metrics: Metrics, listener: socket.socket) -> AsyncIterator[None]:
    """Serve the metrics at ``/metrics`` while this lasts, and measure the loop's lag."""

    async def show(_: web.Request) -> web.Response:
        return web.Response(body=await metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app, signature = web.Application(), Signature(is_secure=False)
    signature.add_to(app)
    app.router.add_get("/metrics", show)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    server, loop = runner.server, asyncio.get_running_loop()
    assert server
    measuring = asyncio.create_task(metrics.lag.measure(), name="loop lag")
    try:
        with closing(await loop.create_server(lambda: SignedConnection(signature, server), sock=listener)):
            yield
    finally:
        measuring.cancel()
        await runner.cleanup()
