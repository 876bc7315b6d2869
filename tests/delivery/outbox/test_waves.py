"""A wave of letters to one domain: spaced, each once, none of them loses a try, and others are not kept waiting."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from delivery.outbox.domains import AT_ONCE_MS, OF_DOMAIN
from delivery.outbox.outbox import Outbox
from delivery.outbox.queue import Queue
from delivery.settings import DeliverySettings
from delivery.transports.transport import Later
from storage.accounts.accounts import Role
from storage.ids import ThreadId
from tests.delivery import more_kinds
from tests.delivery.more_kinds import write
from tests.delivery.rounds import announce_all, send_all
from tests.delivery.transports.recording import RecordingTransport
from tests.people import GRACE, MINUTE, SECOND, House, StoppedClock, person

A_MINUTE = 60
AT_ONCE = AT_ONCE_MS * A_MINUTE // MINUTE + 1
MEMBERS = 40


@pytest.fixture(autouse=True)
async def all_kinds(tmp_path: Path) -> AsyncIterator[None]:
    with more_kinds.at_hand(tmp_path / "kinds"):
        yield


@pytest.fixture
async def wave(house: House) -> list[str]:
    """The addresses of many members at one domain, each of whom is owed a lesson."""
    people = [person(Role.MEMBER, f"M{number}", "Autre", f"m{number}@wave.test") for number in range(MEMBERS)]
    await house.add(*people)
    for one in people:
        await write(house.store, one.id, "a_lesson")
    return [one.email for one in people]


@pytest.fixture
def outbox(outbox: Outbox, settings: DeliverySettings) -> Outbox:
    outbox.settings = replace(settings, letters_a_minute=A_MINUTE)
    outbox.queue = Queue(outbox.store, A_MINUTE)
    return outbox


async def send_until(outbox: Outbox, post: RecordingTransport, clock: StoppedClock, count: int) -> None:
    """Send second by second until the relay was given so many letters."""
    for _ in range(3 * MEMBERS):
        await send_all(outbox)
        if len(post.seen) >= count:
            return
        clock.advance(SECOND)
    pytest.fail("letters are held up")


async def test_they_are_spaced_and_each_goes_once(
    outbox: Outbox, post: RecordingTransport, house: House, stopped_clock: StoppedClock, wave: list[str]
) -> None:
    await send_all(outbox)
    assert len(post.seen) == AT_ONCE
    held = [row for row in await house.letters() if row["state"] == "waiting"]
    assert {(row["attempts"], row["reason"], row["leased_until"]) for row in held} == {(0, OF_DOMAIN, None)}
    began = stopped_clock()
    await send_until(outbox, post, stopped_clock, MEMBERS)
    assert sorted(post.recipients) == sorted(wave)
    assert stopped_clock() - began >= (MEMBERS - AT_ONCE) * SECOND


async def test_those_to_another_domain_go_at_once(
    outbox: Outbox, post: RecordingTransport, house: House, wave: list[str]
) -> None:
    await write(house.store, house.lea.id, "a_lesson")
    await send_all(outbox)
    assert house.lea.email in post.recipients


async def test_a_reply_to_the_same_domain_overtakes_them(
    outbox: Outbox, post: RecordingTransport, house: House, stopped_clock: StoppedClock, wave: list[str]
) -> None:
    nora = person(Role.MEMBER, "Nora", "Petit", "nora@wave.test")
    await house.add(nora)
    thread: ThreadId = await house.open_thread(nora, house.claire)
    await house.post(house.claire, thread)
    outbox.queue.limits = Queue(outbox.store, 2).limits  # the wave takes twenty minutes
    stopped_clock.advance(GRACE)
    await send_all(outbox)
    await announce_all(outbox.store, outbox.settings)
    for _ in range(2):
        stopped_clock.advance(MINUTE)
        await send_all(outbox)
    assert nora.email in post.recipients
    assert len(post.seen) < MEMBERS // 2


async def test_one_that_is_tried_again_has_its_share(
    outbox: Outbox, post: RecordingTransport, house: House, stopped_clock: StoppedClock, wave: list[str]
) -> None:
    post.outcomes = [Later("smtp 450")]
    await send_all(outbox)
    put_off = post.recipients[0]
    stopped_clock.advance(outbox.settings.retry_after_ms)
    await send_until(outbox, post, stopped_clock, MEMBERS + 1)
    assert post.recipients.count(put_off) == 2
    assert sorted(set(post.recipients)) == sorted(wave)
