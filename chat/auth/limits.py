"""How much one account or one address may ask for. In memory only; times in seconds of a monotonic clock."""

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
# Who comes into a thread, or leaves it, begins an epoch in it for good: a roster and a grant for each, up to 45 kB.
# One of the staff who hands over all that they have in a morning stays below these; a loop does not.
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
    """A token bucket: ``rate`` a second, ``burst`` at once. A rate of 0 lifts the limit."""

    rate: float
    burst: float
    clock: Clock = time.monotonic
    _level: float = field(init=False)
    _at: float = field(init=False)

    def __post_init__(self) -> None:
        self._level, self._at = self.burst, self.clock()

    def take(self, cost: float = 1) -> bool:
        """Take ``cost`` tokens; False, and none is taken, when fewer are left."""
        now = self.clock()
        self._level = min(self.burst, self._level + (now - self._at) * self.rate)
        self._at = now
        if self.rate and self._level < cost:
            return False
        self._level -= cost
        return True

    def give_back(self) -> None:
        """Give one back that was taken for nothing."""
        self._level += 1

    @property
    def wait(self) -> float:
        """Seconds until there is one again; 0 when there is, or where no limit holds."""
        return max(0.0, (1 - self._level) / self.rate) if self.rate else 0.0

    @property
    def is_full(self) -> bool:
        """Whether it has all that it can hold by now, or no limit holds."""
        return not self.rate or self._level + (self.clock() - self._at) * self.rate >= self.burst


class SlowDown(Exception):
    """Too many attempts, or too much at once; ``wait`` in seconds."""

    def __init__(self, wait: float) -> None:
        super().__init__("too many attempts")
        self.wait = wait


@dataclass
class Overrun:
    """Who goes on beyond a limit waits, each time longer; ``times`` since they last kept to it for ten seconds."""

    clock: Clock = time.monotonic
    times: int = 0
    _at: float = -math.inf

    def pause(self) -> float:
        """Count once more; gives how many seconds to wait."""
        now = self.clock()
        self.times = self.times + 1 if now - self._at < FORGIVEN_S else 1
        self._at = now
        return min(self.times * STEP_S, LONGEST_S)


class Failures:
    """Failed attempts in the last ten minutes, by whom they were made against or from.

    Constant work each, and at most ``most_kept`` of those kept, the longest untouched of which goes first. That is no way around
    a limit: what is counted is computed, and so many computations are beyond any machine in the window of ten minutes.
    """

    def __init__(self, clock: Clock = time.monotonic, most_kept: int = MOST_KEPT) -> None:
        self._clock = clock
        self._most_kept = most_kept
        self._times: OrderedDict[Hashable, list[float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._times)

    def add(self, who: Hashable) -> float:
        """Count one failure; gives the time that it is counted by."""
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
        """Forget what was counted: somebody proved to be who they say."""
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
        """Drop the two that were untouched for longest, if their time is over: faster than new ones come."""
        for who in list(islice(self._times, 2)):
            if not self._recent(who):
                del self._times[who]


@dataclass
class AccountLimits:
    """What one account may do, over all its connections. ``rate`` is messages a second; 0 lifts each of these.

    Pings and pongs count as frames. They have a limit of their own where that is lifted, for nobody needs to send many.
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
        """Whether it is worth a line that a limit was met on a connection: once a minute for an account."""
        if (now := self.clock()) < self._quiet_until:
            return False
        self._quiet_until = now + NEWS_S
        return True

    def may_connect(self) -> bool:
        """Whether one more connection is allowed."""
        return not self.rate or self.connections < self.MOST_CONNECTIONS


class ThreadChanges:
    """How often people may come into one thread and leave it, whoever brings it about. A rate of 0 lifts the limit."""

    def __init__(self, rate: float, clock: Clock = time.monotonic) -> None:
        self._rate = THREAD_CHANGES_A_DAY / DAY_S if rate else 0
        self._clock = clock
        self._buckets: dict[bytes, Bucket] = {}

    def of(self, thread: bytes) -> Bucket:
        """The bucket of a thread that there is."""
        if len(self._buckets) >= MOST_THREADS:
            self._buckets = {id_: bucket for id_, bucket in self._buckets.items() if not bucket.is_full}
        return self._buckets.setdefault(thread, Bucket(self._rate, THREAD_CHANGES_AT_ONCE, self._clock))
