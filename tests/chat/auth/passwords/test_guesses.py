"""Attacks on signing in: floods that keep others out, guesses that no limit counts, and what is proved too early.

docs/security.md lists them. Those over HTTP are in `tests/attacks/network/test_signing_in.py`.
"""

import asyncio
import logging
import socket
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web

from chat.accounts.keys import NewPassword
from chat.accounts.routes import AccountApi
from chat.ailo import Rooms
from chat.auth.door import Door, application
from chat.auth.limits import ACCOUNT_COMPUTATIONS, ACCOUNT_FAILURES, WINDOW_S, Failures, SlowDown
from chat.auth.passwords.guesses import Guesses
from chat.auth.passwords.stretching import MOST_WAITING
from chat.auth.sign_in import DEVICE_MS, Attempt, SignedIn, WrongCredentials
from chat.http.addresses import network_of
from chat.settings import ChatSettings
from storage.accounts import accounts
from storage.crypto import keyholes
from storage.errors import Superseded
from tests.chat.talk import PASSWORD, Cast, address, held, waiting

OWN, NEXT, THIEFS = "un mot de passe à moi", "et encore un autre", "celui du voleur"
HOME, ELSEWHERE = "192.0.2.7", "198.51.100.1"
LEA = Attempt(address("lea"), PASSWORD, "", HOME)
WRONG = replace(LEA, password="une autre", remote=ELSEWHERE)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(rooms: Rooms, cast: Cast) -> Clock:
    assert cast.rooms is rooms
    clock = Clock()
    rooms.sign_ins.guesses = Guesses(Failures(clock))
    return clock


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords that were computed, in this order."""
    passwords: list[str] = []
    stretch = keyholes.stretch

    def noted(password: str, salt: bytes, profile: int) -> keyholes.Stretched:
        passwords.append(password)
        return stretch(password, salt, profile)

    monkeypatch.setattr(keyholes, "stretch", noted)
    return passwords


async def ends_of(*tries: Awaitable[Any]) -> list[type[Any]]:
    """What each ends in, all at once."""
    return [type(end) for end in await asyncio.gather(*tries, return_exceptions=True)]


async def guess(rooms: Rooms, attempt: Attempt, times: int) -> list[type[Any]]:
    """What so many attempts end in, one after the other."""
    return [(await ends_of(rooms.sign_ins.sign_in(attempt)))[0] for _ in range(times)]


async def enter(rooms: Rooms, password: str = PASSWORD, name: str = "lea") -> tuple[SignedIn, str]:
    granted = await rooms.sign_ins.sign_in(replace(LEA, email=address(name), password=password))
    found = await rooms.sign_ins.find(granted.cookie)
    assert found
    return found, granted.cookie


def change(rooms: Rooms, who: tuple[SignedIn, str], old: str, new: str, *, renews: bool = False) -> Awaitable[None]:
    return rooms.own_keys.change_password(who[0], NewPassword(old, new, renews), who[1])


@pytest.fixture
async def owned(rooms: Rooms, clock: Clock) -> None:
    """Léa has set a password of her own."""
    await change(rooms, await enter(rooms), PASSWORD, OWN)


@pytest.fixture
async def code(rooms: Rooms, owned: None) -> str:
    me, _ = await enter(rooms, OWN)
    return await rooms.own_keys.make_code(me, OWN)


# Floods: whoever comes meanwhile is served next but one of each thread


async def turn_of_lea(rooms: Rooms, computed: list[str], flood: Sequence[Awaitable[Any]], *, least: int) -> int:
    """How many of a flood are computed before Léa, who comes last of all and from elsewhere."""
    pool = rooms.sign_ins.pool
    async with held(pool):
        tasks = [asyncio.ensure_future(one) for one in flood]
        await waiting(pool, least)
        lea = asyncio.create_task(rooms.sign_ins.sign_in(LEA))
        await lea_waits(rooms, lea)
        computed.clear()
    assert await lea
    await asyncio.gather(*tasks, return_exceptions=True)
    return computed.index(PASSWORD)


async def lea_waits(rooms: Rooms, lea: asyncio.Task[Any]) -> None:
    def is_waiting() -> bool:
        index = rooms.store.guard.address_index(LEA.email)
        return any(index in job.asker.path for job in rooms.sign_ins.pool._turns.all())

    async with asyncio.timeout(20):
        while not is_waiting() and not lea.done():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


async def test_codes_made_with_the_right_password_hold_nobody_up(rooms: Rooms, clock: Clock, computed: list[str]) -> None:
    karim, _ = await enter(rooms, name="karim")
    await change(rooms, await enter(rooms, name="karim"), PASSWORD, OWN)
    karim, _ = await enter(rooms, OWN, "karim")
    flood = [rooms.own_keys.make_code(karim, OWN) for _ in range(300)]
    assert await turn_of_lea(rooms, computed, flood, least=ACCOUNT_FAILURES) <= rooms.sign_ins.pool.workers


async def test_an_account_has_so_many_computations(rooms: Rooms, owned: None, clock: Clock) -> None:
    clock.now += WINDOW_S
    me, _ = await enter(rooms, OWN)
    ends = [(await ends_of(rooms.own_keys.make_code(me, OWN)))[0] for _ in range(100)]
    assert (ends.count(str), ends.count(SlowDown)) == (ACCOUNT_COMPUTATIONS, 100 - ACCOUNT_COMPUTATIONS)
    clock.now += WINDOW_S
    assert await rooms.own_keys.make_code(me, OWN)


@pytest.mark.parametrize("remote", [HOME, ELSEWHERE])
async def test_a_strangers_recoveries_hold_nobody_up(rooms: Rooms, clock: Clock, computed: list[str], remote: str) -> None:
    """Not even somebody who comes from the same network."""
    flood = [rooms.own_keys.recover(Attempt(f"n{number}@ailo.test", OWN, "", remote), "AAAA") for number in range(260)]
    assert await turn_of_lea(rooms, computed, flood, least=100) <= rooms.sign_ins.pool.workers


async def test_sign_ins_from_one_site_hold_nobody_up(rooms: Rooms, clock: Clock, computed: list[str]) -> None:
    flood = [
        rooms.sign_ins.sign_in(Attempt(f"n{number}@ailo.test", OWN, "", network_of(f"2001:db8:1:{number:x}::1")))
        for number in range(400)
    ]
    assert await turn_of_lea(rooms, computed, flood, least=MOST_WAITING) <= rooms.sign_ins.pool.workers


async def test_fifty_thousand_attempts_of_one_network_are_little_work(
    rooms: Rooms, clock: Clock, computed: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each from another address of a /64, and against another account: a hundred are computed, the rest read nothing."""
    caplog.set_level(logging.ERROR, "ailo.security")
    reads, read = [], rooms.store.database.read

    async def noted(work: Callable[..., Awaitable[Any]]) -> Any:
        reads.append(work)
        return await read(work)

    monkeypatch.setattr(rooms.store.database, "read", noted)
    for number in range(50_000):
        attempt = Attempt(f"n{number}@ailo.test", OWN, "", network_of(f"[2001:db8::{number:x}]:{number}"))
        with pytest.raises((WrongCredentials, SlowDown)):
            await rooms.sign_ins.sign_in(attempt)
    assert (len(computed), len(reads)) == (100, 100)
    assert len(rooms.sign_ins.guesses._failures) <= 101
    assert await rooms.sign_ins.sign_in(LEA)


# Only what is computed counts


async def test_who_is_turned_away_by_a_full_queue_is_not_locked_out(rooms: Rooms, clock: Clock) -> None:
    pool = rooms.sign_ins.pool
    async with held(pool):
        flood = [
            asyncio.create_task(rooms.sign_ins.sign_in(Attempt(f"n{n}@ailo.test", OWN, "", f"203.0.{n}.1")))
            for n in range(MOST_WAITING)
        ]
        await waiting(pool, MOST_WAITING)
        assert set(await guess(rooms, LEA, 30)) == {SlowDown}
    await asyncio.gather(*flood, return_exceptions=True)
    assert await rooms.sign_ins.sign_in(LEA)
    assert await guess(rooms, WRONG, 11) == [WrongCredentials] * 10 + [SlowDown]


async def test_who_hung_up_before_their_turn_is_not_counted(rooms: Rooms, clock: Clock, computed: list[str]) -> None:
    pool = rooms.sign_ins.pool
    async with held(pool):
        tries = [asyncio.create_task(rooms.sign_ins.sign_in(WRONG)) for _ in range(10)]
        await waiting(pool, 10)
        for one in tries:
            one.cancel()
        await asyncio.wait(tries)
    assert await rooms.sign_ins.sign_in(LEA)
    assert computed == [PASSWORD]


async def test_many_at_once_are_computed_no_more_often_than_the_limit_says(
    rooms: Rooms, clock: Clock, computed: list[str]
) -> None:
    ends = await ends_of(*(rooms.sign_ins.sign_in(WRONG) for _ in range(100)))
    assert (len(computed), ends.count(WrongCredentials)) == (10, 10)


@pytest.fixture
async def server(rooms: Rooms, cast: Cast) -> AsyncIterator[tuple[str, int]]:
    """Where the routes of accounts are served as `ailo serve` does it: a request goes on when its connection ends."""
    door = Door(ChatSettings("127.0.0.1", 8080, "http://127.0.0.1:8080", 0), rooms.sign_ins)
    app = application(door)
    AccountApi(door, rooms.own_keys, rooms.hub).add_to(app)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield runner.addresses[0][:2]
    await runner.cleanup()


REQUEST = (
    b"POST /api/session HTTP/1.1\r\nHost: x\r\nOrigin: http://127.0.0.1:8080\r\nContent-Length: %d\r\n\r\n"
    b'{"email":"lea@ailo.test","password":"une autre"}'
)


async def test_nothing_is_computed_for_a_connection_that_has_ended(
    rooms: Rooms, server: tuple[str, int], computed: list[str]
) -> None:
    pool = rooms.sign_ins.pool
    async with held(pool):
        strangers = [socket.create_connection(server) for _ in range(10)]
        for one in strangers:
            one.sendall(REQUEST % 48)
        await waiting(pool, 10)
        for one in strangers:
            one.close()
        async with asyncio.timeout(20):
            while not all(job.asker.is_gone() for job in pool._turns.all()):  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        assert pool.waiting == 10
    assert await rooms.sign_ins.sign_in(LEA)
    assert computed == [PASSWORD]


# The device's cookie is no licence to guess


async def test_a_devices_cookie_gives_ten_guesses(rooms: Rooms, clock: Clock, computed: list[str]) -> None:
    stolen, other = [(await rooms.sign_ins.sign_in(LEA)).device for _ in range(2)]
    computed.clear()
    ends = await guess(rooms, replace(WRONG, device=stolen), 60)
    assert (len(computed), ends[:10], set(ends[10:])) == (10, [WrongCredentials] * 10, {SlowDown})
    assert await guess(rooms, replace(LEA, device=stolen), 1) == [SlowDown]
    assert await rooms.sign_ins.sign_in(replace(LEA, device=other))


async def test_it_gives_ten_more_to_somebody_who_has_used_up_the_accounts(
    rooms: Rooms, clock: Clock, computed: list[str]
) -> None:
    stolen = (await rooms.sign_ins.sign_in(LEA)).device
    computed.clear()
    await guess(rooms, WRONG, 30)
    await guess(rooms, replace(WRONG, device=stolen), 60)
    await ends_of(*(rooms.sign_ins.sign_in(replace(WRONG, device=stolen)) for _ in range(50)))
    assert len(computed) == 20
    clock.now += WINDOW_S
    assert await rooms.sign_ins.sign_in(replace(LEA, device=stolen))


async def test_a_device_that_signs_in_has_its_guesses_again(rooms: Rooms, clock: Clock) -> None:
    device = (await rooms.sign_ins.sign_in(LEA)).device
    for _ in range(5):
        assert set(await guess(rooms, replace(WRONG, device=device), 9)) == {WrongCredentials}
        assert await rooms.sign_ins.sign_in(replace(LEA, device=device))


async def test_a_device_of_before_a_renewal_is_unknown(rooms: Rooms, owned: None, clock: Clock) -> None:
    device = (await rooms.sign_ins.sign_in(replace(LEA, password=OWN))).device
    await change(rooms, await enter(rooms, OWN), OWN, NEXT)
    await guess(rooms, WRONG, 20)
    known = replace(LEA, password=NEXT, device=device)
    assert await rooms.sign_ins.sign_in(known)  # an ordinary change keeps the key, and its devices
    await change(rooms, await enter(rooms, NEXT), NEXT, OWN, renews=True)
    await guess(rooms, WRONG, 20)
    assert await guess(rooms, replace(known, password=OWN), 1) == [SlowDown]


async def test_a_device_is_known_for_a_year(rooms: Rooms, clock: Clock) -> None:
    device = (await rooms.sign_ins.sign_in(LEA)).device
    await guess(rooms, WRONG, 20)
    assert await rooms.sign_ins.sign_in(replace(LEA, device=device))
    await guess(rooms, WRONG, 20)
    later = rooms.store.clock() + DEVICE_MS
    rooms.sign_ins._store = replace(rooms.store, clock=lambda: later)
    assert await guess(rooms, replace(LEA, device=device), 1) == [SlowDown]


async def test_a_devices_cookie_of_the_old_format_is_unknown(rooms: Rooms, cast: Cast, clock: Clock) -> None:
    old = bytes(16) + rooms.store.guard.authenticate("device", (await cast.account("lea")).id, bytes(16))
    await guess(rooms, WRONG, 20)
    assert await guess(rooms, replace(LEA, device=urlsafe_b64encode(old).decode()), 1) == [SlowDown]


# A recovery code has a limit of its own


@pytest.mark.parametrize("remote", [HOME, ELSEWHERE])
async def test_a_strangers_passwords_do_not_shut_the_code(rooms: Rooms, code: str, clock: Clock, remote: str) -> None:
    await guess(rooms, WRONG, 30)
    for number in range(100):
        await guess(rooms, replace(WRONG, email=f"n{number}@ailo.test"), 1)
    assert await rooms.own_keys.recover(replace(LEA, password=NEXT, remote=remote), code)


@pytest.mark.parametrize("remote", [HOME, ELSEWHERE])
async def test_a_strangers_codes_shut_neither_the_code_nor_the_password(
    rooms: Rooms, code: str, clock: Clock, remote: str
) -> None:
    tries = [rooms.own_keys.recover(replace(WRONG, email=f"n{n % 20}@ailo.test"), "AAAA") for n in range(120)]
    await ends_of(*tries, *(rooms.own_keys.recover(WRONG, "AAAA") for _ in range(30)))
    assert await rooms.sign_ins.sign_in(replace(LEA, password=OWN, remote=remote))
    assert await rooms.own_keys.recover(replace(LEA, password=NEXT, remote=remote), code)


async def test_wrong_codes_of_a_network_are_bounded(rooms: Rooms, clock: Clock, computed: list[str]) -> None:
    tries = [rooms.own_keys.recover(replace(WRONG, email=f"n{number}@ailo.test"), "AAAA") for number in range(300)]
    assert (await ends_of(*tries)).count(WrongCredentials) == len(computed) == 100


# What was proved before a wait is looked at again after it


@pytest.mark.parametrize("thief_renews", [False, True])
@pytest.mark.parametrize("owner_renews", [False, True])
@pytest.mark.parametrize("shares", [False, True])
async def test_of_two_changes_at_once_one_holds(
    rooms: Rooms, owned: None, owner_renews: bool, thief_renews: bool, shares: bool
) -> None:
    """Both prove the old password before either is kept, on two sessions or on one."""
    owner = await enter(rooms, OWN)
    thief = owner if shares else await enter(rooms, OWN)
    async with held(rooms.sign_ins.pool):
        changes = [
            asyncio.ensure_future(change(rooms, owner, OWN, NEXT, renews=owner_renews)),
            asyncio.ensure_future(change(rooms, thief, OWN, THIEFS, renews=thief_renews)),
        ]
        await waiting(rooms.sign_ins.pool, 2)
    ends = await ends_of(*changes)
    assert ends.count(type(None)) == 1
    assert set(ends) <= {type(None), WrongCredentials, Superseded}
    acknowledged, refused = (NEXT, THIEFS) if ends[0] is type(None) else (THIEFS, NEXT)
    assert await enter(rooms, acknowledged)
    assert await guess(rooms, replace(LEA, password=refused), 1) == [WrongCredentials]


Meanwhile = Callable[[], Awaitable[Any]]


def overtake(rooms: Rooms, monkeypatch: pytest.MonkeyPatch, meanwhile: Meanwhile) -> None:
    """Let ``meanwhile`` happen right after the next computation, before whoever asked for it goes on."""
    pool, compute = rooms.sign_ins.pool, rooms.sign_ins.pool.compute

    async def overtaken(*given: Any) -> Any:
        result = await compute(*given)
        monkeypatch.setattr(pool, "compute", compute)
        await meanwhile()
        return result

    monkeypatch.setattr(pool, "compute", overtaken)


async def has_code(rooms: Rooms, cast: Cast) -> bool:
    return (await rooms.own_keys.ways(await cast.account("lea"))).has_recovery_code


async def test_an_ended_session_makes_no_code(rooms: Rooms, cast: Cast, owned: None, monkeypatch: pytest.MonkeyPatch) -> None:
    thief, _ = await enter(rooms, OWN)
    overtake(rooms, monkeypatch, lambda: rooms.sign_ins.sign_out(thief))
    assert await ends_of(rooms.own_keys.make_code(thief, OWN)) == [Superseded]
    assert not await has_code(rooms, cast)


async def test_a_password_that_was_changed_meanwhile_makes_no_code(
    rooms: Rooms, cast: Cast, owned: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    me = await enter(rooms, OWN)
    overtake(rooms, monkeypatch, lambda: change(rooms, me, OWN, NEXT))
    assert await ends_of(rooms.own_keys.make_code(me[0], OWN)) == [WrongCredentials]
    assert not await has_code(rooms, cast)


@pytest.mark.parametrize("renews", [False, True])
async def test_an_ended_session_changes_no_password(
    rooms: Rooms, owned: None, monkeypatch: pytest.MonkeyPatch, renews: bool
) -> None:
    thief = await enter(rooms, OWN)
    overtake(rooms, monkeypatch, lambda: rooms.sign_ins.sign_out(thief[0]))
    assert await ends_of(change(rooms, thief, OWN, THIEFS, renews=renews)) == [Superseded]
    assert await enter(rooms, OWN)


async def test_a_code_that_was_replaced_meanwhile_lets_nobody_in(
    rooms: Rooms, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    me, _ = await enter(rooms, OWN)
    newer: list[str] = []

    async def replace_code() -> None:
        newer.append(await rooms.own_keys.make_code(me, OWN))

    overtake(rooms, monkeypatch, replace_code)
    assert await ends_of(rooms.own_keys.recover(replace(LEA, password=THIEFS), code)) == [WrongCredentials]
    assert await enter(rooms, OWN)
    assert await rooms.own_keys.recover(replace(LEA, password=NEXT), newer[0])


async def test_a_renewal_at_sign_in_keeps_no_password_that_was_changed_meanwhile(
    rooms: Rooms, cast: Cast, owned: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the old password somebody signs in while its owner changes it, and the operator asks for a new key."""
    me, store = await enter(rooms, OWN), rooms.store
    lea: UUID = (await cast.account("lea")).id

    async def meanwhile() -> None:
        await change(rooms, me, OWN, NEXT)
        await store.database.write(lambda tx: accounts.ask_renewal(tx, lea, store.clock()))

    overtake(rooms, monkeypatch, meanwhile)
    assert await guess(rooms, replace(LEA, password=OWN), 1) == [WrongCredentials]
    assert await enter(rooms, NEXT)
