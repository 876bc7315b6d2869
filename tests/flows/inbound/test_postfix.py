"""A whole service, and a real Postfix at both its ends, set up as the documentation says: letters go out by it, mails come in."""

import asyncio
import re
import smtplib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from tests.delivery.transports import postfix
from tests.delivery.transports.postfix import HOST, Postfix, needed
from tests.delivery.transports.relay import FakeRelay
from tests.delivery.transports.relay import running as running_relay
from tests.flows.accounts.test_letters import taken_by
from tests.flows.inbound.conftest import RELAY, reply_address
from tests.flows.service import Visit, free_port, running

pytestmark = needed

DOCS = Path(__file__).parents[3] / "docs"
SETTINGS = "/api/account/settings"
ELSEWHERE = "127.0.0.9"


@dataclass
class Way:
    """The service, Postfix at both its ends, and ``sink``, which stands for the mailboxes of everybody."""

    visit: Visit
    postfix: Postfix
    sink: FakeRelay

    async def hand(self, *to: str, text: str, by: str = HOST) -> None:
        """Hand Postfix a mail of Léa's, from a machine. Raises smtplib.SMTPRecipientsRefused."""
        lea = self.visit.address("lea")
        proof = f"Authentication-Results: {RELAY}; dmarc=pass header.from=ailo.test"
        raw = f"{proof}\r\nFrom: {lea}\r\nSubject: Re: Bonjour\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"

        def send() -> None:
            with smtplib.SMTP(HOST, self.postfix.port, source_address=(by, 0)) as client:
                client.sendmail(lea, list(to), raw.encode())

        await asyncio.to_thread(send)

    async def texts(self, thread: str) -> list[str]:
        claire = await self.visit.client("claire")
        return [one["text"] for one in (await claire.get(f"/api/threads/{thread}/messages"))["messages"]]

    async def taken(self, to: str) -> str:
        """Wait until Postfix knows that the service has taken a mail to an address."""
        return await self.postfix.says(rf"lmtp\[.*to=<{re.escape(to)}>.*status=sent \(250 2\.0\.0 taken\)")


def documented(page: str) -> dict[str, str]:
    """The settings of main.cf that a page of the documentation shows."""
    block = re.search(r"```ini\n# Postfix, main\.cf.*?\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    assert block
    return dict(line.split(" = ", 1) for line in block[1].splitlines() if not line.startswith("#"))


def main_cf(lmtp: int, sink: int, certificate: Path) -> dict[str, str]:
    """What is documented, with the names, the ports and the certificate of this test; and what makes it quick."""
    ours: dict[str, Callable[[str], str]] = {
        "relay_domains": lambda _: "reply.ailo.test",
        "transport_maps": lambda was: was.replace("reply.example.org", "reply.ailo.test").replace(":2424", f":{lmtp}"),
        "relayhost": lambda _: f"[{HOST}]:{sink}",
        "smtpd_tls_cert_file": lambda _: str(certificate),
        "smtpd_tls_key_file": lambda _: str(certificate),
    }
    told = documented("answers.md") | documented("operations.md")
    quick = {"address_verify_poll_delay": "1s", "smtpd_tls_received_header": "yes", "myhostname": RELAY}
    return {name: ours.get(name, str)(value) for name, value in told.items()} | quick


@pytest.fixture
async def way(tmp_path: Path) -> AsyncIterator[Way]:
    authority, ca, certificate = trustme.CA(), tmp_path / "ca.pem", tmp_path / "relay.pem"
    authority.cert_pem.write_to_path(str(ca))
    authority.issue_cert(HOST).private_key_and_cert_chain_pem.write_to_path(str(certificate))
    lmtp, port = free_port(), free_port()
    settings = {"SMTP": f"smtp://{HOST}:{port}", "SMTP_CA": str(ca), "MAIL_FROM": "ailo@ailo.test", "NOTIFY_AFTER": "0"}
    settings |= {"REPLY_DOMAIN": "reply.ailo.test", "LMTP": f"{HOST}:{lmtp}", "AUTHSERV_ID": RELAY}
    async with AsyncExitStack() as stack:
        sink = await stack.enter_async_context(running_relay(reports=True))
        relay = await stack.enter_async_context(postfix.running(port, **main_cf(lmtp, sink.port, certificate)))
        visit = Visit(await stack.enter_async_context(running(tmp_path, **settings)))
        stack.push_async_callback(visit.close)
        yield Way(visit, relay, sink)


async def test_a_letter_goes_through_it_encrypted_and_from_its_own_address(way: Way) -> None:
    thread = await way.visit.thread("lea", "claire")
    await reply_address(way.visit, way.sink, thread)
    assert re.fullmatch(r"b\.[a-z2-7]{58}@reply\.ailo\.test", way.sink.senders[0])
    letter = dict(way.sink.taken)[way.visit.address("lea")]
    assert "(using TLSv1." in letter["Received"]
    assert "MAIL RET=HDRS" in way.sink.options
    assert "RCPT NOTIFY=FAILURE" in way.sink.options


async def test_its_report_of_a_mailbox_that_is_not_there_stops_letters(way: Way) -> None:
    thread = await way.visit.thread("lea", "claire")
    address = way.visit.address("lea")
    way.sink.refused[address] = "550 5.1.1 no such mailbox here"
    await (await way.visit.wire("claire")).send(thread, "Bonjour")
    await way.postfix.says(rf"to=<{re.escape(address)}>.*status=bounced")
    await way.postfix.says(r"lmtp\[.*to=<b\.[a-z2-7]{58}@reply\.ailo\.test>.*status=sent \(250 2\.0\.0 taken\)")
    assert (await (await way.visit.client("lea")).get(SETTINGS))["letters_stopped_at"]
    assert "came back: 5.1.1, no more letters go to this mailbox" in way.visit.log


async def test_one_mail_to_several_of_its_addresses_reaches_each(way: Way) -> None:
    """Léa's is posted, Karim's waits for him, and Postfix tells her that the third is not there."""
    threads = [await way.visit.thread(name, "claire") for name in ("lea", "karim")]
    to = [await reply_address(way.visit, way.sink, thread, name) for name, thread in zip(("lea", "karim"), threads, strict=True)]
    way.sink.taken.clear()
    await way.hand(*to, "r.personne@reply.ailo.test", text="Merci, à demain.")
    for one in to:
        await way.taken(one)
    assert "452 4.5.3 one recipient at a time" not in " ".join(way.postfix.log)
    assert [await way.texts(thread) for thread in threads] == [["Bonjour", "Merci, à demain."], ["Bonjour"]]
    (waits,) = (await (await way.visit.client("karim")).get(f"/api/threads/{threads[1]}/mails"))["mails"]
    assert waits["text"] == "Merci, à demain."
    await taken_by(way.sink, way.visit.address("lea"))
    assert "550 5.1.1 no such address" in str(dict(way.sink.taken)[way.visit.address("lea")])


async def test_a_mail_that_came_while_the_service_was_down_is_there_when_it_is_back(way: Way) -> None:
    thread = await way.visit.thread("lea", "claire")
    to = await reply_address(way.visit, way.sink, thread)
    await way.visit.service.stop()
    await way.hand(to, text="Merci, à demain.")
    await way.postfix.says("status=deferred")
    await asyncio.to_thread(way.visit.service.start)
    await way.postfix.flush()
    await way.taken(to)
    assert await way.texts(thread) == ["Bonjour", "Merci, à demain."]


async def test_from_elsewhere_only_its_own_addresses_are_taken(way: Way) -> None:
    """What it would have to refuse later, it would have to report to a sender that may be forged."""
    thread = await way.visit.thread("lea", "claire")
    to = await reply_address(way.visit, way.sink, thread)
    for other, code in (("r.personne@reply.ailo.test", 550), ("karim@ailo.test", 454)):
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            await way.hand(other, text="Merci, à demain.", by=ELSEWHERE)
        assert refused.value.recipients[other][0] == code
    await way.hand(to, text="Merci, à demain.", by=ELSEWHERE)
    await way.taken(to)
    assert await way.texts(thread) == ["Bonjour", "Merci, à demain."]
