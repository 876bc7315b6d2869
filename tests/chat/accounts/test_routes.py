"""The routes of one's own account, as a browser calls them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from chat.ailo import Ailo
from chat.auth.door import Door
from chat.settings import ChatSettings
from tests.chat.talk import Cast, serving
from tests.people import PASSWORD, address

ORIGIN = "http://127.0.0.1:8080"
OWN, NEXT = "un mot de passe à moi", "et encore un autre"
SIGN_IN = {"email": address("lea"), "password": PASSWORD}
CHANGE = {"old": PASSWORD, "new": OWN, "may_be_known": False}


class Browser:
    """A browser with its cookies."""

    def __init__(self, client: TestClient[web.Request, web.Application]) -> None:
        self.client = client

    async def ask(self, method: str, path: str, body: Any = None, origin: str = ORIGIN) -> ClientResponse:
        return await self.client.request(method, path, json=body, headers={"Origin": origin})

    async def code_of(self, method: str, path: str, body: Any = None, origin: str = ORIGIN) -> tuple[int, str]:
        answer = await self.ask(method, path, body, origin)
        return answer.status, (await answer.json())["error"]["code"]

    async def sign_in(self, password: str = PASSWORD) -> int:
        return (await self.ask("POST", "/api/session", {**SIGN_IN, "password": password})).status


@pytest.fixture
async def server(ailo: Ailo) -> AsyncIterator[TestServer]:
    door = Door(ChatSettings("127.0.0.1", 8080, ORIGIN, 0), ailo.sign_ins)
    app = serving(ailo, door, ailo.accounts)
    server = TestServer(app)
    async with server:
        yield server


@pytest.fixture
async def stranger(server: TestServer, cast: Cast) -> AsyncIterator[Browser]:
    """A browser in which nobody has signed in."""
    async with TestClient(server) as client:
        yield Browser(client)


@pytest.fixture
async def lea(server: TestServer) -> AsyncIterator[Browser]:
    async with TestClient(server) as client:
        browser = Browser(client)
        assert await browser.sign_in() == 200
        yield browser


async def test_signing_in_tells_who_one_is(stranger: Browser) -> None:
    answer = await stranger.ask("POST", "/api/session", SIGN_IN)
    account = (await answer.json())["account"]
    assert (account["role"], account["first_name"], account["locale"]) == ("member", "Lea", "fr")
    assert (await (await stranger.ask("GET", "/api/account")).json())["account"] == account


async def test_the_ways_in_are_told(lea: Browser) -> None:
    assert await (await lea.ask("GET", "/api/account/ways")).json() == {"recovery_code": False, "own_password": False}
    await lea.ask("POST", "/api/account/password", CHANGE)
    assert (await lea.ask("POST", "/api/account/recovery-code", {"password": OWN})).status == 201
    assert await (await lea.ask("GET", "/api/account/ways")).json() == {"recovery_code": True, "own_password": True}


async def test_a_password_is_changed(lea: Browser, stranger: Browser) -> None:
    answer = await lea.ask("POST", "/api/account/password", CHANGE)
    assert (answer.status, await answer.read(), answer.headers["Cache-Control"]) == (204, b"", "no-store")
    assert [await stranger.sign_in(password) for password in (PASSWORD, OWN)] == [401, 200]


@pytest.mark.parametrize("may_be_known", [False, True])
async def test_a_change_ends_other_sessions_and_not_ones_own(lea: Browser, stranger: Browser, may_be_known: bool) -> None:
    await stranger.sign_in()
    await lea.ask("POST", "/api/account/password", {**CHANGE, "may_be_known": may_be_known})
    assert [(await one.ask("GET", "/api/account")).status for one in (lea, stranger)] == [200, 401]


async def test_a_wrong_old_password_is_told_as_at_the_door(lea: Browser, stranger: Browser) -> None:
    wrong = await lea.code_of("POST", "/api/account/password", {**CHANGE, "old": "un faux mot"})
    assert wrong == await lea.code_of("POST", "/api/account/recovery-code", {"password": "un faux mot"})
    assert wrong == await stranger.code_of("POST", "/api/session", {**SIGN_IN, "password": "un faux mot"})
    assert wrong == (401, "wrong_credentials")


async def test_too_many_guesses_are_told_to_wait(lea: Browser) -> None:
    for _ in range(20):
        answer = await lea.ask("POST", "/api/account/password", {**CHANGE, "old": "un faux mot"})
    assert (answer.status, int(answer.headers["Retry-After"]) > 0) == (429, True)


async def code_of(lea: Browser) -> str:
    answer = await lea.ask("POST", "/api/account/recovery-code", {"password": PASSWORD})
    code: str = (await answer.json())["code"]
    return code


async def test_a_recovery_code_signs_in(lea: Browser, stranger: Browser) -> None:
    body = {"email": address("lea"), "code": (await code_of(lea)).lower(), "password": NEXT}
    answer = await stranger.ask("POST", "/api/session/recovery", body)
    assert (answer.status, (await answer.json())["account"]["first_name"]) == (200, "Lea")
    assert (await stranger.ask("GET", "/api/account")).status == 200
    assert (await lea.ask("GET", "/api/account")).status == 401
    assert await stranger.code_of("POST", "/api/session/recovery", body) == (401, "wrong_credentials")


async def test_an_unknown_address_is_told_what_a_wrong_code_is(lea: Browser, stranger: Browser) -> None:
    code = await code_of(lea)
    answers = []
    for email, typed in (("nobody@ailo.test", code), (address("karim"), code), (address("lea"), "AAAA-BBBB")):
        answer = await stranger.ask("POST", "/api/session/recovery", {"email": email, "code": typed, "password": NEXT})
        kept = {name: value for name, value in answer.headers.items() if name.lower() not in {"x-request-id", "date"}}
        answers.append((answer.status, kept, await answer.read()))
    assert answers[0] == answers[1] == answers[2]
    assert answers[0][0] == 401


ROUTES = [
    ("POST", "/api/account/password", CHANGE),
    ("POST", "/api/account/recovery-code", {"password": PASSWORD}),
    ("GET", "/api/account/ways", None),
    ("GET", "/api/account/draft-key", None),
    ("GET", "/api/account", None),
    ("DELETE", "/api/session", None),
]


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
async def test_who_is_signed_out_is_told_only_that(stranger: Browser, method: str, path: str, body: Any) -> None:
    for sent in (body, {"x": 1}):
        assert await stranger.code_of(method, path, sent, "https://elsewhere.example") == (401, "signed_out")


@pytest.mark.parametrize(("method", "path", "body"), [route for route in ROUTES if route[0] != "GET"])
async def test_foreign_pages_change_nothing(lea: Browser, method: str, path: str, body: Any) -> None:
    assert await lea.code_of(method, path, body, "https://elsewhere.example") == (403, "foreign_origin")
    assert await lea.sign_in() == 200


async def test_foreign_pages_recover_nothing(stranger: Browser) -> None:
    body = {"email": address("lea"), "code": "AAAA", "password": NEXT}
    assert await stranger.code_of("POST", "/api/session/recovery", body, "https://elsewhere.example") == (403, "foreign_origin")


BAD = [
    ("/api/account/password", {}),
    ("/api/account/password", {**CHANGE, "may_be_known": "no"}),
    ("/api/account/password", {**CHANGE, "new": "court"}),
    ("/api/account/password", {**CHANGE, "new": "x" * 1_001}),
    ("/api/account/password", {**CHANGE, "old": "x" * 1_001}),
    ("/api/account/password", []),
    ("/api/account/recovery-code", {}),
    ("/api/account/recovery-code", {"password": 1}),
    ("/api/session/recovery", {"email": address("lea"), "code": "A" * 101, "password": NEXT}),
    ("/api/session/recovery", {"email": address("lea"), "code": "AAAA", "password": "court"}),
    ("/api/session/recovery", {"email": address("lea"), "code": None, "password": NEXT}),
]


@pytest.mark.parametrize(("path", "body"), BAD)
async def test_a_bad_body_is_a_bad_request(lea: Browser, path: str, body: Any) -> None:
    assert await lea.code_of("POST", path, body) == (400, "bad_request")


async def test_the_draft_key_is_the_same_at_every_sign_in(lea: Browser, stranger: Browser) -> None:
    await stranger.sign_in()
    keys = [await (await one.ask("GET", "/api/account/draft-key")).json() for one in (lea, stranger)]
    assert keys[0] == keys[1]
