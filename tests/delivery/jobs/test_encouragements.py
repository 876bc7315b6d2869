"""Reminders that go by themselves, and a quarter in the life of four members: never two a day, nothing after an answer."""

from collections import Counter
from uuid import UUID

import pytest

from delivery.jobs.encouragements import encourage_some
from delivery.outbox.outbox import Outbox
from delivery.settings import DeliverySettings
from storage.accounts import preferences
from storage.accounts.accounts import Role
from storage.accounts.preferences import Letters, Preferences
from storage.conversations import threads
from storage.encouragements import encouragements, switches
from storage.encouragements.days import day_of, zone_named
from storage.encouragements.encouragements import Reminder, State
from storage.ids import MessageId, ThreadId
from storage.maintenance import backup
from storage.settings import StorageSettings
from storage.store import Store, open_store
from tests.delivery.rounds import send_all
from tests.delivery.transports.recording import RecordingTransport
from tests.people import DAY, HOUR, House, Person, StoppedClock, address, person


@pytest.fixture
async def thread(house: House) -> ThreadId:
    """A thread of Léa's with Sam, a companion, in which she has written and was answered; the letter about that is no matter."""
    thread = await house.open_thread(house.lea, house.sam)
    await house.post(house.lea, thread)
    await house.mark(house.lea, thread, (await house.post(house.sam, thread)).seq)
    return thread


async def encourage_all(store: Store, settings: DeliverySettings) -> None:
    while await encourage_some(store, settings):
        pass


async def mornings(outbox: Outbox, clock: StoppedClock, days: int) -> None:
    """Let so many days pass; each morning, what is due is done."""
    for _ in range(days):
        clock.advance(DAY)
        await encourage_all(outbox.store, outbox.settings)
        await send_all(outbox)


async def prefer(house: House, one: Person, letters: Letters) -> None:
    store = house.store
    await store.database.write(lambda tx: preferences.keep(tx, store.guard, one.id, Preferences(letters=letters)))


async def end_of_suggestions(house: House) -> None:
    """Whatever is suggested is dismissed: it does not matter here."""
    store = house.store
    for one in await store.database.read(lambda reader: encouragements.suggested(reader, house.sam.id, store.clock())):
        await end(house, one.id, State.DISMISSED)


async def end(house: House, id_: UUID, state: State) -> None:
    store, now = house.store, house.store.clock()
    assert await store.database.write(lambda tx: encouragements.end(tx, id_, state, now, house.sam.id))


async def test_after_a_week_of_silence_a_letter_goes_and_says_what_it_is(
    house: House, thread: ThreadId, outbox: Outbox, post: RecordingTransport, stopped_clock: StoppedClock
) -> None:
    await mornings(outbox, stopped_clock, 6)
    await end_of_suggestions(house)
    assert post.seen == []
    await mornings(outbox, stopped_clock, 2)
    ((_, message),) = post.seen
    assert message["Subject"] == "Un rappel, sans urgence"
    body = message.get_body(("plain",))
    assert body
    text = str(body.get_content())
    for words in ("Bonjour Léa,", "Un échange est resté ouvert sur Ailo.", "Ce rappel est parti tout seul", "Mon compte"):
        assert words in text
    went = await house.store.database.read(lambda reader: encouragements.reminded(reader, house.sam.id, stopped_clock.now))
    assert [(one.thread, one.rule.name) for one in went] == [(thread, "silence")]


async def test_it_does_not_go_once_she_has_written(
    house: House, thread: ThreadId, outbox: Outbox, post: RecordingTransport, stopped_clock: StoppedClock
) -> None:
    await a_letter_waits(house, outbox, stopped_clock)
    await house.post(house.lea, thread)
    await send_all(outbox)
    assert post.seen == []
    assert (await house.letters())[-1]["reason"] == "answered meanwhile"


async def a_letter_waits(house: House, outbox: Outbox, clock: StoppedClock) -> None:
    """A reminder is due, and its letter in the outbox."""
    await mornings(outbox, clock, 6)
    await end_of_suggestions(house)
    clock.advance(2 * DAY)
    await encourage_all(outbox.store, outbox.settings)
    assert [row["kind"] for row in await house.letters()] == ["reminder"]


async def test_it_does_not_go_once_its_rule_is_off(
    house: House, thread: ThreadId, outbox: Outbox, post: RecordingTransport, stopped_clock: StoppedClock
) -> None:
    await a_letter_waits(house, outbox, stopped_clock)
    await house.store.database.write(lambda tx: switches.switch(tx, "silence", stopped_clock.now, on=False))
    await send_all(outbox)
    assert (await house.letters())[-1]["reason"] == "switched off"
    assert post.seen == []


async def test_it_does_not_go_once_she_wants_none(
    house: House, thread: ThreadId, outbox: Outbox, post: RecordingTransport, stopped_clock: StoppedClock
) -> None:
    await a_letter_waits(house, outbox, stopped_clock)
    await prefer(house, house.lea, Letters(encouragements=False))
    await send_all(outbox)
    assert post.seen == []


async def test_it_does_not_go_once_the_conversation_is_closed(
    house: House, thread: ThreadId, outbox: Outbox, post: RecordingTransport, stopped_clock: StoppedClock
) -> None:
    await a_letter_waits(house, outbox, stopped_clock)
    store, now = house.store, stopped_clock.now
    await store.database.write(lambda tx: threads.close(tx, store.guard, thread, now))
    await send_all(outbox)
    assert (await house.letters())[-1]["reason"] == "the conversation is closed"
    assert post.seen == []


async def test_nothing_else_is_due_while_its_letter_waits(
    house: House, thread: ThreadId, outbox: Outbox, stopped_clock: StoppedClock
) -> None:
    """The relay is down for weeks: a letter that comes late must not meet another word on the same day."""
    await a_letter_waits(house, outbox, stopped_clock)
    for _ in range(30):
        stopped_clock.advance(DAY)
        await encourage_all(outbox.store, outbox.settings)
    assert [row["rule"] for row in await house.select("select rule from encouragements where state = 'waiting'")] == ["silence"]


async def test_after_two_there_is_none_until_she_writes(
    house: House, thread: ThreadId, outbox: Outbox, post: RecordingTransport, stopped_clock: StoppedClock
) -> None:
    other = await house.open_thread(house.lea, house.sam, house.claire)
    third = await house.open_thread(house.lea, house.sam, house.thomas)
    for one in (other, third):
        await house.mark(house.lea, one, (await house.post(house.sam, one)).seq)
    for _ in range(10):
        await mornings(outbox, stopped_clock, 6)
        await end_of_suggestions(house)
    assert len(post.seen) == 2
    await house.post(house.lea, thread)
    await house.mark(house.lea, thread, (await house.post(house.sam, thread)).seq)
    for _ in range(3):
        await mornings(outbox, stopped_clock, 6)
        await end_of_suggestions(house)
    assert len(post.seen) == 3


async def test_a_quarter_for_four_members(
    house: House, outbox: Outbox, post: RecordingTransport, stopped_clock: StoppedClock
) -> None:
    """Léa writes each week, Karim once and never again, Nadia never, Paul wants none. Sam sends what is suggested at once."""
    nadia, paul = await house_mates(house)
    threads = {one: await house.open_thread(one, house.sam) for one in (house.lea, house.karim, nadia, paul)}
    for thread in threads.values():
        await house.post(house.sam, thread)
    await prefer(house, paul, Letters(encouragements=False))
    got: dict[Person, list[tuple[str, int]]] = {one: [] for one in threads}
    words: dict[Person, list[int]] = {one: [] for one in threads}
    for day in range(92):
        for one in (house.lea,) * (day % 7 == 2) + (house.karim, paul) * (day == 1):
            words[one].append(stopped_clock.now)
            await house.post(one, threads[one])
            stopped_clock.advance(HOUR)
            await house.post(house.sam, threads[one])
            stopped_clock.advance(-HOUR)
        for one, thread in threads.items():
            await house.mark(one, thread, (await house.thread(thread)).last_seq)
        await mornings(outbox, stopped_clock, 1)
        await take_all(house, got, threads, stopped_clock.now)
    zone = zone_named("Europe/Paris")
    for one, given in got.items():
        assert max(Counter(day_of(at, zone) for _, at in given).values(), default=0) <= 1
        assert all(not [word for word in words[one] if at - DAY < word < at] for _, at in given)
    assert [name for name, _ in got[house.karim]] == ["first-answer", "silence", "month-together"]
    assert [name for name, _ in got[nadia]] == ["service-unused"]
    assert got[paul] == []
    assert "silence" not in {name for name, _ in got[house.lea]}
    assert "first-answer" in {name for name, _ in got[house.lea]}
    assert Counter(post.recipients) == {address("karim"): 1, address("nadia"): 1}


async def house_mates(house: House) -> tuple[Person, Person]:
    """Two more members."""
    found = person(Role.MEMBER, "Nadia", "", address("nadia")), person(Role.MEMBER, "Paul", "", address("paul"))
    await house.add(*found)
    return found


async def take_all(house: House, got: dict[Person, list[tuple[str, int]]], threads: dict[Person, ThreadId], now: int) -> None:
    """Send what is suggested to Sam, and note what has reached each member today."""
    by_thread = {thread: one for one, thread in threads.items()}
    store = house.store
    for one in await store.database.read(lambda reader: encouragements.suggested(reader, house.sam.id, store.clock())):
        got[by_thread[one.thread]].append((one.rule.name, now))
        await end(house, one.id, State.SENT)
        await house.post(house.sam, one.thread, id_=MessageId(one.id))
    went: list[Reminder] = await store.database.read(lambda reader: encouragements.reminded(reader, house.sam.id, now))
    for reminder in went:
        if reminder.at == now:
            got[by_thread[reminder.thread]].append((reminder.rule.name, now))


async def test_a_reminder_that_may_have_gone_before_a_restore_does_not_go_again(
    house: House, thread: ThreadId, outbox: Outbox, post: RecordingTransport, stopped_clock: StoppedClock
) -> None:
    await mornings(outbox, stopped_clock, 6)
    await end_of_suggestions(house)
    settings = house.store.settings
    await backup.copy(house.store, settings.data.parent / "backup")
    await mornings(outbox, stopped_clock, 2)
    assert len(post.seen) == 1
    stopped_clock.advance(HOUR)
    async with open_store(StorageSettings(settings.data.parent / "backup", settings.keys), stopped_clock) as store:
        await encourage_all(store, outbox.settings)
        await send_all(Outbox(store, post, outbox.settings, chance=lambda: 0.0))
    assert len(post.seen) == 1
