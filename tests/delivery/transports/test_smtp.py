"""Letters through a real SMTP server that answers well, badly, late or not at all."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest
import trustme

from delivery.letters.compose import compose
from delivery.outbox.attempt import SEND_SECONDS
from delivery.outbox.outbox import LEASE
from delivery.settings import Relay
from delivery.transports import smtp
from delivery.transports.smtp import SmtpTransport
from delivery.transports.transport import Later, Outcome, Rejected, Sent, Unanswered
from tests.delivery.letters.test_compose import ENVELOPE
from tests.delivery.transports.relay import DROP, HANG, SLOW, FakeRelay, running

SENDER = "bonjour@ailo.example"


@dataclass
class Authority:
    """The certificate authority of the relay in these tests."""

    server: ssl.SSLContext
    file: Path


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    ca = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost", "127.0.0.1").configure_cert(server)
    file = tmp_path_factory.mktemp("ca") / "ca.pem"
    ca.cert_pem.write_to_path(str(file))
    return Authority(server, file)


@asynccontextmanager
async def posting(
    relay: Relay, *, seconds: float = 5, connect_seconds: float = 5, answer_seconds: float = 5
) -> AsyncIterator[SmtpTransport]:
    post = SmtpTransport(relay, SENDER, connect_seconds=connect_seconds, seconds=seconds, answer_seconds=answer_seconds)
    try:
        yield post
    finally:
        await post.close()


async def send(post: SmtpTransport, recipient: str = "lea@ailo.test") -> Outcome:
    return await post.send(compose(replace(ENVELOPE, recipient=recipient)), recipient)


def plain(text: str) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message.set_content(text, cte="7bit")
    return message


def at(relay: FakeRelay) -> Relay:
    return Relay("127.0.0.1", relay.port)


def with_login(relay: Relay) -> Relay:
    return replace(relay, user="ailo", password="p@ss word")


async def test_a_letter_arrives_as_composed() -> None:
    async with running() as relay, posting(at(relay)) as post:
        assert await send(post) == Sent()
    ((recipient, message),) = relay.taken
    assert (recipient, relay.senders) == ("lea@ailo.test", [SENDER])
    assert message["Message-ID"] == f"<{ENVELOPE.message_id}>"
    assert {part.get_content_type() for part in message.iter_parts()} == {"text/plain", "text/html"}


async def test_reports_of_it_go_to_the_sender_that_is_given() -> None:
    async with running() as relay, posting(at(relay)) as post:
        for sender in ("b.one@reply.ailo.test", "b.two@reply.ailo.test", None):
            assert await post.send(compose(ENVELOPE), "lea@ailo.test", sender) == Sent()
    assert relay.senders == ["b.one@reply.ailo.test", "b.two@reply.ailo.test", SENDER]


async def test_a_relay_that_can_is_asked_for_failures_alone_without_the_text() -> None:
    async with running(reports=True) as relay, posting(at(relay)) as post:
        for recipient in ("lea@ailo.test", "lea+ailo=1@ailo.test"):
            assert await send(post, recipient) == Sent()
    asked = ["MAIL RET=HDRS", "RCPT NOTIFY=FAILURE", "RCPT ORCPT=rfc822;lea@ailo.test"]
    assert relay.options == [*asked, *asked[:2], "RCPT ORCPT=rfc822;lea+2Bailo+3D1@ailo.test"]
    assert relay.recipients == ["lea@ailo.test", "lea+ailo=1@ailo.test"]


@pytest.mark.parametrize("answer", ["553 5.7.1 canary", "550 5.1.8 canary", "501 canary"])
async def test_a_sender_that_the_relay_refuses_is_no_fault_of_the_letter(answer: str) -> None:
    async with running() as relay, posting(at(relay)) as post:
        relay.mail.append(answer)
        assert await send(post) == Later(f"sender refused: smtp {answer[:3]}", for_all=True)
        assert await send(post) == Sent()
    assert relay.connections == 1


async def test_one_connection_carries_many_letters() -> None:
    async with running() as relay, posting(at(relay)) as post:
        for _ in range(3):
            assert await send(post) == Sent()
    assert (len(relay.taken), relay.connections) == (3, 1)


async def test_a_connection_cut_while_idle_costs_no_letter_its_try() -> None:
    async with running() as relay, posting(at(relay)) as post:
        await send(post)
        relay.hang_up()
        assert await send(post) == Sent()
    assert (len(relay.taken), relay.connections) == (2, 2)


@pytest.mark.parametrize("answer", [DROP, "421 4.3.2 canary"])
async def test_a_connection_that_ends_at_the_first_command_costs_no_letter_its_try(answer: str) -> None:
    """As with relays that take so many letters on a connection."""
    async with running() as relay, posting(at(relay)) as post:
        await send(post)
        relay.mail.append(answer)
        assert await send(post) == Sent()
    assert (len(relay.taken), relay.connections) == (2, 2)


async def test_a_relay_that_ends_a_new_connection_is_not_asked_again_at_once() -> None:
    async with running() as relay, posting(at(relay)) as post:
        relay.mail += ["421 4.3.2 canary"] * 2
        assert await send(post) == Later("smtp 421")
    assert relay.connections == 1


async def test_only_a_connection_that_has_rested_is_asked_whether_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as relay, posting(at(relay)) as post:
        for _ in range(3):
            await send(post)
        assert relay.asked == 0
        monkeypatch.setattr(smtp, "RESTED_SECONDS", 0.0)
        assert await send(post) == Sent()
        assert relay.asked == 1


async def test_after_closing_the_next_letter_connects_again() -> None:
    async with running() as relay, posting(at(relay)) as post:
        await send(post)
        await post.close()
        assert await send(post) == Sent()
    assert relay.connections == 2


@pytest.mark.parametrize("stage", ["rcpt", "data"])
@pytest.mark.parametrize(("answer", "outcome"), [
    ("451 4.3.0 canary", Later("smtp 451")),
    ("452 4.2.2 canary", Later("smtp 452")),
    ("550 5.1.1 canary", Rejected("smtp 550", "5.1.1")),
    ("554 5.7.1 canary", Rejected("smtp 554", "5.7.1")),
    ("550 canary 5.1.1", Rejected("smtp 550")),
    ("552 4.2.2 canary", Rejected("smtp 552")),
    ("530 5.7.0 canary", Later("smtp 530", for_all=True)),
])  # fmt: skip
async def test_what_the_relay_answers_decides(stage: str, answer: str, outcome: Outcome) -> None:
    async with running() as relay, posting(at(relay)) as post:
        getattr(relay, stage).append(answer)
        assert await send(post) == outcome
        assert await send(post) == Sent()
    assert relay.connections == 1


@pytest.mark.parametrize("stage", ["rcpt", "data"])
async def test_a_connection_lost_in_a_letter_is_tried_later(stage: str) -> None:
    async with running() as relay, posting(at(relay)) as post:
        getattr(relay, stage).append(DROP)
        outcome = await send(post)
        assert isinstance(outcome, Later)
        assert not outcome.for_all
        assert await send(post) == Sent()


async def test_a_relay_that_says_nothing_is_not_waited_for() -> None:
    async with running() as relay, posting(at(relay), seconds=0.5) as post:
        relay.rcpt.append(HANG)
        assert await send(post) == Later("sending: SMTPReadTimeoutError")
        assert await send(post) == Sent()
    assert relay.connections == 2


async def test_the_answer_to_a_whole_letter_is_waited_for_by_its_own_time() -> None:
    """Long after the timeout for any other answer."""
    async with running() as relay, posting(at(relay), seconds=0.2, answer_seconds=60) as post:
        relay.data.append(SLOW)
        sending = asyncio.create_task(send(post))
        await relay.waits.wait()
        await asyncio.wait([sending], timeout=1)
        relay.freed.set()
        assert await sending == Sent()
    assert len(relay.taken) == 1


async def test_a_whole_letter_without_an_answer_is_not_called_unsent() -> None:
    async with running() as relay, posting(at(relay), answer_seconds=0.2) as post:
        relay.data.append(SLOW)
        assert await send(post) == Unanswered("no answer")
        assert await send(post) == Sent()
    assert (len(relay.taken), relay.connections) == (2, 2)


async def test_who_stops_waiting_for_the_answer_is_told_that_the_letter_is_gone() -> None:
    async with running() as relay, posting(at(relay)) as post:
        relay.data.append(SLOW)
        sending = asyncio.create_task(send(post))
        await relay.waits.wait()
        sending.cancel()
        assert await sending == Unanswered("stopped before the answer")


async def test_who_stops_before_the_letter_is_given_has_sent_none() -> None:
    async with running() as relay, posting(at(relay)) as post:
        relay.rcpt.append(HANG)
        sending = asyncio.create_task(send(post))
        await relay.waits.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert await send(post) == Sent()


async def test_a_letter_that_the_relay_does_not_read_was_not_given() -> None:
    """Its end is still on this machine: it will be sent again."""
    message = plain("Bonjour\n" * 3_000_000)
    async with running(reads=False) as relay, posting(at(relay), answer_seconds=0.5) as post:
        assert await post.send(message, "lea@ailo.test") == Later("sending: SMTPReadTimeoutError")
        assert relay.taken == []


def test_waits_are_those_of_the_rfc_and_the_lease_outlasts_them() -> None:
    """RFC 5321 section 4.5.3.2; both limits on sending a letter as a whole are longer than all of them together."""
    assert (smtp.COMMAND_SECONDS, smtp.DATA_SECONDS, smtp.ANSWER_SECONDS) >= (300, 120, 600)
    longest = smtp.ALIVE_SECONDS + 6 * smtp.CONNECT_SECONDS + 3 * smtp.COMMAND_SECONDS + smtp.DATA_SECONDS + smtp.ANSWER_SECONDS
    assert longest < SEND_SECONDS < LEASE / 1000


async def test_a_line_that_is_a_dot_does_not_end_a_letter() -> None:
    message = plain(".\n..\nRCPT TO:<x@y.test>\n.x\n")
    async with running() as relay, posting(at(relay)) as post:
        assert await post.send(message, "lea@ailo.test") == Sent()
        assert await send(post) == Sent()
    assert relay.taken[0][1].get_content().splitlines() == [".", "..", "RCPT TO:<x@y.test>", ".x"]
    assert relay.recipients == ["lea@ailo.test"] * 2


async def test_a_relay_that_is_away_serves_nobody() -> None:
    async with running() as relay:
        gone = at(relay)
    async with posting(gone) as post:
        assert await send(post) == Later("connecting: SMTPConnectError", for_all=True)


async def test_a_relay_that_comes_back_is_found() -> None:
    async with running() as relay, posting(at(relay)) as post:
        await send(post)
        port = relay.port
    async with posting(Relay("127.0.0.1", port)) as post:
        assert isinstance(await send(post), Later)
        async with running(port) as relay:
            assert await send(post) == Sent()


async def test_a_port_that_never_greets_serves_nobody() -> None:
    async with running(greets=False) as relay, posting(at(relay), connect_seconds=0.2) as post:
        assert await send(post) == Later("connecting: SMTPConnectTimeoutError", for_all=True)


async def test_it_logs_in() -> None:
    async with running(wants_login=True) as relay, posting(with_login(at(relay))) as post:
        assert await send(post) == Sent()
    assert relay.logins == ["ailo:p@ss word"]


async def test_a_wrong_password_is_no_fault_of_the_letter() -> None:
    async with running(wants_login=True) as relay, posting(replace(at(relay), user="ailo", password="no")) as post:
        assert await send(post) == Later("connecting: smtp 535 SMTPAuthenticationError", for_all=True)


async def test_a_missing_login_is_no_fault_of_the_letter() -> None:
    async with running(wants_login=True) as relay, posting(at(relay)) as post:
        assert await send(post) == Later("smtp 530", for_all=True)


def trusting(relay: Relay, authority: Authority, *, implicit: bool = False) -> Relay:
    return replace(relay, implicit_tls=implicit, authority=authority.file)


async def test_implicit_tls(authority: Authority) -> None:
    async with running(implicit_tls=authority.server) as relay, posting(trusting(at(relay), authority, implicit=True)) as post:
        assert await send(post) == Sent()
    assert relay.encrypted == [True]


async def test_starttls_with_a_login(authority: Authority) -> None:
    async with running(start_tls=authority.server, wants_login=True) as relay:
        how = with_login(trusting(at(relay), authority))
        async with posting(how) as post:
            assert await send(post) == Sent()
    assert relay.encrypted == [True]


async def test_the_loopback_is_encrypted_where_offered_without_asking_who_vouches(authority: Authority) -> None:
    async with running(start_tls=authority.server) as relay, posting(at(relay)) as post:
        assert await send(post) == Sent()
    assert relay.encrypted == [True]


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Make the relay look as if it were on another machine."""
    return lambda: monkeypatch.setattr(Relay, "is_loopback", property(lambda _: False))


async def test_a_far_relay_must_offer_encryption(far: Callable[[], None]) -> None:
    far()
    async with running() as relay, posting(with_login(at(relay))) as post:
        outcome = await send(post)
    assert isinstance(outcome, Later)
    assert outcome.for_all
    assert (relay.taken, relay.logins) == ([], [])


async def test_a_far_relay_must_show_who_it_is(far: Callable[[], None], authority: Authority) -> None:
    far()
    async with running(start_tls=authority.server) as relay, posting(with_login(at(relay))) as post:
        outcome = await send(post)
    assert isinstance(outcome, Later)
    assert (relay.taken, relay.logins) == ([], [])


async def test_implicit_tls_must_show_who_it_is_even_here(authority: Authority) -> None:
    async with running(implicit_tls=authority.server) as relay, posting(replace(at(relay), implicit_tls=True)) as post:
        assert await send(post) == Later("connecting: SMTPConnectError", for_all=True)


async def test_a_far_relay_that_shows_it_is_trusted(far: Callable[[], None], authority: Authority) -> None:
    far()
    async with running(start_tls=authority.server) as relay, posting(trusting(at(relay), authority)) as post:
        assert await send(post) == Sent()


@pytest.mark.parametrize("recipient", ["lea@ailo.test> NOTIFY=NEVER", "lea@ailo.test\r\nRCPT TO:<x@y.test>", "<a b>"])
async def test_no_address_becomes_a_command(recipient: str) -> None:
    async with running() as relay, posting(at(relay)) as post:
        assert await post.send(compose(ENVELOPE), recipient) == Rejected("address")
        assert await send(post) == Sent()
    assert relay.recipients == ["lea@ailo.test"]


async def test_closing_twice_does_no_harm() -> None:
    async with running() as relay, posting(at(relay)) as post:
        await send(post)
        await post.close()
        await post.close()
    assert relay.recipients == ["lea@ailo.test"]
