"""Letters as people want them: none of replies, none in quiet hours; and what they are told when letters are refused."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from delivery.jobs.unread import announce_one
from delivery.outbox.outbox import Outbox, send_one_letter
from delivery.quiet_hours import silence_until
from delivery.settings import DeliverySettings, Relay
from delivery.transports.mailbox import letters_in
from delivery.transports.maildir import MaildirTransport
from delivery.transports.smtp import SmtpTransport
from delivery.transports.transport import Later
from storage.accounts import preferences
from storage.accounts.preferences import Letters, Preferences
from storage.mail import letters
from storage.store import Store
from tests.delivery.cast import DAY, GRACE, HOUR, Cast, Clock, letter_rows, owed_rows
from tests.delivery.transports.recording import RecordingTransport
from tests.delivery.transports.relay import running

NIGHT = Letters(quiet_from=21 * 60, quiet_to=7 * 60)
NONE = Letters(replies=False)


async def choose(cast: Cast, wanted: Letters) -> None:
    """Léa chooses which letters she wants."""
    store, chosen = cast.store, Preferences(letters=wanted)
    await store.database.write(lambda tx: preferences.keep(tx, store.guard, cast.lea, chosen))


def move_to(clock: Clock, text: str) -> None:
    """The clock on Léa's wall, in Paris, shows this on the day of the tests or the next."""
    clock.now = int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Paris")).timestamp() * 1000)


async def work(outbox: Outbox) -> None:
    """Everything that is due now."""
    while await announce_one(outbox.store, outbox.settings):
        pass
    while await send_one_letter(outbox):
        pass


async def letter_waits(store: Store, settings: DeliverySettings) -> None:
    """A letter is written."""
    assert await announce_one(store, settings)


# None of replies


async def test_who_wants_no_letters_gets_none_and_nothing_is_kept(
    outbox: Outbox, post: RecordingTransport, cast: Cast, clock: Clock
) -> None:
    await choose(cast, NONE)
    await cast.post(cast.claire)
    clock.advance(GRACE)
    await work(outbox)
    assert (post.seen, await owed_rows(outbox.store), await letter_rows(outbox.store)) == ([], [], [])


async def test_who_wants_them_again_gets_those_of_what_comes_then(
    outbox: Outbox, post: RecordingTransport, cast: Cast, clock: Clock
) -> None:
    await choose(cast, NONE)
    await cast.post(cast.claire)
    clock.advance(GRACE)
    await work(outbox)
    await choose(cast, Letters())
    clock.advance(DAY)
    await work(outbox)
    assert post.seen == []
    await cast.post(cast.claire)
    clock.advance(GRACE)
    await work(outbox)
    assert post.recipients == ["lea@ailo.test"]


async def test_a_letter_that_waits_already_is_not_sent_any_more(
    outbox: Outbox, post: RecordingTransport, settings: DeliverySettings, cast: Cast, clock: Clock
) -> None:
    await cast.post(cast.claire)
    clock.advance(GRACE)
    await letter_waits(outbox.store, settings)
    await choose(cast, NONE)
    await work(outbox)
    assert post.seen == []
    assert [(row["state"], row["reason"]) for row in await letter_rows(outbox.store)] == [("dropped", "not wanted any more")]


async def test_what_one_chose_is_nothing_to_the_others(
    outbox: Outbox, post: RecordingTransport, cast: Cast, clock: Clock
) -> None:
    await choose(cast, NONE)
    await cast.post(cast.lea)
    clock.advance(GRACE)
    await work(outbox)
    assert post.recipients == ["claire@ailo.test"]


# Quiet hours


async def test_in_quiet_hours_an_announcement_waits_for_their_end_and_is_one_letter(
    store: Store, settings: DeliverySettings, cast: Cast, clock: Clock
) -> None:
    """Into the real Maildir: nothing in the night, one letter in the morning for all that came."""
    outbox = Outbox(store, MaildirTransport(settings.maildir), settings)
    await choose(cast, NIGHT)
    for moment in ("2026-11-23T20:58", "2026-11-23T23:00", "2026-11-24T02:00", "2026-11-24T06:56"):
        move_to(clock, moment)
        await cast.post(cast.claire)
        clock.advance(GRACE)
        await work(outbox)
        assert await letter_rows(store) == []
    move_to(clock, "2026-11-24T07:00")
    await work(outbox)
    assert [letter.recipient for letter in letters_in(settings.maildir)] == ["lea@ailo.test"]
    await work(outbox)
    assert await store.database.read(letters.count_by_state) == {"sent": 1}


async def test_who_reads_in_the_night_gets_no_letter_in_the_morning(
    outbox: Outbox, post: RecordingTransport, cast: Cast, clock: Clock
) -> None:
    await choose(cast, NIGHT)
    move_to(clock, "2026-11-23T23:00")
    seq = await cast.post(cast.claire)
    clock.advance(GRACE)
    await work(outbox)
    await cast.read(cast.lea, seq)
    move_to(clock, "2026-11-24T07:00")
    await work(outbox)
    assert (post.seen, await owed_rows(outbox.store)) == ([], [])


@pytest.mark.parametrize("reads", [False, True])
async def test_a_letter_that_would_be_repeated_in_the_night_waits_too(
    outbox: Outbox, post: RecordingTransport, cast: Cast, clock: Clock, reads: bool
) -> None:
    """The relay said "later" in the evening: neither is it asked in the night, nor do its tries run out."""
    await choose(cast, NIGHT)
    move_to(clock, "2026-11-23T20:50")
    seq = await cast.post(cast.claire)
    clock.advance(GRACE)
    post.outcomes = [Later("smtp 451")]
    await work(outbox)
    assert len(post.seen) == 1
    for hour in range(5):
        clock.advance(HOUR)
        await work(outbox)
        (row,) = await letter_rows(outbox.store)
        assert (row["state"], row["attempts"], row["reason"]) == ("waiting", 1, "quiet hours"), hour
    if reads:
        await cast.read(cast.lea, seq)
    move_to(clock, "2026-11-24T07:00")
    await work(outbox)
    (row,) = await letter_rows(outbox.store)
    assert (len(post.seen), row["state"]) == ((1, "dropped") if reads else (2, "sent"))


async def test_letters_of_others_go_out_meanwhile(outbox: Outbox, post: RecordingTransport, cast: Cast, clock: Clock) -> None:
    await choose(cast, NIGHT)
    move_to(clock, "2026-11-23T23:00")
    await cast.post(cast.claire)
    await cast.post(cast.lea)
    clock.advance(GRACE)
    await work(outbox)
    assert post.recipients == ["claire@ailo.test"]


async def test_the_clock_is_that_of_ones_own_zone(outbox: Outbox, post: RecordingTransport, cast: Cast, clock: Clock) -> None:
    await choose(cast, NIGHT)
    await cast.spoil("update accounts set time_zone = 'America/Martinique' where id = :id", id=cast.lea.bytes)
    move_to(clock, "2026-11-23T23:00")
    await cast.post(cast.claire)
    clock.advance(GRACE)
    await work(outbox)
    assert post.recipients == ["lea@ailo.test"]


def test_a_zone_that_nobody_knows_any_more_is_utc() -> None:
    noon = 1_795_424_400_000
    assert silence_until(Letters(quiet_from=8 * 60, quiet_to=10 * 60), "Mars/Olympus", noon) == noon + HOUR
    assert silence_until(Letters(quiet_from=8 * 60, quiet_to=10 * 60), "../etc/passwd", noon) == noon + HOUR


async def test_choices_that_were_tampered_with_hold_that_letter_back_alone(
    outbox: Outbox, post: RecordingTransport, cast: Cast, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    await choose(cast, NONE)
    await cast.spoil("update preferences set body = zeroblob(99)")
    await cast.post(cast.claire)
    await cast.post(cast.lea)
    clock.advance(GRACE)
    await work(outbox)
    assert post.recipients == ["claire@ailo.test"]
    assert "does not open" in caplog.text


# What is told of refused letters


async def refused_at(cast: Cast) -> int | None:
    return await cast.store.database.read(lambda reader: letters.refused_at(reader, cast.lea))


@pytest.mark.parametrize("refuse", [lambda relay: relay.rcpt, lambda relay: relay.data], ids=["rcpt", "data"])
async def test_what_a_real_relay_refuses_for_good_is_told_until_a_letter_is_taken(
    store: Store, settings: DeliverySettings, cast: Cast, clock: Clock, refuse: Callable[[object], list[str]]
) -> None:
    async with running() as relay:
        where = Relay("127.0.0.1", relay.port)
        post = SmtpTransport(where, settings.mail_from.addr_spec, seconds=5)
        outbox = Outbox(store, post, replace(settings, relay=where), chance=lambda: 0.0)
        refuse(relay).append("550 5.1.1 nobody here")
        seq = await cast.post(cast.claire)
        clock.advance(GRACE)
        await work(outbox)
        told = await refused_at(cast)
        await cast.read(cast.lea, seq)
        await cast.post(cast.claire)
        refuse(relay).append("451 4.2.0 later")
        clock.advance(GRACE)
        await work(outbox)
        still = await refused_at(cast)
        clock.advance(HOUR)
        await work(outbox)
        await post.close()
    assert told is not None
    assert told == still
    assert [recipient for recipient, _ in relay.taken] == ["lea@ailo.test"]
    assert await refused_at(cast) is None
