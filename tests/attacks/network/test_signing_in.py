"""Attacks on signing in, over HTTP against a running service behind a proxy of its own.

Those that depend on which request waits for which are in `tests/chat/auth/passwords/test_guesses.py`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from chat.accounts.commands import AccountAdd
from tests.flows.service import Service
from tests.people import PASSWORD

WRONG, OWN, NEXT, THIEFS = "une autre", "un mot de passe à moi", "et encore un autre", "celui du voleur"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = Service(tmp_path_factory.mktemp("service"), PROXIES="1")
    asyncio.run(service.build())
    service.start()
    yield service
    service.close()


class Browser:
    """A browser with cookies of its own, whose requests the proxy reports as coming from ``address``."""

    def __init__(self, http: aiohttp.ClientSession, origin: str, address: str) -> None:
        self.http, self.origin, self.address = http, origin, address

    async def post(self, path: str, body: dict[str, Any], address: str | None = None) -> tuple[int, dict[str, Any]]:
        """Post a body; return the status and the answer's body, which gets the seconds to wait as ``wait``."""
        headers = {"Origin": self.origin, "X-Forwarded-For": address or self.address}
        async with self.http.post(f"{self.origin}{path}", json=body, headers=headers) as response:
            raw = await response.read()
            wait = {"wait": int(response.headers.get("Retry-After", 0))}
            return response.status, {**(await response.json() if raw else {}), **wait}

    async def sign_in(self, email: str, password: str, address: str | None = None) -> int:
        return (await self.post("/api/session", {"email": email, "password": password}, address))[0]

    async def make_code(self, password: str) -> tuple[int, dict[str, Any]]:
        return await self.post("/api/account/recovery-code", {"password": password})

    async def change(self, old: str, new: str, *, may_be_known: bool = False) -> int:
        change = {"old": old, "new": new, "may_be_known": may_be_known}
        return (await self.post("/api/account/password", change))[0]

    async def recover(self, email: str, code: str, password: str) -> int:
        return (await self.post("/api/session/recovery", {"email": email, "code": code, "password": password}))[0]

    def device(self) -> dict[str, str]:
        """The device's cookie, as a thief would have it."""
        return {cookie.key: cookie.value for cookie in self.http.cookie_jar if cookie.key == "ailo-device"}


@asynccontextmanager
async def browser(service: Service, address: str, cookies: dict[str, str] | None = None) -> AsyncIterator[Browser]:
    jar = aiohttp.CookieJar(unsafe=True)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(cookie_jar=jar, cookies=cookies, connector=connector) as http:
        yield Browser(http, service.origin, address)


@pytest.fixture
async def lea(service: Service) -> str:
    """The e-mail address of an account that no other test has."""
    email = f"lea.{uuid4().hex[:12]}@ailo.test"
    await service.command(AccountAdd("member", email, "Léa", "Rossi", "fr", PASSWORD))
    return email


@pytest.fixture
async def own(service: Service, lea: str) -> AsyncIterator[Browser]:
    """Léa's own browser, where she has set a password of her own."""
    async with browser(service, fresh_address()) as own:
        assert await own.sign_in(lea, PASSWORD) == 200
        assert await own.change(PASSWORD, OWN) == 204
        assert await own.sign_in(lea, OWN) == 200
        yield own


def fresh_address() -> str:
    """An IP address in a network that no other test has."""
    raw = uuid4().hex
    return f"2001:db8:{raw[:4]}:{raw[4:8]}::1"


FORMS: dict[str, Callable[[str, int], str]] = {
    "one /64": lambda network, number: f"{network}:{number + 1:x}",
    "one /64, with ports": lambda network, number: f"[{network}:{number + 1:x}]:{40_000 + number}",
    "one address, with ports": lambda _, number: f"203.0.113.9:{40_000 + number}",
    "one address in IPv6, with ports": lambda _, number: f"[::ffff:203.0.113.77]:{40_000 + number}",
    "what is no address": lambda _, number: f"nobody-{number}",
}


@pytest.mark.parametrize("form", FORMS)
async def test_a_network_has_a_hundred_failures_whatever_its_address_looks_like(service: Service, lea: str, form: str) -> None:
    network = fresh_address().removesuffix(":1")
    async with browser(service, "") as thief:
        statuses = [await thief.sign_in(f"{uuid4().hex}@ailo.test", WRONG, FORMS[form](network, number)) for number in range(110)]
    assert (set(statuses[:100]), set(statuses[100:])) == ({401}, {429})
    async with browser(service, fresh_address()) as elsewhere:
        assert await elsewhere.sign_in(lea, PASSWORD) == 200


async def test_a_devices_cookie_is_no_licence_to_guess(service: Service, lea: str, own: Browser) -> None:
    async with browser(service, fresh_address()) as other, browser(service, fresh_address(), own.device()) as thief:
        assert await other.sign_in(lea, OWN) == 200
        statuses = [await thief.sign_in(lea, WRONG) for _ in range(60)]
        assert statuses.count(401) <= 10
        assert (await thief.post("/api/session", {"email": lea, "password": OWN}))[0] == 429
        assert await other.sign_in(lea, OWN) == 200


async def test_a_renewal_makes_devices_unknown(service: Service, lea: str, own: Browser) -> None:
    stolen = own.device()
    assert await own.change(OWN, NEXT, may_be_known=True) == 204
    async with browser(service, fresh_address()) as stranger, browser(service, fresh_address(), stolen) as thief:
        for _ in range(20):
            await stranger.sign_in(lea, WRONG)
        assert await thief.sign_in(lea, NEXT) == 429


async def test_a_strangers_wrong_passwords_do_not_shut_the_recovery_code(service: Service, lea: str, own: Browser) -> None:
    status, made = await own.make_code(OWN)
    assert status == 201
    async with browser(service, fresh_address()) as stranger:
        statuses = [await stranger.sign_in(lea, WRONG) for _ in range(20)]
        wrong = [await stranger.recover(lea, "AAAA-AAAA", NEXT) for _ in range(20)]
        assert (statuses[-1], wrong[0], wrong[-1]) == (429, 401, 429)
        assert await stranger.recover(lea, made["code"], NEXT) == 200


async def test_codes_made_without_end_keep_nobody_out(service: Service, lea: str, own: Browser) -> None:
    email = f"karim.{uuid4().hex[:12]}@ailo.test"
    await service.command(AccountAdd("member", email, "Karim", "Rossi", "fr", PASSWORD))
    async with browser(service, fresh_address()) as karim:
        flood = asyncio.gather(*(own.make_code(OWN) for _ in range(200)))
        assert await karim.sign_in(email, PASSWORD) == 200
        ends = await flood
    assert {status for status, _ in ends} == {201, 429}
    assert sum(status == 201 for status, _ in ends) <= 30
    assert all(0 < answer["wait"] <= 600 for status, answer in ends if status == 429)


async def test_a_strangers_recoveries_keep_nobody_out(service: Service, lea: str) -> None:
    """Not even somebody from the same network."""
    network = fresh_address()
    async with browser(service, network) as thief, browser(service, network) as home:
        flood = asyncio.gather(*(thief.recover(f"{uuid4().hex}@ailo.test", "AAAA", NEXT) for _ in range(260)))
        assert await home.sign_in(lea, PASSWORD) == 200
        ends = await flood
    assert ends.count(401) <= 100
    assert set(ends) == {401, 429}


@pytest.mark.parametrize("shares", [False, True])
async def test_of_two_changes_of_a_password_at_once_one_is_acknowledged(
    service: Service, lea: str, own: Browser, shares: bool
) -> None:
    async with browser(service, fresh_address()) as other, browser(service, fresh_address()) as later:
        thief = own if shares else other
        assert await other.sign_in(lea, OWN) == 200
        statuses = await asyncio.gather(own.change(OWN, NEXT), thief.change(OWN, THIEFS))
        assert statuses.count(204) == 1
        assert sorted(statuses)[1] == 401
        acknowledged = NEXT if statuses[0] == 204 else THIEFS
        assert await later.sign_in(lea, acknowledged) == 200
