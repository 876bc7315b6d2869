"""The route of search, as a browser asks it: for those who are signed in, and not too often."""

from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from chat.account_api import AccountApi
from chat.rooms import Rooms
from chat.search import Search
from chat.search_api import AT_ONCE, SearchApi
from chat.settings import ChatSettings
from chat.web import Door, application
from tests.chat.cast import PASSWORD, Cast, address

ORIGIN = "http://127.0.0.1:8080"


@pytest.fixture
async def server(rooms: Rooms) -> TestServer:
    door = Door(ChatSettings("127.0.0.1", 8080, ORIGIN, 5), rooms.sign_ins)
    app = application(door)
    AccountApi(door, rooms.own_keys, rooms.hub).add_to(app)
    SearchApi(door, Search(rooms.conversation)).add_to(app)
    return TestServer(app)


async def enter(client: TestClient[Any, Any]) -> None:
    body = {"email": address("lea"), "password": PASSWORD}
    assert (await client.post("/api/session", json=body, headers={"Origin": ORIGIN})).status == 200


async def test_a_search_is_answered_with_messages(server: TestServer, cast: Cast) -> None:
    thread = await cast.open_thread("lea", "claire")
    await cast.say(await cast.unlock("lea"), thread, "Une réunion")
    async with TestClient(server) as client:
        await enter(client)
        answer = await client.get("/api/search", params={"q": "reunion", "thread": str(thread)})
        found = await answer.json()
    assert [(one["text"], one["thread"], one["seq"]) for one in found["found"]] == [("Une réunion", str(thread), 1)]
    assert (found["next"], answer.headers["Cache-Control"]) == (None, "no-store")


async def test_who_is_signed_out_searches_nothing(server: TestServer) -> None:
    async with TestClient(server) as client:
        assert (await client.get("/api/search", params={"q": "reunion"})).status == 401


@pytest.mark.parametrize(("params", "status"), [({}, 400), ({"q": "a"}, 400), ({"q": "mot", "thread": "none"}, 404)])
async def test_what_is_no_search_is_refused(server: TestServer, params: dict[str, str], status: int) -> None:
    async with TestClient(server) as client:
        await enter(client)
        assert (await client.get("/api/search", params=params)).status == status


async def test_one_account_cannot_search_without_end(server: TestServer) -> None:
    async with TestClient(server) as client:
        await enter(client)
        answers = [(await client.get("/api/search", params={"q": "mot"})).status for _ in range(AT_ONCE + 2)]
    assert set(answers) == {200, 429}
