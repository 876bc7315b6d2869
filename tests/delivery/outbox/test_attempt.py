"""The whole way of a letter, from a message that stays unread to what a real relay is given."""

import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from email.message import EmailMessage

import pytest

from delivery.jobs.unread import announce_one
from delivery.outbox.outbox import Outbox, send_one_letter
from delivery.settings import DeliverySettings, Relay
from delivery.transports.smtp import SmtpTransport
from storage.mail import letters
from storage.store import Store
from tests.delivery.cast import GRACE, HOUR, SECOND, Cast, Clock
from tests.delivery.transports.relay import running

CANARIES = ("lea@ailo.test", "léa", "canary", "claire", "professional")


@pytest.fixture
async def free_port() -> int:
    async with running() as relay:
        return relay.port


@pytest.fixture
async def outbox(store: Store, settings: DeliverySettings, free_port: int) -> AsyncIterator[Outbox]:
    """Sends to a relay that is not there yet."""
    by_smtp = replace(settings, relay=Relay("127.0.0.1", free_port))
    post = SmtpTransport(Relay("127.0.0.1", free_port), settings.mail_from.addr_spec, seconds=5)
    yield Outbox(store, post, by_smtp, chance=lambda: 0.0)
    await post.close()


@pytest.fixture
async def thread_of_lea(store: Store, cast: Cast, clock: Clock, settings: DeliverySettings) -> None:
    """Claire has written five times, and it is time to tell Léa."""
    for _ in range(5):
        await cast.post(cast.claire)
    clock.advance(GRACE)
    while await announce_one(store, settings):
        pass


def told_by(message: EmailMessage) -> str:
    """Everything that can be read in a letter, decoded, but for whom it is addressed to and greets."""
    headers = " ".join(str(value) for name, value in message.items() if name != "To")
    return " ".join([headers, *(part.get_content() for part in message.iter_parts())]).lower().replace("léa,", "")


async def test_five_messages_are_one_letter_that_says_nothing_of_them(
    outbox: Outbox, thread_of_lea: None, free_port: int
) -> None:
    async with running(free_port) as relay:
        while await send_one_letter(outbox):
            pass
    ((recipient, message),) = relay.taken
    assert (recipient, message["To"]) == ("lea@ailo.test", "lea@ailo.test")
    assert [canary for canary in CANARIES if canary in told_by(message)] == []


async def test_letters_do_not_tell_which_conversations_are_one(
    outbox: Outbox, cast: Cast, clock: Clock, thread_of_lea: None, free_port: int
) -> None:
    other = await cast.open_thread(cast.lea, await cast.add("sam@ailo.test", "Sam"))
    async with running(free_port) as relay:
        for thread in (None, other):
            await send_one_letter(outbox)
            await cast.read(cast.lea, 5)
            await cast.post(cast.claire, thread)
            clock.advance(GRACE)
            while await announce_one(outbox.store, outbox.settings):
                pass
        while await send_one_letter(outbox):
            pass
        await cast.post(cast.lea)
        clock.advance(GRACE)
        while await announce_one(outbox.store, outbox.settings):
            pass
        while await send_one_letter(outbox):
            pass
    groups = [message["References"] for recipient, message in relay.taken if recipient == "lea@ailo.test"]
    assert len(groups) == 3
    assert len(set(groups)) == 1
    assert {message["References"] for recipient, message in relay.taken if recipient == "claire@ailo.test"}.isdisjoint(groups)
    assert "claire@ailo.test" in relay.recipients


async def test_a_refusing_relay_leaves_no_trace_of_anybody_in_the_log(
    outbox: Outbox, thread_of_lea: None, free_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(free_port) as relay:
        relay.refused["lea@ailo.test"] = "550 5.1.1 <lea@ailo.test> Canary is unknown"
        with caplog.at_level(logging.DEBUG, "ailo"):
            while await send_one_letter(outbox):
                pass
    assert "refused: smtp 550" in caplog.text
    assert [canary for canary in CANARIES if canary in caplog.text.lower()] == []
    assert await outbox.store.database.read(letters.count_by_state) == {"refused": 1}


async def test_after_hours_without_a_relay_everyone_gets_one_in_order(
    outbox: Outbox, store: Store, cast: Cast, clock: Clock, settings: DeliverySettings, free_port: int
) -> None:
    addresses = [f"member{number}@ailo.test" for number in range(5)]
    for address in addresses:
        await cast.post(cast.claire, await cast.open_thread(await cast.add(address, "Anaïs"), cast.claire))
        clock.advance(SECOND)
    clock.advance(GRACE)
    while await announce_one(store, settings):
        pass
    for _ in range(6):
        while await send_one_letter(outbox):
            pass
        clock.advance(HOUR)
    async with running(free_port) as relay:
        while await send_one_letter(outbox):
            pass
    assert relay.recipients == addresses
    assert relay.connections == 1
