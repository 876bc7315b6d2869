"""What is found in the rows of members, kept once, withdrawn by an answer, and looked at again the next morning."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import closing
from typing import cast
from uuid import UUID

import pytest

from storage.accounts import preferences
from storage.accounts.accounts import Role
from storage.accounts.preferences import Letters, Preferences
from storage.conversations import threads
from storage.encouragements import encouragements, facts, looks, planning, switches
from storage.encouragements.choosing import Member
from storage.encouragements.elsewhere import Elsewhere
from storage.encouragements.encouragements import State
from storage.encouragements.planning import Planned
from storage.encouragements.rules import Event
from storage.engine.database import Reader
from storage.ids import AccountId, ThreadId
from tests.attacks.database.planting import Planter
from tests.people import DAY, HOUR, House, Person, StoppedClock, assert_sound, person


@pytest.fixture
async def house(house: House) -> AsyncIterator[House]:
    yield house
    await assert_sound(house)


@pytest.fixture
async def thread(house: House) -> ThreadId:
    """A thread of Léa's with Sam, a companion."""
    return await house.open_thread(house.lea, house.sam)


async def plan(house: House) -> list[Planned]:
    """Look at everybody who is due."""
    store, planned, now = house.store, [], house.store.clock()
    while (looked := await store.database.read(lambda reader: planning.look(reader, now))) is not None:
        planned += await store.database.write(lambda tx, it=looked: planning.keep(tx, store.guard, it, now))  # type: ignore[misc]
    return planned


async def names(house: House) -> list[str]:
    return [one.due.rule.name for one in await plan(house)]


async def member(house: House, one: Person) -> Member:
    return (await house.store.database.read(lambda reader: facts.of(reader, [one.id])))[one.id]


async def exchange(house: House, thread: ThreadId, clock: StoppedClock) -> None:
    """Léa writes, and is answered an hour later."""
    await house.post(house.lea, thread)
    clock.advance(HOUR)
    await house.post(house.sam, thread)


async def prefer(house: House, one: Person, letters: Letters) -> None:
    store = house.store
    await store.database.write(lambda tx: preferences.keep(tx, store.guard, one.id, Preferences(letters=letters)))


# Facts


async def test_the_facts_are_read_from_the_rows(house: House, thread: ThreadId, stopped_clock: StoppedClock) -> None:
    opened = stopped_clock.now
    await house.post(house.sam, thread)
    stopped_clock.advance(HOUR)
    await exchange(house, thread, stopped_clock)
    await house.post(house.sam, thread)
    found = await member(house, house.lea)
    (talk,) = found.talks
    assert (talk.thread, talk.opened_at) == (thread, opened)
    assert (talk.first_word, talk.first_answer) == (opened + HOUR, opened + 2 * HOUR)
    assert talk.unanswered == Event("3", opened + 2 * HOUR)
    assert (found.last_word, found.waits) == (opened + HOUR, False)


async def test_a_thread_without_a_companion_is_none_of_them_but_an_answer_there_counts(
    house: House, stopped_clock: StoppedClock
) -> None:
    hers = await house.open_thread(house.lea, house.claire)
    await house.post(house.lea, hers)
    found = await member(house, house.lea)
    assert (found.talks, found.last_word, found.waits) == ((), stopped_clock.now, True)


async def test_a_companion_who_left_or_is_disabled_makes_no_talk(house: House, thread: ThreadId) -> None:
    await house.leave(thread, house.sam)
    assert (await member(house, house.lea)).talks == ()
    his = await house.open_thread(house.karim, house.sam)
    assert [talk.thread for talk in (await member(house, house.karim)).talks] == [his]
    await house.disable(house.sam)
    assert (await member(house, house.karim)).talks == ()


async def test_a_closed_thread_is_no_talk(house: House, thread: ThreadId) -> None:
    store = house.store
    await store.database.write(lambda tx: threads.close(tx, store.guard, thread, store.clock()))
    assert (await member(house, house.lea)).talks == ()


async def test_other_parts_of_the_service_add_what_they_know(house: House, thread: ThreadId, stopped_clock: StoppedClock) -> None:
    async def programmes(_: Reader, accounts: Sequence[AccountId]) -> Mapping[AccountId, Elsewhere]:
        return dict.fromkeys(accounts, Elsewhere(finished=(Event("souffler/1", stopped_clock.now),)))

    found = await house.store.database.read(lambda reader: facts.of(reader, [house.lea.id], [programmes]))
    assert found[house.lea.id].finished == (Event("souffler/1", stopped_clock.now),)


# Planning


async def test_nobody_is_looked_at_twice_in_a_day(house: House, thread: ThreadId, stopped_clock: StoppedClock) -> None:
    assert await house.store.database.read(lambda reader: planning.look(reader, stopped_clock.now)) is None
    stopped_clock.advance(DAY)
    looked = await house.store.database.read(lambda reader: planning.look(reader, stopped_clock.now))
    assert looked is not None
    assert list(looked.next_looks) == [house.lea.id]
    await plan(house)
    assert await house.store.database.read(lambda reader: looks.is_due(reader, stopped_clock.now)) is False


async def test_nothing_is_due_at_night(house: House, thread: ThreadId, stopped_clock: StoppedClock) -> None:
    """As when the service was down in the morning: it waits for the next one, even if that is today's."""
    await exchange(house, thread, stopped_clock)
    stopped_clock.advance(2 * DAY + 14 * HOUR)  # 01:00 where Léa lives
    assert await names(house) == []
    stopped_clock.advance(7 * HOUR)
    assert await house.store.database.read(lambda reader: planning.look(reader, stopped_clock.now)) is None
    stopped_clock.advance(2 * HOUR)
    assert await names(house) == ["first-answer"]


async def test_what_is_due_to_many_is_kept_a_few_at_a_time(house: House, stopped_clock: StoppedClock) -> None:
    people = [person(Role.MEMBER, f"Nom{number}", "", f"{number}@ailo.test") for number in range(planning.MOST_DUE + 3)]
    await house.add(*people)
    for one in people:
        await house.open_thread(one, house.sam)
    stopped_clock.advance(11 * DAY)
    looked = await house.store.database.read(lambda reader: planning.look(reader, stopped_clock.now))
    assert looked is not None
    assert len(looked.due) == planning.MOST_DUE
    assert Counter(await names(house)) == {"service-unused": len(people)}


async def test_what_is_due_is_kept_once(house: House, thread: ThreadId, stopped_clock: StoppedClock) -> None:
    await exchange(house, thread, stopped_clock)
    got = []
    for _ in range(4):
        stopped_clock.advance(DAY)
        got.append(await names(house))
    assert got == [["first-answer"], [], [], []]


async def test_an_answer_withdraws_what_was_suggested(house: House, thread: ThreadId, stopped_clock: StoppedClock) -> None:
    await exchange(house, thread, stopped_clock)
    stopped_clock.advance(2 * DAY)
    (planned,) = await plan(house)
    await house.post(house.lea, thread)
    await house.post(house.sam, thread)
    assert await standing(house, planned.id) == "answered"
    stopped_clock.advance(DAY)
    assert await plan(house) == []
    assert await state(house, planned.id) is State.WITHDRAWN


async def standing(house: House, id_: UUID) -> str | None:
    store = house.store
    one = await store.database.read(lambda reader: encouragements.find(reader, id_))
    assert one is not None
    return await store.database.read(lambda reader: planning.standing(reader, store.guard, one, store.clock()))


async def state(house: House, id_: UUID) -> State:
    one = await house.store.database.read(lambda reader: encouragements.find(reader, id_))
    assert one is not None
    return one.state


async def test_nobody_is_encouraged_who_waits_for_an_answer_elsewhere(
    house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    await house.open_thread(house.lea, house.claire)
    await exchange(house, thread, stopped_clock)
    elsewhere = await house.open_thread(house.lea, house.thomas)
    await house.post(house.lea, elsewhere)
    stopped_clock.advance(2 * DAY)
    assert await names(house) == []


async def test_nobody_is_encouraged_who_turned_it_off(house: House, thread: ThreadId, stopped_clock: StoppedClock) -> None:
    await exchange(house, thread, stopped_clock)
    await prefer(house, house.lea, Letters(encouragements=False))
    stopped_clock.advance(2 * DAY)
    assert await names(house) == []


async def test_nobody_is_encouraged_whose_account_is_disabled(
    house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    await exchange(house, thread, stopped_clock)
    await house.disable(house.lea)
    stopped_clock.advance(2 * DAY)
    assert await names(house) == []


async def test_a_rule_that_is_off_suggests_nothing_and_hides_what_it_had(
    house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    await exchange(house, thread, stopped_clock)
    await switch(house, "first-answer", on=False)
    stopped_clock.advance(2 * DAY)
    assert await names(house) == []
    await switch(house, "first-answer", on=True)
    stopped_clock.advance(DAY)
    (planned,) = await plan(house)
    assert await standing(house, planned.id) is None
    await switch(house, "first-answer", on=False)
    assert await standing(house, planned.id) == "switched off"


async def switch(house: House, rule: str, *, on: bool) -> None:
    await house.store.database.write(lambda tx: switches.switch(tx, rule, house.store.clock(), on=on))


async def test_a_damaged_row_holds_up_nobody(house: House, thread: ThreadId, stopped_clock: StoppedClock) -> None:
    await exchange(house, thread, stopped_clock)
    stopped_clock.advance(2 * DAY)
    house.is_spoiled = True
    with closing(Planter(house.store.settings.database)) as planter:
        planter.run("insert into encouragement_looks values (x'00', 0), (:text, 0), (x'ff', 1)", text="sixteen letters.")
        planter.run(
            "insert into encouragements values (x'00', :account, :thread, 'x', 'y', 1, 'waiting', 1, null, null)",
            account=house.lea.id.bytes, thread=thread.bytes,
        )  # fmt: skip
    assert await names(house) == ["first-answer"]


async def test_many_are_looked_at_in_few_steps(house: House, stopped_clock: StoppedClock) -> None:
    people = [person(Role.MEMBER, f"Nom{number}", "", f"{number}@ailo.test") for number in range(12)]
    await house.add(*people)
    for one in people:
        await house.open_thread(one, house.sam)
    stopped_clock.advance(2 * DAY)
    looked = await house.store.database.read(lambda reader: planning.look(reader, stopped_clock.now))
    assert looked is not None
    assert len(looked.next_looks) == 12
    assert looked.due == ()


# What belongs to whom


async def test_what_belongs_to_a_member_is_exported_and_erased(
    house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    await exchange(house, thread, stopped_clock)
    stopped_clock.advance(2 * DAY)
    (planned,) = await plan(house)
    store = house.store
    export, erase = encouragements.FAMILY.export, [encouragements.FAMILY.erase, looks.FAMILY.erase]
    assert export
    exported = await store.database.read(lambda reader: export(reader, house.lea.id))
    assert [row["rule"] for row in cast("list[dict[str, object]]", exported)] == ["first-answer"]
    for hook in filter(None, erase):
        await store.database.write(lambda tx, it=hook: it(tx, house.lea.id))  # type: ignore[misc]
    assert await house.store.database.read(lambda reader: encouragements.find(reader, planned.id)) is None
    assert await house.select("select * from encouragement_looks where account = :id", id=house.lea.id.bytes) == []
