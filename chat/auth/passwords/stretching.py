"""One bounded queue for all Argon2id computations, so that nobody's flood delays anybody else.

Scheduling is round-robin: between signed-in accounts, the operator, devices that an account knows, strangers with a password,
and strangers with a wrong code; among signed-in accounts and known devices by account, among strangers by site, network and
account. When the queue is full, the newest job of whoever has the most waiting is turned away: whoever has few in it always
finds a place. A job whose client has disconnected is never computed.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from chat.auth.limits import SlowDown
from chat.auth.passwords import machine
from chat.http.addresses import site_of
from chat.security_events import SecurityEvent, record
from storage.ids import AccountId

T = TypeVar("T")

MOST_WAITING = 128
COME_BACK_S = 10.0


class Gone(Exception):
    """The client that asked for a computation has disconnected; it was not started."""


class Side(StrEnum):
    """The widest group of askers: the first step of an ``Asker``'s path."""

    SIGNED_IN = "signed in"
    OPERATOR = "operator"
    KNOWN = "known"
    STRANGER = "stranger"
    CODE = "wrong code"


@dataclass(frozen=True, repr=False)
class Asker:
    """For whom something is computed: ``path`` from the widest group to the narrowest; ``is_gone``: whether they have left."""

    path: tuple[Hashable, ...]
    is_gone: Callable[[], bool] = lambda: False


OPERATOR = Asker((Side.OPERATOR,))


def signed_in(account: AccountId) -> Asker:
    """An account with a session."""
    return Asker((Side.SIGNED_IN, account.bytes))


def known(who: bytes, is_gone: Callable[[], bool]) -> Asker:
    """A client on a device that the account knows, or with its recovery code. ``who`` is the account's blind index."""
    return Asker((Side.KNOWN, who), is_gone)


def stranger(network: str, who: bytes, is_gone: Callable[[], bool], side: Side = Side.STRANGER) -> Asker:
    """A client known only by its network and the account that it tries to use.

    Those with a wrong recovery code (``Side.CODE``) do not delay anybody who has a password, even on the same network.
    """
    return Asker((side, site_of(network), network, who), is_gone)


@dataclass(frozen=True, eq=False, repr=False)
class Job:
    """A queued computation. ``unused`` is called if it leaves the queue without being computed."""

    asker: Asker
    work: Callable[[], Any]
    unused: Callable[[], None]
    done: asyncio.Future[Any]


class Turns:
    """The waiting jobs, in a tree of their askers' paths. Each node of a path takes turns with its siblings."""

    def __init__(self) -> None:
        self.size = 0
        self._below: OrderedDict[Hashable, Turns] = OrderedDict()
        self._jobs: deque[Job] = deque()

    def add(self, job: Job, depth: int = 0) -> None:
        """Queue a job behind the others of its asker."""
        self.size += 1
        path = job.asker.path
        if depth == len(path):
            self._jobs.append(job)
            return
        if path[depth] not in self._below:
            self._below[path[depth]] = Turns()
        self._below[path[depth]].add(job, depth + 1)

    def next(self) -> Job | None:
        """Take out the job whose turn it is; None if none is waiting."""
        if not self.size:
            return None
        self.size -= 1
        if self._jobs:
            return self._jobs.popleft()
        key, below = next(iter(self._below.items()))
        job = below.next()
        self._below.move_to_end(key)
        self._prune(key)
        return job

    def remove(self, job: Job, depth: int = 0) -> None:
        """Remove a job before its turn."""
        self.size -= 1
        path = job.asker.path
        if depth == len(path):
            self._jobs.remove(job)
            return
        self._below[path[depth]].remove(job, depth + 1)
        self._prune(path[depth])

    def _prune(self, key: Hashable) -> None:
        if not self._below[key].size:
            del self._below[key]

    def newest_of_most(self, path: tuple[Hashable, ...]) -> Job:
        """The newest job of whoever has the most waiting; in a tie, of the one on ``path``."""
        if self._jobs:
            return self._jobs[-1]
        key = max(self._below, key=lambda key: (self._below[key].size, key in path[:1]))
        return self._below[key].newest_of_most(path[1:] if key in path[:1] else ())

    def all(self) -> list[Job]:
        """Every waiting job."""
        return [*self._jobs, *(job for below in self._below.values() for job in below.all())]


class Stretching:
    """Computes in ``workers`` threads, with at most ``most_waiting`` more jobs queued."""

    def __init__(self, workers: int | None = None, most_waiting: int = MOST_WAITING) -> None:
        self.workers = workers or machine.computations()
        self._most_waiting = most_waiting
        self._threads = ThreadPoolExecutor(self.workers, "argon2id")
        self._turns = Turns()
        self._running = 0

    @property
    def waiting(self) -> int:
        """How many jobs are queued."""
        return self._turns.size

    def close(self) -> None:
        """Drop the queued jobs, and shut down the threads once they have finished."""
        for job in self._turns.all():
            self._turns.remove(job)
            job.done.cancel()
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def compute(self, asker: Asker, work: Callable[[], T], unused: Callable[[], None] = lambda: None) -> T:
        """Compute ``work`` in a thread when it is the asker's turn. ``unused`` is called if that never comes.

        Raises SlowDown if it is turned away or memory runs out, Gone if the asker left before its turn.
        """
        job = Job(asker, work, unused, asyncio.get_running_loop().create_future())
        self._turns.add(job)
        self._begin()
        self._make_room(asker)
        try:
            result: T = await job.done
        finally:
            if job.done.cancelled():
                self._forget(job)
        return result

    def _begin(self) -> None:
        while self._running < self.workers and (job := self._turns.next()):
            if job.asker.is_gone():
                _drop(job, Gone())
            else:
                self._run(job)

    def _run(self, job: Job) -> None:
        self._running += 1
        running = asyncio.get_running_loop().run_in_executor(self._threads, job.work)
        running.add_done_callback(lambda ended: self._ended(job, ended))

    def _ended(self, job: Job, ended: asyncio.Future[Any]) -> None:
        self._running -= 1
        if not ended.cancelled() and isinstance(ended.exception(), MemoryError):
            _drop(job, SlowDown(COME_BACK_S))
        else:
            _pass_on(ended, job.done)
        self._begin()

    def _make_room(self, asker: Asker) -> None:
        if self.waiting <= self._most_waiting:
            return
        for job in self._turns.all():
            if job.asker.is_gone():
                self._turn_away(job, Gone())
        if self.waiting > self._most_waiting:
            record(SecurityEvent.PASSWORDS_TURNED_AWAY)
            self._turn_away(self._turns.newest_of_most(asker.path), SlowDown(COME_BACK_S))

    def _turn_away(self, job: Job, error: Exception) -> None:
        self._turns.remove(job)
        _drop(job, error)

    def _forget(self, job: Job) -> None:
        """Remove a job from the queue, if it is still there: the task that awaited it was cancelled."""
        if job in self._turns.all():
            self._turns.remove(job)
            job.unused()


def _drop(job: Job, error: Exception) -> None:
    job.unused()
    if not job.done.done():
        job.done.set_exception(error)


def _pass_on(ended: asyncio.Future[Any], done: asyncio.Future[Any]) -> None:
    if done.done():
        return
    if ended.cancelled():
        done.cancel()
    elif error := ended.exception():
        done.set_exception(error)
    else:
        done.set_result(ended.result())
