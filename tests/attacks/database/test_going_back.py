"""Somebody who has an earlier copy of the database, and can write to it, puts back rows that were genuine once.

Nothing in the files can reveal it: the service itself made every proof. The tests show how far that goes, and what ends it:
the limits of docs/security.md, *Going back*.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest

from chat.auth.access import Access
from chat.auth.sign_in import Attempt, SignIns, WrongCredentials
from chat.protocol.hub import Hub
from storage.accounts import accounts
from storage.engine.database import Row, Transaction
from storage.maintenance import check
from tests.people import House, Person
from tests.storage.deeds import keyhole_of, latest, renew

NEW = "un tout autre mot"


@dataclass
class Memory:
    """What somebody copied, and can put back in place of the present rows."""

    house: House
    rows: dict[str, list[Row]]

    async def put_back(self, *tables: str) -> None:
        async def write(tx: Transaction) -> None:
            await tx.run("pragma defer_foreign_keys = 1")
            for table in tables:
                await tx.run(f"delete from {table}")
                for row in self.rows[table]:
                    names = list(row.keys())
                    values = ", ".join(f":{name}" for name in names)
                    await tx.run(f"insert into {table} ({', '.join(names)}) values ({values})", **dict(row))

        await self.house.store.database.write(write)


async def remember(house: House) -> Memory:
    tables = ("accounts", "keyholes", "sessions", "threads", "epochs", "grants", "messages", "participants", "renewals_due")
    return Memory(house, {table: list(await house.select(f"select * from {table}")) for table in tables})


@pytest.fixture
async def door(house: House) -> AsyncIterator[SignIns]:
    sign_ins = SignIns(house.store, Access(house.store), Hub())
    yield sign_ins
    sign_ins.close()


async def comes_in(door: SignIns, one: Person, password: str) -> bool:
    try:
        return bool(await door.sign_in(Attempt(one.email, password, "", "127.0.0.1")))
    except WrongCredentials:
        return False


async def change_password(house: House, one: Person) -> None:
    """An ordinary change: the new password wraps the same key."""
    row = keyhole_of(house, replace(one, password=NEW))
    await house.store.database.write(lambda tx: accounts.keep_keyhole(tx, one.id, "password", row, house.store.clock()))


async def test_an_old_keyhole_put_back_lets_the_old_password_in(house: House, door: SignIns) -> None:
    """After an ordinary change, it is a genuine keyhole of the present key: nothing reveals it."""
    lea, before = house.lea, await remember(house)
    await change_password(house, lea)
    assert [await comes_in(door, lea, password) for password in (lea.password, NEW)] == [False, True]
    await before.put_back("keyholes")
    assert [await comes_in(door, lea, password) for password in (lea.password, NEW)] == [True, False]
    assert await check.check_all(house.store) == []


async def test_an_old_keyhole_put_back_opens_nothing_after_a_renewal(house: House, door: SignIns) -> None:
    """Hence the page asks whether somebody may know the old password."""
    lea, before = house.lea, await remember(house)
    new = await renew(house, lea)
    await before.put_back("keyholes")
    assert [await comes_in(door, lea, password) for password in (lea.password, new.password)] == [False, False]
    assert await check.check_all(house.store)


async def test_an_account_put_back_with_its_keyhole_comes_in_and_finds_no_thread(house: House, door: SignIns) -> None:
    """The old key is in no roster any more: what is written now stays sealed, and the check reports the difference."""
    thread = await house.open_thread(house.lea, house.claire)
    lea, before = house.lea, await remember(house)
    await renew(house, lea)
    await before.put_back("accounts", "keyholes")
    assert await comes_in(door, lea, lea.password)
    assert await latest(house, lea, thread) is None
    assert await check.check_all(house.store) == [f"thread {thread}: 1 seats have a key that their account no longer has"]


async def test_a_whole_day_put_back_is_that_day(house: House, door: SignIns) -> None:
    """Only a memory outside the files could reveal it."""
    thread = await house.open_thread(house.lea, house.claire)
    await house.post(house.claire, thread, "un")
    lea, before = house.lea, await remember(house)
    await renew(house, lea)
    await house.post(house.claire, thread, "deux")
    await before.put_back("messages", "grants", "epochs", "threads", "participants", "keyholes", "accounts")
    assert await comes_in(door, lea, lea.password)
    assert await house.texts(lea, thread) == ["un"]
    assert await check.check_all(house.store) == []


async def test_a_disabled_account_put_back_signs_in(house: House, door: SignIns) -> None:
    lea, before = house.lea, await remember(house)
    await house.disable(lea)
    assert not await comes_in(door, lea, lea.password)
    await before.put_back("accounts")
    assert await comes_in(door, lea, lea.password)


async def test_a_session_put_back_lives_again(house: House, door: SignIns) -> None:
    granted = await door.sign_in(Attempt(house.lea.email, house.lea.password, "", "127.0.0.1"))
    before, me = await remember(house), await door.find(granted.cookie)
    assert me
    await door.sign_out(me)
    assert await door.find(granted.cookie) is None
    await before.put_back("sessions")
    assert await door.find(granted.cookie)


async def test_a_session_put_back_is_none_after_a_renewal(house: House, door: SignIns) -> None:
    granted = await door.sign_in(Attempt(house.lea.email, house.lea.password, "", "127.0.0.1"))
    before = await remember(house)
    await renew(house, house.lea)
    await before.put_back("sessions")
    assert await door.find(granted.cookie) is None


async def test_a_renewal_that_was_struck_off_is_not_done(house: House, door: SignIns) -> None:
    """After an intrusion, run `ailo keys renew` once more when the files are your own again: see operations.md."""
    lea = house.lea
    await house.store.database.write(lambda tx: accounts.ask_renewal(tx, lea.id, house.store.clock()))
    await house.spoil("delete from renewals_due")
    assert await comes_in(door, lea, lea.password)
    assert (await house.account(lea)).generation == 1


async def test_a_renewal_that_was_planted_costs_a_recovery_code_alone(house: House, door: SignIns) -> None:
    """It happens when the owner signs in with their own password, and everything stays readable."""
    thread = await house.open_thread(house.lea, house.claire)
    await house.post(house.claire, thread, "un")
    await house.spoil("insert into renewals_due (account, since) values (:id, 0)", id=house.lea.id.bytes)
    assert await comes_in(door, house.lea, house.lea.password)
    assert (await house.account(house.lea)).generation == 2
    assert [row.is_linked for row in await house.rows(thread)] == [True]
    assert await house.texts(house.claire, thread) == ["un"]
    assert await check.check_all(house.store) == []
