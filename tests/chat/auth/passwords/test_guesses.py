"""Attacks on signing in: floods that keep others out, guesses that escape the limits, and proofs that are outdated when used.

docs/security.md lists them. Those over HTTP are in `tests/attacks/network/test_signing_in.py`.
"""

import asyncio
import logging
import socket
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from chat.accounts.keys import NewPassword
from chat.ailo import Ailo
from chat.auth.door import Door
from chat.auth.limits import ACCOUNT_COMPUTATIONS, ACCOUNT_FAILURES, WINDOW_S, Failures, SlowDown
from chat.auth.passwords.guesses import Guesses
from chat.auth.passwords.stretching import MOST_WAITING
from chat.auth.sign_in import DEVICE_MS, Attempt, SignedIn, WrongCredentials
from chat.http.addresses import network_of
from chat.settings import ChatSettings
from storage.accounts import accounts
from storage.crypto import keyholes
from storage.errors import Superseded
from storage.ids import AccountId
from tests.chat.talk import Cast, held, serving, waiting
from tests.people import PASSWORD, address

OWN, NEXT, THIEFS = "un mot de passe à moi", "et encore un autre", "celui du voleur"
HOME, ELSEWHERE = "192.0.2.7", "198.51.100.1"
LEA = Attempt(address("lea"), PASSWORD, "", HOME)
WRONG = replace(LEA, password="une autre", remote=ELSEWHERE)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(ailo: Ailo, cast: Cast) -> Clock:
    assert cast.ailo is ailo
    clock = Clock()
    ailo.sign_ins.guesses = Guesses(Failures(clock))
    return clock


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords that were computed, in order."""
    passwords: list[str] = []
    stretch = keyholes.stretch

    def noted(password: str, salt: bytes, profile: int) -> keyholes.Stretched:
        passwords.append(password)
        return stretch(password, salt, profile)

    monkeypatch.setattr(keyholes, "stretch", noted)
    return passwords


async def ends_of(*tries: Awaitable[Any]) -> list[type[Any]]:
    """How each of these ends, when all run at once."""
    return [type(end) for end in await asyncio.gather(*tries, return_exceptions=True)]


async def guess(ailo: Ailo, attempt: Attempt, times: int) -> list[type[Any]]:
    """How each of this many attempts ends, one after the other."""
    return [(await ends_of(ailo.sign_ins.sign_in(attempt)))[0] for _ in range(times)]


async def enter(ailo: Ailo, password: str = PASSWORD, name: str = "lea") -> tuple[SignedIn, str]:
    granted = await ailo.sign_ins.sign_in(replace(LEA, email=address(name), password=password))
    found = await ailo.sign_ins.find(granted.cookie)
    assert found
    return found, granted.cookie


def change(ailo: Ailo, who: tuple[SignedIn, str], old: str, new: str, *, renews: bool = False) -> Awaitable[None]:
    return ailo.accounts.keys.change_password(who[0], NewPassword(old, new, renews), who[1])


@pytest.fixture
async def owned(ailo: Ailo, clock: Clock) -> None:
    """Let Léa set a password of her own."""
    await change(ailo, await enter(ailo), PASSWORD, OWN)


@pytest.fixture
async def code(ailo: Ailo, owned: None) -> str:
    me, _ = await enter(ailo, OWN)
    return await ailo.accounts.keys.make_code(me, OWN)


# Floods: whoever comes during one is served next but one by each thread


async def turn_of_lea(ailo: Ailo, computed: list[str], flood: Sequence[Awaitable[Any]], *, minimum: int) -> int:
    """How many of a flood are computed before Léa, who comes last of all."""
    pool = ailo.sign_ins.pool
    async with held(pool):
        tasks = [asyncio.ensure_future(one) for one in flood]
        await waiting(pool, minimum)
        lea = asyncio.create_task(ailo.sign_ins.sign_in(LEA))
        await lea_waits(ailo, lea)
        computed.clear()
    assert await lea
    await asyncio.gather(*tasks, return_exceptions=True)
    return computed.index(PASSWORD)


async def lea_waits(ailo: Ailo, lea: asyncio.Task[Any]) -> None:
    def is_waiting() -> bool:
        index = ailo.store.guard.address_index(LEA.email)
        return any(index in job.asker.path for job in ailo.sign_ins.pool._turns.all())

    async with asyncio.timeout(20):
        while not is_waiting() and not lea.done():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


async def test_codes_made_with_the_right_password_hold_nobody_up(ailo: Ailo, clock: Clock, computed: list[str]) -> None:
    karim, _ = await enter(ailo, name="karim")
    await change(ailo, await enter(ailo, name="karim"), PASSWORD, OWN)
    karim, _ = await enter(ailo, OWN, "karim")
    flood = [ailo.accounts.keys.make_code(karim, OWN) for _ in range(300)]
    assert await turn_of_lea(ailo, computed, flood, minimum=ACCOUNT_FAILURES) <= ailo.sign_ins.pool.workers


async def test_an_account_has_so_many_computations(ailo: Ailo, owned: None, clock: Clock) -> None:
    clock.now += WINDOW_S
    me, _ = await enter(ailo, OWN)
    ends = [(await ends_of(ailo.accounts.keys.make_code(me, OWN)))[0] for _ in range(100)]
    assert (ends.count(str), ends.count(SlowDown)) == (ACCOUNT_COMPUTATIONS, 100 - ACCOUNT_COMPUTATIONS)
    clock.now += WINDOW_S
    assert await ailo.accounts.keys.make_code(me, OWN)


@pytest.mark.parametrize("remote", [HOME, ELSEWHERE])
async def test_a_strangers_recoveries_hold_nobody_up(ailo: Ailo, clock: Clock, computed: list[str], remote: str) -> None:
    """They do not even hold up somebody on the same network."""
    flood = [ailo.accounts.keys.recover(Attempt(f"n{number}@ailo.test", OWN, "", remote), "AAAA") for number in range(260)]
    assert await turn_of_lea(ailo, computed, flood, minimum=100) <= ailo.sign_ins.pool.workers


async def test_sign_ins_from_one_site_hold_nobody_up(ailo: Ailo, clock: Clock, computed: list[str]) -> None:
    flood = [
        ailo.sign_ins.sign_in(Attempt(f"n{number}@ailo.test", OWN, "", network_of(f"2001:db8:1:{number:x}::1")))
        for number in range(400)
    ]
    assert await turn_of_lea(ailo, computed, flood, minimum=MOST_WAITING) <= ailo.sign_ins.pool.workers


async def test_fifty_thousand_attempts_of_one_network_are_little_work(
    ailo: Ailo, clock: Clock, computed: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each attempt comes from another address of a /64, for another account: 100 are computed, the others read nothing."""
    caplog.set_level(logging.ERROR, "ailo.security")
    reads, read = [], ailo.store.database.read

    async def noted(work: Callable[..., Awaitable[Any]]) -> Any:
        reads.append(work)
        return await read(work)

    monkeypatch.setattr(ailo.store.database, "read", noted)
    for number in range(50_000):
        attempt = Attempt(f"n{number}@ailo.test", OWN, "", network_of(f"[2001:db8::{number:x}]:{number}"))
        with pytest.raises((WrongCredentials, SlowDown)):
            await ailo.sign_ins.sign_in(attempt)
    assert (len(computed), len(reads)) == (100, 100)
    assert len(ailo.sign_ins.guesses._failures) <= 101
    assert await ailo.sign_ins.sign_in(LEA)


# Only what is computed counts


async def test_who_is_turned_away_by_a_full_queue_is_not_locked_out(ailo: Ailo, clock: Clock) -> None:
    pool = ailo.sign_ins.pool
    async with held(pool):
        flood = [
            asyncio.create_task(ailo.sign_ins.sign_in(Attempt(f"n{n}@ailo.test", OWN, "", f"203.0.{n}.1")))
            for n in range(MOST_WAITING)
        ]
        await waiting(pool, MOST_WAITING)
        assert set(await guess(ailo, LEA, 30)) == {SlowDown}
    await asyncio.gather(*flood, return_exceptions=True)
    assert await ailo.sign_ins.sign_in(LEA)
    assert await guess(ailo, WRONG, 11) == [WrongCredentials] * 10 + [SlowDown]


async def test_who_hung_up_before_their_turn_is_not_counted(ailo: Ailo, clock: Clock, computed: list[str]) -> None:
    pool = ailo.sign_ins.pool
    async with held(pool):
        tries = [asyncio.create_task(ailo.sign_ins.sign_in(WRONG)) for _ in range(10)]
        await waiting(pool, 10)
        for one in tries:
            one.cancel()
        await asyncio.wait(tries)
    assert await ailo.sign_ins.sign_in(LEA)
    assert computed == [PASSWORD]


async def test_many_at_once_are_computed_no_more_often_than_the_limit_says(ailo: Ailo, clock: Clock, computed: list[str]) -> None:
    ends = await ends_of(*(ailo.sign_ins.sign_in(WRONG) for _ in range(100)))
    assert (len(computed), ends.count(WrongCredentials)) == (10, 10)


@pytest.fixture
async def server(ailo: Ailo, cast: Cast) -> AsyncIterator[tuple[str, int]]:
    """The account routes, served as by `ailo serve`: a request goes on when its connection ends."""
    door = Door(ChatSettings("127.0.0.1", 8080, "http://127.0.0.1:8080", 0), ailo.sign_ins)
    app = serving(ailo, door, ailo.accounts)
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
    ailo: Ailo, server: tuple[str, int], computed: list[str]
) -> None:
    pool = ailo.sign_ins.pool
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
    assert await ailo.sign_ins.sign_in(LEA)
    assert computed == [PASSWORD]


# The device's cookie is no licence to guess


async def test_a_devices_cookie_gives_ten_guesses(ailo: Ailo, clock: Clock, computed: list[str]) -> None:
    stolen, other = [(await ailo.sign_ins.sign_in(LEA)).device for _ in range(2)]
    computed.clear()
    ends = await guess(ailo, replace(WRONG, device=stolen), 60)
    assert (len(computed), ends[:10], set(ends[10:])) == (10, [WrongCredentials] * 10, {SlowDown})
    assert await guess(ailo, replace(LEA, device=stolen), 1) == [SlowDown]
    assert await ailo.sign_ins.sign_in(replace(LEA, device=other))


async def test_it_gives_ten_more_to_somebody_who_has_used_up_the_accounts(ailo: Ailo, clock: Clock, computed: list[str]) -> None:
    stolen = (await ailo.sign_ins.sign_in(LEA)).device
    computed.clear()
    await guess(ailo, WRONG, 30)
    await guess(ailo, replace(WRONG, device=stolen), 60)
    await ends_of(*(ailo.sign_ins.sign_in(replace(WRONG, device=stolen)) for _ in range(50)))
    assert len(computed) == 20
    clock.now += WINDOW_S
    assert await ailo.sign_ins.sign_in(replace(LEA, device=stolen))


async def test_a_device_that_signs_in_has_its_guesses_again(ailo: Ailo, clock: Clock) -> None:
    device = (await ailo.sign_ins.sign_in(LEA)).device
    for _ in range(5):
        assert set(await guess(ailo, replace(WRONG, device=device), 9)) == {WrongCredentials}
        assert await ailo.sign_ins.sign_in(replace(LEA, device=device))


async def test_a_device_of_before_a_renewal_is_unknown(ailo: Ailo, owned: None, clock: Clock) -> None:
    device = (await ailo.sign_ins.sign_in(replace(LEA, password=OWN))).device
    await change(ailo, await enter(ailo, OWN), OWN, NEXT)
    await guess(ailo, WRONG, 20)
    known = replace(LEA, password=NEXT, device=device)
    assert await ailo.sign_ins.sign_in(known)  # an ordinary change keeps the key, and its devices
    await change(ailo, await enter(ailo, NEXT), NEXT, OWN, renews=True)
    await guess(ailo, WRONG, 20)
    assert await guess(ailo, replace(known, password=OWN), 1) == [SlowDown]


async def test_a_device_is_known_for_a_year(ailo: Ailo, clock: Clock) -> None:
    device = (await ailo.sign_ins.sign_in(LEA)).device
    await guess(ailo, WRONG, 20)
    assert await ailo.sign_ins.sign_in(replace(LEA, device=device))
    await guess(ailo, WRONG, 20)
    later = ailo.store.clock() + DEVICE_MS
    ailo.sign_ins._store = replace(ailo.store, clock=lambda: later)
    assert await guess(ailo, replace(LEA, device=device), 1) == [SlowDown]


async def test_a_devices_cookie_of_the_old_format_is_unknown(ailo: Ailo, cast: Cast, clock: Clock) -> None:
    old = bytes(16) + ailo.store.guard.authenticate("device", (await cast.account("lea")).id, bytes(16))
    await guess(ailo, WRONG, 20)
    assert await guess(ailo, replace(LEA, device=urlsafe_b64encode(old).decode()), 1) == [SlowDown]


# A recovery code has its own limit


@pytest.mark.parametrize("remote", [HOME, ELSEWHERE])
async def test_a_strangers_passwords_do_not_shut_the_code(ailo: Ailo, code: str, clock: Clock, remote: str) -> None:
    await guess(ailo, WRONG, 30)
    for number in range(100):
        await guess(ailo, replace(WRONG, email=f"n{number}@ailo.test"), 1)
    assert await ailo.accounts.keys.recover(replace(LEA, password=NEXT, remote=remote), code)


@pytest.mark.parametrize("remote", [HOME, ELSEWHERE])
async def test_a_strangers_codes_shut_neither_the_code_nor_the_password(ailo: Ailo, code: str, clock: Clock, remote: str) -> None:
    tries = [ailo.accounts.keys.recover(replace(WRONG, email=f"n{n % 20}@ailo.test"), "AAAA") for n in range(120)]
    await ends_of(*tries, *(ailo.accounts.keys.recover(WRONG, "AAAA") for _ in range(30)))
    assert await ailo.sign_ins.sign_in(replace(LEA, password=OWN, remote=remote))
    assert await ailo.accounts.keys.recover(replace(LEA, password=NEXT, remote=remote), code)


async def test_wrong_codes_of_a_network_are_bounded(ailo: Ailo, clock: Clock, computed: list[str]) -> None:
    tries = [ailo.accounts.keys.recover(replace(WRONG, email=f"n{number}@ailo.test"), "AAAA") for number in range(300)]
    assert (await ends_of(*tries)).count(WrongCredentials) == len(computed) == 100


# What was proved before a wait is checked again after it


@pytest.mark.parametrize("thief_renews", [False, True])
@pytest.mark.parametrize("owner_renews", [False, True])
@pytest.mark.parametrize("shares", [False, True])
async def test_of_two_changes_at_once_one_holds(
    ailo: Ailo, owned: None, owner_renews: bool, thief_renews: bool, shares: bool
) -> None:
    """Both prove the old password before either change is stored, on two sessions or on one."""
    owner = await enter(ailo, OWN)
    thief = owner if shares else await enter(ailo, OWN)
    async with held(ailo.sign_ins.pool):
        changes = [
            asyncio.ensure_future(change(ailo, owner, OWN, NEXT, renews=owner_renews)),
            asyncio.ensure_future(change(ailo, thief, OWN, THIEFS, renews=thief_renews)),
        ]
        await waiting(ailo.sign_ins.pool, 2)
    ends = await ends_of(*changes)
    assert ends.count(type(None)) == 1
    assert set(ends) <= {type(None), WrongCredentials, Superseded}
    acknowledged, refused = (NEXT, THIEFS) if ends[0] is type(None) else (THIEFS, NEXT)
    assert await enter(ailo, acknowledged)
    assert await guess(ailo, replace(LEA, password=refused), 1) == [WrongCredentials]


Meanwhile = Callable[[], Awaitable[Any]]


def overtake(ailo: Ailo, monkeypatch: pytest.MonkeyPatch, meanwhile: Meanwhile) -> None:
    """Run ``meanwhile`` right after the next computation, before its caller continues."""
    pool, compute = ailo.sign_ins.pool, ailo.sign_ins.pool.compute

    async def overtaken(*given: Any) -> Any:
        result = await compute(*given)
        monkeypatch.setattr(pool, "compute", compute)
        await meanwhile()
        return result

    monkeypatch.setattr(pool, "compute", overtaken)


async def has_code(ailo: Ailo, cast: Cast) -> bool:
    return (await ailo.accounts.keys.ways(await cast.account("lea"))).has_recovery_code


async def test_an_ended_session_makes_no_code(ailo: Ailo, cast: Cast, owned: None, monkeypatch: pytest.MonkeyPatch) -> None:
    thief, _ = await enter(ailo, OWN)
    overtake(ailo, monkeypatch, lambda: ailo.sign_ins.sign_out(thief))
    assert await ends_of(ailo.accounts.keys.make_code(thief, OWN)) == [Superseded]
    assert not await has_code(ailo, cast)


async def test_a_password_that_was_changed_meanwhile_makes_no_code(
    ailo: Ailo, cast: Cast, owned: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    me = await enter(ailo, OWN)
    overtake(ailo, monkeypatch, lambda: change(ailo, me, OWN, NEXT))
    assert await ends_of(ailo.accounts.keys.make_code(me[0], OWN)) == [WrongCredentials]
    assert not await has_code(ailo, cast)


@pytest.mark.parametrize("renews", [False, True])
async def test_an_ended_session_changes_no_password(
    ailo: Ailo, owned: None, monkeypatch: pytest.MonkeyPatch, renews: bool
) -> None:
    thief = await enter(ailo, OWN)
    overtake(ailo, monkeypatch, lambda: ailo.sign_ins.sign_out(thief[0]))
    assert await ends_of(change(ailo, thief, OWN, THIEFS, renews=renews)) == [Superseded]
    assert await enter(ailo, OWN)


async def test_a_code_that_was_replaced_meanwhile_lets_nobody_in(ailo: Ailo, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    me, _ = await enter(ailo, OWN)
    newer: list[str] = []

    async def replace_code() -> None:
        newer.append(await ailo.accounts.keys.make_code(me, OWN))

    overtake(ailo, monkeypatch, replace_code)
    assert await ends_of(ailo.accounts.keys.recover(replace(LEA, password=THIEFS), code)) == [WrongCredentials]
    assert await enter(ailo, OWN)
    assert await ailo.accounts.keys.recover(replace(LEA, password=NEXT), newer[0])


async def test_a_renewal_at_sign_in_keeps_no_password_that_was_changed_meanwhile(
    ailo: Ailo, cast: Cast, owned: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody signs in with the old password while its owner changes it and the operator requests a new key."""
    me, store = await enter(ailo, OWN), ailo.store
    lea: AccountId = (await cast.account("lea")).id

    async def meanwhile() -> None:
        await change(ailo, me, OWN, NEXT)
        await store.database.write(lambda tx: accounts.ask_renewal(tx, lea, store.clock()))

    overtake(ailo, monkeypatch, meanwhile)
    assert await guess(ailo, replace(LEA, password=OWN), 1) == [WrongCredentials]
    assert await enter(ailo, NEXT)
