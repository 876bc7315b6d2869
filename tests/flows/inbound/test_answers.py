"""A letter is answered by e-mail: a whole service, a relay that takes its letters, and one that brings the answer by LMTP."""

from pathlib import Path

from tests.attacks.disk.search import files_with
from tests.delivery.transports.relay import FakeRelay
from tests.flows.inbound.conftest import RELAY, bring, reply_address
from tests.flows.service import Visit

CANARY = "le canari-courrier est rentre 3m8p"
QUOTED = "Le 30 nov. 2026 à 09:12, Ailo <ailo@ailo.test> a écrit :\r\n> Un nouveau message vous attend"


async def answer(lmtp: int, sender: str, to: str, text: str, *, proven: bool) -> None:
    """Bring an answer as a relay does."""
    outcome, domain = "pass" if proven else "none", sender.rpartition("@")[2]
    raw = (
        f"Authentication-Results: {RELAY}; dmarc={outcome} header.from={domain}\r\nFrom: {sender}\r\n"
        f"Message-ID: <{outcome}@client.test>\r\nSubject: Re: Un nouveau message vous attend\r\n\r\n{text}\r\n"
    )
    await bring(lmtp, sender, to, raw.encode())


async def test_an_answer_is_live_on_both_sides_and_on_no_disk(visit: Visit, relay: FakeRelay, lmtp: int, tmp_path: Path) -> None:
    thread = await visit.thread("lea", "claire")
    claire = await visit.wire("claire")
    to = await reply_address(visit, relay, thread)
    await answer(lmtp, visit.address("lea"), to, f"{CANARY}\r\n\r\n{QUOTED}", proven=True)
    got = await claire.wait_for("message", text=CANARY)
    assert got["kind"] == "email"
    lea = await visit.client("lea")
    found = await lea.get(f"/api/threads/{thread}/mails/{got['id']}")
    assert "> Un nouveau message" in found["text"]
    assert files_with(CANARY, tmp_path) == {}


async def test_what_nobody_vouches_for_waits_for_its_owner(visit: Visit, relay: FakeRelay, lmtp: int, tmp_path: Path) -> None:
    thread = await visit.thread("lea", "claire")
    to = await reply_address(visit, relay, thread)
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
