"""Rosters and grants as rows."""

from uuid import uuid4

import pytest

from storage.conversations import rosters
from storage.conversations.rosters import Grant
from storage.crypto.epochs import THE_OFFICER, Roster
from storage.crypto.keyholes import AccountKey
from storage.errors import CannotOpen, Damaged
from storage.ids import AccountId, ThreadId
from tests.people import House


async def found(house: House, thread: ThreadId, number: int = 1) -> Roster:
    return await house.store.database.read(lambda reader: rosters.find(reader, house.store.guard, thread, number))


async def grant_of(house: House, thread: ThreadId, account: AccountId) -> Grant | None:
    return await house.store.database.read(lambda reader: rosters.grant_of(reader, thread, 1, account))


async def secret_of(house: House, key: AccountKey, roster: Roster) -> bytes:
    secret = await house.store.database.read(lambda reader: rosters.secret_of(reader, key, roster))
    return secret.secret


async def test_a_roster_is_found_as_it_was_kept(house: House) -> None:
    thread = await house.open_thread(house.lea, house.claire)
    roster = await found(house, thread)
    assert (roster.thread, roster.number, roster.previous, roster.first_seq) == (thread, 1, b"", 1)
    assert roster.accounts() == (house.lea.id, house.claire.id)


async def test_a_missing_roster_is_damage(house: House) -> None:
    with pytest.raises(Damaged):
        await found(house, ThreadId(uuid4()))


async def test_a_roster_in_the_place_of_another_is_seen(house: House) -> None:
    mine, theirs = await house.open_thread(house.lea, house.claire), await house.open_thread(house.karim, house.claire)
    await house.spoil("delete from grants where thread = :mine", mine=mine.bytes)
    await house.spoil("delete from epochs where thread = :mine", mine=mine.bytes)
    await house.spoil(
        "insert into epochs (thread, number, roster, proof)"
        " select :mine, number, roster, proof from epochs where thread = :theirs",
        mine=mine.bytes, theirs=theirs.bytes,
    )  # fmt: skip
    with pytest.raises(Damaged, match="in the place of another"):
        await found(house, mine)


async def test_each_seat_and_the_officer_reach_one_secret(house: House) -> None:
    thread = await house.open_thread(house.lea, house.claire)
    roster = await found(house, thread)
    officer = AccountKey(THE_OFFICER, 1, house.officer.private_key, house.officer.public_key)
    secrets = {await secret_of(house, key, roster) for key in (house.lea.key, house.claire.key, officer)}
    assert len(secrets) == 1


async def test_who_has_no_grant_reaches_nothing(house: House) -> None:
    thread = await house.open_thread(house.lea, house.claire)
    assert await grant_of(house, thread, house.karim.id) is None
    with pytest.raises(Damaged, match="no grant"):
        await secret_of(house, house.karim.key, await found(house, thread))


async def test_a_newer_grant_takes_the_place_of_the_older(house: House) -> None:
    thread = await house.open_thread(house.lea, house.claire)
    roster = await found(house, thread)
    await house.store.database.write(lambda tx: rosters.add_grants(tx, roster, b"giver", {house.lea.id: b"newer"}))
    now = await grant_of(house, thread, house.lea.id)
    assert now is not None
    assert (now.giver_key, now.body) == (b"giver", b"newer")
    with pytest.raises(CannotOpen):
        await secret_of(house, house.lea.key, roster)


async def test_a_grants_body_is_not_in_its_repr(house: House) -> None:
    assert "newer" not in repr(Grant(b"giver", b"newer"))
