"""Message rows: pages of history, and how removed, altered and planted rows are detected."""

from uuid import UUID, uuid4

import pytest
from msgspec import structs

from storage.conversations import messages
from storage.conversations.messages import SealedMessage
from storage.ids import ThreadId
from tests.people import House

COUNT = 23


@pytest.fixture
async def thread(house: House) -> ThreadId:
    """A thread of 23 messages."""
    thread = await house.open_thread(house.lea, house.claire)
    for number in range(COUNT):
        await house.post(house.lea if number % 2 else house.claire, thread, f"message {number + 1}")
    return thread


def seqs(page: list[SealedMessage]) -> list[int]:
    return [message.seq for message in page]


def broken(page: list[SealedMessage]) -> list[int]:
    return [message.seq for message in page if not message.is_linked]


async def test_pages_are_those_of_a_list(house: House, thread: ThreadId) -> None:
    every = list(range(1, COUNT + 1))
    for seq in range(COUNT + 4):
        for limit in (1, 2, 7, COUNT, 40):
            for least in (1, 2, 9, COUNT, COUNT + 1):
                shown = [one for one in every if one >= least]
                before, after = await house.before(thread, seq, limit, least), await house.after(thread, seq, limit, least)
                assert seqs(before) == [one for one in shown if one < seq][-limit:]
                assert seqs(after) == [one for one in shown if one > seq][:limit]
                assert not broken(before + after)


async def test_paging_up_shows_each_message_once(house: House, thread: ThreadId) -> None:
    found: list[int] = []
    while page := await house.before(thread, found[0] if found else COUNT + 1, 5):
        found = seqs(page) + found
    assert found == list(range(1, COUNT + 1))


async def test_a_message_is_found_by_its_id(house: House, thread: ThreadId) -> None:
    (last,) = await house.after(thread, COUNT - 1, 1)
    assert await house.store.database.read(lambda reader: messages.by_id(reader, thread, last.id)) == last


async def test_an_id_is_that_of_its_thread_alone(house: House, thread: ThreadId) -> None:
    (last,) = await house.after(thread, COUNT - 1, 1)
    assert await house.store.database.read(lambda reader: messages.by_id(reader, ThreadId(uuid4()), last.id)) is None


@pytest.mark.parametrize("change", [{"seq": COUNT + 1}, {"id": uuid4()}])
async def test_a_message_takes_no_ones_place(house: House, thread: ThreadId, change: dict[str, int | UUID]) -> None:
    (last,) = await house.after(thread, COUNT - 1, 1)
    assert not await house.store.database.write(lambda tx: messages.add(tx, structs.replace(last, **change)))
    assert len(await house.rows(thread)) == COUNT


async def test_an_empty_thread_has_no_pages(house: House) -> None:
    thread = await house.open_thread(house.lea, house.claire)
    assert await house.before(thread, 1, 50) == []
    assert await house.after(thread, 0, 50) == []


# What somebody who can write to the database cannot hide. `broken` are the numbers of messages shown as broken.


async def remove(house: House, thread: ThreadId, *gone: int) -> None:
    for seq in gone:
        assert await house.spoil("delete from messages where thread = :thread and seq = :seq", thread=thread.bytes, seq=seq)


@pytest.mark.parametrize("gone", [1, 2, 12, COUNT - 1])
async def test_a_removed_message_is_seen_on_every_page(house: House, thread: ThreadId, gone: int) -> None:
    await remove(house, thread, gone)
    for limit in (5, COUNT, 40):
        assert broken(await house.before(thread, gone + 3, limit)) == [gone + 1]
        assert broken(await house.after(thread, gone - 1, limit)) == [gone + 1]


async def test_a_page_that_starts_at_a_removed_message_says_so(house: House, thread: ThreadId) -> None:
    await remove(house, thread, 7)
    page = await house.after(thread, 7, 5)
    assert (seqs(page), broken(page)) == ([8, 9, 10, 11, 12], [8])


async def test_a_page_from_the_first_epoch_on_says_so(house: House, thread: ThreadId) -> None:
    await remove(house, thread, 9)
    assert broken(await house.before(thread, 12, 40, minimum=10)) == [10]
    assert broken(await house.after(thread, 0, 40, minimum=10)) == [10]


async def test_a_removed_beginning_is_seen(house: House, thread: ThreadId) -> None:
    await remove(house, thread, 1, 2, 3)
    assert broken(await house.before(thread, 6, 50)) == [4]
    assert broken(await house.after(thread, 0, 50)) == [4]


async def test_several_gaps_are_all_seen(house: House, thread: ThreadId) -> None:
    await remove(house, thread, 3, 4, 11, 20)
    for limit in (4, 9, 40):
        found = [broken(await house.before(thread, seq, limit)) for seq in (6, 13, 22)]
        assert [5 in found[0], 12 in found[1], 21 in found[2]] == [True] * 3


ALTERED = {
    "at": "at + 1",
    "id": "zeroblob(16)",
    "author": "zeroblob(16)",
    "kind": "'lesson'",
    "body": "zeroblob(300)",
    "link": "zeroblob(41)",
}


@pytest.mark.parametrize(("column", "value"), ALTERED.items())
async def test_an_altered_column_is_seen(house: House, thread: ThreadId, column: str, value: str) -> None:
    await house.spoil(f"update messages set {column} = {value} where thread = :thread and seq = 6", thread=thread.bytes)
    assert 6 in broken(await house.before(thread, COUNT + 1, 50))
    assert 6 in broken(await house.after(thread, 5, 50))


@pytest.mark.parametrize("column", ["at", "id", "author", "kind", "body", "link"])
@pytest.mark.parametrize("value", ["'planted'", "-1", "1.5", "x'ff'", "cast(x'ff' as text)", "9000000000000000000"])
async def test_whatever_is_planted_stops_no_page(house: House, thread: ThreadId, column: str, value: str) -> None:
    await house.spoil(f"update messages set {column} = {value} where thread = :thread and seq = 6", thread=thread.bytes)
    page = await house.before(thread, COUNT + 1, 50)
    assert len(page) == COUNT
    assert broken(page) == ([6, 7] if column == "link" else [6])


@pytest.mark.parametrize("column", ["at", "id", "author", "kind", "body"])
async def test_what_stands_after_an_altered_message_is_sound(house: House, thread: ThreadId, column: str) -> None:
    sql = f"update messages set {column} = {ALTERED[column]} where thread = :thread and seq = 6"
    await house.spoil(sql, thread=thread.bytes)
    assert broken(await house.before(thread, COUNT + 1, 50)) == [6]
