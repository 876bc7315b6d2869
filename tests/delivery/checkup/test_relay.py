"""The relay tried step by step: real SMTP servers that take it, refuse it, or are not there."""

import ssl
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from delivery.checkup.findings import Finding, Grade
from delivery.checkup.relay import Trial, try_relay
from delivery.settings import Relay
from tests.delivery.transports.relay import FakeRelay, running
from tests.flows.service import free_port

YOU = Trial("a letter to you", "b.x@reply.ailo.test", "admin@ailo.test", b"Subject: essai\r\n\r\n.\r\n")
US = Trial("a letter to ourselves", "b.x@reply.ailo.test", "c.x@reply.ailo.test", b"Subject: essai\r\n\r\nessai\r\n")


async def tried(relay: Relay) -> list[Finding]:
    return [one async for one in try_relay(relay, [YOU, US], "ailo.test")]


def at(relay: FakeRelay) -> Relay:
    return Relay("127.0.0.1", relay.port)


async def test_a_relay_that_takes_all_is_fine() -> None:
    async with running(reports=True) as relay:
        found = await tried(at(relay))
    assert {one.grade for one in found} == {Grade.FINE}
    assert [recipient for recipient, _ in relay.taken] == [YOU.recipient, US.recipient]
    assert relay.senders == [YOU.sender] * 2
    assert relay.taken[0][1].get_content() == ".\r\n"


async def test_one_without_reports_is_a_doubt() -> None:
    async with running() as relay:
        found = await tried(at(relay))
    (doubt,) = [one for one in found if one.grade is not Grade.FINE]
    assert (doubt.grade, "DSN" in doubt.text) == (Grade.DOUBTFUL, True)


@pytest.mark.parametrize(
    ("refuse", "answer", "said"),
    [
        (
            lambda relay: relay.mail,
            "553 5.7.1 not yours",
            "refuses the envelope's sender b.x@reply.ailo.test: 553 5.7.1 not yours",
        ),
        (
            lambda relay: relay.rcpt,
            "554 5.7.1 relaying denied",
            "refuses the recipient admin@ailo.test: 554 5.7.1 relaying denied",
        ),
        (lambda relay: relay.data, "554 5.7.1 looks like spam", "refuses the letter: 554 5.7.1 looks like spam"),
    ],
    ids=["sender", "recipient", "letter"],
)
async def test_what_is_refused_is_said_and_the_next_is_tried(
    refuse: Callable[[FakeRelay], list[str]], answer: str, said: str
) -> None:
    async with running(reports=True) as relay:
        refuse(relay).append(answer)
        found = await tried(at(relay))
    (wrong,) = [one for one in found if one.grade is not Grade.FINE]
    assert (wrong.grade, wrong.text, bool(wrong.advice)) == (Grade.WRONG, f"a letter to you: {said}", True)
    assert [recipient for recipient, _ in relay.taken] == [US.recipient]


@pytest.mark.parametrize("recipient", ["josé@ailo.test", "a b@ailo.test", "x@ailo.test>\r\nRSET", "foo", ""])
async def test_nothing_is_said_to_the_relay_of_what_is_no_address(recipient: str) -> None:
    async with running(reports=True) as relay:
        found = [one async for one in try_relay(at(relay), [replace(YOU, recipient=recipient)], "ailo.test")]
    assert (found[-1].grade, "nothing can be sent to" in found[-1].text, relay.taken) == (Grade.WRONG, True, [])


async def test_one_that_is_not_there_ends_the_trial() -> None:
    (found,) = await tried(Relay("127.0.0.1", free_port()))
    assert (found.grade, "cannot be reached" in found.text, "firewall" in found.advice) == (Grade.WRONG, True, True)


async def test_a_wrong_password_ends_it() -> None:
    async with running(wants_login=True) as relay:
        found = await tried(replace(at(relay), user="ailo", password="wrong"))
    assert (found[-1].grade, "login is refused" in found[-1].text) == (Grade.WRONG, True)
    assert "wrong" not in str(found[-1].text)
    assert relay.taken == []


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the relay look as if it were on another machine."""
    monkeypatch.setattr(Relay, "is_loopback", property(lambda _: False))


@pytest.mark.usefixtures("far")
async def test_a_far_one_without_encryption_gets_no_password() -> None:
    async with running(wants_login=True) as relay:
        found = await tried(replace(at(relay), user="ailo", password="p@ss word"))
    assert (found[-1].grade, found[-1].text) == (Grade.WRONG, "offers no STARTTLS")
    assert (relay.logins, relay.taken) == ([], [])


@pytest.mark.usefixtures("far")
@pytest.mark.parametrize("is_implicit", [True, False])
async def test_encryption_is_tried_and_its_certificate_judged(tmp_path: Path, *, is_implicit: bool) -> None:
    ca, server, file = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), tmp_path / "ca.pem"
    ca.issue_cert("127.0.0.1").configure_cert(server)
    ca.cert_pem.write_to_path(str(file))
    encrypted: AbstractAsyncContextManager[FakeRelay] = (
        running(implicit_tls=server, reports=True) if is_implicit else running(start_tls=server, reports=True)
    )
    async with encrypted as relay:
        where = replace(at(relay), implicit_tls=is_implicit, user="ailo" if not is_implicit else None, password="p@ss word")
        good = await tried(replace(where, authority=file))
        bad = await tried(where)
    assert {one.grade for one in good} == {Grade.FINE}
    assert any("encrypted (TLSv1.3), certificate good until" in one.text for one in good)
    assert (bad[-1].grade, "AILO_SMTP_CA" in bad[-1].advice) == (Grade.WRONG, True)
    assert len(relay.taken) == 2
