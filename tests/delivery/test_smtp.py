"""Letters through a real SMTP server, which answers well, badly, late or not at all."""

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import trustme

from delivery.compose import compose
from delivery.post import Later, Outcome, Refused, Sent
from delivery.settings import Relay
from delivery.smtp import SmtpPost
from tests.delivery.relay import DROP, HANG, FakeRelay, running
from tests.delivery.test_compose import ENVELOPE

SENDER = "bonjour@ailo.example"


@dataclass
class Authority:
    """Who vouches for the relay of these tests."""

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
async def posting(relay: Relay, *, seconds: float = 5, connect_seconds: float = 5) -> AsyncIterator[SmtpPost]:
    post = SmtpPost(relay, SENDER, connect_seconds=connect_seconds, seconds=seconds)
    try:
        yield post
    finally:
        await post.close()


async def send(post: SmtpPost, recipient: str = "lea@ailo.test") -> Outcome:
    return await post.send(compose(replace(ENVELOPE, recipient=recipient)), recipient)


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
    ("550 5.1.1 canary", Refused("smtp 550")),
    ("554 5.7.1 canary", Refused("smtp 554")),
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


@pytest.mark.parametrize("stage", ["rcpt", "data"])
async def test_a_relay_that_says_nothing_is_not_waited_for(stage: str) -> None:
    async with running() as relay, posting(at(relay), seconds=0.5) as post:
        getattr(relay, stage).append(HANG)
        assert await send(post) == Later("sending: SMTPReadTimeoutError")
        assert await send(post) == Sent()
    assert relay.connections == 2


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
    """As if the relay were on another machine."""
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
        assert await post.send(compose(ENVELOPE), recipient) == Refused("address")
        assert await send(post) == Sent()
    assert relay.recipients == ["lea@ailo.test"]


async def test_closing_twice_does_no_harm() -> None:
    async with running() as relay, posting(at(relay)) as post:
        await send(post)
        await post.close()
        await post.close()
