"""The address at which a letter is answered: another for each letter, for its reader and conversation, where there is one."""

from dataclasses import replace
from typing import Any

import pytest

from delivery.inbound_settings import InboundSettings
from delivery.outbox.outbox import Outbox
from delivery.transports.transport import Later
from storage.ids import ThreadId
from storage.inbound import reply_addresses
from tests.delivery.rounds import deliver_all
from tests.delivery.transports.recording import RecordingTransport
from tests.people import GRACE, HOUR, House, StoppedClock

DOMAIN = "reply.ailo.test"


@pytest.fixture
def outbox(outbox: Outbox) -> Outbox:
    outbox.settings = replace(outbox.settings, inbound=InboundSettings(DOMAIN, ("127.0.0.1", 0)))
    return outbox


def local_parts(post: RecordingTransport) -> list[str]:
    addresses: list[Any] = [letter["Reply-To"].addresses[0] for _, letter in post.seen]
    assert all(one.domain == DOMAIN for one in addresses)
    return [one.username for one in addresses]


async def test_it_leads_its_reader_to_their_conversation(
    outbox: Outbox, post: RecordingTransport, house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    await house.post(house.claire, thread)
    stopped_clock.advance(GRACE)
    await deliver_all(outbox)
    (local_part,) = local_parts(post)
    found = await house.store.database.read(lambda reader: reply_addresses.find(reader, house.store.guard, local_part))
    assert found
    assert (found.account, found.thread) == (house.lea.id, thread)


async def test_a_letter_that_is_tried_again_has_another_and_both_work(
    outbox: Outbox, post: RecordingTransport, house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    post.outcomes = [Later("smtp 451")]
    await house.post(house.claire, thread)
    stopped_clock.advance(GRACE)
    await deliver_all(outbox)
    stopped_clock.advance(HOUR)
    await deliver_all(outbox)
    first, second = local_parts(post)
    assert first != second
    for one in (first, second):
        assert await house.store.database.read(lambda reader, one=one: reply_addresses.find(reader, house.store.guard, one))  # type: ignore[misc]


async def test_a_letter_of_several_conversations_cannot_be_answered(
    outbox: Outbox, post: RecordingTransport, house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    other = await house.open_thread(house.lea, house.sam)
    await house.post(house.claire, thread)
    await house.post(house.sam, other)
    stopped_clock.advance(GRACE)
    await deliver_all(outbox)
    ((_, letter),) = post.seen
    assert letter["Reply-To"] is None


async def test_without_a_domain_no_letter_can(
    outbox: Outbox, post: RecordingTransport, house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    outbox.settings = replace(outbox.settings, inbound=InboundSettings())
    await house.post(house.claire, thread)
    stopped_clock.advance(GRACE)
    await deliver_all(outbox)
    assert post.seen[0][1]["Reply-To"] is None
