"""How many letters somebody gets on a day, which of them come first, and what becomes of the others."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.outbox.outbox import Outbox
from delivery.transports.transport import Later, Rejected, Unanswered
from delivery.wall_time import date_at, day_around
from storage.accounts import accounts, preferences
from storage.accounts.preferences import Letters, Preferences
from storage.mail import letters
from storage.mail.letters import Letter
from storage.store import Store
from tests.delivery import more_kinds
from tests.delivery.more_kinds import write
from tests.delivery.rounds import send_all
from tests.delivery.test_wanted_letters import move_to
from tests.delivery.transports.recording import RecordingTransport
from tests.people import DAY, HOUR, MINUTE, House, StoppedClock

ZONES = ["Europe/Paris", "America/Martinique", "Pacific/Noumea", "Asia/Kolkata", "America/Havana", "Africa/Cairo"]


@pytest.fixture(autouse=True)
async def all_kinds(tmp_path: Path) -> AsyncIterator[None]:
    with more_kinds.at_hand(tmp_path / "kinds"):
        yield


async def choose(house: House, wanted: Letters) -> None:
    """Store which letters Léa wants."""
    store = house.store
    await store.database.write(lambda tx: preferences.keep(tx, store.guard, house.lea.id, Preferences(letters=wanted)))


async def state_of(house: House, letter: UUID) -> tuple[str, str | None]:
    (row,) = [row for row in await house.letters() if row["id"] == letter.bytes]
    return row["state"], row["reason"]


def subjects(post: RecordingTransport) -> list[str]:
    return [str(message["Subject"]) for _, message in post.seen]


async def test_the_third_of_a_day_waits_for_the_next(
    outbox: Outbox, post: RecordingTransport, house: House, stopped_clock: StoppedClock
) -> None:
    move_to(stopped_clock, "2026-11-23T10:00")
    for _ in range(3):
        await write(house.store, house.lea.id, "a_lesson")
    await send_all(outbox)
    assert len(post.seen) == 2
    assert max((row["state"], row["reason"]) for row in await house.letters()) == (
        "waiting",
        "the day's letters were sent",
    )
    move_to(stopped_clock, "2026-11-23T23:59:59")
    await send_all(outbox)
    assert len(post.seen) == 2
    move_to(stopped_clock, "2026-11-24T00:00")
    await send_all(outbox)
    assert len(post.seen) == 3


async def test_it_waits_for_the_end_of_quiet_hours_too(
    outbox: Outbox, post: RecordingTransport, house: House, stopped_clock: StoppedClock
) -> None:
    await choose(house, Letters(quiet_from=22 * 60, quiet_to=7 * 60 + 30, most_a_day=1))
    move_to(stopped_clock, "2026-11-23T10:00")
    for _ in range(2):
        await write(house.store, house.lea.id, "a_lesson")
    await send_all(outbox)
    (waiting,) = [row for row in await house.letters() if row["state"] == "waiting"]
    move_to(stopped_clock, "2026-11-24T07:30")
    assert waiting["due_at"] == stopped_clock()
    assert waiting["attempts"] == 0


@pytest.mark.parametrize(("most", "sent"), [(None, 2), (1, 1), (2, 2), (5, 2)])
async def test_ones_own_number_only_lowers_the_service_s(
    outbox: Outbox, post: RecordingTransport, house: House, most: int | None, sent: int
) -> None:
    await choose(house, Letters(most_a_day=most))
    for _ in range(4):
        await write(house.store, house.lea.id, "a_lesson")
    await send_all(outbox)
    assert len(post.seen) == sent


async def test_what_others_get_does_not_count(outbox: Outbox, post: RecordingTransport, house: House) -> None:
    for one in (house.lea, house.karim):
        for _ in range(3):
            await write(house.store, one.id, "a_lesson")
    await send_all(outbox)
    assert sorted(post.recipients) == sorted([one.email for one in (house.lea, house.karim)] * 2)


async def test_staff_are_told_of_all_that_members_write(outbox: Outbox, post: RecordingTransport, house: House) -> None:
    for _ in range(3):
        await write(house.store, house.claire.id, "a_lesson")
    await send_all(outbox)
    assert post.recipients == [house.claire.email] * 3


async def test_what_is_of_security_neither_waits_nor_counts(outbox: Outbox, post: RecordingTransport, house: House) -> None:
    for kind in ("an_alarm", "a_lesson", "an_alarm", "a_lesson", "a_lesson", "an_alarm"):
        await write(house.store, house.lea.id, kind)
    await send_all(outbox)
    assert sorted(subjects(post)) == ["a_lesson"] * 2 + ["an_alarm"] * 3


async def test_a_letter_that_was_not_taken_does_not_count(
    outbox: Outbox, post: RecordingTransport, house: House, stopped_clock: StoppedClock
) -> None:
    post.outcomes = [Rejected("smtp 550"), Later("smtp 451")]
    for _ in range(4):
        await write(house.store, house.lea.id, "a_lesson")
    await send_all(outbox)
    assert sorted(row["state"] for row in await house.letters()) == ["refused", "sent", "sent", "waiting"]


async def test_a_letter_that_counts_as_sent_counts(
    outbox: Outbox, post: RecordingTransport, house: House, stopped_clock: StoppedClock
) -> None:
    await choose(house, Letters(most_a_day=1))
    post.outcomes = [Unanswered("no answer")]
    for _ in range(2):
        await write(house.store, house.lea.id, "a_lesson")
    await send_all(outbox)
    stopped_clock.advance(HOUR)
    await send_all(outbox)
    assert len(post.seen) == 1


async def test_the_day_is_that_of_ones_own_zone(
    outbox: Outbox, post: RecordingTransport, house: House, stopped_clock: StoppedClock
) -> None:
    await house.store.database.write(lambda tx: accounts.settle(tx, house.lea.id, "fr", "America/Martinique"))
    await choose(house, Letters(most_a_day=1))
    move_to(stopped_clock, "2026-11-23T23:00")  # 18:00 in Martinique
    await write(house.store, house.lea.id, "a_lesson")
    await send_all(outbox)
    stopped_clock.advance(2 * HOUR)
    await write(house.store, house.lea.id, "a_lesson")
    await send_all(outbox)
    assert len(post.seen) == 1
    stopped_clock.advance(4 * HOUR)
    await send_all(outbox)
    assert len(post.seen) == 2


async def test_a_clock_that_is_set_back_a_day_gives_no_more(
    outbox: Outbox, post: RecordingTransport, house: House, stopped_clock: StoppedClock
) -> None:
    for _ in range(2):
        for _ in range(4):
            await write(house.store, house.lea.id, "a_lesson")
        await send_all(outbox)
        stopped_clock.advance(DAY)
    assert len(post.seen) == 4
    stopped_clock.advance(-2 * DAY + HOUR)
    await send_all(outbox)
    assert len(post.seen) == 4


async def test_what_would_be_too_late_is_dropped_and_says_so(
    outbox: Outbox, post: RecordingTransport, house: House, stopped_clock: StoppedClock
) -> None:
    await choose(house, Letters(most_a_day=1))
    await write(house.store, house.lea.id, "a_lesson")
    late = await write(house.store, house.lea.id, "a_praise", worth=HOUR)
    await send_all(outbox)
    stopped_clock.advance(MINUTE)
    await send_all(outbox)
    assert await state_of(house, late) == ("dropped", "too late once there is room: the day's letters were sent")


# Which come first


async def test_the_more_important_come_first(
    outbox: Outbox, post: RecordingTransport, house: House, stopped_clock: StoppedClock
) -> None:
    """Whatever waits longest: one a day, written from the least important on."""
    thread = await house.open_thread(house.lea, house.claire)
    await choose(house, Letters(offers=True, most_a_day=1))
    for kind in ("an_offer", "a_praise", "a_lesson"):
        await write(house.store, house.lea.id, kind)
        stopped_clock.advance(1)
    await house.post(house.claire, thread)
    told = await write_reply(house)
    for day in range(1, 5):
        for _ in range(3):
            await send_all(outbox)
            stopped_clock.advance(MINUTE)
        assert subjects(post) == [told, "a_lesson", "a_praise", "an_offer"][:day]
        stopped_clock.advance(DAY)


async def write_reply(house: House) -> str:
    """Put a letter about the first message of Léa's thread in the outbox; return its subject."""
    (owed,) = await house.owed()
    facts = {"thread": str(UUID(bytes=owed["thread"])), "seq": "1", "group": "00"}
    store, now, id_ = house.store, house.store.clock(), UUID(int=1)
    letter = Letter(id_, house.lea.id, "reply", "1", facts, "1@ailo.example", now)
    await store.database.write(lambda tx: letters.write(tx, store.guard, letter, now))
    await store.database.write(lambda tx: tx.run("update unread_owed set told_seq = 1, due_at = due_at + 86400000"))
    return "Un nouveau message vous attend"


async def test_a_more_important_one_that_is_due_later_on_the_day_keeps_its_place(
    outbox: Outbox, post: RecordingTransport, house: House, stopped_clock: StoppedClock
) -> None:
    await choose(house, Letters(most_a_day=1))
    move_to(stopped_clock, "2026-11-23T10:00")
    await write(house.store, house.lea.id, "a_praise")
    await write(house.store, house.lea.id, "a_lesson", due_in=2 * HOUR)
    await send_all(outbox)
    assert post.seen == []
    stopped_clock.advance(2 * HOUR + MINUTE)
    await send_all(outbox)
    assert subjects(post) == ["a_lesson"]


async def test_one_that_is_due_on_another_day_holds_up_nothing(outbox: Outbox, post: RecordingTransport, house: House) -> None:
    await choose(house, Letters(most_a_day=1))
    await write(house.store, house.lea.id, "a_praise")
    await write(house.store, house.lea.id, "a_lesson", due_in=DAY)
    await send_all(outbox)
    assert subjects(post) == ["a_praise"]


async def test_a_letter_of_an_unknown_kind_counts_and_stops_nothing(
    outbox: Outbox, post: RecordingTransport, house: House, store: Store
) -> None:
    await write(store, house.lea.id, "of_another_version")
    await write(store, house.lea.id, "a_lesson")
    await send_all(outbox)
    assert subjects(post) == ["a_lesson"]


# The day on the wall


@given(st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1)), st.sampled_from(ZONES))  # noqa: DTZ001 (their zone comes later)
def test_a_day_is_what_the_calendar_calls_one(moment: datetime, name: str) -> None:
    zone = ZoneInfo(name)
    now = int(moment.replace(tzinfo=zone).timestamp() * 1000)
    begins, ends = day_around(now, zone)
    assert begins <= now < ends
    assert {date_at(begins, zone), date_at(ends - 1, zone)} == {date_at(now, zone)}
    assert date_at(begins - 1, zone) < date_at(now, zone) < date_at(ends, zone)
