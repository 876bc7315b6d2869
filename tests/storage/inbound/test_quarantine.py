"""Mails in quarantine: sealed to their owner alone, and gone when they were taken, discarded, or not looked at for long."""

from uuid import UUID

import pytest

from storage.crypto.keyholes import AccountKey
from storage.ids import MessageId, ThreadId, new_id
from storage.inbound import quarantine
from storage.inbound.quarantine import MOST_WAITING, Owner, Waiting
from storage.inbound.whole_mail import LONGEST_MESSAGE, WholeMail
from storage.maintenance import expiry
from tests.attacks.disk.search import files_with
from tests.people import DAY, House, Person, StoppedClock
from tests.storage.deeds import renew

MAIL = WholeMail("Le canari est venu.", "Le canari est venu.\n> Bonjour", "Re: un message", ("photo.jpg",))
ID = MessageId(UUID(int=7))


@pytest.fixture
async def thread(house: House) -> ThreadId:
    return await house.open_thread(house.lea, house.claire)


async def keep(house: House, one: Person, thread: ThreadId, id_: MessageId = ID) -> bool:
    owner = Owner(one.id, thread, one.key.generation, one.key.public_key)
    return await house.store.database.write(lambda tx: quarantine.keep(tx, owner, id_, MAIL, house.store.clock()))


async def waiting(house: House, key: AccountKey, thread: ThreadId) -> list[Waiting]:
    return await house.store.database.read(lambda reader: quarantine.waiting(reader, key, thread))


async def test_its_owner_opens_it_and_nobody_else(house: House, thread: ThreadId) -> None:
    assert await keep(house, house.lea, thread)
    assert [(one.id, one.mail) for one in await waiting(house, house.lea.key, thread)] == [(ID, MAIL)]
    assert await waiting(house, house.claire.key, thread) == []
    forged = AccountKey(house.lea.id, 1, house.claire.key.private_key, house.claire.key.public_key)
    assert await waiting(house, forged, thread) == []
    assert files_with("Le canari est venu.", house.store.settings.data) == {}


async def test_it_waits_once_and_not_when_it_is_a_message(house: House, thread: ThreadId) -> None:
    assert [await keep(house, house.lea, thread) for _ in range(2)] == [True, False]
    posted = new_id(MessageId)
    await house.post(house.lea, thread, "Bonjour", posted)
    assert not await keep(house, house.lea, thread, posted)


async def test_no_more_than_so_many_wait(house: House, thread: ThreadId) -> None:
    async def is_full() -> bool:
        return await house.store.database.read(lambda reader: quarantine.is_full(reader, house.lea.id))

    for number in range(MOST_WAITING):
        assert not await is_full()
        await keep(house, house.lea, thread, MessageId(UUID(int=number)))
    assert await is_full()


async def test_it_is_dropped_by_its_owner_alone(house: House, thread: ThreadId) -> None:
    await keep(house, house.lea, thread)
    for one, dropped in ((house.claire, False), (house.lea, True), (house.lea, False)):
        assert await house.store.database.write(lambda tx, one=one: quarantine.drop(tx, one.id, thread, ID)) is dropped  # type: ignore[misc]


async def test_it_follows_its_owner_to_a_new_key(house: House, thread: ThreadId) -> None:
    await keep(house, house.lea, thread)
    old = house.lea.key
    new = await renew(house, house.lea)
    assert [one.mail for one in await waiting(house, new.key, thread)] == [MAIL]
    assert await waiting(house, old, thread) == []


async def test_it_goes_after_90_days(house: House, thread: ThreadId, stopped_clock: StoppedClock) -> None:
    await keep(house, house.lea, thread)
    stopped_clock.advance(90 * DAY)
    await expiry.expire(house.store)
    assert len(await waiting(house, house.lea.key, thread)) == 1
    stopped_clock.advance(1)
    await expiry.expire(house.store)
    assert await waiting(house, house.lea.key, thread) == []


async def test_one_that_was_moved_to_another_thread_is_not_shown(house: House, thread: ThreadId) -> None:
    other = await house.open_thread(house.lea, house.sam)
    await keep(house, house.lea, thread)
    await house.spoil("update quarantined_mails set thread = :other", other=other.bytes)
    assert await waiting(house, house.lea.key, other) == []


@pytest.mark.parametrize("size", [LONGEST_MESSAGE, LONGEST_MESSAGE + 1])
def test_a_message_holds_as_much_of_it_as_a_message_may(size: int) -> None:
    message = WholeMail("x" * size, "").message
    assert len(message) == LONGEST_MESSAGE
    assert message.endswith("[…]") is (size > LONGEST_MESSAGE)
