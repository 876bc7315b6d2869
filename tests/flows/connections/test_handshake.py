"""How a connection begins: from where, as whom, and how often."""

import json
from pathlib import Path

import aiohttp
import pytest
import websockets.asyncio.client
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from tests.flows.service import Visit, running
from tests.people import PASSWORD


async def first_frame(address: str, cookie: str, origin: str | None, protocol: str | None = "ailo.v1") -> tuple[str, int | None]:
    """The type of the first frame, or its error code, and the code with which the service closes, if it does."""
    async with websockets.asyncio.client.connect(
        address,
        origin=Origin(origin) if origin is not None else None,
        subprotocols=[Subprotocol(protocol)] if protocol else None,
        additional_headers={"Cookie": cookie},
        compression=None,
    ) as socket:
        frame = json.loads(await socket.recv())
        if frame["type"] != "error":
            return frame["type"], None
        with pytest.raises(ConnectionClosed) as caught:
            await socket.recv()
        return frame["code"], caught.value.rcvd.code if caught.value.rcvd else None


@pytest.fixture
def address(visit: Visit) -> str:
    return f"ws://127.0.0.1:{visit.service.port}/ws"


FOREIGN = [None, "null", "", "https://evil.example", "http://127.0.0.1", "http://127.0.0.1:1", "https://127.0.0.1:{}"]


@pytest.mark.parametrize("origin", FOREIGN)
async def test_a_foreign_origin_is_refused_even_with_a_good_cookie(visit: Visit, address: str, origin: str | None) -> None:
    lea = await visit.client("lea")
    with pytest.raises(InvalidStatus) as caught:
        await first_frame(address, lea.cookie, origin and origin.format(visit.service.port))
    assert caught.value.response.status_code == 403


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::1]"])
async def test_on_loopback_three_names_are_one(visit: Visit, address: str, name: str) -> None:
    lea = await visit.client("lea")
    origin = f"http://{name}:{visit.service.port}"
    assert await first_frame(address, lea.cookie, origin) == ("hello", None)


@pytest.mark.parametrize("cookie", ["", "ailo=", "ailo=x", "ailo=" + "A" * 43 + "=", "other=1"])
async def test_without_a_session_it_says_so_and_closes(visit: Visit, address: str, cookie: str) -> None:
    assert await first_frame(address, cookie, visit.service.origin) == ("signed_out", 4401)


async def test_a_foreign_origin_comes_before_a_dead_session(visit: Visit, address: str) -> None:
    with pytest.raises(InvalidStatus) as caught:
        await first_frame(address, "", "https://evil.example")
    assert caught.value.response.status_code == 403


async def test_an_unknown_subprotocol_is_refused(visit: Visit, address: str) -> None:
    lea = await visit.client("lea")
    with pytest.raises(InvalidStatus) as caught:
        await first_frame(address, lea.cookie, visit.service.origin, "ailo.v9")
    assert caught.value.response.status_code == 400


async def test_what_is_no_handshake_is_refused(visit: Visit) -> None:
    lea = await visit.client("lea")
    async with lea.http.get(f"{lea.origin}/ws", headers={"Origin": lea.origin}) as response:
        assert (response.status, (await response.json())["error"]["code"]) == (400, "bad_request")


async def test_a_handshake_with_a_body_is_refused(visit: Visit) -> None:
    lea = await visit.client("lea")
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Content-Length": "5"}
    headers = {"Origin": lea.origin, "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", **upgrade}
    async with lea.http.get(f"{lea.origin}/ws", headers=headers, data=b"12345") as response:
        assert (response.status, (await response.json())["error"]["code"]) == (400, "bad_request")


async def test_compression_is_not_spoken(visit: Visit) -> None:
    lea = await visit.client("lea")
    async with lea.http.ws_connect(f"{lea.origin}/ws", origin=lea.origin, protocols=["ailo.v1"], compress=15) as socket:
        assert socket.compress == 0


async def test_signing_in_from_elsewhere_is_refused(visit: Visit) -> None:
    await visit.arrive("lea")
    lea = await visit.client("lea")
    given = {"email": visit.address("lea"), "password": PASSWORD}
    for origin in ({}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        async with lea.http.post(f"{lea.origin}/api/session", json=given, headers=origin) as response:
            assert (response.status, "Set-Cookie" in response.headers) == (403, False)


async def test_an_account_has_so_many_connections(tmp_path: Path) -> None:
    """The thirty-third connection gets `slow_down` and is closed with 1013."""
    async with running(tmp_path, RATE="5") as service:
        visit = Visit(service)
        lea = await visit.client("lea")
        for _ in range(32):
            await visit.wire(lea)
        assert await first_frame(f"ws://127.0.0.1:{service.port}/ws", lea.cookie, service.origin) == ("slow_down", 1013)
        await visit.close()


async def test_without_a_rate_connections_are_not_counted(visit: Visit) -> None:
    lea = await visit.client("lea")
    for _ in range(40):
        await visit.wire(lea)


async def test_over_https_cookies_are_secure(tmp_path: Path) -> None:
    async with running(tmp_path, ORIGIN="https://ailo.example") as service:
        visit = Visit(service)
        await visit.arrive("lea")
        given = {"email": visit.address("lea"), "password": PASSWORD}
        async with (
            aiohttp.ClientSession() as http,
            http.post(f"{service.origin}/api/session", json=given, headers={"Origin": "https://ailo.example"}) as response,
        ):
            cookie = next(one for one in response.headers.getall("Set-Cookie") if one.startswith("__Host-ailo="))
    for part in ("HttpOnly", "Secure", "SameSite=Lax", "Path=/"):
        assert part in cookie
    assert "Domain" not in cookie
