"""Canned replies: one value per account, sealed to its author alone."""

import logging
from uuid import uuid4

import pytest

from storage.crypto.keyholes import AccountKey
from storage.errors import CannotOpen
from storage.ids import AccountId
from storage.staff import canned_replies
from storage.staff.canned_replies import NOTHING, Kept
from tests.people import House, Person
from tests.storage.deeds import renew

TEXT = '[{"title": "Merci", "text": "Merci de votre confiance, {prénom}."}]'
FIRST = Kept(1, TEXT)


async def write(house: House, one: Person, kept: Kept = FIRST) -> bool:
    return await house.store.database.write(lambda tx: canned_replies.write(tx, one.key, kept, house.store.clock()))


async def read(house: House, key: AccountKey) -> Kept:
    return await house.store.database.read(lambda reader: canned_replies.read(reader, key))


async def test_they_are_read_as_they_were_written(house: House) -> None:
    assert await write(house, house.claire)
    assert await read(house, house.claire.key) == FIRST


async def test_who_kept_none_has_none(house: House) -> None:
    assert await read(house, house.claire.key) == await read(house, AccountKey.fresh(AccountId(uuid4()))) == NOTHING


async def test_a_version_follows_the_one_before(house: House) -> None:
    await write(house, house.claire)
    assert await write(house, house.claire, Kept(2, "[]"))
    assert await read(house, house.claire.key) == Kept(2, "[]")


@pytest.mark.parametrize("version", [1, 3, 7])
async def test_who_comes_second_changes_nothing(house: House, version: int) -> None:
    await write(house, house.claire)
    assert not await write(house, house.claire, Kept(version, "[]"))
    assert await read(house, house.claire.key) == FIRST


async def test_nothing_begins_in_the_middle(house: House) -> None:
    assert not await write(house, house.claire, Kept(2, TEXT))
    assert await read(house, house.claire.key) == NOTHING


async def test_everybody_has_their_own(house: House) -> None:
    await write(house, house.claire)
    await write(house, house.sam, Kept(1, "à moi"))
    assert [(await read(house, one.key)).text for one in (house.claire, house.sam)] == [TEXT, "à moi"]


async def test_a_length_tells_little(house: House) -> None:
    sizes = set()
    for version, text in enumerate(("x", "x" * 255), 1):
        await write(house, house.claire, Kept(version, text))
        (row,) = await house.select("select length(body) as size from canned_replies")
        sizes.add(row["size"])
    assert len(sizes) == 1


async def test_no_word_of_them_stands_on_the_disk(house: House) -> None:
    await write(house, house.claire)
    (row,) = await house.select("select body from canned_replies")
    assert b"Merci" not in row["body"]


async def test_a_renewed_key_reads_ones_replies(house: House) -> None:
    old = house.claire
    await write(house, old)
    new = await renew(house, old)
    assert await read(house, new.key) == FIRST
    with pytest.raises(CannotOpen):
        await read(house, old.key)


async def test_after_a_renewal_they_change_as_before(house: House) -> None:
    await write(house, house.claire)
    new = await renew(house, house.claire)
    assert await write(house, new, Kept(2, "[]"))
    assert await read(house, new.key) == Kept(2, "[]")


async def test_a_renewal_leaves_those_of_others(house: House) -> None:
    await write(house, house.claire)
    await renew(house, house.sam)
    assert await read(house, house.claire.key) == FIRST


async def test_what_was_tampered_with_stops_no_renewal(house: House, caplog: pytest.LogCaptureFixture) -> None:
    await write(house, house.claire)
    await house.spoil("update canned_replies set body = zeroblob(300)")
    with caplog.at_level(logging.ERROR):
        new = await renew(house, house.claire)
    assert "alert: the canned replies of" in caplog.text
    with pytest.raises(CannotOpen):
        await read(house, new.key)


@pytest.mark.parametrize(
    "forgery",
    [
        "update canned_replies set account = :sam",
        "update canned_replies set generation = 2",
        "update canned_replies set generation = 'two'",
        "update canned_replies set version = 2",
        "update canned_replies set version = -1",
        "update canned_replies set body = substr(body, 1, 40)",
        "update canned_replies set body = zeroblob(300)",
        "update canned_replies set body = 'text'",
        "update canned_replies set body = x''",
    ],
)
async def test_forged_replies_do_not_open(house: House, forgery: str) -> None:
    """They open neither for their author nor for the account they were moved to."""
    await write(house, house.claire)
    values = {"sam": house.sam.id.bytes} if ":sam" in forgery else {}
    assert await house.spoil(forgery, **values)
    with pytest.raises(CannotOpen):
        await read(house, (house.sam if values else house.claire).key)


async def test_what_another_account_wrote_does_not_open(house: House) -> None:
    """Another account's value, of the same version and generation, put in one's own row."""
    await write(house, house.claire)
    await write(house, house.sam, Kept(1, "à moi"))
    rows = {row["account"]: row["body"] for row in await house.select("select * from canned_replies")}
    sams, claires = rows[house.sam.id.bytes], house.claire.id.bytes
    await house.spoil("update canned_replies set body = :body where account = :account", body=sams, account=claires)
    with pytest.raises(CannotOpen):
        await read(house, house.claire.key)


async def test_an_older_state_opens_only_under_its_own_version(house: House) -> None:
    """As docs/security.md says: whoever restores the whole older row restores what was stored then."""
    await write(house, house.claire)
    (row,) = await house.select("select body from canned_replies")
    await write(house, house.claire, Kept(2, "[]"))
    await house.spoil("update canned_replies set body = :body", body=row["body"])
    with pytest.raises(CannotOpen):
        await read(house, house.claire.key)
    await house.spoil("update canned_replies set version = 1")
    assert await read(house, house.claire.key) == FIRST
