"""The blind index of addresses is converted to its present form, once, when the store of an earlier version is opened."""

import logging
import unicodedata
from pathlib import Path

import pytest

from storage import installation
from storage.accounts import accounts, readdressing
from storage.accounts.accounts import Account, Role
from storage.crypto.primitives import keyed_hash
from storage.engine.database import Transaction
from storage.maintenance.check import check_all
from storage.store import open_store
from tests.people import House, Person, StoppedClock, open_house, person, settings_in


def as_before(house: House, address: str) -> bytes:
    """The index of an address as earlier versions computed it."""
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", address.strip()).casefold())
    return keyed_hash(house.store.guard.keyring.index_key, b"ailo.address.1", folded.encode())


async def go_back(house: House, *people: Person) -> None:
    """Give these accounts the index of an earlier version, and remove the note that they were converted."""
    for one in people:
        await house.spoil(
            "update accounts set address_index = :index where id = :id", index=as_before(house, one.email), id=one.id.bytes
        )
    await house.spoil("delete from house where name = :name", name=readdressing.NAME)


async def found(house: House, address: str) -> Account | None:
    return await house.store.database.read(lambda reader: accounts.by_address(reader, house.store.guard, address))


async def test_an_account_of_before_is_found_in_every_spelling(tmp_path: Path, stopped_clock: StoppedClock) -> None:
    zoe = person(Role.MEMBER, "Zoé", "", "zoé@bücher.example")
    async with open_house(tmp_path, stopped_clock) as old:
        await old.add(zoe)
        await go_back(old, zoe, *old.people)
        assert await found(old, zoe.email) is None
        assert await check_all(old.store) == [f"account {zoe.id}: it cannot be found by its address"]
    async with open_store(settings_in(tmp_path), stopped_clock) as new:
        for typed in (zoe.email, "ZOÉ@xn--bcher-kva.example"):
            again = await new.database.read(lambda reader, typed=typed: accounts.by_address(reader, new.guard, typed))  # type: ignore[misc]
            assert again
            assert again.id == zoe.id
        assert await check_all(new) == []


async def test_an_address_that_two_turn_out_to_share_stays_the_older_ones(
    house: House, stopped_clock: StoppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    older = person(Role.MEMBER, "Zoé", "", "zoe@bücher.example")
    newer = person(Role.MEMBER, "Zoé", "", "zoe@b\u00fccher.example.x")
    await house.add(older)
    stopped_clock.advance(1)
    await house.add(newer)
    email = house.store.guard.guard(b"zoe@xn--bcher-kva.example", "accounts", "email", newer.id)
    await house.spoil("update accounts set email = :email where id = :id", email=email, id=newer.id.bytes)
    await go_back(house, older)
    with caplog.at_level(logging.ERROR, "ailo"):
        await readdressing.bring_up(house.store.database, house.store.guard)
    assert await found(house, "zoe@xn--bcher-kva.example") == await house.account(older)
    assert f"account {newer.id} has the same address as account {older.id}" in caplog.text
    assert "zoe" not in caplog.text
    assert await check_all(house.store) == [f"account {newer.id}: it cannot be found by its address"]


async def test_it_is_done_once(house: House) -> None:
    await readdressing.bring_up(house.store.database, house.store.guard)
    await go_back_to_one_index(house)
    await readdressing.bring_up(house.store.database, house.store.guard)
    assert await found(house, house.lea.email) is None


async def go_back_to_one_index(house: House) -> None:
    await house.spoil("update accounts set address_index = zeroblob(32) where id = :id", id=house.lea.id.bytes)


async def test_a_row_that_does_not_open_is_left_and_stops_nobody(house: House) -> None:
    zoe = person(Role.MEMBER, "Zoé", "", "zoe@bücher.example")
    await house.add(zoe)
    await go_back(house, zoe)
    await house.spoil("update accounts set email = zeroblob(60) where id = :id", id=house.lea.id.bytes)
    await readdressing.bring_up(house.store.database, house.store.guard)
    assert await found(house, zoe.email) == await house.account(zoe)


async def test_a_note_that_does_not_open_is_as_none(house: House) -> None:
    await go_back_to_one_index(house)
    await house.spoil("update house set body = zeroblob(60) where name = :name", name=readdressing.NAME)
    await readdressing.bring_up(house.store.database, house.store.guard)
    assert await found(house, house.lea.email) == await house.account(house.lea)
    assert await noted(house) == readdressing.PRESENT


async def noted(one: House) -> bytes | None:
    return await one.store.database.read(lambda reader: installation.noted(reader, one.store.guard, readdressing.NAME))


async def test_ascii_addresses_keep_their_index(house: House) -> None:
    for one in house.people:
        assert house.store.guard.address_index(one.email) == as_before(house, one.email)


async def test_all_or_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    zoe = person(Role.MEMBER, "Zoé", "", "zoe@bücher.example")
    await house.add(zoe)
    await go_back(house, zoe)

    async def fail(_: Transaction, *__: object) -> None:
        raise RuntimeError("cut short")

    monkeypatch.setattr(installation, "note", fail)
    with pytest.raises(RuntimeError):
        await readdressing.bring_up(house.store.database, house.store.guard)
    assert await found(house, zoe.email) is None
