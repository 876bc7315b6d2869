"""One run: people who write, a nemesis, and at the end a verdict on what everybody received."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from chat.client.remote import Json
from storage.maintenance import check
from storage.settings import StorageSettings
from storage.store import open_store
from tests.chaos.checker import Fault, faults
from tests.chaos.history import Acknowledged, History, Kept, Received, Sent
from tests.chaos.nemesis import Nemesis
from tests.chaos.people import Correspondent
from tests.flows.service import Service
from tests.load.population import Pair, Person, furnished

PATIENCE_S = 30.0
ALLOWED_CODES = {"busy"}


@dataclass
class Report:
    """The figures of a run, and every fault that was found."""

    seed: int
    seconds: float = 0.0
    kills: int = 0
    other_faults: dict[str, int] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    sent: int = 0
    repeated: int = 0
    acknowledged: int = 0
    received: int = 0
    kept: int = 0
    busy: bool = False
    faults: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        others = ", ".join(f"{name} {count}" for name, count in sorted(self.other_faults.items())) or "none"
        return [
            f"seed {self.seed}, {self.seconds:.0f} s, {self.kills} kills; other faults: {others}",
            *(f"skipped: {line}" for line in self.skipped),
            f"{self.sent} messages sent, {self.repeated} repeats, {self.acknowledged} acknowledged",
            f"{self.received} received live or by resume, {self.kept} kept; `busy` was {'heard' if self.busy else 'never heard'}",
            *(self.faults or ["lost 0, doubled 0, unexpected 0, reordered 0, gaps 0, differing 0; the check finds nothing"]),
        ]


@dataclass
class Run:
    """A run to carry out: ``kills`` kills, and the other faults in between, each of them ``others`` times."""

    folder: Path
    disk: Path | None
    seed: int
    kills: int
    pairs: int = 8
    others: int = 10
    without: frozenset[str] = frozenset()
    tell: Callable[[str], None] = lambda _: None

    async def carry_out(self) -> Report:
        began, chance = time.monotonic(), random.Random(self.seed)
        async with furnished(self.folder, self.pairs) as (settings, pairs):
            histories = [_history(pair) for pair in pairs]
        await _forget_passwords(settings)
        service = Service(self.folder, NOTIFY_AFTER="86400", RETRY_AFTER="86400")
        people = [
            Correspondent(name, person, history, lambda: service.port, random.Random(chance.random()))
            for history, pair in zip(histories, pairs, strict=True)
            for name, person in _sides(pair).items()
        ]
        nemesis = Nemesis(service, people, self.disk, chance)
        report = Report(self.seed)
        service.start()
        lives = [asyncio.create_task(one.live()) for one in people]
        try:
            await self._befall(nemesis, people)
            await _finish(people, histories)
            for history, pair in zip(histories, pairs, strict=True):
                for name, person in _sides(pair).items():
                    history.kept[name] = await _shown(service, history.thread, person)
            await _leave(lives)
            if (code := await service.stop()) != 0:
                report.faults.append(f"the service ended with code {code}")
        except TimeoutError:
            report.faults.append("nobody got on within the time allowed")
        finally:
            await _leave(lives)
            service.close()
        report.seconds, report.kills = time.monotonic() - began, nemesis.kills
        report.other_faults, report.skipped = dict(nemesis.done), nemesis.skipped
        _judge(report, histories, people, service)
        report.faults += [f"check: {line}" for line in await _checked(settings)]
        return report

    async def _befall(self, nemesis: Nemesis, people: list[Correspondent]) -> None:
        """Kill until ``kills`` is reached, with the other faults in between; after each fault everybody must make progress."""
        await _progress(people)
        others = nemesis.faults()
        plan = [name for name in others if name not in self.without for _ in range(self.others)]
        nemesis.chance.shuffle(plan)
        while nemesis.kills < self.kills or plan:
            name = "kill"
            if plan and (
                nemesis.kills >= self.kills or nemesis.chance.random() < len(plan) / (len(plan) + self.kills - nemesis.kills)
            ):
                name = plan.pop()
                nemesis.done[name] += 1
            self.tell(f"{nemesis.kills:4} kills, {sum(one.acknowledged for one in people):7} acknowledged: {name}")
            fault: Callable[[], Awaitable[None]] = others.get(name, nemesis.kill)
            await fault()
            await _progress(people)
            await asyncio.sleep(nemesis.chance.uniform(0.0, 0.5))


async def _forget_passwords(settings: StorageSettings) -> None:
    """Delete all passwords: these people have sessions from the start."""
    async with open_store(settings) as store:
        await store.database.write(lambda tx: tx.run("delete from keyholes"))


def _sides(pair: Pair) -> dict[str, Person]:
    return {"member": pair.member, "professional": pair.professional}


def _history(pair: Pair) -> History:
    return History(str(pair.thread), {name: str(person.id) for name, person in _sides(pair).items()})


async def _progress(people: list[Correspondent]) -> None:
    """Wait until everybody has had another message acknowledged."""
    before = [one.acknowledged for one in people]
    await _until(lambda: all(one.acknowledged > count for one, count in zip(people, before, strict=True)))


async def _finish(people: list[Correspondent], histories: list[History]) -> None:
    """Stop new messages; wait until those sent are answered, and both sides have been shown everything."""
    for one in people:
        one.stop_writing()
    await _until(lambda: all(one.is_done for one in people))
    for history in histories:
        sides = [one for one in people if one.history is history]
        await _until(lambda sides=sides: len({one.last for one in sides}) == 1)  # type: ignore[misc]


async def _until(is_so: Callable[[], bool]) -> None:
    """Poll until this is so: people signal nothing. Raises TimeoutError."""
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():  # noqa: ASYNC110 (what is waited for happens in another process)
            await asyncio.sleep(0.02)


async def _leave(lives: list[asyncio.Task[None]]) -> None:
    for life in lives:
        life.cancel()
    await asyncio.gather(*lives, return_exceptions=True)


async def _shown(service: Service, thread: str, person: Person) -> list[Kept]:
    """The whole history as the pages show it to one of the sides."""
    found: list[Kept] = []
    async with aiohttp.ClientSession(headers={"Cookie": person.cookie}) as http:
        while True:
            after = found[-1].seq if found else 0
            async with http.get(f"{service.origin}/api/threads/{thread}/messages?limit=100&after={after}") as response:
                page: list[Json] = (await response.json())["messages"]
            if not page:
                return found
            found += [Kept(one["id"], one["seq"], one["author"], one["kind"], one["text"]) for one in page]


def _judge(report: Report, histories: list[History], people: list[Correspondent], service: Service) -> None:
    events = [event for history in histories for event in history.events]
    sent = [event.id for event in events if isinstance(event, Sent)]
    report.sent, report.repeated = len(set(sent)), len(sent) - len(set(sent))
    report.acknowledged = len({event.id for event in events if isinstance(event, Acknowledged)})
    report.received = sum(isinstance(event, Received) for event in events)
    report.kept = sum(len(next(iter(history.kept.values()), [])) for history in histories)
    report.faults += [_line(history, fault) for history in histories if history.kept for fault in faults(history)]
    codes = {code for one in people for code in one.codes}
    report.busy = "busy" in codes
    report.faults += [f"somebody was refused: {code}" for code in sorted(codes - ALLOWED_CODES)]
    report.faults += [f"log: {line}" for line in service.log.splitlines() if "Traceback" in line or " failed: " in line]


def _line(history: History, fault: Fault) -> str:
    return f"{fault.name}: {fault.what} (thread {history.thread})"


async def _checked(settings: StorageSettings) -> list[str]:
    """What `ailo check` finds, which includes SQLite's own check."""
    with suppress(FileNotFoundError):
        async with open_store(settings) as store:
            return await check.check_all(store)
    return ["there is no data"]
