"""Push through a whole service: a browser chooses it, somebody writes, and a push service takes a push that says nothing."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.attacks.disk.search import files_with
from tests.delivery.transports.push_service import FakePushService, Push, push_service
from tests.delivery.transports.relay import FakeRelay
from tests.delivery.transports.relay import running as running_relay
from tests.flows.accounts.test_letters import taken_by
from tests.flows.service import Service, Visit, running, settled

PUSH, SETTINGS = "/api/account/push", "/api/account/settings"


@pytest.fixture
async def relay() -> AsyncIterator[FakeRelay]:
    async with running_relay() as relay:
        yield relay


@pytest.fixture
async def browsers(tmp_path: Path) -> AsyncIterator[FakePushService]:
    async with push_service(tmp_path) as found:
        yield found
        assert found.faults == []


@pytest.fixture
async def service(tmp_path: Path, relay: FakeRelay, browsers: FakePushService) -> AsyncIterator[Service]:
    settings = {"SMTP": f"smtp://127.0.0.1:{relay.port}", "MAIL_FROM": "ailo@ailo.test", "NOTIFY_AFTER": "0"}
    settings |= {"PUSH_HOSTS": browsers.host, "PUSH_CA": str(browsers.authority)}
    async with running(tmp_path, **settings) as service:
        yield service


@pytest.fixture
async def visit(service: Service) -> AsyncIterator[Visit]:
    visit = Visit(service)
    yield visit
    await visit.close()


async def taken(browsers: FakePushService) -> Push:
    async with asyncio.timeout(20):
        return await browsers.taken.get()


async def test_a_reply_is_told_of_on_both_ways(visit: Visit, relay: FakeRelay, browsers: FakePushService) -> None:
    thread, browser = await visit.thread("lea", "claire"), browsers.browser()
    lea, claire = await visit.client("lea"), await visit.wire("claire")
    await lea.ask("PUT", PUSH, browser.as_json())
    await claire.send(thread, "Un secret.")
    push = await taken(browsers)
    await taken_by(relay, visit.address("lea"))
    assert (push.browser, push.content) == (browser, b'{"type": "unread"}')
    assert push.claims["sub"] == "mailto:ailo@ailo.test"
    assert (await lea.get(PUSH))["key"]
    secret = browser.endpoint.rpartition("/")[2]
    assert secret not in visit.log
    assert files_with(secret, visit.service.data) == {}


async def test_who_wants_no_e_mails_gets_the_push_alone_until_they_sign_out(
    visit: Visit, relay: FakeRelay, browsers: FakePushService
) -> None:
    thread, other = await visit.thread("lea", "claire"), await visit.thread("karim", "claire")
    lea, claire = await visit.client("lea"), await visit.wire("claire")
    await lea.ask("PATCH", SETTINGS, {"letters": {"replies": False}})
    await lea.ask("PUT", PUSH, browsers.browser().as_json())
    await claire.send(thread, "un")
    await taken(browsers)
    wire = await visit.wire(lea)
    await wire.put({"type": "read", "thread": thread, "seq": 1})
    await settled(wire)
    await lea.ask("DELETE", "/api/session")
    await claire.send(thread, "deux")
    await claire.send(other, "trois")
    await taken_by(relay, visit.address("karim"))
    assert visit.address("lea") not in relay.recipients
    assert browsers.taken.empty()


async def test_an_ended_subscription_is_not_asked_for_again(visit: Visit, relay: FakeRelay, browsers: FakePushService) -> None:
    threads = {name: await visit.thread(name, "claire") for name in ("lea", "karim")}
    clients = {name: await visit.client(name) for name in threads}
    wires = {name: await visit.wire(client) for name, client in clients.items()}
    claire, gone, there = await visit.wire("claire"), browsers.browser(), browsers.browser()
    browsers.leave(gone)
    await clients["lea"].ask("PUT", PUSH, gone.as_json())
    await clients["karim"].ask("PUT", PUSH, there.as_json())
    for seq in (1, 2):
        for name, thread in threads.items():
            await claire.send(thread, f"le {seq}")
            await taken_by(relay, visit.address(name))
        assert (await taken(browsers)).browser == there
        relay.taken.clear()
        for name, thread in threads.items():
            await wires[name].put({"type": "read", "thread": thread, "seq": seq})
            await settled(wires[name])
    assert browsers.asked == 3
