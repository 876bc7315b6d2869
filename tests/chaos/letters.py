"""The worker of letters, killed with -9 at a write: before it, or when it is on the disk and nobody knows.

Of letters that wait, and of lessons that are due, whose enrolments make the letters.

A real process, a real database and a real relay, which keeps all that it takes. After each kill another process goes on with
the same data. At the end every letter must have arrived, under one Message-ID; twice only what the process that was killed
had handed over and not yet recorded: at most one letter of each worker.
"""

import asyncio
import os
import shutil
import signal
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, field
from email.headerregistry import Address
from pathlib import Path
from typing import Any, TypeVar

from chat.ailo import open_ailo
from delivery.settings import DeliverySettings, Relay
from delivery.worker import deliver
from storage.accounts.accounts import Role
from storage.engine.database import Reader, Transaction
from storage.engine.sqlite import SQLite
from storage.mail import letters
from storage.programmes import enrolments
from storage.programmes.following import Person as Clock
from storage.programmes.following import begun
from storage.settings import StorageSettings
from storage.store import open_store, wall_clock
from tests import warm_start
from tests.delivery.transports.relay import FakeRelay, running
from tests.load.fill import Filler
from tests.load.letters import write_letters
from tests.load.population import furnished
from tests.people import DAY, open_house, person
from tests.storage.programmes.courses import published, weekly

T = TypeVar("T")
WORKERS = 4
ACCOUNTS = 5
LETTERS = 10
SECONDS = 60


@dataclass
class Outcome:
    """Of all kills: how many, how many letters went twice within the window, and what must not be."""

    of: str = "letters"
    kills: int = 0
    twice: int = 0
    faults: list[str] = field(default_factory=list)

    def line(self) -> str:
        what = "; ".join(self.faults) or f"lost 0; {self.twice} went twice, each within the window, under one Message-ID"
        return f"the worker of {self.of} was killed at {self.kills} writes: {what}"


async def prepare(folder: Path) -> StorageSettings:
    """A house in which letters are due, two to each of some accounts."""
    async with furnished(folder, ACCOUNTS) as (settings, pairs), open_ailo(settings) as ailo:
        await Filler(ailo.store).fill(pairs, len(pairs))
        await write_letters(ailo.store, pairs, LETTERS)
    return settings


async def prepare_lessons(folder: Path) -> StorageSettings:
    """A house in which a lesson is due to each of some members, and no letter is written yet."""
    folder.mkdir()
    async with open_house(folder, wall_clock) as house:
        members = [person(Role.MEMBER, "Alix", "Petit", f"alix.{number}@ailo.test") for number in range(LETTERS)]
        await house.add(*members)
        programme, then = await published(house, weekly("a", "b")), house.store.clock() - 2 * DAY

        async def work(tx: Transaction) -> None:
            for member in members:
                made = begun(member.id, programme, Clock("Europe/Paris", manages=None), then, None)
                await enrolments.keep(tx, house.store.guard, made, enrolments.AT_ONCE)

        await house.store.database.write(work)
        return house.store.settings


async def kill_at(folder: Path, at: int, *, when_done: bool, outcome: Outcome) -> bool:
    """Kill a worker at its write number ``at``, in a copy of what was prepared, and let another go on.

    False if the worker ended before it came to that write.
    """
    copy = folder.with_name(f"{folder.name}-{at}-{when_done}")
    await asyncio.to_thread(shutil.copytree, folder, copy)
    settings = StorageSettings(copy / "data", copy / "keys" / "root.json")
    try:
        async with running() as relay:
            if await _worker_ended(settings, relay.port, at, when_done=when_done) != -signal.SIGKILL:
                return False
            recorded = _ids(settings, "where state = 'sent'")
            if (code := await _worker_ended(settings, relay.port, 0, when_done=False)) != 0:
                outcome.faults.append(f"the worker after the kill at write {at} ended with {code}")
            if (count := len(_ids(settings))) != LETTERS:
                outcome.faults.append(f"{count} letters instead of {LETTERS} (write {at})")
            _judge(relay, recorded, _ids(settings), outcome, f"write {at}, {'done' if when_done else 'not done'}")
    finally:
        await asyncio.to_thread(shutil.rmtree, copy)
    outcome.kills += 1
    return True


async def kill_at_every_write(folder: Path, tell: Callable[[str], None] = lambda _: None, *, of_lessons: bool = False) -> Outcome:
    """Every write that such a worker makes, before it and after: of letters that wait, or of lessons that are due."""
    await (prepare_lessons if of_lessons else prepare)(folder)
    outcome, at = Outcome("lessons" if of_lessons else "letters"), 0
    while not outcome.faults:
        at += 1
        killed = [await kill_at(folder, at, when_done=when_done, outcome=outcome) for when_done in (False, True)]
        tell(f"{outcome.of}: killed at write {at}: {outcome.twice} went twice so far")
        if not any(killed):
            break
    return outcome


def _judge(relay: FakeRelay, recorded: set[str], written: set[str], outcome: Outcome, when: str) -> None:
    taken = Counter(message["Message-ID"].strip("<>") for _, message in relay.taken)
    twice = {id_ for id_, count in taken.items() if count > 1}
    outcome.twice += len(twice)
    for what, ids in (
        ("lost", written - set(taken)),
        ("of another Message-ID", set(taken) - written),
        ("sent again though recorded", twice & recorded),
        ("sent three times", {id_ for id_, count in taken.items() if count > 2}),
        ("more than one of each worker sent again", twice if len(twice) > WORKERS else set()),
    ):
        if ids:
            outcome.faults.append(f"{what}: {len(ids)} ({when})")


def _ids(settings: StorageSettings, which: str = "") -> set[str]:
    """The Message-IDs of letters as they are in the files."""
    with closing(sqlite3.connect(settings.database)) as plain:
        return {id_ for (id_,) in plain.execute(f"select message_id from letters {which}")}


async def _worker_ended(settings: StorageSettings, port: int, at: int, *, when_done: bool) -> int | None:
    """Run a worker in a process of its own until it has sent everything or is killed; return how it ended."""
    process = warm_start.context().Process(target=_work, args=(settings, port, at, when_done), daemon=True)
    process.start()
    await asyncio.to_thread(process.join, SECONDS)
    process.kill()
    return process.exitcode


def _work(settings: StorageSettings, port: int, at: int, when_done: bool) -> None:
    asyncio.run(_send_all(settings, port, at, when_done=when_done))


async def _send_all(settings: StorageSettings, port: int, at: int, *, when_done: bool) -> None:
    by_smtp = DeliverySettings(
        "https://ailo.test",
        settings.data / "mail",
        Address("Ailo", "bonjour", "ailo.test"),
        Relay("127.0.0.1", port),
        workers=WORKERS,
    )
    async with open_store(settings) as store:
        assert isinstance(store.database, SQLite)
        database: Any = _Deadly(store.database, at, when_done=when_done)
        store.database = database
        stop = asyncio.Event()
        working = asyncio.create_task(deliver(store, by_smtp, stop))
        while await store.database.read(lambda reader: _is_left(reader, store.clock())):  # noqa: ASYNC110 (nobody tells)
            await asyncio.sleep(0.01)
        stop.set()
        await working


async def _is_left(reader: Reader, now: int) -> bool:
    waiting = (await letters.count_by_state(reader)).get("waiting")
    return bool(waiting) or await enrolments.is_due(reader, now)


class _Deadly:
    """A database that kills its process at one of its writes."""

    def __init__(self, real: SQLite, at: int, *, when_done: bool) -> None:
        self._real, self._at, self._when_done = real, at, when_done
        self._writes = 0
        self.read = real.read

    async def write(self, work: Callable[[Transaction], Awaitable[T]], /) -> T:
        self._writes += 1
        is_last = self._writes == self._at
        if is_last and not self._when_done:
            os.kill(os.getpid(), signal.SIGKILL)
        result = await self._real.write(work)
        if is_last:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)
