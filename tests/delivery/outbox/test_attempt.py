"""The whole path of a letter, from a message that stays unread to what a real relay receives."""

import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from email.message import EmailMessage

import pytest

from delivery.outbox.outbox import Outbox
from delivery.settings import DeliverySettings, Relay
from delivery.transports.smtp import SmtpTransport
from storage.accounts.accounts import Role
from storage.ids import ThreadId
from storage.mail import letters
from storage.store import Store
from tests.delivery.rounds import announce_all, deliver_all, send_all
from tests.delivery.transports.relay import running
from tests.people import DAY, GRACE, HOUR, SECOND, House, StoppedClock, person

CANARIES = ("lea@ailo.test", "léa", "martin", "canary", "claire", "dubois", "professional")


@pytest.fixture
async def free_port() -> int:
    async with running() as relay:
        return relay.port


@pytest.fixture
async def outbox(store: Store, settings: DeliverySettings, free_port: int) -> AsyncIterator[Outbox]:
    """An outbox that sends to a relay that is not running yet."""
    by_smtp = replace(settings, relay=Relay("127.0.0.1", free_port))
    post = SmtpTransport(Relay("127.0.0.1", free_port), settings.mail_from.addr_spec, seconds=5)
    yield Outbox(store, post, by_smtp, chance=lambda: 0.0)
    await post.close()


@pytest.fixture
async def letter(house: House, thread: ThreadId, stopped_clock: StoppedClock, settings: DeliverySettings) -> None:
    """Claire has written five times, and a letter to Léa is due."""
    for _ in range(5):
        await house.post(house.claire, thread, "Canary")
    stopped_clock.advance(GRACE)
    await announce_all(house.store, settings)


def told_by(message: EmailMessage) -> str:
    """All that a letter says, decoded and in lower case, except for the recipient's address and the greeting."""
    headers = " ".join(str(value) for name, value in message.items() if name != "To")
    return " ".join([headers, *(part.get_content() for part in message.iter_parts())]).lower().replace("léa,", "")


async def test_five_messages_are_one_letter_that_says_nothing_of_them(outbox: Outbox, letter: None, free_port: int) -> None:
    async with running(free_port) as relay:
        await send_all(outbox)
    ((recipient, message),) = relay.taken
    assert (recipient, message["To"]) == ("lea@ailo.test", "lea@ailo.test")
    assert [canary for canary in CANARIES if canary in told_by(message)] == []


async def test_letters_do_not_tell_which_conversations_are_one(
    outbox: Outbox, house: House, thread: ThreadId, letter: None, stopped_clock: StoppedClock, free_port: int
) -> None:
    other = await house.open_thread(house.lea, house.sam)
    async with running(free_port) as relay:
        await send_all(outbox)
        await house.mark(house.lea, thread, 5)
        for author, place in ((house.claire, thread), (house.sam, other), (house.lea, thread)):
            stopped_clock.advance(DAY)
            await house.post(author, place)
            stopped_clock.advance(GRACE)
            await deliver_all(outbox)
    groups = [message["References"] for recipient, message in relay.taken if recipient == "lea@ailo.test"]
    assert len(groups) == 3
    assert len(set(groups)) == 1
    assert {message["References"] for recipient, message in relay.taken if recipient == "claire@ailo.test"}.isdisjoint(groups)
    assert "claire@ailo.test" in relay.recipients


async def test_a_refusing_relay_leaves_no_trace_of_anybody_in_the_log(
    outbox: Outbox, letter: None, free_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(free_port) as relay:
        relay.refused["lea@ailo.test"] = "550 5.1.1 <lea@ailo.test> Canary is unknown"
        with caplog.at_level(logging.DEBUG, "ailo"):
            await send_all(outbox)
    assert "refused: smtp 550" in caplog.text
    assert [canary for canary in CANARIES if canary in caplog.text.lower()] == []
    assert await outbox.store.database.read(letters.count_by_state) == {"refused": 1}


async def test_after_hours_without_a_relay_everyone_gets_one_in_order(
    outbox: Outbox, house: House, stopped_clock: StoppedClock, settings: DeliverySettings, free_port: int
) -> None:
    members = [person(Role.MEMBER, "Anaïs", "", f"member{number}@ailo.test") for number in range(5)]
    await house.add(*members)
    for member in members:
        await house.post(house.claire, await house.open_thread(member, house.claire))
        stopped_clock.advance(SECOND)
    stopped_clock.advance(GRACE)
    await announce_all(house.store, settings)
    for _ in range(6):
        await send_all(outbox)
        stopped_clock.advance(HOUR)
    async with running(free_port) as relay:
        await send_all(outbox)
    assert relay.recipients == [member.email for member in members]
    assert relay.connections == 1
