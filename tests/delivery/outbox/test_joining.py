"""Letters that are joined into another: it tells of all that they would have told, and they do not go beside it."""

from uuid import UUID

import pytest

from delivery.outbox.outbox import Outbox, _record
from delivery.transports.transport import Later
from storage.ids import ThreadId
from storage.mail import letters, overview
from storage.mail.overview import Outcome
from tests.delivery.letters.test_compose import text_of
from tests.delivery.rounds import announce_all, deliver_all, send_all
from tests.delivery.test_wanted_letters import move_to
from tests.delivery.transports.recording import RecordingTransport
from tests.people import DAY, GRACE, MINUTE, House, StoppedClock


@pytest.fixture
async def other(house: House) -> ThreadId:
    """Another thread of Léa's."""
    return await house.open_thread(house.lea, house.sam)


async def test_a_joined_letter_is_not_sent_again_beside_the_one_that_took_its_place(
    outbox: Outbox, post: RecordingTransport, house: House, thread: ThreadId, other: ThreadId, stopped_clock: StoppedClock
) -> None:
    move_to(stopped_clock, "2026-11-23T10:00")
    post.outcomes = [Later("smtp 451")]
    for author, where in ((house.claire, thread), (house.sam, other)):
        await house.post(author, where)
        stopped_clock.advance(GRACE)
        await deliver_all(outbox)
    (joined,) = (row for row in await house.letters() if row["reason"] == letters.JOINED)
    sent, id_ = len(post.seen), UUID(bytes=joined["id"])
    outcome = await house.store.database.write(lambda tx: overview.send_again(tx, id_, stopped_clock.now))
    assert outcome is Outcome.TOO_LATE
    await deliver_all(outbox)
    assert len(post.seen) == sent


async def test_of_two_letters_about_one_thread_the_later_number_is_told(
    outbox: Outbox, post: RecordingTransport, house: House, thread: ThreadId, other: ThreadId, stopped_clock: StoppedClock
) -> None:
    """The first was under way for so long that the thread was told of anew; put back, it is due after the second."""
    move_to(stopped_clock, "2026-11-23T10:00")
    await house.post(house.claire, thread)
    stopped_clock.advance(GRACE)
    await announce_all(house.store, outbox.settings)
    stopped_clock.advance(DAY - 10 * MINUTE)
    await house.post(house.claire, thread)
    letter = await outbox.queue.take()
    assert letter
    stopped_clock.advance(10 * MINUTE + GRACE)
    await announce_all(house.store, outbox.settings)
    await _record(outbox, letter, Later("smtp 451"))
    await house.post(house.sam, other)
    stopped_clock.advance(GRACE)
    await announce_all(house.store, outbox.settings)
    await send_all(outbox)
    assert [recipient for recipient, _ in post.seen] == [house.lea.email]
    assert "2 conversations" in text_of(post.seen[0][1])
