"""A mailbox that does not exist: a whole service, a relay that refuses or reports it by LMTP, and its owner, who says it does."""

import asyncio
import smtplib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.delivery.inbound.test_reports import POSTFIX, report
from tests.delivery.transports.relay import FakeRelay
from tests.delivery.transports.relay import running as running_relay
from tests.flows.accounts.test_letters import taken_by
from tests.flows.service import Visit, free_port, running

SETTINGS, RESUME = "/api/account/settings", "/api/account/letters/resume"


@pytest.fixture
async def relay() -> AsyncIterator[FakeRelay]:
    async with running_relay(reports=True) as relay:
        yield relay


@pytest.fixture
def lmtp() -> int:
    return free_port()


@pytest.fixture
async def visit(tmp_path: Path, relay: FakeRelay, lmtp: int) -> AsyncIterator[Visit]:
    """A service to which delivery reports come back."""
    settings = {"SMTP": f"smtp://127.0.0.1:{relay.port}", "MAIL_FROM": "ailo@ailo.test", "NOTIFY_AFTER": "0"}
    settings |= {"REPLY_DOMAIN": "reply.ailo.test", "LMTP": f"127.0.0.1:{lmtp}", "MAIL_WORKERS": "1"}
    async with running(tmp_path, **settings) as service:
        visit = Visit(service)
        yield visit
        await visit.close()


async def bring(lmtp: int, to: str, raw: bytes) -> None:
    """Bring a report as a relay does, from nobody."""

    def send() -> None:
        with smtplib.LMTP("127.0.0.1", lmtp) as client:
            client.sendmail("", to, raw)

    await asyncio.to_thread(send)


async def test_a_letter_that_comes_back_is_the_last_until_its_owner_says_otherwise(
    visit: Visit, relay: FakeRelay, lmtp: int
) -> None:
    thread = await visit.thread("lea", "claire")
    lea, claire = await visit.client("lea"), await visit.wire("claire")
    await claire.send(thread, "un")
    await taken_by(relay, visit.address("lea"))
    assert "MAIL RET=HDRS" in relay.options
    await bring(lmtp, relay.senders[0], report(POSTFIX.replace("lea@ailo.test", visit.address("lea"))))
    told = await lea.get(SETTINGS)
    assert told["letters_stopped_at"] == told["letters_refused_at"] is not None
    relay.taken.clear()
    assert (await lea.ask("POST", RESUME))["letters_stopped_at"] is None
    await taken_by(relay, visit.address("lea"))
    assert (await lea.get(SETTINGS))["letters_refused_at"] is None


async def test_one_that_the_relay_refuses_at_once_is_the_last_too(visit: Visit, relay: FakeRelay) -> None:
    thread, other = await visit.thread("lea", "claire"), await visit.thread("karim", "claire")
    lea, claire = await visit.client("lea"), await visit.wire("claire")
    relay.refused[visit.address("lea")] = "550 5.1.1 no such mailbox here"
    await claire.send(thread, "un")
    await claire.send(other, "deux")
    await taken_by(relay, visit.address("karim"))
    assert (await lea.get(SETTINGS))["letters_stopped_at"]
