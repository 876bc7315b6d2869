"""Signing in and out, and the limits on guessing."""

import asyncio
from base64 import urlsafe_b64encode
from collections import Counter
from dataclasses import replace
from itertools import islice

import pytest

from chat.ailo import Ailo
from chat.auth.limits import WINDOW_S, Failures, SlowDown
from chat.auth.passwords.guesses import Guesses
from chat.auth.passwords.stretching import MOST_WAITING
from chat.auth.sign_in import Attempt, SignIns, WrongCredentials
from storage.crypto import keyholes
from storage.crypto.keyholes import PasswordKeyhole
from storage.store import SESSION_MS
from tests.chat.talk import Cast, held, waiting
from tests.people import PASSWORD, address

OFFICE = "192.0.2.7"
LEA = Attempt(address("lea"), PASSWORD, "", OFFICE)
WRONG = replace(LEA, password="une autre")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(ailo: Ailo) -> Clock:
    clock = Clock()
    ailo.sign_ins.guesses = Guesses(Failures(clock))
    return clock


@pytest.fixture
async def sign_ins(ailo: Ailo, cast: Cast, clock: Clock) -> SignIns:
    assert cast.ailo is ailo
    return ailo.sign_ins


async def fail(sign_ins: SignIns, attempt: Attempt, times: int) -> list[type[Exception]]:
    """The errors in which this many attempts end."""
    ends: list[type[Exception]] = []
    for _ in range(times):
        with pytest.raises((WrongCredentials, SlowDown)) as caught:
            await sign_ins.sign_in(attempt)
        ends.append(caught.type)
    return ends


async def test_a_password_begins_a_session(sign_ins: SignIns) -> None:
    granted = await sign_ins.sign_in(LEA)
    signed_in = await sign_ins.find(granted.cookie)
    assert signed_in
    assert signed_in.unlocked.account == granted.account


async def test_each_sign_in_is_a_session_of_its_own(sign_ins: SignIns) -> None:
    one, other = await sign_ins.sign_in(LEA), await sign_ins.sign_in(LEA)
    assert one.cookie != other.cookie
    first = await sign_ins.find(one.cookie)
    assert first
    await sign_ins.sign_out(first)
    assert await sign_ins.find(one.cookie) is None
    assert not await sign_ins.is_signed_in(first)
    assert await sign_ins.find(other.cookie)


@pytest.mark.parametrize("cookie", ["", "x", "é", "=" * 44, urlsafe_b64encode(bytes(32)).decode(), "A" * 100_000])
async def test_a_dead_cookie_is_nobody(sign_ins: SignIns, cookie: str) -> None:
    assert await sign_ins.find(cookie) is None


async def test_a_session_ends_with_its_time(ailo: Ailo, sign_ins: SignIns) -> None:
    granted = await sign_ins.sign_in(LEA)
    later = ailo.store.clock() + SESSION_MS
    sign_ins._store = replace(ailo.store, clock=lambda: later)
    assert await sign_ins.find(granted.cookie) is None


async def test_addresses_and_passwords_may_be_typed_otherwise(ailo: Ailo, cast: Cast) -> None:
    assert await ailo.sign_ins.sign_in(replace(LEA, email=" LEA@AILO.test ", password=PASSWORD))


async def test_five_failures_cost_nothing(sign_ins: SignIns) -> None:
    assert set(await fail(sign_ins, WRONG, 5)) == {WrongCredentials}
    assert await sign_ins.sign_in(LEA)


async def test_an_account_is_shut_by_the_twentieth_failure(sign_ins: SignIns) -> None:
    ends = await fail(sign_ins, WRONG, 20)
    assert (ends[:5], ends[19]) == ([WrongCredentials] * 5, SlowDown)
    with pytest.raises(SlowDown) as caught:
        await sign_ins.sign_in(LEA)
    assert 0 < caught.value.wait <= WINDOW_S


async def test_time_opens_it_again(sign_ins: SignIns, clock: Clock) -> None:
    await fail(sign_ins, WRONG, 20)
    clock.now += WINDOW_S
    assert await sign_ins.sign_in(LEA)


async def test_a_known_device_is_never_refused_with_the_right_password(sign_ins: SignIns) -> None:
    device = (await sign_ins.sign_in(LEA)).device
    await fail(sign_ins, WRONG, 20)
    assert await sign_ins.sign_in(replace(LEA, device=device))


async def test_a_known_device_with_a_wrong_password_is_slowed(sign_ins: SignIns) -> None:
    device = (await sign_ins.sign_in(LEA)).device
    assert (await fail(sign_ins, replace(WRONG, device=device), 20))[19] is SlowDown


async def test_a_device_is_known_to_its_own_account_alone(sign_ins: SignIns) -> None:
    device = (await sign_ins.sign_in(replace(LEA, email=address("karim")))).device
    await fail(sign_ins, WRONG, 20)
    for forged in (device, "x", "é", urlsafe_b64encode(bytes(48)).decode()):
        assert await fail(sign_ins, replace(LEA, device=forged), 1) == [SlowDown]


async def test_many_guesses_at_once_are_no_way_around(sign_ins: SignIns) -> None:
    ends = await asyncio.gather(*(sign_ins.sign_in(WRONG) for _ in range(60)), return_exceptions=True)
    assert sum(isinstance(end, WrongCredentials) for end in ends) <= 20


async def test_an_address_has_a_hundred_failures(sign_ins: SignIns) -> None:
    for number in range(99):
        await fail(sign_ins, replace(WRONG, email=f"nobody-{number}@ailo.test"), 1)
    assert await sign_ins.sign_in(LEA)
    await fail(sign_ins, WRONG, 1)
    assert await fail(sign_ins, LEA, 1) == [SlowDown]
    assert await sign_ins.sign_in(replace(LEA, remote="198.51.100.1"))


async def test_an_office_that_signs_in_is_not_shut_out(sign_ins: SignIns) -> None:
    for _ in range(110):
        assert await sign_ins.sign_in(LEA)


async def test_an_unknown_address_is_the_same_work_and_answer(sign_ins: SignIns, monkeypatch: pytest.MonkeyPatch) -> None:
    profiles: list[int] = []
    stretch = keyholes.stretch

    def noted(password: str, salt: bytes, profile: int) -> keyholes.Stretched:
        profiles.append(profile)
        return stretch(password, salt, profile)

    monkeypatch.setattr(keyholes, "stretch", noted)
    known = await fail(sign_ins, WRONG, 20)
    work = list(profiles)
    profiles.clear()
    assert await fail(sign_ins, replace(WRONG, email="nobody@ailo.test"), 20) == known
    assert profiles == work


async def test_a_keyhole_that_was_tampered_with_opens_nothing(ailo: Ailo, sign_ins: SignIns) -> None:
    await ailo.store.database.write(lambda tx: tx.run("update keyholes set profile = 1"))
    assert await fail(sign_ins, LEA, 1) == [WrongCredentials]


async def test_a_role_that_was_tampered_with_gives_no_access(ailo: Ailo, sign_ins: SignIns) -> None:
    cookie = (await sign_ins.sign_in(LEA)).cookie
    await ailo.store.database.write(lambda tx: tx.run("update accounts set role = 'professional' where role = 'member'"))
    assert await sign_ins.find(cookie) is None
    assert await fail(sign_ins, LEA, 1) == [WrongCredentials]


async def test_too_many_computations_at_once_are_put_off(sign_ins: SignIns) -> None:
    async with held(sign_ins.pool):
        others = [replace(LEA, email=f"n{n}@ailo.test", remote=f"203.0.{n}.1") for n in range(MOST_WAITING + 5)]
        tries = [asyncio.create_task(sign_ins.sign_in(one)) for one in others]
        for first in islice(asyncio.as_completed(tries), 5):
            with pytest.raises(SlowDown):
                await first
        await waiting(sign_ins.pool, MOST_WAITING)
    ends = await asyncio.gather(*tries, return_exceptions=True)
    assert Counter(map(type, ends)) == {SlowDown: 5, WrongCredentials: MOST_WAITING}


def test_what_was_typed_is_in_no_repr() -> None:
    assert PASSWORD not in repr(LEA)
    assert PASSWORD not in repr(PasswordKeyhole(b"", b"", PASSWORD.encode(), 0))
