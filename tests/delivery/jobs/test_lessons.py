"""Lessons become letters: each once, on its day by the member's clock, whatever happens to server, clock or programme.

The house's clock first shows Monday, 23 November 2026, 10:00 in Paris; the lessons of these tests come at nine.
"""

from collections.abc import Callable
from datetime import date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec
import pytest

from delivery.jobs.lessons import send_lessons
from delivery.outbox.outbox import Outbox
from delivery.settings import Relay
from delivery.transports.mailbox import letters_in
from delivery.transports.maildir import MaildirTransport
from delivery.transports.smtp import SmtpTransport
from delivery.transports.transport import Later
from storage.accounts import accounts
from storage.accounts.preferences import Letters, Preferences
from storage.engine.database import Transaction
from storage.maintenance import backup
from storage.programmes import enrolments, programmes
from storage.programmes.enrolments import Enrolment, Outcome, State
from storage.programmes.schedule import Point
from storage.settings import StorageSettings
from storage.store import Store, open_store
from tests.delivery.rounds import send_all
from tests.delivery.transports.recording import RecordingTransport
from tests.delivery.transports.relay import running
from tests.delivery.year_of_lessons import title_of
from tests.people import DAY, HOUR, MINUTE, House, Person, StoppedClock
from tests.storage.programmes.courses import (
    NAME,
    choose,
    enrol,
    enrolment,
    lesson,
    on_mondays,
    plan,
    published,
    received,
    weekly,
)


def move_to(clock: StoppedClock, text: str, zone: str = "Europe/Paris") -> None:
    """Set the clock to this local time."""
    clock.now = int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


async def lessons_all(outbox: Outbox) -> None:
    """Settle every enrolment that is due, and attempt every letter."""
    while await send_lessons(outbox.store, outbox.settings):
        pass
    await send_all(outbox)


def titles(post: RecordingTransport) -> list[str]:
    """The lessons that were sent, by their titles, which are their keys here."""
    return [title_of(message) for _, message in post.seen]


async def outcomes(house: House, one: Person) -> dict[str, str]:
    return {found.lesson: found.outcome.value for found in await received(house, one)}


async def stand(house: House, change: Callable[[Transaction, programmes.Programme], object]) -> None:
    """Change where the programme stands."""

    async def work(tx: Transaction) -> None:
        found = await programmes.find(tx, house.store.guard, NAME)
        assert found
        await change(tx, found)  # type: ignore[misc]

    await house.store.database.write(work)


async def move(house: House, state: State) -> Enrolment:
    """Pause or stop Léa's enrolment, as the rules of `chat` do."""
    found = (await enrolment(house, house.lea)).moved(state, house.store.clock())
    await house.store.database.write(lambda tx: enrolments.move(tx, house.store.guard, found, None))
    return found


# On time


async def test_a_lesson_whose_hour_has_passed_goes_out_at_once_and_the_others_on_their_day(
    outbox: Outbox, post: RecordingTransport, house: House, stopped_clock: StoppedClock
) -> None:
    await published(house, weekly("a", "b"))
    await enrol(house, house.lea)
    await lessons_all(outbox)
    assert titles(post) == ["a"]
    move_to(stopped_clock, "2026-11-30T08:59")
    await lessons_all(outbox)
    assert titles(post) == ["a"]
    move_to(stopped_clock, "2026-11-30T09:00")
    await lessons_all(outbox)
    assert titles(post) == ["a", "b"]
    assert (await enrolment(house, house.lea)).state is State.FINISHED
    stopped_clock.advance(400 * DAY)
    assert not await send_lessons(outbox.store, outbox.settings)


async def test_two_lessons_of_the_first_day_go_out_at_once_in_their_order(
    outbox: Outbox, post: RecordingTransport, house: House
) -> None:
    early = plan(lesson(1, "a", 0), msgspec.structs.replace(lesson(2, "b", 0), minute=570))
    await published(house, early)
    await enrol(house, house.lea)
    await lessons_all(outbox)
    assert titles(post) == ["a", "b"]


async def test_a_weekday_waits_for_the_next_one(
    outbox: Outbox, post: RecordingTransport, house: House, stopped_clock: StoppedClock
) -> None:
    await published(house, on_mondays("a", "b"))
    move_to(stopped_clock, "2026-11-24T10:00")
    await enrol(house, house.lea)
    await lessons_all(outbox)
    assert titles(post) == []
    move_to(stopped_clock, "2026-11-30T09:00")
    await lessons_all(outbox)
    assert titles(post) == ["a"]


@pytest.mark.parametrize("night", ["2027-03-27", "2027-10-30"])
async def test_half_past_two_comes_once_on_the_night_of_the_clocks(
    outbox: Outbox, post: RecordingTransport, house: House, stopped_clock: StoppedClock, night: str
) -> None:
    await published(house, plan(*(msgspec.structs.replace(lesson(day + 1, f"d{day}", day), minute=150) for day in range(4))))
    move_to(stopped_clock, f"{night}T02:00")
    await enrol(house, house.lea)
    sent: list[int] = []
    for _ in range(4 * 24 * 2):
        before = len(post.seen)
        await lessons_all(outbox)
        sent += [stopped_clock()] * (len(post.seen) - before)
        stopped_clock.advance(30 * MINUTE)
    assert titles(post) == ["d0", "d1", "d2", "d3"]
    assert [later - earlier for earlier, later in pairwise(sent)].count(0) == 0
    assert max(later - earlier for earlier, later in pairwise(sent)) <= 25 * HOUR


async def test_quiet_hours_keep_the_letter_until_their_end(
    outbox: Outbox, post: RecordingTransport, house: House, stopped_clock: StoppedClock
) -> None:
    await choose(house, house.lea, Preferences(letters=Letters(quiet_from=8 * 60, quiet_to=12 * 60)))
    await published(house, weekly("a"))
    await enrol(house, house.lea)
    await lessons_all(outbox)
    assert titles(post) == []
    move_to(stopped_clock, "2026-11-23T12:00")
    await lessons_all(outbox)
    assert titles(post) == ["a"]


async def test_whoever_wants_no_letters_finds_the_lesson_on_their_page_and_goes_on(
    outbox: Outbox, post: RecordingTransport, house: House, stopped_clock: StoppedClock
) -> None:
    await choose(house, house.lea, Preferences(letters=Letters(programmes=False)))
    await published(house, weekly("a", "b"))
    await enrol(house, house.lea)
    await lessons_all(outbox)
    assert (titles(post), await house.letters()) == ([], [])
    await choose(house, house.lea, Preferences())
    stopped_clock.advance(7 * DAY)
    await lessons_all(outbox)
    assert titles(post) == ["b"]
    assert await outcomes(house, house.lea) == {"a": "page", "b": "letter"}


# The server was away


async def test_after_an_outage_only_the_latest_lesson_goes_out(
    outbox: Outbox, post: RecordingTransport, house: House, stopped_clock: StoppedClock
) -> None:
    await published(house, weekly("a", "b", "c", "d"))
    await enrol(house, house.lea)
    await lessons_all(outbox)
    stopped_clock.advance(16 * DAY)
    await lessons_all(outbox)
    assert titles(post) == ["a", "c"]
    assert await outcomes(house, house.lea) == {"a": "letter", "b": "missed", "c": "letter"}
    move_to(stopped_clock, "2026-12-14T09:00")
    await lessons_all(outbox)
    assert titles(post) == ["a", "c", "d"]


async def test_a_relay_that_is_down_for_a_week_leaves_no_flood(
    outbox: Outbox, post: RecordingTransport, house: House, stopped_clock: StoppedClock
) -> None:
    await published(house, weekly("a", "b"))
    await enrol(house, house.lea)
    post.outcomes = [Later("down", for_all=True)] * 2000
    for _ in range(7 * 24):
        await lessons_all(outbox)
        stopped_clock.advance(HOUR)
    post.outcomes, post.seen = [], []
    await lessons_all(outbox)
    stopped_clock.advance(HOUR)
    await lessons_all(outbox)
    assert titles(post) == ["b"], "the first one came too late to be sent, and is on the page"
    assert await outcomes(house, house.lea) == {"a": "letter", "b": "letter"}


async def test_a_clock_that_is_set_back_a_day_sends_nothing_again(
    outbox: Outbox, post: RecordingTransport, house: House, stopped_clock: StoppedClock
) -> None:
    await published(house, plan(*(lesson(day + 1, f"d{day}", day) for day in range(3))))
    await enrol(house, house.lea)
    for step in (0, DAY, -DAY, HOUR, DAY - HOUR, 0, DAY):
        stopped_clock.advance(step)
        await lessons_all(outbox)
    assert titles(post) == ["d0", "d1", "d2"]


async def restored(house: House, folder: str) -> StorageSettings:
    settings = house.store.settings
    await backup.copy(house.store, settings.data.parent / folder)
    return StorageSettings(settings.data.parent / folder, settings.keys)


async def test_a_restored_backup_sends_nothing_that_was_due_before(
    outbox: Outbox, post: RecordingTransport, house: House, stopped_clock: StoppedClock
) -> None:
    """Neither what was sent since the backup, nor a letter that waited in it."""
    await published(house, weekly("a", "b", "c"))
    await enrol(house, house.lea)
    while await send_lessons(outbox.store, outbox.settings):
        pass
    settings = await restored(house, "backup")
    stopped_clock.advance(8 * DAY)
    await lessons_all(outbox)
    assert titles(post) == ["b"]
    post.seen.clear()
    async with open_store(settings, stopped_clock) as store:
        again = Outbox(store, post, outbox.settings, chance=lambda: 0.0)
        await lessons_all(again)
        assert titles(post) == []
        stopped_clock.advance(6 * DAY)
        await lessons_all(again)
        assert titles(post) == ["c"]


async def test_who_enrols_after_a_restore_gets_the_first_lesson(
    outbox: Outbox, post: RecordingTransport, house: House, stopped_clock: StoppedClock
) -> None:
    await published(house, weekly("a"))
    settings = await restored(house, "backup")
    async with open_store(settings, stopped_clock) as store:
        stopped_clock.advance(1)
        again = House(store, house.commits, house.officer)
        again.lea = house.lea
        await enrol(again, house.lea)
        await lessons_all(Outbox(store, post, outbox.settings))
    assert titles(post) == ["a"]


async def test_a_server_that_only_stopped_was_not_restored(
    outbox: Outbox, post: RecordingTransport, house: House, stopped_clock: StoppedClock
) -> None:
    assert await house.store.database.read(lambda reader: reader.row("select 1 from house where name = 'restored'")) is None


async def test_a_repeated_letter_of_a_lesson_has_the_same_message_id(
    outbox: Outbox, post: RecordingTransport, house: House
) -> None:
    await published(house, weekly("a"))
    await enrol(house, house.lea)
    await lessons_all(outbox)
    for table in ("lessons_received", "letters"):  # as in a database of before
        await house.store.database.write(lambda tx, it=table: tx.run(f"delete from {it}"))  # type: ignore[misc]
    before = await enrolment(house, house.lea)
    began = Enrolment(before.account, NAME, 1, before.enrolled_at, before.point._replace(last=None), 1)
    await house.store.database.write(lambda tx: enrolments.move(tx, house.store.guard, began, 0))
    await lessons_all(outbox)
    one, other = (str(message["Message-ID"]) for _, message in post.seen)
    assert one == other


# Somebody changes


async def test_nothing_comes_after_a_stop_not_even_what_waited(
    outbox: Outbox, post: RecordingTransport, house: House, stopped_clock: StoppedClock
) -> None:
    await published(house, weekly("a", "b"))
    await enrol(house, house.lea)
    while await send_lessons(outbox.store, outbox.settings):
        pass
    await move(house, State.STOPPED)
    await lessons_all(outbox)
    stopped_clock.advance(30 * DAY)
    await lessons_all(outbox)
    assert titles(post) == []
    (letter,) = await house.letters()
    assert (letter["state"], letter["reason"]) == ("dropped", "no longer followed")


async def test_a_new_round_begins_from_the_beginning(
    outbox: Outbox, post: RecordingTransport, house: House, stopped_clock: StoppedClock
) -> None:
    await published(house, weekly("a", "b"))
    for _ in range(2):
        await enrol(house, house.lea)
        await lessons_all(outbox)
        await move(house, State.STOPPED)
    assert titles(post) == ["a", "a"]
    assert len({str(message["Message-ID"]) for _, message in post.seen}) == 2


async def test_somebody_who_left_gets_nothing_and_is_stopped(
    outbox: Outbox, post: RecordingTransport, house: House, stopped_clock: StoppedClock
) -> None:
    await published(house, weekly("a", "b"))
    await enrol(house, house.lea)
    await lessons_all(outbox)
    await house.disable(house.lea)
    stopped_clock.advance(8 * DAY)
    await lessons_all(outbox)
    assert titles(post) == ["a"]
    assert (await enrolment(house, house.lea)).state is State.STOPPED


@pytest.mark.parametrize(
    ("zone", "at"),
    [("Asia/Tokyo", "2026-11-30T09:00"), ("America/New_York", "2026-11-30T09:00"), ("Pacific/Apia", "2026-11-30T09:00")],
)
async def test_whoever_moves_gets_the_next_lesson_at_nine_there_and_once(
    outbox: Outbox, post: RecordingTransport, house: House, stopped_clock: StoppedClock, zone: str, at: str
) -> None:
    await published(house, weekly("a", "b"))
    await enrol(house, house.lea)
    await lessons_all(outbox)
    await house.store.database.write(lambda tx: accounts.settle(tx, house.lea.id, "fr", zone))
    await lessons_all(outbox)
    move_to(stopped_clock, at, zone)
    stopped_clock.advance(-MINUTE)
    await lessons_all(outbox)
    assert titles(post) == ["a"]
    stopped_clock.advance(MINUTE)
    await lessons_all(outbox)
    assert titles(post) == ["a", "b"]
    move_to(stopped_clock, "2026-11-30T23:00")
    await lessons_all(outbox)
    assert titles(post) == ["a", "b"]


async def test_whoever_flies_round_the_world_on_the_day_of_a_lesson_gets_it_once(
    outbox: Outbox, post: RecordingTransport, house: House, stopped_clock: StoppedClock
) -> None:
    await published(house, weekly("a", "b"))
    await enrol(house, house.lea)
    await lessons_all(outbox)
    move_to(stopped_clock, "2026-11-30T08:00")
    for zone in ("Asia/Tokyo", "America/Los_Angeles", "Pacific/Apia", "Europe/Paris"):
        await house.store.database.write(lambda tx, zone=zone: accounts.settle(tx, house.lea.id, "fr", zone))  # type: ignore[misc]
        for _ in range(4):
            await lessons_all(outbox)
            stopped_clock.advance(3 * HOUR)
    assert titles(post) == ["a", "b"]


async def test_the_language_is_that_of_the_moment_of_sending(outbox: Outbox, post: RecordingTransport, house: House) -> None:
    await published(house, weekly("a"))
    await enrol(house, house.lea)
    while await send_lessons(outbox.store, outbox.settings):
        pass
    await house.store.database.write(lambda tx: accounts.settle(tx, house.lea.id, "en", "Europe/Paris"))
    await send_all(outbox)
    ((_, message),) = post.seen
    assert "Hello a" in message.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert message["Content-Language"] == "en"


async def test_whoever_becomes_a_manager_half_way_gets_the_rest_for_managers(
    outbox: Outbox, post: RecordingTransport, house: House, stopped_clock: StoppedClock
) -> None:
    await published(
        house,
        plan(
            lesson(1, "a", 0, audience="others"),
            lesson(1, "a-managers", 0, audience="managers"),
            lesson(2, "b", 7, audience="others"),
            lesson(2, "b-managers", 7, audience="managers"),
        ),
    )
    await enrol(house, house.lea)
    await lessons_all(outbox)
    await choose(house, house.lea, Preferences(manages=True))
    await lessons_all(outbox)
    stopped_clock.advance(7 * DAY)
    await lessons_all(outbox)
    assert titles(post) == ["a", "b-managers"]
    plain = post.seen[-1][1].get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "Étape 2 sur 2" in plain


# The programme changes


async def test_a_new_version_neither_shifts_nor_repeats_anything(
    outbox: Outbox, post: RecordingTransport, house: House, stopped_clock: StoppedClock
) -> None:
    await published(house, weekly("a", "b", "c"))
    for one in (house.lea, house.karim):
        await enrol(house, one)
        await lessons_all(outbox)
        stopped_clock.advance(7 * DAY)
    await lessons_all(outbox)
    assert sorted(titles(post)) == ["a", "a", "b", "b", "c"]
    post.seen.clear()
    await published(house, plan(lesson(1, "a", 0), lesson(2, "x", 3), lesson(3, "bb", 7), lesson(4, "c", 14), lesson(5, "d", 21)))
    for _ in range(30):
        await lessons_all(outbox)
        stopped_clock.advance(DAY)
    got = {
        name: [title for (to, _), title in zip(post.seen, titles(post), strict=True) if to.startswith(name)]
        for name in ("lea", "karim")
    }
    assert got == {"lea": [], "karim": ["c", "d"]}, "Léa had finished with `c`; `bb` takes the place of `b`"


async def test_a_lesson_that_the_new_version_lacks_is_not_sent_even_if_it_waited(
    outbox: Outbox, post: RecordingTransport, house: House
) -> None:
    await published(house, weekly("a", "b"))
    await enrol(house, house.lea)
    while await send_lessons(outbox.store, outbox.settings):
        pass
    await published(house, weekly("z", "b"))
    await lessons_all(outbox)
    assert titles(post) == []
    assert (await house.letters())[0]["reason"] == "no longer in the programme"


@pytest.mark.parametrize("is_rest", [True, False])
async def test_while_a_programme_rests_or_has_ended_nothing_is_sent_and_then_the_latest(
    outbox: Outbox, post: RecordingTransport, house: House, stopped_clock: StoppedClock, is_rest: bool
) -> None:
    guard = house.store.guard
    await published(house, weekly("a", "b", "c", "d"))
    await enrol(house, house.lea)
    await lessons_all(outbox)
    if is_rest:
        await stand(house, lambda tx, one: programmes.rest(tx, guard, one, 5))
    else:
        await stand(house, lambda tx, one: programmes.publish(tx, guard, one, 0))
    stopped_clock.advance(16 * DAY)
    await lessons_all(outbox)
    assert titles(post) == ["a"]
    assert not await send_lessons(outbox.store, outbox.settings), "nobody is looked at again and again"
    if is_rest:
        await stand(house, lambda tx, one: programmes.rest(tx, guard, one, 0))
    else:
        await stand(house, lambda tx, one: programmes.publish(tx, guard, one, 1))
    await lessons_all(outbox)
    assert titles(post) == ["a", "c"]


# What is sent


@pytest.mark.parametrize(("domain", "subject"), [("gmail.com", "a"), ("mairie.example", "Votre étape de la semaine est arrivée")])
async def test_the_title_is_in_the_subject_only_at_a_private_mailbox(
    outbox: Outbox, post: RecordingTransport, house: House, domain: str, subject: str
) -> None:
    guard, lea = house.store.guard, house.lea
    email = f"lea@{domain}"
    values = {
        "email": guard.guard(email.encode(), "accounts", "email", lea.id),
        "it": guard.address_index(email),
        "id": lea.id.bytes,
    }
    sql = "update accounts set email = :email, address_index = :it where id = :id"
    await house.store.database.write(lambda tx: tx.run(sql, **values))
    await published(house, weekly("a"))
    await enrol(house, lea)
    await lessons_all(outbox)
    assert str(post.seen[0][1]["Subject"]) == subject


async def test_a_lesson_goes_through_smtp_and_a_maildir_as_any_letter(outbox: Outbox, house: House) -> None:
    await published(house, weekly("a"))
    async with running() as relay:
        outbox.post = SmtpTransport(Relay("127.0.0.1", relay.port), outbox.settings.mail_from.addr_spec)
        await enrol(house, house.lea)
        await lessons_all(outbox)
        await outbox.post.close()
        ((recipient, message),) = relay.taken
    assert recipient == house.lea.email
    assert "Bonjour a" in message.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    lines = message.get_body(("plain",)).get_content().splitlines()  # type: ignore[union-attr]
    assert "https://ailo.example/programmes" in lines
    outbox.post = MaildirTransport(outbox.settings.maildir)
    await enrol(house, house.karim)
    await lessons_all(outbox)
    assert len(letters_in(outbox.settings.maildir)) == 1


@pytest.mark.parametrize(
    "forgery",
    [
        "update lessons set body = zeroblob(90)",
        "update lessons set body = (select l.body from lessons l where l.key = 'b')",
        "update programme_versions set body = zeroblob(90)",
        "update programmes set published = 0",
        "update preferences set body = zeroblob(90)",
        "update accounts set status = 'disabled'",
        "update accounts set email = (select a.email from accounts a where a.id <> accounts.id limit 1)",
        "update enrolments set reached = 'b'",
    ],
)
async def test_what_was_forged_sends_nothing_and_holds_up_nobody(
    outbox: Outbox, post: RecordingTransport, house: House, stopped_clock: StoppedClock, forgery: str
) -> None:
    await choose(house, house.lea, Preferences(enter_sends=True))
    await published(house, weekly("a", "b"))
    await published(house, weekly("k"), "marcher")
    await enrol(house, house.lea)
    if forgery.startswith("update lessons") or "email" in forgery:
        while await send_lessons(outbox.store, outbox.settings):
            pass
    whose = {"lessons": "key = 'a'", "programme_versions": "programme = 'souffler'", "programmes": "name = 'souffler'"}
    where = whose.get(forgery.split()[1], "account = :lea" if "accounts" not in forgery else "id = :lea")
    await house.spoil(f"{forgery} where {where}", **({"lea": house.lea.id.bytes} if ":lea" in where else {}))

    made = Enrolment(house.karim.id, "marcher", 1, stopped_clock(), Point(date(2026, 11, 23)), 1)
    await house.store.database.write(lambda tx: enrolments.keep(tx, house.store.guard, made, 0))
    await lessons_all(outbox)
    assert post.recipients == [house.karim.email]


# A crash at every statement


class Crash(Exception):
    """The process is killed here."""


class Crashing:
    """A transaction that ends at its nth write, as in a crash."""

    def __init__(self, tx: Transaction, writes: int) -> None:
        self._tx, self._left = tx, writes

    def __getattr__(self, name: str) -> object:
        if name in {"run", "run_many", "run_rows"}:
            self._left -= 1
            if self._left < 0:
                raise Crash
        return getattr(self._tx, name)


class CrashingDatabase:
    """A database whose next transaction ends at its nth write."""

    def __init__(self, database: object, writes: int) -> None:
        self._database, self._writes = database, writes

    async def write(self, work: Callable[[Transaction], object]) -> object:
        return await self._database.write(lambda tx: work(Crashing(tx, self._writes)))  # type: ignore[attr-defined, arg-type]

    def __getattr__(self, name: str) -> object:
        return getattr(self._database, name)


async def crashes_at(store: Store, writes: int, step: Callable[[], object]) -> bool:
    """Run a step that crashes at its nth write; return whether it did."""
    whole = store.database
    store.database = CrashingDatabase(whole, writes)  # type: ignore[assignment]
    try:
        await step()  # type: ignore[misc]
    except Crash:
        return True
    finally:
        store.database = whole
    return False


async def test_a_crash_at_any_write_loses_and_doubles_no_lesson(
    outbox: Outbox, post: RecordingTransport, house: House, stopped_clock: StoppedClock
) -> None:
    await published(house, weekly("a", "b", "c"))
    for one in (house.lea, house.karim):
        await enrol(house, one)
    for week in range(3):
        writes = 0
        while await crashes_at(house.store, writes, lambda: send_lessons(house.store, outbox.settings)):
            assert len(await house.letters()) == len(await house.select("select 1 from lessons_received")) == 2 * week
            writes += 1
        assert writes == 6, "a note, a letter and a move for each of two people"
        await send_all(outbox)
        stopped_clock.advance(7 * DAY)
    assert sorted(zip(post.recipients, titles(post), strict=True)) == [
        (email, title) for email in ("karim@ailo.test", "lea@ailo.test") for title in ("a", "b", "c")
    ]
    assert Outcome.MISSED.value not in (await outcomes(house, house.lea)).values()
