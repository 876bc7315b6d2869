"""How each kind of error is answered, and the order of checks. The routes as a whole are tested in `tests/flows`."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import msgspec
import pytest
from aiohttp import web

from chat.ailo import Ailo
from chat.auth.door import Door, HttpRefusal, application
from chat.auth.limits import SlowDown
from chat.auth.sign_in import WrongCredentials
from chat.logs import OneLine
from chat.operations.health import Disk, add_health
from chat.protocol.frames import Code
from chat.protocol.refusals import NotAllowed, NotFound, TooLong
from chat.settings import ChatSettings
from storage.errors import Stalled
from tests.chat.talk import Json

CANARY = "canari-77c0"
SETTINGS = ChatSettings("127.0.0.1", 0, "http://127.0.0.1:8080", 5.0)


@asynccontextmanager
async def served(app: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def get(address: str) -> tuple[int, dict[str, str], Json]:
    async with aiohttp.ClientSession() as http, http.get(address) as response:
        return (
            response.status,
            {name.lower(): value for name, value in response.headers.items()},
            json.loads(await response.read()),
        )


def failing(error: Exception) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def fail(_: web.Request) -> web.Response:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (HttpRefusal(403, Code.FOREIGN_ORIGIN), 403, "foreign_origin"),
        (NotFound(), 404, "not_found"),
        (NotAllowed(), 400, "bad_request"),
        (TooLong(), 400, "bad_request"),
        (msgspec.DecodeError(CANARY), 400, "bad_request"),
        (WrongCredentials(), 401, "wrong_credentials"),
        (SlowDown(12.3), 429, "slow_down"),
        (Stalled(CANARY), 503, "busy"),
        (ValueError(CANARY), 500, "failed"),
        (web.HTTPNotFound(), 404, "not_found"),
        (web.HTTPMethodNotAllowed("GET", ["POST"]), 405, "wrong_method"),
        (web.HTTPRequestEntityTooLarge(1, 2), 400, "bad_request"),
    ],
)
async def test_whatever_is_raised_has_its_answer(
    ailo: Ailo, caplog: pytest.LogCaptureFixture, error: Exception, status: int, code: str
) -> None:
    app = application(Door(SETTINGS, ailo.sign_ins))
    app.router.add_get("/health/x", failing(error))
    with caplog.at_level(logging.INFO):
        async with served(app) as origin:
            found = await get(f"{origin}/health/x")
    assert (found[0], found[2]["error"]["code"]) == (status, code)
    assert found[1]["cache-control"] == "no-store"
    assert found[1]["x-request-id"] not in json.dumps(found[2])
    assert CANARY not in caplog.text + json.dumps(found[2])


async def test_who_must_wait_is_told_how_long(ailo: Ailo) -> None:
    app = application(Door(SETTINGS, ailo.sign_ins))
    app.router.add_get("/health/x", failing(SlowDown(12.3)))
    async with served(app) as origin:
        assert (await get(f"{origin}/health/x"))[1]["retry-after"] == "13"


async def test_who_has_gone_is_no_fault(ailo: Ailo, caplog: pytest.LogCaptureFixture) -> None:
    """aiohttp raises this when it writes to a closed connection, which is common on a busy machine."""
    gone = failing(aiohttp.ClientConnectionResetError("Cannot write to closing transport"))
    app = application(Door(SETTINGS, ailo.sign_ins))
    app.router.add_get("/ws", gone)
    async with served(app) as address, aiohttp.ClientSession() as http, http.get(f"{address}/ws") as response:
        assert response.status == 499
    assert caplog.text == ""


async def test_a_fault_is_logged_with_the_requests_id(ailo: Ailo, caplog: pytest.LogCaptureFixture) -> None:
    app = application(Door(SETTINGS, ailo.sign_ins))
    app.router.add_get("/health/x", failing(ValueError(CANARY)))
    caplog.handler.setFormatter(OneLine())
    async with served(app) as origin:
        headers = (await get(f"{origin}/health/x"))[1]
    assert f"request={headers['x-request-id']} " in caplog.text
    assert "ValueError at " in caplog.text


async def test_a_cookie_is_named_for_its_safety(ailo: Ailo) -> None:
    secure = ChatSettings("127.0.0.1", 0, "https://ailo.example", 5.0)
    assert Door(SETTINGS, ailo.sign_ins).cookie == "ailo"
    assert Door(secure, ailo.sign_ins).cookie == "__Host-ailo"


async def test_who_is_signed_out_is_told_first(ailo: Ailo) -> None:
    door = Door(SETTINGS, ailo.sign_ins)
    app = application(door)
    async with served(app) as origin:
        status, _, body = await get(f"{origin}/api/account")
    assert (status, body["error"]["code"]) == (401, "signed_out")


# Health


async def test_a_sound_service_is_live_and_ready(ailo: Ailo) -> None:
    app = application(Door(SETTINGS, ailo.sign_ins))
    add_health(app, ailo.store)
    async with served(app) as origin:
        assert [(await get(f"{origin}/health/{one}"))[0] for one in ("live", "ready")] == [200, 200]


async def test_a_store_that_fails_is_live_but_not_ready(ailo: Ailo, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise Stalled(CANARY)

    app = application(Door(SETTINGS, ailo.sign_ins))
    add_health(app, ailo.store)
    monkeypatch.setattr(ailo.store.database, "write", fail)
    async with served(app) as origin:
        status, _, body = await get(f"{origin}/health/ready")
        assert (await get(f"{origin}/health/live"))[0] == 200
    assert (status, body) == (503, {"status": "down", "part": "database"})


@pytest.mark.parametrize(
    ("proxies", "heard", "believed"),
    [(0, "203.0.113.9", "127.0.0.1"), (1, "198.51.100.1, 203.0.113.9", "203.0.113.9"), (2, "203.0.113.9", "127.0.0.1")],
)
async def test_a_forwarded_address_is_believed_from_own_proxies(ailo: Ailo, proxies: int, heard: str, believed: str) -> None:
    door = Door(ChatSettings("127.0.0.1", 0, "http://127.0.0.1:8080", 5.0, proxies), ailo.sign_ins)

    async def remote(request: web.Request) -> web.Response:
        return web.json_response({"remote": door.remote_of(request)})

    app = web.Application()
    app.router.add_get("/", remote)
    async with (
        served(app) as address,
        aiohttp.ClientSession() as http,
        http.get(address, headers={"X-Forwarded-For": heard}) as response,
    ):
        assert (await response.json())["remote"] == believed


async def test_answers_do_not_tell_the_versions_of_libraries(ailo: Ailo) -> None:
    app = application(Door(SETTINGS, ailo.sign_ins))
    add_health(app, ailo.store)
    async with served(app) as address:
        _, headers, _ = await get(f"{address}/health/live")
    assert headers["server"] == "Ailo"


async def test_many_who_ask_cost_the_disk_one_question(ailo: Ailo, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0
    real = ailo.store.database.probe

    async def probe() -> None:
        nonlocal asked
        asked += 1
        await real()

    monkeypatch.setattr(ailo.store.database, "probe", probe)
    disk = Disk(ailo.store)
    assert await asyncio.gather(*(disk.is_sound() for _ in range(50))) == [True] * 50
    assert asked == 1


async def test_a_disk_that_failed_is_asked_again_at_once(ailo: Ailo, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail() -> None:
        raise Stalled("full")

    disk = Disk(ailo.store)
    with monkeypatch.context() as patch:
        patch.setattr(ailo.store.database, "probe", fail)
        assert not await disk.is_sound()
    assert await disk.is_sound()
