"""How much one account or one address may ask for. In memory only; times in seconds of a monotonic clock."""

import math
import time
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

Clock = Callable[[], float]

WINDOW_S = 600.0
ACCOUNT_FAILURES = 10
ADDRESS_FAILURES = 100
MOST_KEPT = 100_000
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

    def take(self) -> bool:
        """Take one; False when there is none left."""
        now = self.clock()
        self._level = min(self.burst, self._level + (now - self._at) * self.rate)
        self._at = now
        if self.rate and self._level < 1:
            return False
        self._level -= 1
        return True


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
    """Failed sign-ins in the last ten minutes, by whom they were made against or from."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._times: dict[Hashable, deque[float]] = {}

    def add(self, who: Hashable) -> None:
        """Count one failure."""
        if len(self._times) >= MOST_KEPT:
            self._forget_old()
        self._times.setdefault(who, deque(maxlen=ADDRESS_FAILURES)).append(self._clock())

    def wait(self, who: Hashable, most: int) -> float:
        """Seconds until ``who`` may try again; 0 with fewer than ``most`` failures in the window."""
        times = self._recent(who)
        return times[-most] + WINDOW_S - self._clock() if len(times) >= most else 0.0

    def clear(self, who: Hashable) -> None:
        """Forget what was counted: somebody proved to be who they say."""
        self._times.pop(who, None)

    def forgive(self, who: Hashable) -> None:
        """Take the newest failure back: the attempt that it was counted for succeeded."""
        if times := self._times.get(who):
            times.pop()

    def _recent(self, who: Hashable) -> deque[float]:
        times = self._times.get(who, deque())
        while times and times[0] <= self._clock() - WINDOW_S:
            times.popleft()
        return times

    def _forget_old(self) -> None:
        for who in list(self._times):
            if not self._recent(who):
                del self._times[who]


@dataclass
class AccountLimits:
    """What one account may do, over all its connections. ``rate`` is messages a second; 0 lifts every limit of an account.

    Pings and pongs count as frames. They have a limit of their own where that is lifted, for nobody needs to send many.
    """

    rate: float
    clock: Clock = time.monotonic
    connections: int = 0
    messages: Bucket = field(init=False)
    frames: Bucket = field(init=False)
    pages: Bucket = field(init=False)
    controls: Bucket = field(init=False)
    over: Overrun = field(init=False)

    MOST_CONNECTIONS = 32

    def __post_init__(self) -> None:
        lifted = not self.rate
        self.messages = Bucket(self.rate, 4 * self.rate, self.clock)
        self.frames = Bucket(0 if lifted else 100, 400, self.clock)
        self.pages = Bucket(0 if lifted else 50, 200, self.clock)
        self.controls = Bucket(100, 400, self.clock) if lifted else self.frames
        self.over = Overrun(self.clock)

    def may_connect(self) -> bool:
        """Whether one more connection is allowed."""
        return not self.rate or self.connections < self.MOST_CONNECTIONS
