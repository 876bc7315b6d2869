"""Pushes as a push service gets them, with which it may do what it likes."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path

import pytest
from aiohttp import web
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st

from delivery.transports.transport import Gone, PushLater, PushOutcome, Rejected, Sent
from delivery.transports.web_push import CONTENT, LONGEST_WAIT_S, PushServices, _seconds
from storage.crypto.push_keys import PushKey
from tests.delivery.transports.push_service import FakeBrowser, FakePushService, point_of, push_service

KEY = PushKey.fresh()
CONTACT = "mailto:bonjour@ailo.test"
TTL = 3600


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[FakePushService]:
    async with push_service(tmp_path) as found:
        yield found
        assert found.faults == []


def asking(service: FakePushService, hosts: frozenset[str] | None = None, seconds: float = 10) -> PushServices:
    hosts = frozenset({service.host}) if hosts is None else hosts
    return PushServices(KEY, CONTACT, hosts, service.authority, seconds)


async def tell(service: FakePushService, browser: FakeBrowser, seconds: float = 10) -> PushOutcome:
    async with asking(service, seconds=seconds) as services:
        return await services.tell(browser.subscription, TTL)


async def test_a_push_is_signed_encrypted_and_says_nothing(service: FakePushService) -> None:
    browser = service.browser()
    assert await tell(service, browser) == Sent()
    push = service.taken.get_nowait()
    assert (push.browser, push.content) == (browser, CONTENT)
    assert (push.key, push.claims["sub"]) == (KEY.public_key, CONTACT)
    wanted = {"TTL": "3600", "Urgency": "normal", "Topic": "unread"}
    assert {name: push.headers[name] for name in wanted} == wanted


async def test_each_is_as_long_as_the_others_and_encrypted_anew(service: FakePushService) -> None:
    browsers = [service.browser(), service.browser()]
    async with asking(service) as services:
        for browser in (*browsers, browsers[0]):
            assert await services.tell(browser.subscription, TTL) == Sent()
    bodies = [service.taken.get_nowait().body for _ in range(3)]
    assert len({len(body) for body in bodies}) == 1
    assert len(set(bodies)) == 3


async def test_another_browser_cannot_read_it(service: FakePushService) -> None:
    await tell(service, service.browser())
    with pytest.raises(InvalidTag):
        service.browser().read(service.taken.get_nowait().body)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Sent()),
        (202, Sent()),
        (404, Gone()),
        (410, Gone()),
        (429, PushLater("push 429", 120)),
        (500, PushLater("push 500", 120)),
        (503, PushLater("push 503", 120)),
        (400, Rejected("push 400")),
        (403, Rejected("push 403")),
        (413, Rejected("push 413")),
        (301, Rejected("push 301")),
        (307, Rejected("push 307")),
    ],
)
async def test_the_status_alone_says_what_became_of_it(service: FakePushService, status: int, outcome: PushOutcome) -> None:
    headers = {"Retry-After": "120", "Location": f"https://{service.host}/elsewhere"}
    service.answers = [lambda: web.Response(status=status, headers=headers, body=b"x" * 1_000_000)]
    assert await tell(service, service.browser()) == outcome
    assert service.asked == 1


@pytest.mark.parametrize(("said", "seconds"), [("", 0), ("0", 0), ("90", 90), ("9" * 30, LONGEST_WAIT_S), ("soon", 0), ("-5", 0)])
def test_how_long_to_wait(said: str, seconds: int) -> None:
    assert _seconds(said) == seconds


def test_how_long_to_wait_may_be_a_date() -> None:
    assert 500 < _seconds(formatdate(time.time() + 600, usegmt=True)) <= 600
    assert _seconds(formatdate(time.time() - 600, usegmt=True)) == 0


@given(st.text())
def test_whatever_it_says_the_wait_is_within_reason(said: str) -> None:
    assert 0 <= _seconds(said) <= LONGEST_WAIT_S


async def test_a_service_that_does_not_answer_is_not_waited_for(service: FakePushService) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host = f"localhost:{silent.getsockname()[1]}"
        async with asking(service, frozenset({host}), seconds=0.2) as services:
            browser = FakeBrowser(f"https://{host}/push/1")
            assert await services.tell(browser.subscription, TTL) == PushLater("timed out")


async def test_one_that_cannot_be_reached_is_asked_later(service: FakePushService) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        host = f"localhost:{closed.getsockname()[1]}"
    async with asking(service, frozenset({host})) as services:
        outcome = await services.tell(FakeBrowser(f"https://{host}/push/1").subscription, TTL)
    assert outcome == PushLater("failed: ClientConnectorError")


async def test_a_certificate_of_nobody_we_trust_is_refused(service: FakePushService) -> None:
    browser = service.browser()
    async with PushServices(KEY, CONTACT, frozenset({service.host})) as services:
        assert await services.tell(browser.subscription, TTL) == PushLater("failed: ClientConnectorCertificateError")
    assert service.asked == 0


async def test_no_other_host_is_asked(service: FakePushService) -> None:
    async with asking(service, frozenset()) as services:
        outcome = await services.tell(service.browser().subscription, TTL)
    assert outcome == Rejected("not a push service that we ask")
    assert service.asked == 0


async def test_no_proxy_is_asked(service: FakePushService, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert await tell(service, service.browser()) == Sent()


async def test_a_key_that_is_no_point_is_refused_for_ever(service: FakePushService) -> None:
    browser = service.browser()
    broken = replace(browser).subscription
    async with asking(service) as services:
        given = type(broken)(broken.endpoint, b"\4" + bytes(64), broken.auth)
        assert isinstance(await services.tell(given, TTL), Rejected)
    assert service.asked == 0


async def test_many_are_told_at_the_same_time(service: FakePushService) -> None:
    browsers = [service.browser() for _ in range(20)]
    async with asking(service) as services:
        outcomes = await asyncio.gather(*(services.tell(browser.subscription, TTL) for browser in browsers))
    assert outcomes == [Sent()] * 20


def test_the_key_is_on_the_curve() -> None:
    again = PushKey.of(KEY.both)
    assert again == KEY
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.derive_private_key(int.from_bytes(KEY.private_key, "big"), ec.SECP256R1())
    assert point_of(key.public_key()) == KEY.public_key
