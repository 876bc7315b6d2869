"""Account rows: one per address, verified when read back, and found however the address is typed."""

from dataclasses import replace
from uuid import uuid4

import pytest

from storage.accounts import accounts
from storage.accounts.accounts import Account, Keyhole, NewAccount, Role, Status
from storage.crypto.keyholes import EXAMPLE_PROFILE, AccountKey
from storage.errors import Damaged
from storage.ids import AccountId, new_id
from tests.people import House


async def add(house: House, new: NewAccount) -> bool:
    return await house.store.database.write(lambda tx: accounts.add(tx, house.store.guard, new, house.store.clock()))


async def by_address(house: House, address: str) -> Account | None:
    return await house.store.database.read(lambda reader: accounts.by_address(reader, house.store.guard, address))


async def test_an_account_reads_back_as_added(house: House) -> None:
    lea = house.lea
    assert await house.account(lea) == Account(
        lea.id, Role.MEMBER, Status.ACTIVE, "fr", "Europe/Paris", 1, lea.key.public_key, "Léa", "Martin"
    )


@pytest.mark.parametrize("typed", ["lea@ailo.test", " LEA@Ailo.Test\n"])
async def test_an_account_is_found_by_its_address(house: House, typed: str) -> None:
    assert await by_address(house, typed) == await house.account(house.lea)


async def test_an_unknown_address_finds_nobody(house: House) -> None:
    assert await by_address(house, "nobody@ailo.test") is None


async def test_an_address_has_one_account(house: House) -> None:
    again = replace(house.new_account(house.lea), key=AccountKey.fresh(new_id(AccountId)), email="LEA@ailo.test")
    assert not await add(house, again)
    assert (await house.select("select count(*) as n from accounts"))[0]["n"] == len(house.people)
    assert (await house.select("select count(*) as n from keyholes"))[0]["n"] == len(house.people)


async def test_an_unknown_id_is_none(house: House) -> None:
    guard = house.store.guard
    assert await house.store.database.read(lambda reader: accounts.by_id(reader, guard, AccountId(uuid4()))) is None
    assert await house.store.database.read(lambda reader: accounts.address_of(reader, guard, AccountId(uuid4()))) is None


async def test_many_are_named_at_once(house: House) -> None:
    ids = [house.lea.id, house.lea.id, house.claire.id, AccountId(uuid4())]
    found = await house.store.database.read(lambda reader: accounts.named(reader, house.store.guard, ids))
    assert {id_: account.first_name for id_, account in found.items()} == {house.lea.id: "Léa", house.claire.id: "Claire"}


async def test_a_letter_learns_the_address(house: House) -> None:
    guard = house.store.guard
    found = await house.store.database.read(lambda reader: accounts.address_of(reader, guard, house.lea.id))
    assert found == "lea@ailo.test"


async def test_the_password_keyhole_is_that_of_the_account(house: House) -> None:
    new = replace(house.new_account(house.lea), key=AccountKey.fresh(new_id(AccountId)), email="other@ailo.test", keyhole=b"body")
    assert await add(house, new)
    found = await house.store.database.read(lambda reader: accounts.password_keyhole(reader, new.key.account))
    assert found == Keyhole(EXAMPLE_PROFILE, 1, b"body")
    assert await house.store.database.read(lambda reader: accounts.password_keyhole(reader, AccountId(uuid4()))) is None


async def test_no_row_holds_a_name_or_an_address(house: House) -> None:
    rows = await house.select("select * from accounts")
    shown = repr([tuple(row) for row in rows])
    assert not any(text in shown for text in ("Léa", "L\\xc3\\xa9a", "Martin", "lea@ailo.test"))


async def test_an_address_moved_from_another_row_is_damaged(house: House) -> None:
    await house.spoil(
        "update accounts set email = (select email from accounts where id = :karim) where id = :lea",
        karim=house.karim.id.bytes, lea=house.lea.id.bytes,
    )  # fmt: skip
    with pytest.raises(Damaged):
        await house.store.database.read(lambda reader: accounts.address_of(reader, house.store.guard, house.lea.id))


async def test_who_answers_members_is_staff(house: House) -> None:
    assert {role for role in Role if role.is_staff} == {Role.PROFESSIONAL, Role.COMPANION}
    staff = await house.store.database.read(lambda reader: accounts.staff(reader, house.store.guard))
    assert {one.id for one in staff} == {house.claire.id, house.thomas.id, house.sam.id}


async def test_no_repr_names_anybody(house: House) -> None:
    shown = repr([await house.account(house.lea), house.new_account(house.lea), Keyhole(0, 1, b"canary")])
    assert not any(text in shown for text in ("Léa", "Martin", "lea@", "canary"))
