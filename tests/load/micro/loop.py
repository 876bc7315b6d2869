"""How long everything large holds up the event loop at a time: `./dev bench --loop`.

All times are CPU time. `turn_ms` is the longest time that a single callback worked: it is valid on any machine. `late_ms` is the
worst delay of the loop of a server as shipped, including the work of all its threads: it is valid only if the server has a core
to itself, since otherwise the kernel schedules the loop's thread late.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp

from chat.ailo import open_ailo
from chat.client.remote import sign_in
from chat.operations import control
from chat.operations.commands import Backup, Check, KeysRotate
from storage.settings import StorageSettings
from tests.load import live
from tests.load.figures import Results
from tests.load.fill import Filler
from tests.load.growth import professional
from tests.load.population import PASSWORD, Pair, furnished, serving

PAIRS = 500
THREADS = 400
LONG = 40_000
MISSED = 20
COACH = f"coach{THREADS}@growth.test"

Deed = Callable[[], Awaitable[object]]


class House:
    """Everything that may hold up the loop of one server."""

    def __init__(self, settings: StorageSettings, port: int, pid: int, pairs: list[Pair]) -> None:
        self.settings, self.port, self.pid, self.pairs = settings, port, pid, pairs
        self.at = f"http://{live.HOST}:{port}"
        self.messages = f"/api/threads/{pairs[0].thread}/messages?limit=100"

    def deeds(self) -> dict[str, Deed]:
        return {
            "9 sign in at once": lambda: asyncio.gather(*(self.sign_in() for _ in range(9))),
            "1,000 come back at once": lambda: live.reconnect(self.port, self.pid, self.pairs[1:], MISSED, MISSED),
            "50 pages of 100 at once": lambda: self.ask([self.messages] * 50),
            "the list of 50 threads, 20 times at once": self.lists,
            f"search in {LONG:,} messages": self.search,
            f"export of {LONG:,} messages": self.export,
            "ailo check": lambda: control.ask(self.settings.data, Check()),
            "ailo backup": lambda: control.ask(self.settings.data, Backup(str(self.settings.data.parent / f"copy-{self.pid}"))),
            f"renewal of {THREADS} threads": self.renew,
            "ailo keys rotate": self.rotate,
        }

    async def sign_in(self) -> None:
        async with sign_in(self.at, COACH, PASSWORD):
            pass

    async def ask(self, paths: list[str]) -> None:
        async with aiohttp.ClientSession(headers={"Cookie": self.pairs[0].member.cookie}) as http:

            async def one(path: str) -> None:
                async with http.get(self.at + path) as response:
                    assert response.status == 200
                    await response.read()

            await asyncio.gather(*(one(path) for path in paths))

    async def lists(self) -> None:
        async with sign_in(self.at, COACH, PASSWORD) as coach:
            await asyncio.gather(*(coach.get("/api/threads") for _ in range(20)))

    async def search(self) -> None:
        headers = {"Cookie": self.pairs[0].member.cookie, "Origin": self.at}
        async with aiohttp.ClientSession(headers=headers) as http:
            place, thread = "", self.pairs[0].thread
            while place is not None:
                asked = {"q": "introuvable", "thread": str(thread), **({"from": place} if place else {})}
                async with http.post(f"{self.at}/api/search", json=asked) as response:
                    assert response.status == 200
                    place = (await response.json())["next"]

    async def export(self) -> None:
        for seq in range(LONG, 0, -100):
            await self.ask([f"{self.messages}&before={seq}"])

    async def renew(self) -> None:
        for old, new in ((PASSWORD, PASSWORD + "!"), (PASSWORD + "!", PASSWORD)):
            async with sign_in(self.at, COACH, old) as coach:
                await coach.ask("POST", "/api/account/password", {"old": old, "new": new, "may_be_known": True})

    async def rotate(self) -> None:
        await control.ask(self.settings.data, KeysRotate())


async def measure(folder: Path, core: int | None) -> Results:
    """Measure two servers, one after the other, over the same house."""
    results: Results = {}
    async with furnished(folder, PAIRS + 1) as (settings, pairs):
        async with open_ailo(settings) as ailo:
            # These people have sessions from the start, and need no passwords.
            await ailo.store.database.write(lambda tx: tx.run("delete from keyholes"))
            filler = Filler(ailo.store)
            await filler.fill(pairs[1:], 2 * MISSED * PAIRS)
            await filler.fill(pairs[:1], LONG)
            await professional(ailo.store, THREADS)
        for mode, column in (("late", "late_ms"), ("turns", "turn_ms")):
            notes = folder / mode
            notes.touch()
            with serving(settings, core, ("-m", "tests.load.micro.watched", mode, str(notes))) as (port, pid):
                for name, deed in House(settings, port, pid, pairs).deeds().items():
                    results.setdefault(name, {})[column] = await _worst(notes, name, deed)
    return results


async def _worst(notes: Path, name: str, deed: Deed) -> float:
    """The longest time recorded while something was done, in ms."""
    await asyncio.sleep(1)
    before = notes.stat().st_size
    await deed()
    await asyncio.sleep(1)
    found: list[tuple[float, str]] = [json.loads(line) for line in notes.read_text()[before:].splitlines()]
    took, what = max(found, default=(0.0, ""))
    if what:
        print(f"{name}: {took * 1000:.0f} ms in {what}", file=sys.stderr)
    return round(took * 1000, 1)
