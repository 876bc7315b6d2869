"""`ailo check` finds whatever is not as the service wrote it, and says in one line where."""

from uuid import UUID

import pytest

from storage import check
from storage.database import Value
from storage.errors import Stalled
from tests.cast import House


@pytest.fixture
async def thread(house: House) -> UUID:
    thread = await house.open_thread(house.lea, house.claire, house.sam)
    for number in range(5):
        await house.post(house.lea, thread, str(number))
    await house.leave(thread, house.sam)
    return thread


async def found(house: House, thread: UUID, sql: str = "") -> list[str]:
    """What is found after a forgery, without the words that come before each."""
    values: dict[str, Value] = {"id": thread.bytes} if ":id" in sql else {}
    if sql:
        assert await house.spoil(sql, **values)
    return [line.removeprefix(f"thread {thread}: ") for line in await check.check_all(house.store)]


async def test_a_sound_store_has_nothing_to_say(house: House, thread: UUID) -> None:
    await house.open_thread(house.karim, house.claire)
    assert await found(house, thread) == []


async def test_pages_make_no_difference(house: House, thread: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "PAGE", 2)
    assert await found(house, thread) == []


@pytest.mark.parametrize("size", [1, 2, 1000])
async def test_a_missing_message_is_named(house: House, thread: UUID, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(check, "PAGE", size)
    lines = await found(house, thread, "delete from messages where thread = :id and seq = 3")
    assert lines == ["messages 3 to 3 are missing", "message 4 is not as it was written"]


async def test_an_altered_message_is_named(house: House, thread: UUID) -> None:
    lines = await found(house, thread, "update messages set at = at + 1 where thread = :id and seq = 3")
    assert lines == ["message 3 is not as it was written"]


@pytest.mark.parametrize(("gone", "left"), [("seq = 5", 4), ("seq > 0", 0)])
async def test_a_cut_off_end_is_named(house: House, thread: UUID, gone: str, left: int) -> None:
    lines = await found(house, thread, f"delete from messages where thread = :id and {gone}")
    assert lines == [f"ends at message {left}, but 5 were acknowledged"]


@pytest.mark.parametrize("change", ["epoch = 9000000000", "head = zeroblob(41)"])
async def test_an_altered_thread_is_named(house: House, thread: UUID, change: str) -> None:
    assert await found(house, thread, f"update threads set {change} where id = :id") == ["its row is not as the service wrote it"]


async def test_a_missing_roster_is_named(house: House, thread: UUID) -> None:
    await house.spoil("delete from grants where thread = :id and epoch = 1", id=thread.bytes)
    lines = await found(house, thread, "delete from epochs where thread = :id and number = 1")
    assert lines == ["epoch 1: an epoch has no roster", "epoch 2 does not follow from the one before"]


async def test_an_altered_roster_is_named(house: House, thread: UUID) -> None:
    lines = await found(house, thread, "update epochs set proof = zeroblob(41) where thread = :id and number = 2")
    assert len(lines) == 1
    assert lines[0].startswith("epoch 2: ")


async def test_what_the_database_finds_is_told(house: House, thread: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    async def damaged() -> list[str]:
        return ["page 7 is never used"]

    monkeypatch.setattr(house.store.database, "check", damaged)
    assert await found(house, thread) == ["database: page 7 is never used"]


async def test_a_database_that_cannot_be_read_is_told(house: House, thread: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_: object) -> None:
        raise Stalled("the database failed: SQLITE_CORRUPT")

    monkeypatch.setattr(house.store.database, "read", fail)
    assert await found(house, thread) == ["the database failed: SQLITE_CORRUPT"]


async def test_no_line_names_anybody(house: House, thread: UUID) -> None:
    lines = await found(house, thread, "update messages set body = zeroblob(300) where thread = :id")
    assert not any(one.first_name in line for one in house.people for line in lines)
