"""Relays that fail while they take a letter, on a real socket, and what becomes of it in the outbox."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme

from delivery.outbox.outbox import Outbox
from delivery.settings import Relay
from delivery.transports.smtp import SmtpTransport
from storage.ids import ThreadId
from storage.mail import refused_mailboxes
from tests.delivery.rounds import deliver_all
from tests.delivery.transports.relay import DROP, LOST, FakeRelay, running
from tests.people import GRACE, HOUR, House, StoppedClock

LEA = "lea@ailo.test"


@pytest.fixture
async def relay() -> AsyncIterator[FakeRelay]:
    async with running() as relay:
        yield relay


@pytest.fixture
async def due(house: House, thread: ThreadId, outbox: Outbox, stopped_clock: StoppedClock) -> AsyncIterator[Outbox]:
    """An outbox with a letter to Léa that is due."""
    await house.post(house.claire, thread)
    stopped_clock.advance(GRACE)
    yield outbox
    await outbox.post.close()


async def state(house: House) -> tuple[str, str | None, int]:
    ((row),) = await house.letters()
    return str(row["state"]), row["reason"] and str(row["reason"]), int(str(row["attempts"]))


async def attempt(due: Outbox, relay: FakeRelay) -> None:
    due.post = SmtpTransport(Relay("127.0.0.1", relay.port), "bonjour@ailo.test")
    await deliver_all(due)


@pytest.mark.parametrize(("stage", "answer", "copies"), [
    pytest.param("rcpt", "450 4.2.0 greylisted, try again in 300 seconds", 1, id="greylisting"),
    pytest.param("data", "451 4.7.1 greylisted", 1, id="greylisting after the letter"),
    pytest.param("mail", "421 4.3.2 going down", 1, id="421 before the letter"),
    pytest.param("rcpt", "421 4.3.2 going down", 1, id="421 in it"),
    pytest.param("data", "421 4.3.2 going down", 1, id="421 after it"),
    pytest.param("rcpt", DROP, 1, id="cut in it"),
    pytest.param("data", DROP, 1, id="cut after the last dot"),
    pytest.param("data", LOST, 2, id="cut after the last dot, by a relay that has it all the same"),
])  # fmt: skip
async def test_what_fails_for_now_is_sent_later_under_one_message_id(
    due: Outbox, relay: FakeRelay, house: House, stopped_clock: StoppedClock, stage: str, answer: str, copies: int
) -> None:
    getattr(relay, stage).append(answer)
    await attempt(due, relay)
    assert (await state(house))[0] == "waiting"
    stopped_clock.advance(HOUR)
    await attempt(due, relay)
    assert (await state(house))[0] == "sent"
    assert [letter["Message-ID"] for _, letter in relay.taken] == [f"<{(await house.letters())[0]['message_id']}>"] * copies


@pytest.mark.parametrize("stage", ["rcpt", "data"])
async def test_552_ends_a_letter_and_not_the_next(due: Outbox, relay: FakeRelay, house: House, stage: str) -> None:
    getattr(relay, stage).append("552 5.2.2 the mailbox is full")
    await attempt(due, relay)
    assert await state(house) == ("refused", "smtp 552", 1)
    store = house.store
    assert await store.database.read(lambda reader: refused_mailboxes.refused_at(reader, store.guard, house.lea.id)) is None


@pytest.mark.parametrize("is_stripped", [True, False], ids=["STARTTLS stripped", "bad certificate"])
async def test_what_is_not_safe_gets_no_letter_and_costs_it_no_try(
    due: Outbox, house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, is_stripped: bool
) -> None:
    monkeypatch.setattr(Relay, "is_loopback", property(lambda _: False))
    server, trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), tmp_path / "trusted.pem"
    trustme.CA().issue_cert("localhost").configure_cert(server)
    trustme.CA().cert_pem.write_to_path(str(trusted))
    async with running(start_tls=None if is_stripped else server) as relay:
        due.post = SmtpTransport(Relay("localhost", relay.port, authority=trusted), "bonjour@ailo.test")
        await deliver_all(due)
        assert (relay.connections, relay.taken) == (1, [])
    assert (await state(house))[::2] == ("waiting", 0)
