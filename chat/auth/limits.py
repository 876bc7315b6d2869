"""Rate limits per account and per address. In memory only; times in seconds of a monotonic clock."""

import math
import time
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from itertools import islice

Clock = Callable[[], float]

WINDOW_S = 600.0
ACCOUNT_FAILURES = 10
DEVICE_FAILURES = 10
ADDRESS_FAILURES = 100
ACCOUNT_COMPUTATIONS = 30
MOST_TIMES = max(ACCOUNT_FAILURES, DEVICE_FAILURES, ADDRESS_FAILURES, ACCOUNT_COMPUTATIONS)
MOST_KEPT = 100_000
NEWS_S = 60.0
DAY_S = 86_400.0
# Whoever joins or leaves a thread starts a new epoch in it, which is kept for good: a roster and grants, up to 45 kB.
# A staff member who hands over all their threads in one morning stays below these limits; a loop does not.
CHANGES_AT_ONCE = 100
CHANGES_A_DAY = 400
THREAD_CHANGES_AT_ONCE = 20
THREAD_CHANGES_A_DAY = 40
MOST_THREADS = 10_000
STEP_S = 0.01
LONGEST_S = 1.0
FORGIVEN_S = 10.0


@dataclass
class Bucket:
    """A token bucket: ``rate`` tokens a second, at most ``burst`` at once. A rate of 0 lifts the limit."""

    rate: float
    burst: float
    clock: Clock = time.monotonic
    _level: float = field(init=False)
    _at: float = field(init=False)

    def __post_init__(self) -> None:
        self._level, self._at = self.burst, self.clock()

    def take(self, cost: float = 1) -> bool:
        """Take ``cost`` tokens; if fewer are left, take none and return False."""
        now = self.clock()
        self._level = min(self.burst, self._level + (now - self._at) * self.rate)
        self._at = now
        if self.rate and self._level < cost:
            return False
        self._level -= cost
        return True

    def give_back(self) -> None:
        """Return a token that was not needed after all."""
        self._level += 1

    @property
    def wait(self) -> float:
        """Seconds until a token is available; 0 if one is, or if the limit is lifted."""
        return max(0.0, (1 - self._level) / self.rate) if self.rate else 0.0

    @property
    def is_full(self) -> bool:
        """Whether the bucket has refilled completely by now, or the limit is lifted."""
        return not self.rate or self._level + (self.clock() - self._at) * self.rate >= self.burst


class SlowDown(Exception):
    """Too many attempts, or too many at once; ``wait`` in seconds."""

    def __init__(self, wait: float) -> None:
        super().__init__("too many attempts")
        self.wait = wait


@dataclass
class Overrun:
    """Growing delays for a client that keeps exceeding a limit; ``times`` counts since it last kept to it for ten seconds."""

    clock: Clock = time.monotonic
    times: int = 0
    _at: float = -math.inf

    def pause(self) -> float:
        """Count once more, and return how many seconds to wait."""
        now = self.clock()
        self.times = self.times + 1 if now - self._at < FORGIVEN_S else 1
        self._at = now
        return min(self.times * STEP_S, LONGEST_S)


class Failures:
    """Failed attempts in the last ten minutes, keyed by their target (an account, say) or their source (a network).

    Each operation takes constant time. At most ``most_kept`` keys are kept; the least recently used is evicted first. That
    cannot be used to evade a limit: whatever is counted costs a computation, and no machine can do that many in ten minutes.
    """

    def __init__(self, clock: Clock = time.monotonic, most_kept: int = MOST_KEPT) -> None:
        self._clock = clock
        self._most_kept = most_kept
        self._times: OrderedDict[Hashable, list[float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._times)

    def add(self, who: Hashable) -> float:
        """Count one failure, and return the time under which it is counted."""
        self._forget_old()
        now = self._clock()
        times = self._times.setdefault(who, [])
        times.append(now)
        del times[:-MOST_TIMES]
        self._times.move_to_end(who)
        if len(self._times) > self._most_kept:
            self._times.popitem(last=False)
        return now

    def wait(self, who: Hashable, maximum: int) -> float:
        """Seconds until ``who`` may try again; 0 with fewer than ``maximum`` failures in the window."""
        times = self._recent(who)
        return times[-maximum] + WINDOW_S - self._clock() if len(times) >= maximum else 0.0

    def clear(self, who: Hashable) -> None:
        """Forget all failures of ``who``: they have proved who they are."""
        self._times.pop(who, None)

    def forgive(self, who: Hashable, at: float) -> None:
        """Take back the failure that was counted at this time: the attempt succeeded, or was never tried."""
        times = self._times.get(who, [])
        if at in times:
            times.remove(at)
        if not times:
            self.clear(who)

    def _recent(self, who: Hashable) -> list[float]:
        times = self._times.get(who, [])
        del times[: bisect_right(times, self._clock() - WINDOW_S)]
        return times

    def _forget_old(self) -> None:
        """Drop the two least recently used keys if their window has passed: faster than new keys are added."""
        for who in list(islice(self._times, 2)):
            if not self._recent(who):
                del self._times[who]


@dataclass
class AccountLimits:
    """The limits of one account, across all its connections. ``rate`` is in messages a second; 0 lifts them all.

    Pings and pongs count as frames. When the frame limit is lifted, they keep a limit of their own: nobody needs to send many.
    """

    rate: float
    clock: Clock = time.monotonic
    connections: int = 0
    messages: Bucket = field(init=False)
    frames: Bucket = field(init=False)
    pages: Bucket = field(init=False)
    _quiet_until: float = field(init=False, default=-math.inf)
    changes: Bucket = field(init=False)
    controls: Bucket = field(init=False)
    over: Overrun = field(init=False)

    MOST_CONNECTIONS = 32

    def __post_init__(self) -> None:
        lifted = not self.rate
        self.messages = Bucket(self.rate, 4 * self.rate, self.clock)
        self.frames = Bucket(0 if lifted else 100, 400, self.clock)
        self.pages = Bucket(0 if lifted else 50, 200, self.clock)
        self.changes = Bucket(0 if lifted else CHANGES_A_DAY / DAY_S, CHANGES_AT_ONCE, self.clock)
        self.controls = Bucket(100, 400, self.clock) if lifted else self.frames
        self.over = Overrun(self.clock)

    def is_news(self) -> bool:
        """Whether to log that a connection reached a limit: at most once a minute per account."""
        if (now := self.clock()) < self._quiet_until:
            return False
        self._quiet_until = now + NEWS_S
        return True

    def may_connect(self) -> bool:
        """Whether one more connection is allowed."""
        return not self.rate or self.connections < self.MOST_CONNECTIONS


class ThreadChanges:
    """How often people may join or leave one thread, whoever makes the change. A rate of 0 lifts the limit."""

    def __init__(self, rate: float, clock: Clock = time.monotonic) -> None:
        self._rate = THREAD_CHANGES_A_DAY / DAY_S if rate else 0
        self._clock = clock
        self._buckets: dict[bytes, Bucket] = {}

    def of(self, thread: bytes) -> Bucket:
        """The bucket of a thread, which must exist."""
        if len(self._buckets) >= MOST_THREADS:
            self._buckets = {id_: bucket for id_, bucket in self._buckets.items() if not bucket.is_full}
        return self._buckets.setdefault(thread, Bucket(self._rate, THREAD_CHANGES_AT_ONCE, self._clock))
