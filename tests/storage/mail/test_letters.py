"""The outbox's rows: who may claim a letter, and how it ends."""

import asyncio
import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from storage.engine.migrations import steps
from storage.errors import Damaged
from storage.mail import letters
from storage.mail.letters import Claimed, Letter, State
from tests.people import House, Person, StoppedClock

LEASE = 1000


async def write(house: House, *, due_in: int = 0, to: Person | None = None, kind: str = "reply", cause: str = "") -> UUID:
    """Write a letter, to Léa if nobody is named; return its id."""
    store, now, account = house.store, house.store.clock(), (to or house.lea).id
    facts, about = {"thread": "canary"}, cause or uuid4().hex
    letter = Letter(uuid4(), account, kind, about, facts, "one@ailo.example", now + due_in, now + 10_000)
    await store.database.write(lambda tx: letters.write(tx, store.guard, letter, now))
    return letter.id


async def claim(house: House) -> Claimed | None:
    store, now = house.store, house.store.clock()
    return await store.database.write(lambda tx: letters.claim(tx, now, now + LEASE))


async def claim_some(house: House, most: int = 10) -> list[Claimed]:
    store, now = house.store, house.store.clock()
    return await store.database.write(lambda tx: letters.claim_some(tx, now, now + LEASE, most))


async def end(house: House, letter: UUID, state: State = State.SENT) -> None:
    now = house.store.clock()
    assert await house.store.database.write(lambda tx: letters.finish(tx, letter, state, now))


async def claimed(house: House) -> Claimed:
    letter = await claim(house)
    assert letter is not None
    return letter


async def test_a_claimed_letter_is_what_was_written(house: House) -> None:
    id_ = await write(house)
    letter = await claimed(house)
    assert (letter.id, letter.account, letter.attempts) == (id_, house.lea.id, 1)
    assert letter.facts(house.store.guard) == {"thread": "canary"}


async def test_facts_are_guarded(house: House) -> None:
    await write(house)
    (row,) = await house.letters()
    assert b"canary" not in row["facts"]


async def test_facts_of_another_letter_do_not_open(house: House) -> None:
    await write(house)
    await write(house, to=house.karim)
    one, other = await house.letters()
    await house.spoil("update letters set facts = :facts where id = :id", facts=one["facts"], id=other["id"])
    found = [await claimed(house), await claimed(house)]
    moved = next(letter for letter in found if letter.id.bytes == other["id"])
    with pytest.raises(Damaged):
        moved.facts(house.store.guard)


async def test_two_workers_have_one_winner(house: House) -> None:
    await write(house)
    assert await claim(house) is not None
    assert await claim(house) is None


async def test_of_many_claimers_at_once_each_gets_other_letters(house: House) -> None:
    for one in house.people:
        await write(house, to=one)
    found = await asyncio.gather(*(claim(house) for _ in range(50)))
    won = [letter.id for letter in found if letter]
    assert len(won) == len(set(won)) == len(house.people)


async def test_one_letter_of_an_account_is_under_way_at_a_time(house: House, stopped_clock: StoppedClock) -> None:
    first = await write(house)
    stopped_clock.advance(1)
    second = await write(house)
    third = await write(house, to=house.karim)
    assert [letter.id for letter in await claim_some(house)] == [first, third]
    assert await claim_some(house) == []
    await end(house, first)
    assert [letter.id for letter in await claim_some(house)] == [second]


async def test_the_database_itself_refuses_a_second_lease_of_an_account(house: House) -> None:
    await write(house)
    await write(house)
    with pytest.raises(RuntimeError, match="UNIQUE"):
        await house.store.database.write(lambda tx: tx.run("update letters set leased_until = 1"))


async def test_a_letter_that_was_tried_before_is_claimed_by_itself(house: House, stopped_clock: StoppedClock) -> None:
    """If it is what brings the process down, the others do not count its tries."""
    tried = await write(house)
    await claimed(house)
    await house.store.database.write(letters.free_leases)
    stopped_clock.advance(1)
    others = [await write(house, to=one) for one in (house.karim, house.claire)]
    assert [letter.id for letter in await claim_some(house)] == [tried]
    assert {letter.id for letter in await claim_some(house)} == set(others)


async def test_a_cause_makes_one_letter_of_a_kind(house: House) -> None:
    first = await write(house, cause="souffler/respirer")
    await write(house, cause="souffler/respirer")
    assert [row["id"] for row in await house.letters()] == [first.bytes]
    await write(house, cause="souffler/respirer", to=house.karim)
    await write(house, cause="souffler/respirer", kind="lesson")
    await write(house, cause="souffler/marcher")
    assert len(await house.letters()) == 4


@pytest.mark.parametrize("state", [State.SENT, State.REFUSED, State.DROPPED])
async def test_a_cause_makes_no_second_letter_when_the_first_has_ended(house: House, state: State) -> None:
    first = await write(house, cause="one")
    await end(house, first, state)
    await write(house, cause="one")
    assert len(await house.letters()) == 1


async def test_whoever_writes_a_letter_hears_whether_it_is_new(house: House) -> None:
    letter, store = Letter(uuid4(), house.lea.id, "reply", "one", {}, "one@ailo.example", 0), house.store
    again = replace(letter, id=uuid4())
    assert await store.database.write(lambda tx: letters.write(tx, store.guard, letter, 0))
    assert not await store.database.write(lambda tx: letters.write(tx, store.guard, again, 0))


async def test_letters_of_one_cause_keep_their_order(house: House, stopped_clock: StoppedClock) -> None:
    """The second waits while the first is tried again; a letter about something else does not."""
    first = await write(house, cause="one")
    stopped_clock.advance(1)
    second = await write(house, cause="one", kind="lesson")
    stopped_clock.advance(1)
    other = await write(house, cause="two")
    letter = await claimed(house)
    await house.store.database.write(lambda tx: letters.put_back(tx, letter, stopped_clock() + 50, "smtp 451"))
    assert (await claimed(house)).id == other
    await end(house, other)
    assert await claim(house) is None
    stopped_clock.advance(50)
    assert (await claimed(house)).id == first
    await end(house, first)
    assert (await claimed(house)).id == second


async def test_letters_before_the_last_step_are_their_own_cause() -> None:
    """Two of them about the same thing, both of them leased, are kept."""
    *before, last = (step for step in steps() if step.name <= "2026-11-29T2320_letter_causes")
    with closing(sqlite3.connect(":memory:")) as plain:
        plain.executescript("\n".join(step.sql for step in before))
        for id_ in (b"\0" * 16, b"\1" * 16):
            plain.execute(
                "insert into letters (id, account, kind, facts, message_id, state, due_at, attempts, leased_until, written_at)"
                " values (?, x'00', 'reply', x'00', 'one@ailo.example', 'waiting', 0, 1, 9, 0)",
                (id_,),
            )
        plain.executescript(last.sql)
        found = plain.execute("select cause, leased_until, attempts from letters order by id").fetchall()
    assert found == [("00" * 16, None, 1), ("01" * 16, None, 1)]


@pytest.mark.parametrize("sql", [letters.CLAIMABLE, letters.DUE, letters.EXPIRED, letters.LEASE, letters.FINISH, letters.RELEASE])
async def test_a_claim_looks_at_no_more_than_it_takes(house: House, sql: str) -> None:
    """Neither a scan nor a sort: a queue of a million is claimed from as fast as one of a thousand."""
    sql = sql.replace(":values", "(:one, :two, :three)")
    values = dict.fromkeys(set(re.findall(r":(\w+)", sql)), 1)
    plan = [row["detail"] for row in await house.select(f"explain query plan {sql}", **values)]
    # The index of what is under way holds as many letters as the workers do; `l` are the first 4,096 of the queue.
    looked_at = [line for line in plan if line not in {"SCAN letters USING INDEX letters_under_way", "SCAN l"}]
    assert [line for line in looked_at if line.startswith(("SCAN", "USE TEMP", "SEARCH letters USING AUTOMATIC"))] == []
    # All that wait are searched only up to a time, in their order.
    assert [line for line in looked_at if "letters_to_claim" in line and "due_at<?" not in line] == []


async def test_a_lease_expires(house: House, stopped_clock: StoppedClock) -> None:
    await write(house)
    await claimed(house)
    stopped_clock.advance(LEASE)
    assert (await claimed(house)).attempts == 2


async def test_a_start_frees_all_leases(house: House) -> None:
    await write(house)
    await claimed(house)
    await house.store.database.write(letters.free_leases)
    assert (await claimed(house)).attempts == 2


async def test_who_waits_longest_comes_first(house: House, stopped_clock: StoppedClock) -> None:
    first = await write(house)
    stopped_clock.advance(1)
    second = await write(house, to=house.karim)
    assert [(await claimed(house)).id, (await claimed(house)).id] == [first, second]


async def test_what_is_not_due_is_left(house: House) -> None:
    await write(house, due_in=1)
    assert await claim(house) is None
    assert not await house.store.database.read(lambda reader: letters.is_due(reader, house.store.clock()))


@pytest.mark.parametrize("state", [State.SENT, State.REFUSED, State.DROPPED])
async def test_what_has_ended_is_not_claimed_again(house: House, stopped_clock: StoppedClock, state: State) -> None:
    id_ = await write(house)
    await claimed(house)
    await house.store.database.write(lambda tx: letters.finish(tx, id_, state, stopped_clock(), "why"))
    stopped_clock.advance(LEASE)
    assert await claim(house) is None
    assert await house.store.database.read(letters.count_by_state) == {state.value: 1}


async def test_how_it_ended_first_stands(house: House, stopped_clock: StoppedClock) -> None:
    id_ = await write(house)
    await claimed(house)
    await house.store.database.write(lambda tx: letters.finish(tx, id_, State.SENT, stopped_clock()))
    assert not await house.store.database.write(lambda tx: letters.finish(tx, id_, State.DROPPED, stopped_clock()))
    assert await house.store.database.read(letters.count_by_state) == {"sent": 1}


async def test_what_is_put_back_comes_up_when_due(house: House, stopped_clock: StoppedClock) -> None:
    await write(house)
    letter = await claimed(house)
    assert await house.store.database.write(lambda tx: letters.put_back(tx, letter, stopped_clock() + 50, "why"))
    assert await claim(house) is None
    stopped_clock.advance(50)
    assert (await claimed(house)).attempts == 2


async def test_what_is_given_back_was_not_tried(house: House) -> None:
    await write(house)
    letter = await claimed(house)
    await house.store.database.write(lambda tx: letters.give_back(tx, letter, "why"))
    again = await claimed(house)
    assert (again.attempts, again.due_at) == (1, letter.due_at)


async def test_who_has_lost_the_lease_puts_nothing_back(house: House, stopped_clock: StoppedClock) -> None:
    await write(house)
    late = await claimed(house)
    stopped_clock.advance(LEASE)
    await claimed(house)
    assert not await house.store.database.write(lambda tx: letters.put_back(tx, late, stopped_clock() + 50, "why"))
    assert await claim(house) is None


# What the owner of an address is shown


async def end_one(house: House, clock: StoppedClock, state: State, reason: str | None = None) -> int:
    """End a letter to Léa in this state; return the time."""
    clock.advance(1)
    letter = await write(house)
    now = clock()
    await house.store.database.write(lambda tx: letters.finish(tx, letter, state, now, reason))
    return now


async def refused_at(house: House, one: Person) -> int | None:
    return await house.store.database.read(lambda reader: letters.refused_at(reader, one.id))


@pytest.mark.parametrize("reason", ["smtp 550", "smtp 552", "address"])
async def test_a_refusal_for_good_is_told_until_a_letter_goes_out(house: House, stopped_clock: StoppedClock, reason: str) -> None:
    assert await refused_at(house, house.lea) is None
    await end_one(house, stopped_clock, State.SENT)
    at = await end_one(house, stopped_clock, State.REFUSED, reason)
    assert await refused_at(house, house.lea) == at
    await end_one(house, stopped_clock, State.DROPPED, "already read")
    await write(house)
    assert await refused_at(house, house.lea) == at
    await end_one(house, stopped_clock, State.SENT)
    assert await refused_at(house, house.lea) is None


@pytest.mark.parametrize("reason", ["damaged", "unknown kind"])
async def test_a_fault_of_ours_is_no_refusal(house: House, stopped_clock: StoppedClock, reason: str) -> None:
    await end_one(house, stopped_clock, State.REFUSED, reason)
    assert await refused_at(house, house.lea) is None


async def test_a_refusal_is_told_to_nobody_else(house: House, stopped_clock: StoppedClock) -> None:
    await end_one(house, stopped_clock, State.REFUSED, "smtp 550")
    assert await refused_at(house, house.karim) is None


async def test_a_letter_that_is_held_was_not_tried(house: House, stopped_clock: StoppedClock) -> None:
    await write(house)
    letter = await claimed(house)
    until = house.store.clock() + 500
    assert await house.store.database.write(lambda tx: letters.hold(tx, letter, until, "quiet hours"))
    assert await claim(house) is None
    stopped_clock.advance(500)
    assert (await claimed(house)).attempts == 1
