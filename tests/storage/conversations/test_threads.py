"""Thread rows: their state, their participants, and the two orders of an account's list."""

from uuid import uuid4

import pytest
from msgspec.structs import replace

from storage.conversations import rosters, threads
from storage.conversations.threads import Order, Thread
from storage.engine.database import Reader, Transaction
from storage.ids import AccountId, ThreadId
from tests.people import House, Person


def standing(last_at: int, waiting_since: int | None = None) -> Thread:
    return Thread(ThreadId(uuid4()), 1, 0, last_at, b"link", waiting_since, last_at)


async def keep(house: House, found: list[Thread], *people: Person) -> None:
    """Add threads as rows only, without an epoch."""

    async def work(tx: Transaction) -> None:
        for thread in found:
            await threads.add(tx, house.store.guard, thread)
            for one in people:
                await threads.join(tx, thread.id, one.id, thread.opened_at, 0)

    await house.store.database.write(work)


async def page(house: House, one: Person, order: Order, after: Thread | None = None) -> list[Thread]:
    guard = house.store.guard
    return await house.store.database.read(lambda reader: threads.list_of(reader, guard, one.id, order, after))


async def whole_list(house: House, one: Person, order: Order) -> list[Thread]:
    found: list[Thread] = []
    while following := await page(house, one, order, found[-1] if found else None):
        found += following
    return found


def newest_first(thread: Thread) -> tuple[int, bytes]:
    return -thread.last_at, thread.id.bytes


def longest_waiting_first(thread: Thread) -> tuple[bool, int, bytes]:
    waits = thread.waiting_since is not None
    return not waits, thread.waiting_since if thread.waiting_since is not None else -thread.last_at, thread.id.bytes


@pytest.fixture
async def many(house: House) -> list[Thread]:
    """More than two pages of threads, many with the same time, some with a time of 0."""
    made = [standing(number // 4, number % 7 if number % 3 else None) for number in range(2 * threads.PAGE + 17)]
    await keep(house, made, house.claire)
    await keep(house, [standing(5)], house.thomas)
    return made


async def test_the_newest_first_is_a_sorted_list(house: House, many: list[Thread]) -> None:
    assert await whole_list(house, house.claire, Order.NEWEST) == sorted(many, key=newest_first)


async def test_who_waits_longest_first_is_a_sorted_list(house: House, many: list[Thread]) -> None:
    assert await whole_list(house, house.claire, Order.WAITING) == sorted(many, key=longest_waiting_first)


@pytest.mark.parametrize("order", list(Order))
async def test_a_page_has_fifty_rows(house: House, many: list[Thread], order: Order) -> None:
    assert len(await page(house, house.claire, order)) == threads.PAGE == 50


async def test_who_takes_no_part_has_no_list(house: House, many: list[Thread]) -> None:
    assert await page(house, house.karim, Order.NEWEST) == []


async def test_a_thread_reads_back_as_kept(house: House) -> None:
    thread = standing(7, waiting_since=3)
    await keep(house, [thread])
    assert await house.thread(thread.id) == thread


async def test_a_thread_is_saved_where_it_stands(house: House) -> None:
    thread = standing(7)
    await keep(house, [thread])
    now = replace(thread, epoch=2, last_seq=4, last_at=9, last_link=b"other", waiting_since=8)
    await house.store.database.write(lambda tx: threads.save(tx, house.store.guard, now))
    assert await house.thread(thread.id) == now


async def test_an_unknown_thread_is_none(house: House) -> None:
    guard = house.store.guard
    assert await house.store.database.read(lambda reader: threads.find(reader, guard, ThreadId(uuid4()))) is None


@pytest.mark.parametrize(
    "change",
    [
        "epoch = 2",
        "last_seq = 0",
        "last_link = zeroblob(41)",
        "head = zeroblob(41)",
        "head = x''",
        "head = x'ff' || head",
        "head = 7",
        "last_seq = -1",
        "epoch = 1.5",
        "last_link = 'text'",
    ],
)
async def test_a_row_that_was_altered_is_not_sound(house: House, change: str) -> None:
    thread = await house.open_thread(house.lea, house.claire)
    await house.post(house.lea, thread)
    await house.spoil(f"update threads set {change} where id = :id", id=thread.bytes)
    assert not (await house.thread(thread)).is_sound


async def test_the_head_of_another_thread_is_not_sound(house: House) -> None:
    one, other = await house.open_thread(house.lea, house.claire), await house.open_thread(house.karim, house.claire)
    await house.spoil("update threads set head = (select head from threads where id = :other) where id = :one",
                      one=one.bytes, other=other.bytes)  # fmt: skip
    assert not (await house.thread(one)).is_sound


# Who takes part


async def test_correspondents_are_those_of_all_threads(house: House) -> None:
    await house.open_thread(house.lea, house.claire, house.sam)
    await house.open_thread(house.karim, house.claire)
    found = [await correspondents(house, one) for one in (house.claire, house.lea, house.ada)]
    assert found == [{house.lea.id, house.sam.id, house.karim.id}, {house.claire.id, house.sam.id}, set()]


async def correspondents(house: House, one: Person) -> set[AccountId]:
    found = await house.store.database.read(lambda reader: rosters.seated(reader, house.store.guard, one.id))
    return {account for roster in found for account in roster.accounts()} - {one.id}


async def test_ids_are_those_of_ones_own_threads(house: House) -> None:
    mine = await house.open_thread(house.lea, house.claire)
    other = await house.open_thread(house.karim, house.claire)

    async def read(reader: Reader) -> tuple[set[ThreadId], set[ThreadId]]:
        return set(await threads.ids_of(reader, house.lea.id)), set(await threads.all_ids(reader))

    assert await house.store.database.read(read) == ({mine}, {mine, other})


async def test_marks_are_in_the_order_of_joining(house: House) -> None:
    thread = standing(7)
    await keep(house, [thread])

    async def work(tx: Transaction) -> list[AccountId]:
        for at, one in ((3, house.sam), (1, house.claire), (2, house.lea)):
            await threads.join(tx, thread.id, one.id, at, 0)
        return [mark.account for mark in await threads.marks(tx, thread.id)]

    assert await house.store.database.write(work) == [house.claire.id, house.lea.id, house.sam.id]


async def test_a_mark_never_moves_back(house: House) -> None:
    thread = replace(standing(7), last_seq=4)
    await keep(house, [thread], house.lea)

    async def work(tx: Transaction) -> list[bool]:
        return [await threads.mark(tx, thread.id, house.lea.id, seq) for seq in (3, 3, 2, 4)]

    assert await house.store.database.write(work) == [True, False, False, True]
    assert await house.read_seq(thread.id, house.lea) == 4


async def test_who_has_left_has_no_mark(house: House) -> None:
    thread = standing(7)
    await keep(house, [thread], house.lea)
    await house.store.database.write(lambda tx: threads.part(tx, thread.id, house.lea.id))
    assert await house.read_seq(thread.id, house.lea) is None
    assert not await house.store.database.write(lambda tx: threads.mark(tx, thread.id, house.lea.id, 1))


async def close(house: House, thread: Thread, now: int) -> bool:
    guard = house.store.guard
    return await house.store.database.write(lambda tx: threads.close(tx, guard, thread.id, now))


async def reopen(house: House, thread: Thread, waiting_since: int | None) -> bool:
    guard = house.store.guard
    return await house.store.database.write(lambda tx: threads.reopen(tx, guard, thread.id, waiting_since))


async def test_nobody_waits_in_a_closed_thread(house: House) -> None:
    thread = standing(5, waiting_since=5)
    await keep(house, [thread], house.claire)
    assert await close(house, thread, 7)
    assert await page(house, house.claire, Order.WAITING) == [replace(thread, closed_at=7, waiting_since=None)]


async def test_a_closed_thread_keeps_its_first_time(house: House) -> None:
    thread = standing(5)
    await keep(house, [thread], house.claire)
    assert (await close(house, thread, 7), await close(house, thread, 9)) == (True, False)
    assert (await house.thread(thread.id)).closed_at == 7


async def test_reopening_brings_back_who_waits(house: House) -> None:
    thread = standing(5, waiting_since=5)
    await keep(house, [thread], house.claire)
    assert not await reopen(house, thread, None)
    await close(house, thread, 7)
    assert await reopen(house, thread, 5)
    assert await page(house, house.claire, Order.WAITING) == [thread]


async def test_a_row_that_was_tampered_with_is_not_closed(house: House) -> None:
    """Saving it again would authenticate what the service never wrote."""
    thread = standing(5)
    await keep(house, [thread], house.claire)
    await house.spoil("update threads set last_seq = 3")
    assert not await close(house, thread, 7)
    assert not (await house.thread(thread.id)).is_sound
