"""Reply addresses: one reader and one thread each, kept by their hash, good for 90 days or until revoked."""

import pytest

from storage.ids import ThreadId
from storage.inbound import reply_addresses
from storage.inbound.reply_addresses import ReplyAddress
from storage.maintenance import expiry
from tests.attacks.disk.search import files_with
from tests.people import DAY, House, Person, StoppedClock


@pytest.fixture
async def thread(house: House) -> ThreadId:
    return await house.open_thread(house.lea, house.claire)


async def make(house: House, one: Person, thread: ThreadId) -> str:
    store = house.store
    return await store.database.write(lambda tx: reply_addresses.make(tx, store.guard, one.id, thread, store.clock()))


async def find(house: House, local_part: str) -> ReplyAddress | None:
    return await house.store.database.read(lambda reader: reply_addresses.find(reader, house.store.guard, local_part))


async def test_it_names_its_reader_and_thread_in_any_case(house: House, thread: ThreadId) -> None:
    made = await make(house, house.lea, thread)
    assert len(made) <= 64
    for spelt in (made, made.upper()):
        found = await find(house, spelt)
        assert found
        assert (found.account, found.thread, found.is_good(house.store.clock())) == (house.lea.id, thread, True)


async def test_it_names_what_is_answered(house: House, thread: ThreadId) -> None:
    store = house.store
    made = await store.database.write(
        lambda tx: reply_addresses.make(tx, store.guard, house.lea.id, thread, store.clock(), "souffler/01-respirer")
    )
    assert (found := await find(house, made))
    assert found.about == "souffler/01-respirer"
    for change in ("about = 'souffler/02-poser'", "about = null"):
        await house.spoil(f"update reply_addresses set {change}")
        assert await find(house, made) is None


async def test_each_letter_has_another(house: House, thread: ThreadId) -> None:
    assert len({await make(house, house.lea, thread) for _ in range(5)}) == 5


@pytest.mark.parametrize("local_part", ["", "r.", "r.short", "x." + "a" * 32, "r." + "a" * 32, "r." + "1" * 32, "r." + "é" * 32])
async def test_what_was_never_made_is_nobodys(house: House, local_part: str) -> None:
    assert await find(house, local_part) is None


async def test_the_disk_does_not_hold_it(house: House, thread: ThreadId) -> None:
    made = await make(house, house.lea, thread)
    assert files_with(made, house.store.settings.data) == {}
    assert files_with(made.upper(), house.store.settings.data) == {}


async def test_it_ends_after_90_days_and_is_known_for_another_year(
    house: House, thread: ThreadId, stopped_clock: StoppedClock
) -> None:
    made = await make(house, house.lea, thread)
    stopped_clock.advance(90 * DAY - 1)
    assert (found := await find(house, made))
    assert found.is_good(stopped_clock())
    stopped_clock.advance(1)
    assert not found.is_good(stopped_clock())
    stopped_clock.advance(365 * DAY - 1)
    await expiry.expire(house.store)
    assert await find(house, made)
    stopped_clock.advance(2)
    await expiry.expire(house.store)
    assert await find(house, made) is None


async def test_one_that_is_revoked_takes_nothing_more(house: House, thread: ThreadId) -> None:
    made, other = await make(house, house.lea, thread), await make(house, house.claire, thread)
    await house.store.database.write(lambda tx: reply_addresses.revoke_all(tx, house.lea.id, house.store.clock()))
    later = await make(house, house.lea, thread)
    found = [await find(house, one) for one in (made, other, later)]
    assert [one is not None and one.is_good(house.store.clock()) for one in found] == [False, True, True]


@pytest.mark.parametrize(
    "change",
    [
        "account = (select id from accounts where id <> account limit 1)",
        "made_at = made_at + 1",
        "proof = x'01'",
        "about = 'souffler/02-poser'",
    ],
)
async def test_one_that_was_altered_is_nobodys(house: House, thread: ThreadId, change: str) -> None:
    made = await make(house, house.lea, thread)
    await house.spoil(f"update reply_addresses set {change}")
    assert await find(house, made) is None
