"""The queue of password computations: whose turn it is, who is turned away, and what is never computed."""

import asyncio
import resource
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.auth.limits import SlowDown
from chat.auth.passwords import stretching
from chat.auth.passwords.stretching import OPERATOR, Asker, Gone, Job, Side, Stretching, Turns
from chat.http.addresses import network_of
from storage.crypto.primitives import argon2id
from storage.ids import AccountId
from tests.chat.talk import held

LEA, KARIM = AccountId(UUID(int=1)), AccountId(UUID(int=2))


def never() -> bool:
    return False


def from_(address: str, who: bytes = b"nobody") -> Asker:
    return stretching.stranger(network_of(address), who, never)


@pytest.fixture
async def pool() -> AsyncIterator[Stretching]:
    pool = Stretching(workers=1)
    yield pool
    pool.close()


class Served:
    """Records the order in which work was done, and which work was not done."""

    def __init__(self, pool: Stretching) -> None:
        self.pool = pool
        self.order: list[str] = []
        self.unused: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def ask(self, name: str, asker: Asker, count: int = 1) -> None:
        """Request this many computations."""
        for _ in range(count):
            compute = self.pool.compute(asker, lambda: self.order.append(name), lambda: self.unused.append(name))
            self.tasks.append(asyncio.create_task(compute))
        await asyncio.sleep(0)

    async def ends(self) -> list[str]:
        """How each has ended, by the name of its error."""
        return [type(end).__name__ for end in await asyncio.gather(*self.tasks, return_exceptions=True)]


async def test_work_gives_its_result(pool: Stretching) -> None:
    assert await pool.compute(OPERATOR, lambda: 7) == 7


async def test_work_that_fails_fails_for_its_asker_alone(pool: Stretching) -> None:
    with pytest.raises(ZeroDivisionError):
        await pool.compute(OPERATOR, lambda: 1 // 0)
    assert await pool.compute(OPERATOR, lambda: 7) == 7


@pytest.fixture
def short_of_memory() -> Iterator[None]:
    """The process may use 256 MB more than it does now, as in a small container."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (256 << 20), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


async def test_without_memory_it_is_put_off_and_not_counted(pool: Stretching, short_of_memory: None) -> None:
    unused: list[str] = []
    with pytest.raises(SlowDown):
        await pool.compute(
            OPERATOR, lambda: argon2id(b"password", bytes(16), passes=3, memory=1 << 30), lambda: unused.append("it")
        )
    assert unused == ["it"]
    assert await pool.compute(OPERATOR, lambda: 7) == 7


FLOODS = {
    "one account signed in": [stretching.signed_in(KARIM)],
    "one address": [from_("192.0.2.1", bytes([number])) for number in range(100)],
    "one /64": [from_(f"2001:db8::{number:x}", bytes([number])) for number in range(100)],
    "the networks of one /48": [from_(f"2001:db8:1:{number:x}::1") for number in range(100)],
    "wrong codes from the stranger's own address": [
        stretching.stranger("203.0.113.9", bytes([number]), never, Side.CODE) for number in range(100)
    ],
    "a device that an account knows": [stretching.known(b"karim", never)],
    "the operator": [OPERATOR],
}
PEOPLE = {
    "signed in": stretching.signed_in(LEA),
    "on a known device": stretching.known(b"lea", never),
    "a stranger": from_("203.0.113.9", b"lea"),
}


@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize("flood", FLOODS)
async def test_whoever_comes_after_a_flood_is_served_next_but_one(pool: Stretching, flood: str, person: str) -> None:
    served, askers = Served(pool), FLOODS[flood]
    async with held(pool):
        for number in range(120):
            await served.ask("flood", askers[number % len(askers)])
        await served.ask("lea", PEOPLE[person])
    await served.ends()
    assert served.order.index("lea") <= 1
    assert len(served.order) == 121


@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize("flood", FLOODS)
async def test_a_full_queue_has_a_place_for_who_has_little_in_it(pool: Stretching, flood: str, person: str) -> None:
    served, askers = Served(pool), FLOODS[flood]
    async with held(pool):
        for number in range(500):
            await served.ask("flood", askers[number % len(askers)])
        assert pool.waiting == stretching.MOST_WAITING
        await served.ask("lea", PEOPLE[person])
        assert pool.waiting == stretching.MOST_WAITING
    ends = await served.ends()
    assert (ends[-1], ends.count("SlowDown")) == ("NoneType", 500 + 1 - stretching.MOST_WAITING)
    assert served.unused == ["flood"] * ends.count("SlowDown")


async def test_who_is_turned_away_is_told_at_once(pool: Stretching) -> None:
    served = Served(pool)
    async with held(pool):
        await served.ask("flood", from_("192.0.2.1"), stretching.MOST_WAITING)
        with pytest.raises(SlowDown) as caught:
            await pool.compute(from_("192.0.2.1"), lambda: None)
    assert caught.value.wait >= 1
    await served.ends()


async def test_nobody_who_waits_is_pushed_out_by_an_equal(pool: Stretching) -> None:
    served = Served(pool)
    async with held(pool):
        for number in range(stretching.MOST_WAITING):
            await served.ask("here", from_(f"198.51.100.{number}"))
        await served.ask("one more", from_("203.0.113.9"))
    ends = await served.ends()
    assert (ends.count("SlowDown"), ends[-1]) == (1, "SlowDown")


async def test_accounts_behind_one_address_take_turns(pool: Stretching) -> None:
    served = Served(pool)
    async with held(pool):
        await served.ask("thief", from_("192.0.2.1", b"karim"), 50)
        await served.ask("lea", from_("192.0.2.1", b"lea"), 2)
    await served.ends()
    assert served.order[:4] == ["thief", "lea", "thief", "lea"]


async def test_what_waits_for_somebody_cancelled_is_not_computed(pool: Stretching) -> None:
    served = Served(pool)
    async with held(pool):
        await served.ask("gone", from_("192.0.2.1"))
        await served.ask("here", from_("192.0.2.1"))
        served.tasks[0].cancel()
        await asyncio.wait(served.tasks[:1])
        assert pool.waiting == 1
    assert await served.ends() == ["CancelledError", "NoneType"]
    assert (served.order, served.unused) == (["here"], ["gone"])


async def test_what_runs_for_somebody_cancelled_was_used(pool: Stretching) -> None:
    unused: list[str] = []
    async with held(pool):
        pass
    started = asyncio.Event()
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(
        pool.compute(OPERATOR, lambda: loop.call_soon_threadsafe(started.set), lambda: unused.append("it"))
    )
    await started.wait()
    task.cancel()
    await asyncio.wait([task])
    assert await pool.compute(OPERATOR, lambda: 7) == 7
    assert unused == []


async def test_what_waits_for_somebody_gone_is_not_computed(pool: Stretching) -> None:
    served, is_here = Served(pool), True
    leaving = Asker(from_("192.0.2.1").path, lambda: not is_here)
    async with held(pool):
        await served.ask("gone", leaving)
        await served.ask("here", from_("192.0.2.1"))
        is_here = False
    assert await served.ends() == [Gone.__name__, "NoneType"]
    assert (served.order, served.unused) == (["here"], ["gone"])


async def test_who_has_gone_takes_nobodys_place(pool: Stretching) -> None:
    served, is_here = Served(pool), True
    async with held(pool):
        for number in range(stretching.MOST_WAITING):
            await served.ask("gone", Asker(("stranger", number), lambda: not is_here))
        is_here = False
        await served.ask("here", from_("203.0.113.9"))
        assert pool.waiting == 1
    assert (await served.ends())[-1] == "NoneType"


async def test_who_waits_when_it_closes_is_let_go() -> None:
    pool, release = Stretching(workers=1), threading.Event()
    busy, waits = (asyncio.create_task(pool.compute(OPERATOR, release.wait)) for _ in range(2))
    await asyncio.sleep(0)
    release.set()
    pool.close()
    await asyncio.wait([busy, waits])
    assert (busy.result(), waits.cancelled()) == (True, True)


Paths = st.tuples(st.sampled_from("ab"), st.integers(0, 3), st.integers(0, 2))


@given(st.lists(st.one_of(Paths, st.just("next"), st.just("drop")), max_size=60))
def test_whatever_goes_in_comes_out_once(deeds: list[tuple[str, int, int] | str]) -> None:
    turns, inside, out = Turns(), set[Job](), list[Job]()
    loop = asyncio.new_event_loop()
    for deed in deeds:
        if isinstance(deed, tuple):
            job = Job(Asker(deed), lambda: None, lambda: None, loop.create_future())
            turns.add(job)
            inside.add(job)
            continue
        found = turns.next() if deed == "next" else turns.newest_of_most(("a", 1, 1)) if inside else None
        assert (found is None) == (not inside)
        if found and deed == "drop":
            turns.remove(found)
        if found:
            inside.remove(found)
            out.append(found)
        assert turns.size == len(inside)
        assert set(turns.all()) == inside
    loop.close()
    assert len(set(out)) == len(out)
