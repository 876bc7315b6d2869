"""A letter is answered by e-mail: a whole service, a relay that takes its letters, and one that brings the answer by LMTP."""

import asyncio
import smtplib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.attacks.disk.search import files_with
from tests.delivery.transports.relay import FakeRelay
from tests.delivery.transports.relay import running as running_relay
from tests.flows.accounts.test_letters import taken_by
from tests.flows.service import Visit, free_port, running

CANARY = "le canari-courrier est rentre 3m8p"
RELAY = "mx.ailo.test"
QUOTED = "Le 30 nov. 2026 à 09:12, Ailo <ailo@ailo.test> a écrit :\r\n> Un nouveau message vous attend"


@pytest.fixture
async def relay() -> AsyncIterator[FakeRelay]:
    async with running_relay() as relay:
        yield relay


@pytest.fixture
def lmtp() -> int:
    return free_port()


@pytest.fixture
async def visit(tmp_path: Path, relay: FakeRelay, lmtp: int) -> AsyncIterator[Visit]:
    """A service whose letters can be answered."""
    settings = {"SMTP": f"smtp://127.0.0.1:{relay.port}", "MAIL_FROM": "ailo@ailo.test", "NOTIFY_AFTER": "0"}
    settings |= {"REPLY_DOMAIN": "reply.ailo.test", "LMTP": f"127.0.0.1:{lmtp}", "AUTHSERV_ID": RELAY}
    async with running(tmp_path, **settings) as service:
        visit = Visit(service)
        yield visit
        await visit.close()


async def answer(lmtp: int, sender: str, to: str, text: str, *, proven: bool) -> None:
    """Bring an answer as a relay does."""
    outcome, domain = "pass" if proven else "none", sender.rpartition("@")[2]
    raw = (
        f"Authentication-Results: {RELAY}; dmarc={outcome} header.from={domain}\r\nFrom: {sender}\r\n"
        f"Message-ID: <{outcome}@client.test>\r\nSubject: Re: Un nouveau message vous attend\r\n\r\n{text}\r\n"
    )

    def bring() -> None:
        with smtplib.LMTP("127.0.0.1", lmtp) as client:
            client.sendmail(sender, to, raw.encode())

    await asyncio.to_thread(bring)


async def test_an_answer_is_live_on_both_sides_and_on_no_disk(visit: Visit, relay: FakeRelay, lmtp: int, tmp_path: Path) -> None:
    thread = await visit.thread("lea", "claire")
    claire = await visit.wire("claire")
    await claire.send(thread, "Bonjour")
    await taken_by(relay, visit.address("lea"))
    (to,) = (str(one) for one in dict(relay.taken)[visit.address("lea")]["Reply-To"].addresses)
    await answer(lmtp, visit.address("lea"), to, f"{CANARY}\r\n\r\n{QUOTED}", proven=True)
    got = await claire.wait_for("message", text=CANARY)
    assert got["kind"] == "email"
    lea = await visit.client("lea")
    found = await lea.get(f"/api/threads/{thread}/mails/{got['id']}")
    assert "> Un nouveau message" in found["text"]
    assert files_with(CANARY, tmp_path) == {}


async def test_what_nobody_vouches_for_waits_for_its_owner(visit: Visit, relay: FakeRelay, lmtp: int, tmp_path: Path) -> None:
    thread = await visit.thread("lea", "claire")
    await (await visit.wire("claire")).send(thread, "Bonjour")
    await taken_by(relay, visit.address("lea"))
    (to,) = (str(one) for one in dict(relay.taken)[visit.address("lea")]["Reply-To"].addresses)
    leas = await visit.wire("lea")
    await answer(lmtp, visit.address("lea"), to, CANARY, proven=False)
    assert (await leas.wait_for("mails"))["thread"] == thread
    lea, claire = await visit.client("lea"), await visit.client("claire")
    mails = f"/api/threads/{thread}/mails"
    ((waits),) = (await lea.get(mails))["mails"]
    assert waits["text"] == CANARY
    assert (await claire.get(mails))["mails"] == []
    assert files_with(CANARY, tmp_path) == {}
    taken = await lea.ask("POST", f"{mails}/{waits['id']}/take")
    assert (taken["kind"], taken["text"]) == ("email", CANARY)
    assert (await lea.get(mails))["mails"] == []
