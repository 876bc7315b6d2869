"""Headers that cost more to parse than their length suggests: aiohttp's own parsing of them is never used.

No time is measured: aiohttp's parsers are made to fail.
"""

from typing import Any, NoReturn

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request

from chat.ailo import Ailo
from chat.auth.door import Door
from chat.http.cookies import cookie_of
from chat.pages.assets import Asset
from chat.settings import ChatSettings
from tests.chat.talk import Cast, serving
from tests.people import PASSWORD, address

ORIGIN = "http://127.0.0.1:8080"


@pytest.fixture
async def server(ailo: Ailo) -> TestServer:
    door = Door(ChatSettings("127.0.0.1", 8080, ORIGIN, 5), ailo.sign_ins)
    app = serving(ailo, door, ailo.accounts)
    return TestServer(app)


def never(*_: object) -> NoReturn:
    raise AssertionError("read by the library")


@pytest.mark.parametrize("header", ["Content-Type", "Cookie"])
async def test_a_long_header_is_not_read_by_the_library(
    server: TestServer, cast: Cast, monkeypatch: pytest.MonkeyPatch, header: str
) -> None:
    """8 kB of semicolons in a Content-Type used to take 0.8 s, even from a client that is not signed in."""
    monkeypatch.setattr(web.Request, "content_type", property(never))
    monkeypatch.setattr(web.Request, "cookies", property(never))
    headers = {"Origin": ORIGIN, "Content-Type": "application/json", header: "application/json" + ";" * 8_000}
    async with TestClient(server) as client:
        body = b'{"email": "%b", "password": "%b"}' % (address("lea").encode(), PASSWORD.encode())
        answer = await client.post("/api/session", data=body, headers=headers)
        assert answer.status == 200


async def test_the_tags_that_a_browser_has_are_not_read_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web.Request, "if_none_match", property(never))
    asset = Asset(b"body", "text/css")
    for sent, status in [('"a",' * 2_000, 200), (f'"a", W/"{asset.tag}"', 304), ("*", 304), (asset.tag, 200), ("", 200)]:
        assert asset.answer(make_mocked_request("GET", "/", headers={"If-None-Match": sent})).status == status


@pytest.mark.parametrize(
    ("proxies", "heard", "remote"),
    [
        (0, "192.0.2.1," * 800, "198.51.100.9"),
        (1, "192.0.2.1," * 800 + " 192.0.2.7 ", "192.0.2.7"),
        (2, "192.0.2.5, 192.0.2.6,192.0.2.7", "192.0.2.6"),
        (2, "192.0.2.7", "198.51.100.9"),
    ],
)
def test_of_the_proxies_told_only_ones_own_are_looked_at(
    ailo: Ailo, monkeypatch: pytest.MonkeyPatch, proxies: int, heard: str, remote: str
) -> None:
    monkeypatch.setattr(web.BaseRequest, "remote", "198.51.100.9")
    door = Door(ChatSettings("127.0.0.1", 8080, ORIGIN, 5, proxies=proxies), ailo.sign_ins)
    assert door.remote_of(make_mocked_request("GET", "/", headers={"X-Forwarded-For": heard})) == remote


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ";application/json,x"])
async def test_another_type_is_still_refused(server: TestServer, kind: str) -> None:
    async with TestClient(server) as client:
        answer: Any = await client.post("/api/session", data=b"{}", headers={"Origin": ORIGIN, "Content-Type": kind})
    assert answer.status == 400


@pytest.mark.parametrize(
    ("sent", "value"),
    [
        ("ailo=abc", "abc"),
        ('other="ailo=no"; ailo=abc; ailo-device=def', "abc"),
        ("ailo-device=def;ailo = abc ", "abc"),
        ('ailo="abc"', "abc"),
        ("xailo=abc; ailo-device=def", ""),
        ("ailo", ""),
        ("", ""),
    ],
)
def test_a_cookie_is_found_among_others(sent: str, value: str) -> None:
    assert cookie_of(make_mocked_request("GET", "/", headers={"Cookie": sent}), "ailo") == value
