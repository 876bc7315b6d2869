"""Private notes: sealed to their author alone, for one thread."""

from uuid import uuid4

import pytest

from storage.crypto.keyholes import AccountKey
from storage.errors import CannotOpen
from storage.ids import ThreadId
from storage.staff import notes
from tests.people import House, Person
from tests.storage.deeds import renew

TEXT = "Elle dort mal ; en reparler en décembre."


@pytest.fixture
async def thread(house: House) -> ThreadId:
    return await house.open_thread(house.lea, house.claire, house.sam)


async def write(house: House, one: Person, thread: ThreadId, text: str = TEXT) -> None:
    await house.store.database.write(lambda tx: notes.write(tx, one.key, thread, text, house.store.clock()))


async def read(house: House, key: AccountKey, thread: ThreadId) -> str:
    return await house.store.database.read(lambda reader: notes.read(reader, key, thread))


async def test_a_note_is_read_as_it_was_written(house: House, thread: ThreadId) -> None:
    await write(house, house.claire, thread)
    assert await read(house, house.claire.key, thread) == TEXT


async def test_where_nothing_was_noted_there_is_nothing(house: House, thread: ThreadId) -> None:
    assert await read(house, house.claire.key, thread) == await read(house, house.claire.key, ThreadId(uuid4())) == ""


async def test_a_note_takes_the_place_of_the_one_before(house: House, thread: ThreadId) -> None:
    await write(house, house.claire, thread)
    await write(house, house.claire, thread, "Autre chose.")
    assert await read(house, house.claire.key, thread) == "Autre chose."


async def test_an_empty_note_is_forgotten(house: House, thread: ThreadId) -> None:
    await write(house, house.claire, thread)
    await write(house, house.claire, thread, "")
    assert not await house.select("select * from notes")


async def test_everybody_has_a_note_of_their_own(house: House, thread: ThreadId) -> None:
    await write(house, house.claire, thread)
    await write(house, house.sam, thread, "À moi.")
    assert [await read(house, one.key, thread) for one in (house.claire, house.sam)] == [TEXT, "À moi."]


async def test_a_length_tells_little(house: House, thread: ThreadId) -> None:
    sizes = set()
    for text in ("x", "x" * 255):
        await write(house, house.claire, thread, text)
        (row,) = await house.select("select length(body) as size from notes")
        sizes.add(row["size"])
    assert len(sizes) == 1


async def test_a_renewed_key_reads_ones_notes(house: House, thread: ThreadId) -> None:
    old = house.claire
    await write(house, old, thread)
    new = await renew(house, old)
    assert await read(house, new.key, thread) == TEXT
    with pytest.raises(CannotOpen):
        await read(house, old.key, thread)


async def test_a_renewal_leaves_the_notes_of_others(house: House, thread: ThreadId) -> None:
    await write(house, house.claire, thread)
    await renew(house, house.sam)
    assert await read(house, house.claire.key, thread) == TEXT


@pytest.mark.parametrize(
    "forgery",
    [
        "update notes set account = :sam",
        "update notes set thread = :other",
        "update notes set generation = 2",
        "update notes set generation = -1",
        "update notes set generation = 'two'",
        "update notes set body = substr(body, 1, 40)",
        "update notes set body = zeroblob(300)",
        "update notes set body = 'text'",
        "update notes set body = x''",
    ],
)
async def test_a_forged_note_does_not_open(house: House, thread: ThreadId, forgery: str) -> None:
    """It opens neither for its author nor for the account it was moved to."""
    other = await house.open_thread(house.lea, house.claire)
    await write(house, house.claire, thread)
    values = {name: value for name, value in {"sam": house.sam.id.bytes, "other": other.bytes}.items() if f":{name}" in forgery}
    assert await house.spoil(forgery, **values)
    reader = house.sam if "sam" in values else house.claire
    with pytest.raises(CannotOpen):
        await read(house, reader.key, other if "other" in values else thread)


async def test_a_note_played_back_is_an_older_note(house: House, thread: ThreadId) -> None:
    """As docs/security.md says: a note is bound to its author, thread and key, not to a point in time."""
    await write(house, house.claire, thread)
    (row,) = await house.select("select body from notes")
    await write(house, house.claire, thread, "Autre chose.")
    await house.spoil("update notes set body = :body", body=row["body"])
    assert await read(house, house.claire.key, thread) == TEXT
