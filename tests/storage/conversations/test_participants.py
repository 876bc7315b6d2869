"""Opening, bringing in, handing over, leaving: each begins an epoch, and all participants read exactly what they may."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.conversations import participants, rosters
from storage.conversations.participants import Change
from storage.crypto.epochs import THE_OFFICER, THE_SERVICE, Roster
from storage.crypto.keyholes import AccountKey
from storage.crypto.sealing import unseal
from storage.engine.database import Reader
from storage.ids import AccountId, ThreadId
from storage.maintenance import check
from tests.people import House, Person, StoppedClock, open_house


@pytest.fixture
async def thread(house: House) -> ThreadId:
    thread = await house.open_thread(house.lea, house.claire)
    await house.post(house.lea, thread, "un")
    return thread


async def bring_in(house: House, by: Person, thread: ThreadId, newcomer: Person, *, whole: bool) -> Change | None:
    account, store = await house.account(newcomer), house.store
    return await store.database.write(
        lambda tx: participants.bring_in(tx, store.guard, by.key, thread, account, store.clock(), whole=whole)
    )


async def hand_over(house: House, by: Person, thread: ThreadId, successor: Person, *, whole: bool) -> Change | None:
    account, store = await house.account(successor), house.store
    return await store.database.write(
        lambda tx: participants.hand_over(tx, store.guard, by.key, thread, account, store.clock(), whole=whole)
    )


async def begin_own(house: House, by: Person, thread: ThreadId) -> Change | None:
    store = house.store
    return await store.database.write(lambda tx: participants.begin_own(tx, store.guard, by.key, thread, store.clock()))


async def leave(house: House, one: Person, thread: ThreadId) -> Change | None:
    store = house.store
    return await store.database.write(lambda tx: participants.leave(tx, store.guard, thread, one.id, store.clock()))


async def roster(house: House, thread: ThreadId, number: int) -> Roster:
    return await house.store.database.read(lambda reader: rosters.find(reader, house.store.guard, thread, number))


async def test_a_new_thread_is_for_these_people(house: House, thread: ThreadId) -> None:
    first = await roster(house, thread, 1)
    assert first.accounts() == (house.lea.id, house.claire.id)
    assert (first.giver, first.officer, first.previous) == (THE_SERVICE, house.officer.public_key, b"")
    assert {seat.brought_by for seat in first.seats} == {THE_SERVICE}


async def test_a_participant_begins_their_own_epoch_once(house: House, thread: ThreadId) -> None:
    change = await begin_own(house, house.lea, thread)
    assert change is not None
    assert (change.roster.number, change.roster.giver) == (2, house.lea.id)
    assert change.roster.seats == (await roster(house, thread, 1)).seats
    assert await begin_own(house, house.claire, thread) is None


async def test_a_newcomer_reads_from_now_on(house: House, thread: ThreadId) -> None:
    change = await bring_in(house, house.claire, thread, house.sam, whole=False)
    assert change is not None
    assert change.came == (house.sam.id,)
    await house.post(house.lea, thread, "deux")
    assert await house.texts(house.sam, thread) == [None, "deux"]
    assert await house.read_seq(thread, house.sam) == 1


async def test_a_newcomer_may_read_the_whole_history(house: House, thread: ThreadId) -> None:
    await bring_in(house, house.claire, thread, house.sam, whole=True)
    await house.post(house.lea, thread, "deux")
    assert await house.texts(house.sam, thread) == ["un", "deux"]


async def test_a_history_is_no_longer_than_the_givers(house: House, thread: ThreadId) -> None:
    await bring_in(house, house.claire, thread, house.sam, whole=False)
    await house.post(house.lea, thread, "deux")
    await bring_in(house, house.sam, thread, house.thomas, whole=True)
    assert await house.texts(house.thomas, thread) == [None, "deux"]


async def test_the_roster_says_who_brought_whom(house: House, thread: ThreadId) -> None:
    change = await bring_in(house, house.claire, thread, house.sam, whole=False)
    assert change is not None
    seat = change.roster.seat_of(house.sam.id)
    assert seat is not None
    assert (seat.brought_by, seat.first_epoch) == (house.claire.id, 2)
    assert change.roster.previous == (await roster(house, thread, 1)).hash()


async def test_an_outsider_brings_nobody_in(house: House, thread: ThreadId) -> None:
    assert await bring_in(house, house.karim, thread, house.sam, whole=True) is None
    assert await begin_own(house, house.karim, thread) is None
    assert await hand_over(house, house.karim, thread, house.sam, whole=True) is None
    assert (await house.thread(thread)).epoch == 1


async def test_a_former_participant_brings_nobody_in(house: House, thread: ThreadId) -> None:
    await leave(house, house.claire, thread)
    assert await bring_in(house, house.claire, thread, house.claire, whole=True) is None
    assert await hand_over(house, house.claire, thread, house.thomas, whole=True) is None


async def test_nobody_is_brought_in_twice(house: House, thread: ThreadId) -> None:
    assert await bring_in(house, house.claire, thread, house.lea, whole=True) is None
    assert await hand_over(house, house.claire, thread, house.lea, whole=True) is None


async def test_nobody_takes_part_in_no_thread(house: House) -> None:
    unknown = ThreadId(uuid4())
    assert await bring_in(house, house.claire, unknown, house.sam, whole=True) is None
    assert await leave(house, house.claire, unknown) is None


async def test_a_successor_takes_the_place(house: House, thread: ThreadId) -> None:
    change = await hand_over(house, house.claire, thread, house.thomas, whole=True)
    assert change is not None
    assert (change.came, change.left) == ((house.thomas.id,), (house.claire.id,))
    assert change.roster.accounts() == (house.lea.id, house.thomas.id)
    await house.post(house.lea, thread, "deux")
    assert await house.texts(house.thomas, thread) == ["un", "deux"]
    assert await house.texts(house.claire, thread) == [None, None]


async def test_who_has_left_keeps_no_grant_no_mark_no_announcement(house: House, thread: ThreadId) -> None:
    assert await house.select("select 1 from unread_owed where account = :id", id=house.claire.id.bytes)
    await leave(house, house.claire, thread)
    for table in ("grants", "participants", "unread_owed"):
        assert not await house.select(f"select 1 from {table} where account = :id", id=house.claire.id.bytes)


async def test_who_takes_no_part_cannot_leave(house: House, thread: ThreadId) -> None:
    assert await leave(house, house.karim, thread) is None
    assert await leave(house, house.claire, thread) is not None
    assert await leave(house, house.claire, thread) is None


async def test_nothing_changes_in_a_thread_that_was_altered(house: House, thread: ThreadId) -> None:
    await house.spoil("update threads set last_seq = 9 where id = :id", id=thread.bytes)
    assert await leave(house, house.claire, thread) is None


async def test_the_thread_of_these_people_is_found(house: House, thread: ThreadId) -> None:
    async def find(*people: Person) -> ThreadId | None:
        return await house.store.database.read(lambda reader: participants.thread_of(reader, [one.id for one in people]))

    assert await find(house.claire, house.lea) == thread
    assert await find(house.lea) is await find(house.lea, house.claire, house.sam) is await find(house.ada) is None


# Against a model: after any sequence of changes, all participants read exactly what they may, and the officer everything

STEPS = ("post", "post", "bring_in", "bring_whole", "hand_over", "hand_whole", "leave", "begin_own")
steps = st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 5), st.integers(0, 5)), max_size=10)


@given(steps)
@settings(max_examples=20, deadline=None)
def test_everybody_reads_exactly_what_they_may(sequence: list[tuple[str, int, int]]) -> None:
    asyncio.run(play(sequence))


async def play(sequence: list[tuple[str, int, int]]) -> None:
    with TemporaryDirectory() as folder:
        async with open_house(Path(folder), StoppedClock()) as house:
            thread = await house.open_thread(house.lea, house.claire)
            readable: dict[AccountId, set[str]] = {house.lea.id: set(), house.claire.id: set()}
            texts: list[str] = []
            for what, which, whom in sequence:
                await step(house, thread, readable, texts, what, house.people[which], house.people[whom])
            for one in house.people:
                expected = [text if text in readable.get(one.id, set()) else None for text in texts]
                assert await house.texts(one, thread) == expected
            assert await officers_texts(house, thread) == texts
            assert await check.check_all(house.store) == []


async def step(
    house: House, thread: ThreadId, readable: dict[AccountId, set[str]], texts: list[str], what: str, one: Person, other: Person
) -> None:
    """Do one thing, if ``one`` takes part, and update the model."""
    if one.id not in readable:
        return
    if what == "post":
        texts.append(str(len(texts)))
        await house.post(one, thread, texts[-1])
        for read in readable.values():
            read.add(texts[-1])
    elif what == "begin_own":
        await begin_own(house, one, thread)
    elif what == "leave":
        await leave(house, one, thread)
        readable.pop(one.id)
    else:
        await _bring(house, thread, readable, what, one, other)


async def _bring(
    house: House, thread: ThreadId, readable: dict[AccountId, set[str]], what: str, one: Person, other: Person
) -> None:
    whole, way = what.endswith("whole"), hand_over if what.startswith("hand") else bring_in
    change = await way(house, one, thread, other, whole=whole)
    assert (change is None) is (other.id in readable)
    if change:
        readable[other.id] = set(readable[one.id]) if whole else set()
        if way is hand_over:
            readable.pop(one.id)


async def officers_texts(house: House, thread: ThreadId) -> Sequence[str]:
    """What the recovery officer can read with the offline key alone."""
    key, rows = AccountKey(THE_OFFICER, 1, house.officer.private_key, house.officer.public_key), await house.rows(thread)

    async def read(reader: Reader) -> list[str]:
        found = []
        for row in rows:
            secret = await rosters.secret_of(reader, key, await rosters.find(reader, house.store.guard, thread, row.epoch))
            found.append(unseal(secret.message_key(), row.body, row))
        return found

    return await house.store.database.read(read)
