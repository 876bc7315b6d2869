"""How costs grow: of pages with the table and a thread, of signing in and the first list with the number of threads."""

import asyncio
import random
import sys
import time
from pathlib import Path

import aiohttp

from chat.ailo import open_ailo
from storage.accounts.accounts import Role
from storage.conversations import participants
from storage.crypto import keyholes
from storage.crypto.keyholes import EXAMPLE_PROFILE, PROFILE
from storage.ids import AccountId, ThreadId, new_id
from storage.store import Store
from tests.load import live
from tests.load.figures import Results, of_times
from tests.load.fill import Filler
from tests.load.population import PASSWORD, Pair, Person, account, furnished, serving

PAIRS = 21
LONG = 100_000
STAGES = (1_000, 100_000, 1_000_000, 5_000_000)
THREADS = (1, 50, 400)
ASKED = 200


async def measure(folder: Path, core: int | None, maximum: int) -> Results:
    """Everything that grows."""
    results = await _threads(folder / "threads", core)
    return results | await _history(folder / "history", core, maximum)


async def _history(folder: Path, core: int | None, maximum: int) -> Results:
    """Pages of 50, out of ever more messages. From the third stage on, the last thread has 100,000 of them."""
    results: Results = {}
    chance = random.Random(7)
    async with furnished(folder, PAIRS) as (settings, pairs):
        *many, long = pairs
        there = long_there = 0
        for stage in (stage for stage in STAGES if stage <= maximum):
            async with open_ailo(settings) as ailo:
                filler, started = Filler(ailo.store), time.perf_counter()
                if stage > 5 * LONG and not long_there:
                    await filler.fill([long], LONG)
                    there, long_there = there + LONG, LONG
                await filler.fill(many, stage - there)
                there = stage
            print(f"{stage} messages after {time.perf_counter() - started:.0f} s", file=sys.stderr)
            each = (there - long_there) // len(many)
            with serving(settings, core) as (port, pid):
                newest = [live.newest_page(many[n % len(many)]) for n in range(ASKED)]
                results[f"newest page, {stage} in the table"] = await live.pages(port, pid, newest)
                anywhere = [_page_before(many[n % len(many)], chance.randint(50, each)) for n in range(ASKED)]
                results[f"page anywhere, {stage} in the table"] = await live.pages(port, pid, anywhere)
                if long_there:
                    deep = [_page_before(long, chance.randint(50, LONG)) for _ in range(ASKED)]
                    results[f"page anywhere in a thread of {LONG}, {stage} in the table"] = await live.pages(port, pid, deep)
    return results


def _page_before(pair: Pair, seq: int) -> tuple[Person, str]:
    return pair.member, f"/api/threads/{pair.thread}/messages?before={seq + 1}&limit=50"


async def _threads(folder: Path, core: int | None) -> Results:
    """Signing in and the first page of the list, for Professionals with few and many threads. Passwords are cheap to compute."""
    results: Results = {}
    async with furnished(folder, 1) as (settings, pairs):
        async with open_ailo(settings) as ailo:
            for number in THREADS:
                await professional(ailo.store, number)
        with serving(settings, core) as (port, _):
            for number in THREADS:
                results |= await _arrivals(port, number)
        del pairs
    for name, profile in (("example's", EXAMPLE_PROFILE), ("real", PROFILE)):
        results[f"Argon2id, {name} profile"] = of_times([_timed_stretch(profile) for _ in range(10)])
    return results


def _timed_stretch(profile: int) -> float:
    started = time.perf_counter()
    keyholes.stretch(PASSWORD, b"\0" * keyholes.SALT_BYTES, profile)
    return time.perf_counter() - started


async def professional(store: Store, number: int) -> None:
    """Add a Professional with this many threads, each with a member and one message."""
    coach, _ = await account(store, Role.PROFESSIONAL, f"coach{number}@growth.test")
    opened = []
    for one in range(number):
        member, key = await account(store, Role.MEMBER, f"m{number}.{one}@growth.test")
        change = await store.database.write(
            lambda tx, member=member: participants.open_thread(  # type: ignore[misc]
                tx, store.guard, store.officer, new_id(ThreadId), [member, coach], store.clock()
            )
        )
        opened.append(Pair(change.roster.thread, Person(member.id, "", key), Person(coach.id, "")))
    await Filler(store).fill(opened, number)


async def _arrivals(port: int, number: int) -> Results:
    """Sign in, request the list, and open the WebSocket, each time from scratch."""
    at, times = f"http://{live.HOST}:{port}", 20
    took: dict[str, list[float]] = {"sign in": [], "first list": [], "hello": []}
    for _ in range(times):
        async with aiohttp.ClientSession(headers={"Origin": at}) as http:
            started = time.perf_counter()
            body = {"email": f"coach{number}@growth.test", "password": PASSWORD}
            async with http.post(f"{at}/api/session", json=body) as response:
                assert response.status == 200, await response.text()
                cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in response.cookies.items())
            took["sign in"].append(time.perf_counter() - started)
            started = time.perf_counter()
            async with http.get(f"{at}/api/threads", headers={"Cookie": cookies}) as response:
                assert response.status == 200, await response.text()
                listed = (await response.json())["threads"]
                assert len(listed) == min(number, 50)
                assert all(entry["last"]["text"] for entry in listed)
            took["first list"].append(time.perf_counter() - started)
            started = time.perf_counter()
            wire = await live.signed_in(port, Person(new_id(AccountId), cookies), lambda _: None)
            took["hello"].append(time.perf_counter() - started)
            wire.transport.close()
            await asyncio.sleep(0)
    return {f"{what}, {number} threads": of_times(values) for what, values in took.items()}
