"""From announcements to letters: who is owed one, and who is not."""

import logging
from uuid import UUID

import pytest

from delivery.jobs.unread import announce_one
from delivery.settings import DeliverySettings
from storage.conversations import threads
from storage.ids import ThreadId
from storage.mail import letters
from storage.mail.letters import State
from tests.delivery.rounds import announce_all
from tests.people import DAY, GRACE, HOUR, House, StoppedClock


async def settle_all(house: House, settings: DeliverySettings) -> int:
    """Settle every announcement that is due; return how many letters there are now."""
    await announce_all(house.store, settings)
    return len(await house.letters())


async def test_an_unread_message_is_owed_a_letter_after_the_grace(
    house: House, thread: ThreadId, settings: DeliverySettings, stopped_clock: StoppedClock
) -> None:
    await house.post(house.claire, thread)
    stopped_clock.advance(GRACE - 1)
    assert not await announce_one(house.store, settings)
    stopped_clock.advance(1)
    assert await announce_one(house.store, settings)
    assert [row["account"] for row in await house.letters()] == [house.lea.id.bytes]


async def test_many_messages_are_owed_one_letter(
    house: House, thread: ThreadId, settings: DeliverySettings, stopped_clock: StoppedClock
) -> None:
    for _ in range(20):
        await house.post(house.claire, thread)
        stopped_clock.advance(GRACE // 30)
    stopped_clock.advance(GRACE)
    assert await settle_all(house, settings) == 1


async def test_who_has_read_meanwhile_gets_none(
    house: House, thread: ThreadId, settings: DeliverySettings, stopped_clock: StoppedClock
) -> None:
    posted = await house.post(house.claire, thread)
    await house.mark(house.lea, thread, posted.seq)
    stopped_clock.advance(GRACE)
    assert not await announce_one(house.store, settings)


async def test_a_read_mark_is_enough_to_owe_nothing(
    house: House, thread: ThreadId, settings: DeliverySettings, stopped_clock: StoppedClock
) -> None:
    """Even if the announcement was left in the database."""
    posted = await house.post(house.claire, thread)
    assert await house.store.database.write(lambda tx: threads.mark(tx, thread, house.lea.id, posted.seq))
    stopped_clock.advance(GRACE)
    assert await settle_all(house, settings) == 0
    assert await house.owed() == []


async def test_no_other_letter_follows_until_a_day_has_passed(
    house: House, thread: ThreadId, settings: DeliverySettings, stopped_clock: StoppedClock
) -> None:
    await house.post(house.claire, thread)
    stopped_clock.advance(GRACE)
    assert await settle_all(house, settings) == 1
    await house.post(house.claire, thread)
    stopped_clock.advance(DAY - 1)
    assert await settle_all(house, settings) == 1
    stopped_clock.advance(1)
    assert await settle_all(house, settings) == 2


async def test_after_a_day_without_anything_new_none_follows(
    house: House, thread: ThreadId, settings: DeliverySettings, stopped_clock: StoppedClock
) -> None:
    await house.post(house.claire, thread)
    stopped_clock.advance(GRACE)
    await settle_all(house, settings)
    stopped_clock.advance(DAY)
    assert await settle_all(house, settings) == 1
    assert await house.owed() == []


async def test_who_reads_is_told_of_the_next_message(
    house: House, thread: ThreadId, settings: DeliverySettings, stopped_clock: StoppedClock
) -> None:
    posted = await house.post(house.claire, thread)
    stopped_clock.advance(GRACE)
    await settle_all(house, settings)
    await house.mark(house.lea, thread, posted.seq)
    await house.post(house.claire, thread)
    stopped_clock.advance(GRACE)
    assert await settle_all(house, settings) == 2


async def test_who_reads_a_part_is_told_of_the_rest(
    house: House, thread: ThreadId, settings: DeliverySettings, stopped_clock: StoppedClock
) -> None:
    """Up to the same number as before: the cause is what was unread, not the last of it."""
    for _ in range(3):
        await house.post(house.claire, thread)
    stopped_clock.advance(GRACE)
    assert await settle_all(house, settings) == 1
    await house.mark(house.lea, thread, 1)
    stopped_clock.advance(GRACE)
    assert await settle_all(house, settings) == 2
    assert [row["cause"] for row in await house.letters()] == [f"{thread}/1-3", f"{thread}/2-3"]


@pytest.mark.parametrize("state", [State.REFUSED, State.DROPPED])
async def test_what_is_new_is_told_though_the_letter_before_was_not_sent(
    house: House, thread: ThreadId, settings: DeliverySettings, stopped_clock: StoppedClock, state: State
) -> None:
    await house.post(house.claire, thread)
    stopped_clock.advance(GRACE)
    await settle_all(house, settings)
    (row,) = await house.letters()
    await house.store.database.write(lambda tx: letters.finish(tx, UUID(bytes=row["id"]), state, stopped_clock()))
    stopped_clock.advance(DAY)
    assert await settle_all(house, settings) == 1
    await house.post(house.claire, thread)
    stopped_clock.advance(GRACE)
    assert await settle_all(house, settings) == 2


async def test_an_announcement_that_comes_up_again_sends_no_second_letter(
    house: House, thread: ThreadId, settings: DeliverySettings, stopped_clock: StoppedClock
) -> None:
    """As when its row was put back by hand: it counts as told, and comes to rest. One letter goes, in the place of the first."""
    await house.post(house.claire, thread)
    stopped_clock.advance(GRACE)
    await settle_all(house, settings)
    await house.spoil("update unread_owed set told_seq = null, due_at = 0")
    await settle_all(house, settings)
    assert sorted(row["state"] for row in await house.letters()) == ["dropped", "waiting"]
    assert [row["told_seq"] for row in await house.owed()] == [1]


async def test_a_disabled_account_gets_none(
    house: House, thread: ThreadId, settings: DeliverySettings, stopped_clock: StoppedClock
) -> None:
    await house.post(house.claire, thread)
    await house.disable(house.lea)
    stopped_clock.advance(GRACE)
    assert await settle_all(house, settings) == 0
    assert await house.owed() == []


async def test_a_former_participant_gets_none(
    house: House, thread: ThreadId, settings: DeliverySettings, stopped_clock: StoppedClock
) -> None:
    await house.post(house.claire, thread)
    await house.leave(thread, house.lea)
    stopped_clock.advance(GRACE)
    assert await settle_all(house, settings) == 0
    assert await house.owed() == []


async def test_an_announcement_that_outlived_its_reader_s_part_is_dropped(
    house: House, thread: ThreadId, settings: DeliverySettings, stopped_clock: StoppedClock
) -> None:
    await house.post(house.claire, thread)
    await house.spoil("delete from participants where account = :id", id=house.lea.id.bytes)
    stopped_clock.advance(GRACE)
    assert await settle_all(house, settings) == 0
    assert await house.owed() == []


async def test_an_account_that_was_tampered_with_does_not_hold_up_the_others(
    house: House, thread: ThreadId, settings: DeliverySettings, stopped_clock: StoppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    other = await house.open_thread(house.karim, house.claire)
    await house.post(house.claire, thread)
    await house.spoil("update accounts set role = 'professional' where id = :id", id=house.lea.id.bytes)
    stopped_clock.advance(1)
    await house.post(house.karim, other)
    stopped_clock.advance(GRACE)
    with caplog.at_level(logging.ERROR, "ailo.delivery"):
        assert await settle_all(house, settings) == 1
    (left,) = [row for row in await house.owed() if row["account"] == house.lea.id.bytes]
    assert left["due_at"] == stopped_clock() + HOUR
    assert "cannot be opened" in caplog.text


async def test_the_log_names_the_letter_alone(
    house: House, thread: ThreadId, settings: DeliverySettings, stopped_clock: StoppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    await house.post(house.claire, thread)
    stopped_clock.advance(GRACE)
    with caplog.at_level(logging.DEBUG, "ailo"):
        await settle_all(house, settings)
    assert len(caplog.records) == 1
    assert str(house.lea.id) not in caplog.text
    for one in (house.lea, house.claire):
        assert one.first_name not in caplog.text
        assert one.last_name not in caplog.text


async def test_a_letter_reveals_nothing_of_its_thread_in_the_database(
    house: House, thread: ThreadId, settings: DeliverySettings, stopped_clock: StoppedClock
) -> None:
    await house.post(house.claire, thread)
    stopped_clock.advance(GRACE)
    await settle_all(house, settings)
    (row,) = await house.letters()
    assert str(thread).encode() not in row["facts"]
    assert row["message_id"].endswith("@ailo.example")
