"""The search route, as a browser calls it: only for signed-in accounts, and with a rate limit."""

from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from chat.ailo import Ailo
from chat.auth.door import Door
from chat.conversations.search_routes import LIMIT
from chat.settings import ChatSettings
from tests.chat.talk import Cast, serving
from tests.people import PASSWORD, address

ORIGIN = "http://127.0.0.1:8080"


@pytest.fixture
async def server(ailo: Ailo) -> TestServer:
    door = Door(ChatSettings("127.0.0.1", 8080, ORIGIN, 5), ailo.sign_ins)
    app = serving(ailo, door, ailo.accounts, ailo.conversations)
    return TestServer(app)


async def enter(client: TestClient[Any, Any]) -> None:
    body = {"email": address("lea"), "password": PASSWORD}
    assert (await client.post("/api/session", json=body, headers={"Origin": ORIGIN})).status == 200


async def ask(client: TestClient[Any, Any], body: dict[str, object]) -> ClientResponse:
    return await client.post("/api/search", json=body, headers={"Origin": ORIGIN})


async def test_a_search_is_answered_with_messages(server: TestServer, cast: Cast) -> None:
    thread = await cast.open_thread("lea", "claire")
    await cast.say(await cast.unlock("lea"), thread, "Une réunion")
    async with TestClient(server) as client:
        await enter(client)
        answer = await ask(client, {"q": "reunion", "thread": str(thread)})
        found = await answer.json()
    assert [(one["text"], one["thread"], one["seq"]) for one in found["found"]] == [("Une réunion", str(thread), 1)]
    assert (found["next"], answer.headers["Cache-Control"]) == (None, "no-store")


async def test_who_is_signed_out_searches_nothing(server: TestServer) -> None:
    async with TestClient(server) as client:
        assert (await ask(client, {"q": "reunion"})).status == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"q": "a"}, 400),
        ({"q": 1}, 400),
        ({"q": "x" * 101}, 400),
        ({"q": "mot", "from": "x" * 101}, 400),
        ({"q": "mot", "thread": "none"}, 404),
    ],
)
async def test_what_is_no_search_is_refused(server: TestServer, body: dict[str, object], status: int) -> None:
    async with TestClient(server) as client:
        await enter(client)
        assert (await ask(client, body)).status == status


async def test_one_account_cannot_search_without_end(server: TestServer) -> None:
    async with TestClient(server) as client:
        await enter(client)
        answers = [(await ask(client, {"q": "mot"})).status for _ in range(LIMIT.at_once + 2)]
    assert set(answers) == {200, 429}


async def test_no_word_is_taken_from_an_address(server: TestServer) -> None:
    """An address ends up in a proxy's log, and a foreign page can link to it."""
    async with TestClient(server) as client:
        await enter(client)
        assert (await client.get("/api/search", params={"q": "mot"})).status == 405
        assert (await client.post("/api/search", params={"q": "mot"}, json={}, headers={"Origin": ORIGIN})).status == 400


async def test_a_foreign_page_searches_nothing(server: TestServer) -> None:
    async with TestClient(server) as client:
        await enter(client)
        foreign = await client.post("/api/search", json={"q": "mot"}, headers={"Origin": "https://elsewhere.example"})
    assert foreign.status == 403
