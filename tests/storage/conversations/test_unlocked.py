"""A signed-in account: which epochs it can open, and which of them are cached."""

import pytest

from storage.conversations import unlocked
from storage.conversations.unlocked import OpenEpoch, Unlocked
from storage.errors import CannotOpen, Damaged
from storage.ids import ThreadId
from tests.people import House, Person


async def latest(house: House, who: Unlocked, thread: ThreadId) -> OpenEpoch | None:
    stands = await house.thread(thread)
    return await house.store.database.read(lambda reader: who.latest_epoch(reader, house.store.guard, stands))


async def epoch(house: House, who: Unlocked, thread: ThreadId, number: int = 1) -> OpenEpoch:
    return await house.store.database.read(lambda reader: who.epoch(reader, house.store.guard, thread, number))


async def test_a_participant_opens_the_epoch(house: House) -> None:
    thread = await house.open_thread(house.lea, house.claire)
    found = await latest(house, await house.unlocked(house.lea), thread)
    assert found is not None
    assert found.secret.public_key == found.roster.public_key
    assert found.others == (house.claire.id,)


async def test_all_participants_hold_one_message_key(house: House) -> None:
    thread = await house.open_thread(house.lea, house.claire, house.sam)
    found = [await epoch(house, await house.unlocked(one), thread) for one in (house.lea, house.claire, house.sam)]
    assert len({one.message_key.key for one in found}) == 1


@pytest.mark.parametrize("outsider", ["karim", "thomas", "ada"])
async def test_an_outsider_has_no_epoch(house: House, outsider: str) -> None:
    thread = await house.open_thread(house.lea, house.claire)
    one: Person = getattr(house, outsider)
    who = await house.unlocked(one)
    assert await latest(house, who, thread) is None
    with pytest.raises(CannotOpen):
        await epoch(house, who, thread)


async def test_a_former_participant_has_no_new_epoch(house: House) -> None:
    thread = await house.open_thread(house.lea, house.claire, house.sam)
    await house.leave(thread, house.sam)
    who = await house.unlocked(house.sam)
    assert await latest(house, who, thread) is None
    with pytest.raises(CannotOpen):
        await epoch(house, who, thread, 2)


async def test_another_key_than_the_seats_opens_nothing(house: House) -> None:
    thread = await house.open_thread(house.lea, house.claire)
    who = Unlocked(await house.account(house.lea), house.karim.key)
    with pytest.raises(CannotOpen):
        await epoch(house, who, thread)


async def test_an_epoch_that_is_not_there_is_damage(house: House) -> None:
    thread = await house.open_thread(house.lea, house.claire)
    with pytest.raises(Damaged):
        await epoch(house, await house.unlocked(house.lea), thread, 2)


async def test_an_epoch_is_opened_once(house: House) -> None:
    thread = await house.open_thread(house.lea, house.claire)
    who = await house.unlocked(house.lea)
    assert await epoch(house, who, thread) is await epoch(house, who, thread)


async def test_the_latest_epoch_follows_a_change(house: House) -> None:
    thread = await house.open_thread(house.lea, house.claire, house.sam)
    who = await house.unlocked(house.lea)
    first = await latest(house, who, thread)
    assert await latest(house, who, thread) is first
    await house.leave(thread, house.sam)
    second = await latest(house, who, thread)
    assert second is not None
    assert (second.roster.number, second.others) == (2, (house.claire.id,))


async def test_no_more_epochs_are_kept_than_allowed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unlocked, "MOST_EPOCHS", 2)
    who = await house.unlocked(house.lea)
    opened = [await house.open_thread(house.lea, house.claire) for _ in range(3)]
    first = await epoch(house, who, opened[0])
    for thread in opened[1:]:
        await epoch(house, who, thread)
    assert await epoch(house, who, opened[0]) is not first


async def test_nothing_secret_is_in_a_repr(house: House) -> None:
    thread = await house.open_thread(house.lea, house.claire)
    who = await house.unlocked(house.lea)
    found = await epoch(house, who, thread)
    shown = repr([who, found, found.secret, found.message_key, who.key])
    assert not any(repr(secret) in shown for secret in (who.key.private_key, found.secret.secret, found.message_key.key))
