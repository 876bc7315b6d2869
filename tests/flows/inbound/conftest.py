"""A service whose letters can be answered, and the relay at its ends."""

import asyncio
import smtplib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.delivery.transports.relay import FakeRelay
from tests.delivery.transports.relay import running as running_relay
from tests.flows.accounts.test_letters import taken_by
from tests.flows.service import Visit, free_port, running

RELAY = "mx.ailo.test"


@pytest.fixture
async def relay() -> AsyncIterator[FakeRelay]:
    async with running_relay(reports=True) as relay:
        yield relay


@pytest.fixture
def lmtp() -> int:
    return free_port()


@pytest.fixture
async def visit(tmp_path: Path, relay: FakeRelay, lmtp: int) -> AsyncIterator[Visit]:
    """A service whose letters can be answered. They leave one by one: earlier ones are settled when a later one is taken."""
    settings = {"SMTP": f"smtp://127.0.0.1:{relay.port}", "MAIL_FROM": "ailo@ailo.test", "NOTIFY_AFTER": "0"}
    settings |= {"REPLY_DOMAIN": "reply.ailo.test", "LMTP": f"127.0.0.1:{lmtp}", "AUTHSERV_ID": RELAY, "MAIL_WORKERS": "1"}
    async with running(tmp_path, **settings) as service:
        visit = Visit(service)
        yield visit
        await visit.close()


async def reply_address(visit: Visit, relay: FakeRelay, thread: str, reader: str = "lea") -> str:
    """Have somebody told of a message of Claire's; return where that letter is answered."""
    claire = await visit.wire("claire")
    await claire.send(thread, "Bonjour")
    await taken_by(relay, visit.address(reader))
    (to,) = dict(relay.taken)[visit.address(reader)]["Reply-To"].addresses
    return str(to)


async def bring(lmtp: int, sender: str, to: str, raw: bytes) -> None:
    """Bring a mail as a relay does."""

    def send() -> None:
        with smtplib.LMTP("127.0.0.1", lmtp, "localhost") as client:
            client.sendmail(sender, to, raw)

    await asyncio.to_thread(send)
