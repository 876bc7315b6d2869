"""One letter for all that waits: once a day for who chose so, and for everybody where several replies come together."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery import digest_hours
from delivery.outbox.outbox import Outbox
from delivery.quiet_hours import silence_until
from delivery.settings import DeliverySettings
from delivery.transports.transport import Later
from storage.accounts import preferences
from storage.accounts.preferences import Letters, Preferences
from storage.ids import ThreadId
from storage.mail import unread
from tests.delivery.letters.test_compose import text_of
from tests.delivery.rounds import announce_all, deliver_all
from tests.delivery.test_wanted_letters import move_to
from tests.delivery.transports.recording import RecordingTransport
from tests.people import DAY, GRACE, HOUR, MINUTE, House, StoppedClock

ONE, MANY = "dans une conversation.", "dans 2 conversations."
DIGEST = Letters(digest=True)


@pytest.fixture
async def other(house: House) -> ThreadId:
    """Another thread of Léa's, with Sam."""
    return await house.open_thread(house.lea, house.sam)


async def choose(house: House, wanted: Letters) -> None:
    """Store which letters Léa wants, as her page does."""
    store, due_at = house.store, house.store.clock() + GRACE
    await store.database.write(lambda tx: preferences.keep(tx, store.guard, house.lea.id, Preferences(letters=wanted)))
    await store.database.write(lambda tx: unread.look_again(tx, house.lea.id, due_at))


def to_lea(post: RecordingTransport) -> list[str]:
    """What each letter to Léa says."""
    return [text_of(message) for recipient, message in post.seen if recipient == "lea@ailo.test"]


async def round_at(outbox: Outbox, clock: StoppedClock, *moments: str) -> None:
    """Do all that is due at each of these times in Paris."""
    for moment in moments:
        move_to(clock, moment)
        await deliver_all(outbox)


# Once a day


async def test_all_of_a_day_is_one_letter_at_its_hour(
    outbox: Outbox, post: RecordingTransport, house: House, thread: ThreadId, other: ThreadId, stopped_clock: StoppedClock
) -> None:
    await choose(house, DIGEST)
    for moment, author, place in (
        ("2026-11-23T08:00", house.claire, thread),
        ("2026-11-23T11:00", house.sam, other),
        ("2026-11-23T11:01", house.claire, thread),
    ):
        move_to(stopped_clock, moment)
        await house.post(author, place)
        stopped_clock.advance(GRACE)
        await deliver_all(outbox)
    await round_at(outbox, stopped_clock, "2026-11-23T16:59:59")
    assert to_lea(post) == []
    await round_at(outbox, stopped_clock, "2026-11-23T17:00", "2026-11-23T23:00", "2026-11-24T12:00", "2026-11-24T17:00")
    (said,) = to_lea(post)
    assert MANY in said
    assert await house.letters()


async def test_it_tells_only_of_what_is_still_unread(
    outbox: Outbox, post: RecordingTransport, house: House, thread: ThreadId, other: ThreadId, stopped_clock: StoppedClock
) -> None:
    await choose(house, DIGEST)
    move_to(stopped_clock, "2026-11-23T08:00")
    posted = await house.post(house.claire, thread)
    await house.post(house.sam, other)
    stopped_clock.advance(GRACE)
    await deliver_all(outbox)
    await house.mark(house.lea, thread, posted.seq)
    await round_at(outbox, stopped_clock, "2026-11-23T17:00")
    (said,) = to_lea(post)
    assert ONE in said


async def test_who_has_read_everything_gets_none(
    outbox: Outbox, post: RecordingTransport, house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    await choose(house, DIGEST)
    move_to(stopped_clock, "2026-11-23T08:00")
    posted = await house.post(house.claire, thread)
    stopped_clock.advance(GRACE)
    await deliver_all(outbox)
    await house.mark(house.lea, thread, posted.seq)
    await round_at(outbox, stopped_clock, "2026-11-23T17:00", "2026-11-24T17:00")
    assert (post.seen, await house.owed()) == ([], [])


@pytest.mark.parametrize("reads", [False, True])
async def test_the_next_day_has_its_own_where_something_new_came(
    outbox: Outbox, post: RecordingTransport, house: House, thread: ThreadId, stopped_clock: StoppedClock, reads: bool
) -> None:
    """Also where the day before was never read, and with the round a moment late each day."""
    await choose(house, DIGEST)
    for day in (23, 24, 25):
        move_to(stopped_clock, f"2026-11-{day}T10:00")
        posted = await house.post(house.claire, thread)
        stopped_clock.advance(GRACE)
        await deliver_all(outbox)
        await round_at(outbox, stopped_clock, f"2026-11-{day}T17:00:00.7")
        assert len(to_lea(post)) == day - 22
        if reads:
            await house.mark(house.lea, thread, posted.seq)


async def test_nothing_new_is_nothing_again(
    outbox: Outbox, post: RecordingTransport, house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    await choose(house, DIGEST)
    move_to(stopped_clock, "2026-11-23T10:00")
    await house.post(house.claire, thread)
    stopped_clock.advance(GRACE)
    await deliver_all(outbox)
    await round_at(outbox, stopped_clock, *(f"2026-11-{day}T17:00:01" for day in range(23, 28)))
    assert len(to_lea(post)) == 1


async def test_a_service_that_was_down_at_the_hour_sends_it_later(
    outbox: Outbox, post: RecordingTransport, house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    await choose(house, DIGEST)
    move_to(stopped_clock, "2026-11-23T10:00")
    await house.post(house.claire, thread)
    await round_at(outbox, stopped_clock, "2026-11-23T18:00")
    assert len(to_lea(post)) == 1


@pytest.mark.parametrize(("quiet", "at"), [
    ((None, None), "2026-11-23T17:00"), ((12 * 60, 18 * 60 + 30), "2026-11-23T18:30"),
    ((16 * 60, 8 * 60), "2026-11-24T08:00"), ((21 * 60, 7 * 60), "2026-11-23T17:00"),
])  # fmt: skip
async def test_its_hour_is_17_or_the_end_of_quiet_hours(
    outbox: Outbox,
    post: RecordingTransport,
    house: House,
    thread: ThreadId,
    stopped_clock: StoppedClock,
    quiet: tuple[int | None, int | None],
    at: str,
) -> None:
    await choose(house, Letters(digest=True, quiet_from=quiet[0], quiet_to=quiet[1]))
    move_to(stopped_clock, "2026-11-23T10:00")
    await house.post(house.claire, thread)
    stopped_clock.advance(GRACE)
    await deliver_all(outbox)
    move_to(stopped_clock, at)
    stopped_clock.advance(-1)
    await deliver_all(outbox)
    assert to_lea(post) == []
    stopped_clock.advance(1)
    await deliver_all(outbox)
    assert len(to_lea(post)) == 1


async def test_who_changes_to_at_once_and_back_loses_and_doubles_nothing(
    outbox: Outbox, post: RecordingTransport, house: House, thread: ThreadId, other: ThreadId, stopped_clock: StoppedClock
) -> None:
    await choose(house, DIGEST)
    move_to(stopped_clock, "2026-11-23T09:00")
    await house.post(house.claire, thread)
    stopped_clock.advance(GRACE)
    await deliver_all(outbox)
    await choose(house, Letters())
    stopped_clock.advance(GRACE)
    await deliver_all(outbox)
    assert len(to_lea(post)) == 1
    await house.post(house.sam, other)
    await choose(house, DIGEST)
    stopped_clock.advance(GRACE)
    await deliver_all(outbox)
    assert len(to_lea(post)) == 1
    await round_at(outbox, stopped_clock, "2026-11-23T17:00", "2026-11-24T17:00")
    assert [ONE in said for said in to_lea(post)] == [False, True]


async def test_who_wants_none_gets_no_digest_either(
    outbox: Outbox, post: RecordingTransport, house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    await choose(house, Letters(replies=False, digest=True))
    move_to(stopped_clock, "2026-11-23T10:00")
    await house.post(house.claire, thread)
    await round_at(outbox, stopped_clock, "2026-11-23T10:05", "2026-11-23T17:00", "2026-11-24T17:00")
    assert (post.seen, await house.owed()) == ([], [])


# Joined


async def test_what_waits_for_the_end_of_quiet_hours_is_one_letter(
    outbox: Outbox, post: RecordingTransport, house: House, thread: ThreadId, other: ThreadId, stopped_clock: StoppedClock
) -> None:
    await choose(house, Letters(quiet_from=21 * 60, quiet_to=7 * 60))
    move_to(stopped_clock, "2026-11-23T22:00")
    for author, place in ((house.claire, thread), (house.sam, other)):
        await house.post(author, place)
        stopped_clock.advance(MINUTE)
    await round_at(outbox, stopped_clock, "2026-11-23T22:10", "2026-11-24T07:00")
    (said,) = to_lea(post)
    assert MANY in said


async def test_a_reply_that_still_waits_joins_the_next_one(
    outbox: Outbox,
    post: RecordingTransport,
    settings: DeliverySettings,
    house: House,
    thread: ThreadId,
    other: ThreadId,
    stopped_clock: StoppedClock,
) -> None:
    post.outcomes = [Later("away", for_all=True)]
    for author, place in ((house.claire, thread), (house.sam, other)):
        await house.post(author, place)
        stopped_clock.advance(GRACE)
        await deliver_all(outbox)
    stopped_clock.advance(HOUR)
    await deliver_all(outbox)
    assert len(to_lea(post)) == 2  # the first was not taken
    assert MANY in to_lea(post)[1]
    states = sorted((row["kind"], row["state"], row["reason"]) for row in await house.letters())
    assert states == [("digest", "sent", None), ("reply", "dropped", "joined into another letter")]
    assert await house.owed() != []


async def test_what_a_joined_letter_told_is_not_lost_with_the_other(
    outbox: Outbox,
    post: RecordingTransport,
    settings: DeliverySettings,
    house: House,
    thread: ThreadId,
    other: ThreadId,
    stopped_clock: StoppedClock,
) -> None:
    """The newer conversation is read before the letter leaves: the older one is still told of."""
    await house.post(house.claire, thread)
    stopped_clock.advance(GRACE)
    await announce_all(house.store, settings)
    posted = await house.post(house.sam, other)
    stopped_clock.advance(GRACE)
    await announce_all(house.store, settings)
    await house.mark(house.lea, other, posted.seq)
    await deliver_all(outbox)
    (said,) = to_lea(post)
    assert ONE in said


async def test_two_letters_a_day_and_the_rest_of_it_in_one_on_the_next(
    outbox: Outbox, post: RecordingTransport, house: House, stopped_clock: StoppedClock
) -> None:
    places = [await house.open_thread(house.lea, one) for one in (house.claire, house.thomas, house.sam)]
    places.append(await house.open_thread(house.lea, house.claire, house.sam))
    move_to(stopped_clock, "2026-11-23T10:00")
    for place, author in zip(places, (house.claire, house.thomas, house.sam, house.claire), strict=True):
        await house.post(author, place)
        stopped_clock.advance(GRACE)
        await deliver_all(outbox)
    assert len(to_lea(post)) == 2
    await round_at(outbox, stopped_clock, "2026-11-23T23:59", "2026-11-24T00:00")
    assert [MANY in said for said in to_lea(post)] == [False, False, True]


async def test_a_letter_that_does_not_open_is_left_to_its_own_attempt(
    outbox: Outbox,
    post: RecordingTransport,
    settings: DeliverySettings,
    house: House,
    thread: ThreadId,
    other: ThreadId,
    stopped_clock: StoppedClock,
) -> None:
    await house.post(house.claire, thread)
    stopped_clock.advance(GRACE)
    await announce_all(house.store, settings)
    await house.spoil("update letters set facts = zeroblob(99)")
    await house.post(house.sam, other)
    stopped_clock.advance(GRACE)
    await deliver_all(outbox)
    assert sorted((row["state"], row["reason"]) for row in await house.letters()) == [("refused", "damaged"), ("sent", None)]


# Its hour


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001 (their zone comes later)
    st.sampled_from(["Europe/Paris", "America/Martinique", "Pacific/Noumea", "Asia/Kolkata"]),
    st.none() | st.tuples(st.integers(0, 1439), st.integers(0, 1439)).filter(lambda it: it[0] != it[1]),
)
def test_there_is_one_a_day_and_none_in_quiet_hours(moment: datetime, zone: str, quiet: tuple[int, int] | None) -> None:
    start, end = quiet or (None, None)
    wanted, now = Letters(quiet_from=start, quiet_to=end), int(moment.replace(tzinfo=UTC).timestamp() * 1000)
    last, following = digest_hours.around(wanted, zone, now)
    assert last <= now < following
    assert 22 * HOUR <= following - last <= DAY + 2 * HOUR
    assert [silence_until(wanted, zone, at) for at in (last, following)] == [None, None]
    assert digest_hours.around(wanted, zone, following - 1) == (last, following)
    assert digest_hours.around(wanted, zone, following)[0] == following
