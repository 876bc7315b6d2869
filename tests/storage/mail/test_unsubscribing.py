"""The links to leave a list: the same in each letter, found by their hash, and of use for years."""

import pytest

from storage.ids import AccountId
from storage.mail import unsubscribing
from storage.rekeying.rotation import Rotation
from tests.people import House, Person


async def token(house: House, one: Person, name: str = "programmes") -> bytes:
    store = house.store
    return await store.database.write(lambda tx: unsubscribing.make_token(tx, store.guard, one.id, name))


async def holder(house: House, token: bytes) -> tuple[AccountId, str] | None:
    store = house.store
    return await store.database.read(lambda reader: unsubscribing.holder_of(reader, store.guard, token))


async def test_a_token_is_the_same_each_time_and_names_its_account_and_list(house: House) -> None:
    made = await token(house, house.lea)
    assert await token(house, house.lea) == made
    assert await holder(house, made) == (house.lea.id, "programmes")
    others = [await token(house, house.lea, "offers"), await token(house, house.karim)]
    assert len({made, *others}) == 3
    assert [await holder(house, other) for other in others] == [(house.lea.id, "offers"), (house.karim.id, "programmes")]


async def test_what_was_never_made_names_nobody(house: House) -> None:
    made = await token(house, house.lea)
    for wrong in (b"", bytes(24), made[:-1], made + b"\0", bytes([made[0] ^ 1]) + made[1:]):
        assert await holder(house, wrong) is None


async def test_it_outlives_the_root_key_that_kept_it(house: House) -> None:
    made, rotation = await token(house, house.lea), Rotation(house.store)
    for _ in range(2):
        old = house.store.guard.keyring.newest.id
        assert await rotation.turn()
        await rotation.finish()
        await rotation.drop(old)
        with pytest.raises(KeyError):
            house.store.guard.keyring.by_id[old]
    assert await holder(house, made) == (house.lea.id, "programmes")
    assert await token(house, house.lea) == made


async def test_the_database_holds_no_token(house: House) -> None:
    made = await token(house, house.lea)
    (row,) = await house.select("select * from unsubscribe_tokens")
    assert made not in row["lookup"] + row["token"]


async def test_a_row_that_was_moved_names_nobody_and_is_told(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """Who can write to the database cannot make a link of their own take somebody else off a list."""
    made = await token(house, house.karim)
    await house.spoil("update unsubscribe_tokens set account = :lea", lea=house.lea.id.bytes)
    assert await holder(house, made) is None
    assert "alert: a row of unsubscribe_tokens" in caplog.text


async def test_a_row_that_was_planted_beside_a_lookup_names_nobody(house: House) -> None:
    made, other = await token(house, house.lea), await token(house, house.karim)
    hers, his = await house.select("select * from unsubscribe_tokens order by account = :lea desc", lea=house.lea.id.bytes)
    await house.spoil("delete from unsubscribe_tokens where account = :karim", karim=house.karim.id.bytes)
    await house.spoil(
        "update unsubscribe_tokens set lookup = :lookup where account = :lea", lookup=his["lookup"], lea=house.lea.id.bytes
    )
    assert [await holder(house, made), await holder(house, other)] == [None, None]
    assert hers["lookup"] != his["lookup"]


async def test_one_that_was_spoiled_is_made_anew(house: House) -> None:
    made = await token(house, house.lea)
    await house.spoil("update unsubscribe_tokens set token = zeroblob(99)")
    renewed = await token(house, house.lea)
    assert renewed != made
    assert await holder(house, renewed) == (house.lea.id, "programmes")
    assert await holder(house, made) is None
