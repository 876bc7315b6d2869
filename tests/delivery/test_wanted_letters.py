"""Letters by preference: none about replies, none in quiet hours; and what people are shown when letters are refused."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from delivery.jobs.unread import announce_one
from delivery.outbox.outbox import Outbox
from delivery.quiet_hours import silence_until
from delivery.settings import DeliverySettings, Relay
from delivery.transports.mailbox import letters_in
from delivery.transports.maildir import MaildirTransport
from delivery.transports.smtp import SmtpTransport
from delivery.transports.transport import Later
from storage.accounts import accounts, preferences
from storage.accounts.preferences import Letters, Preferences
from storage.ids import ThreadId
from storage.mail import letters
from storage.store import Store
from tests.delivery.rounds import deliver_all
from tests.delivery.transports.recording import RecordingTransport
from tests.delivery.transports.relay import running
from tests.people import DAY, GRACE, HOUR, House, StoppedClock

NIGHT = Letters(quiet_from=21 * 60, quiet_to=7 * 60)
NONE = Letters(replies=False)


async def choose(house: House, wanted: Letters) -> None:
    """Store which letters Léa wants."""
    store, chosen = house.store, Preferences(letters=wanted)
    await store.database.write(lambda tx: preferences.keep(tx, store.guard, house.lea.id, chosen))


def move_to(clock: StoppedClock, text: str) -> None:
    """Set the clock to this local time in Paris, where Léa is."""
    clock.now = int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Paris")).timestamp() * 1000)


async def letter_waits(store: Store, settings: DeliverySettings) -> None:
    """Turn the announcement into a letter, which then waits."""
    assert await announce_one(store, settings)


# No letters about replies


async def test_who_wants_no_letters_gets_none_and_nothing_is_kept(
    outbox: Outbox, post: RecordingTransport, house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    await choose(house, NONE)
    await house.post(house.claire, thread)
    stopped_clock.advance(GRACE)
    await deliver_all(outbox)
    assert (post.seen, await house.owed(), await house.letters()) == ([], [], [])


async def test_who_wants_them_again_gets_those_of_what_comes_then(
    outbox: Outbox, post: RecordingTransport, house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    await choose(house, NONE)
    await house.post(house.claire, thread)
    stopped_clock.advance(GRACE)
    await deliver_all(outbox)
    await choose(house, Letters())
    stopped_clock.advance(DAY)
    await deliver_all(outbox)
    assert post.seen == []
    await house.post(house.claire, thread)
    stopped_clock.advance(GRACE)
    await deliver_all(outbox)
    assert post.recipients == ["lea@ailo.test"]


async def test_a_letter_that_waits_already_is_not_sent_any_more(
    outbox: Outbox,
    post: RecordingTransport,
    settings: DeliverySettings,
    house: House,
    thread: ThreadId,
    stopped_clock: StoppedClock,
) -> None:
    await house.post(house.claire, thread)
    stopped_clock.advance(GRACE)
    await letter_waits(outbox.store, settings)
    await choose(house, NONE)
    await deliver_all(outbox)
    assert post.seen == []
    assert [(row["state"], row["reason"]) for row in await house.letters()] == [("dropped", "no longer wanted")]


async def test_what_one_chose_is_nothing_to_the_others(
    outbox: Outbox, post: RecordingTransport, house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    await choose(house, NONE)
    await house.post(house.lea, thread)
    stopped_clock.advance(GRACE)
    await deliver_all(outbox)
    assert post.recipients == ["claire@ailo.test"]


# Quiet hours


async def test_in_quiet_hours_an_announcement_waits_for_their_end_and_is_one_letter(
    store: Store, settings: DeliverySettings, house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    """With the real Maildir: nothing at night, and one letter in the morning for everything that came."""
    outbox = Outbox(store, MaildirTransport(settings.maildir), settings)
    await choose(house, NIGHT)
    for moment in ("2026-11-23T20:58", "2026-11-23T23:00", "2026-11-24T02:00", "2026-11-24T06:56"):
        move_to(stopped_clock, moment)
        await house.post(house.claire, thread)
        stopped_clock.advance(GRACE)
        await deliver_all(outbox)
        assert await house.letters() == []
    move_to(stopped_clock, "2026-11-24T07:00")
    await deliver_all(outbox)
    assert [letter.recipient for letter in letters_in(settings.maildir)] == ["lea@ailo.test"]
    await deliver_all(outbox)
    assert await store.database.read(letters.count_by_state) == {"sent": 1}


async def test_who_reads_in_the_night_gets_no_letter_in_the_morning(
    outbox: Outbox, post: RecordingTransport, house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    await choose(house, NIGHT)
    move_to(stopped_clock, "2026-11-23T23:00")
    posted = await house.post(house.claire, thread)
    stopped_clock.advance(GRACE)
    await deliver_all(outbox)
    await house.mark(house.lea, thread, posted.seq)
    move_to(stopped_clock, "2026-11-24T07:00")
    await deliver_all(outbox)
    assert (post.seen, await house.owed()) == ([], [])


@pytest.mark.parametrize("reads", [False, True])
async def test_a_letter_that_would_be_repeated_in_the_night_waits_too(
    outbox: Outbox, post: RecordingTransport, house: House, thread: ThreadId, stopped_clock: StoppedClock, reads: bool
) -> None:
    """The relay answered "later" in the evening: at night it is not tried again, and no attempt is used up."""
    await choose(house, NIGHT)
    move_to(stopped_clock, "2026-11-23T20:50")
    posted = await house.post(house.claire, thread)
    stopped_clock.advance(GRACE)
    post.outcomes = [Later("smtp 451")]
    await deliver_all(outbox)
    assert len(post.seen) == 1
    for hour in range(5):
        stopped_clock.advance(HOUR)
        await deliver_all(outbox)
        (row,) = await house.letters()
        assert (row["state"], row["attempts"], row["reason"]) == ("waiting", 1, "quiet hours"), hour
    if reads:
        await house.mark(house.lea, thread, posted.seq)
    move_to(stopped_clock, "2026-11-24T07:00")
    await deliver_all(outbox)
    (row,) = await house.letters()
    assert (len(post.seen), row["state"]) == ((1, "dropped") if reads else (2, "sent"))


async def test_letters_of_others_go_out_meanwhile(
    outbox: Outbox, post: RecordingTransport, house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    await choose(house, NIGHT)
    move_to(stopped_clock, "2026-11-23T23:00")
    await house.post(house.claire, thread)
    await house.post(house.karim, await house.open_thread(house.karim, house.claire))
    stopped_clock.advance(GRACE)
    await deliver_all(outbox)
    assert post.recipients == ["claire@ailo.test"]


async def test_the_clock_is_that_of_ones_own_zone(
    outbox: Outbox, post: RecordingTransport, house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    await choose(house, NIGHT)
    await house.store.database.write(lambda tx: accounts.settle(tx, house.lea.id, "fr", "America/Martinique"))
    move_to(stopped_clock, "2026-11-23T23:00")
    await house.post(house.claire, thread)
    stopped_clock.advance(GRACE)
    await deliver_all(outbox)
    assert post.recipients == ["lea@ailo.test"]


def test_a_zone_that_nobody_knows_any_more_is_utc() -> None:
    noon = 1_795_424_400_000
    assert silence_until(Letters(quiet_from=8 * 60, quiet_to=10 * 60), "Mars/Olympus", noon) == noon + HOUR
    assert silence_until(Letters(quiet_from=8 * 60, quiet_to=10 * 60), "../etc/passwd", noon) == noon + HOUR


async def test_choices_that_were_tampered_with_hold_that_letter_back_alone(
    outbox: Outbox,
    post: RecordingTransport,
    house: House,
    thread: ThreadId,
    stopped_clock: StoppedClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await choose(house, NONE)
    await house.spoil("update preferences set body = zeroblob(99)")
    await house.post(house.claire, thread)
    await house.post(house.karim, await house.open_thread(house.karim, house.claire))
    stopped_clock.advance(GRACE)
    await deliver_all(outbox)
    assert post.recipients == ["claire@ailo.test"]
    assert "cannot be opened" in caplog.text


# What people are shown of refused letters


async def refused_at(house: House) -> int | None:
    return await house.store.database.read(lambda reader: letters.refused_at(reader, house.lea.id))


@pytest.mark.parametrize("refuse", [lambda relay: relay.rcpt, lambda relay: relay.data], ids=["rcpt", "data"])
async def test_what_a_real_relay_refuses_for_good_is_told_until_a_letter_is_taken(
    store: Store,
    settings: DeliverySettings,
    house: House,
    thread: ThreadId,
    stopped_clock: StoppedClock,
    refuse: Callable[[object], list[str]],
) -> None:
    async with running() as relay:
        where = Relay("127.0.0.1", relay.port)
        post = SmtpTransport(where, settings.mail_from.addr_spec, seconds=5)
        outbox = Outbox(store, post, replace(settings, relay=where), chance=lambda: 0.0)
        refuse(relay).append("550 5.2.1 not now")
        posted = await house.post(house.claire, thread)
        stopped_clock.advance(GRACE)
        await deliver_all(outbox)
        told = await refused_at(house)
        await house.mark(house.lea, thread, posted.seq)
        await house.post(house.claire, thread)
        refuse(relay).append("451 4.2.0 later")
        stopped_clock.advance(GRACE)
        await deliver_all(outbox)
        still = await refused_at(house)
        stopped_clock.advance(HOUR)
        await deliver_all(outbox)
        await post.close()
    assert told is not None
    assert told == still
    assert [recipient for recipient, _ in relay.taken] == ["lea@ailo.test"]
    assert await refused_at(house) is None
