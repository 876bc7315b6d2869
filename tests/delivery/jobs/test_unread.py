"""From announcements to letters: who is owed one, and who is not."""

import logging

import pytest

from delivery.jobs.unread import announce_one
from delivery.settings import DeliverySettings
from storage.store import Store
from tests.delivery.cast import DAY, GRACE, HOUR, Cast, Clock, letter_rows, owed_rows


async def settle_all(store: Store, settings: DeliverySettings) -> int:
    """Take every announcement that is due; how many letters there are now."""
    while await announce_one(store, settings):
        pass
    return len(await letter_rows(store))


async def test_an_unread_message_is_owed_a_letter_after_the_grace(
    store: Store, settings: DeliverySettings, cast: Cast, clock: Clock
) -> None:
    await cast.post(cast.claire)
    clock.advance(GRACE - 1)
    assert not await announce_one(store, settings)
    clock.advance(1)
    assert await announce_one(store, settings)
    assert [row["account"] for row in await letter_rows(store)] == [cast.lea.bytes]


async def test_many_messages_are_owed_one_letter(store: Store, settings: DeliverySettings, cast: Cast, clock: Clock) -> None:
    for _ in range(20):
        await cast.post(cast.claire)
        clock.advance(GRACE // 30)
    clock.advance(GRACE)
    assert await settle_all(store, settings) == 1


async def test_who_has_read_meanwhile_gets_none(store: Store, settings: DeliverySettings, cast: Cast, clock: Clock) -> None:
    await cast.read(cast.lea, await cast.post(cast.claire))
    clock.advance(GRACE)
    assert not await announce_one(store, settings)


async def test_a_read_mark_is_enough_to_owe_nothing(store: Store, settings: DeliverySettings, cast: Cast, clock: Clock) -> None:
    seq = await cast.post(cast.claire)
    await cast.spoil("update participants set read_seq = :seq", seq=seq)
    clock.advance(GRACE)
    assert await settle_all(store, settings) == 0
    assert await owed_rows(store) == []


async def test_no_other_letter_follows_until_a_day_has_passed(
    store: Store, settings: DeliverySettings, cast: Cast, clock: Clock
) -> None:
    await cast.post(cast.claire)
    clock.advance(GRACE)
    assert await settle_all(store, settings) == 1
    await cast.post(cast.claire)
    clock.advance(DAY - 1)
    assert await settle_all(store, settings) == 1
    clock.advance(1)
    assert await settle_all(store, settings) == 2


async def test_after_a_day_without_anything_new_none_follows(
    store: Store, settings: DeliverySettings, cast: Cast, clock: Clock
) -> None:
    await cast.post(cast.claire)
    clock.advance(GRACE)
    await settle_all(store, settings)
    clock.advance(DAY)
    assert await settle_all(store, settings) == 1
    assert await owed_rows(store) == []


async def test_who_reads_is_told_of_the_next_message(store: Store, settings: DeliverySettings, cast: Cast, clock: Clock) -> None:
    seq = await cast.post(cast.claire)
    clock.advance(GRACE)
    await settle_all(store, settings)
    await cast.read(cast.lea, seq)
    await cast.post(cast.claire)
    clock.advance(GRACE)
    assert await settle_all(store, settings) == 2


async def test_a_disabled_account_gets_none(store: Store, settings: DeliverySettings, cast: Cast, clock: Clock) -> None:
    await cast.post(cast.claire)
    await cast.disable(cast.lea)
    clock.advance(GRACE)
    assert await settle_all(store, settings) == 0
    assert await owed_rows(store) == []


async def test_a_former_participant_gets_none(store: Store, settings: DeliverySettings, cast: Cast, clock: Clock) -> None:
    await cast.post(cast.claire)
    await cast.leave(cast.lea)
    clock.advance(GRACE)
    assert await settle_all(store, settings) == 0
    assert await owed_rows(store) == []


async def test_an_account_that_was_tampered_with_does_not_hold_up_the_others(
    store: Store, settings: DeliverySettings, cast: Cast, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    await cast.post(cast.claire)
    await cast.spoil("update accounts set role = 'professional' where id = :id", id=cast.lea.bytes)
    clock.advance(1)
    await cast.post(cast.lea)
    clock.advance(GRACE)
    with caplog.at_level(logging.ERROR, "ailo.delivery"):
        assert await settle_all(store, settings) == 1
    (left,) = [row for row in await owed_rows(store) if row["account"] == cast.lea.bytes]
    assert left["due_at"] == clock() + HOUR
    assert "does not open" in caplog.text


async def test_the_log_names_the_letter_alone(
    store: Store, settings: DeliverySettings, cast: Cast, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    await cast.post(cast.claire)
    clock.advance(GRACE)
    with caplog.at_level(logging.DEBUG, "ailo"):
        await settle_all(store, settings)
    assert len(caplog.records) == 1
    assert str(cast.lea) not in caplog.text
    assert "Canary" not in caplog.text


async def test_a_letter_reveals_nothing_of_its_thread_in_the_database(
    store: Store, settings: DeliverySettings, cast: Cast, clock: Clock
) -> None:
    await cast.post(cast.claire)
    clock.advance(GRACE)
    await settle_all(store, settings)
    (row,) = await letter_rows(store)
    assert str(cast.thread).encode() not in row["facts"]
    assert row["message_id"].endswith("@ailo.example")
