"""Push subscriptions: one for a session, a few for an account, opened by the root key alone; what they are still to be told."""

from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest

from storage.accounts import sessions
from storage.engine.database import Transaction
from storage.mail import letters
from storage.mail.letters import Letter
from storage.push import subscriptions
from storage.push.subscriptions import MOST, Pending, Subscription
from tests.people import DAY, HOUR, House, Person, StoppedClock

HERE, THERE = b"h" * 32, b"t" * 32


def subscription(name: str) -> Subscription:
    return Subscription(f"https://fcm.googleapis.com/fcm/send/{name}", b"\4" * 65, b"a" * 16)


@dataclass
class Subscriptions:
    """The subscriptions of a house, in transactions of their own."""

    house: House

    async def keep(self, one: Person, name: str, session: bytes = HERE) -> bool:
        store = self.house.store
        return await store.database.write(
            lambda tx: subscriptions.keep(tx, store.guard, one.id, session, subscription(name), store.clock())
        )

    async def kept(self) -> set[tuple[UUID, bytes]]:
        """Whose there are, and of which sessions."""
        return {
            (UUID(bytes=row["account"]), row["session"]) for row in await self.house.select("select * from push_subscriptions")
        }

    async def write(self, one: Person) -> UUID:
        store, id_, now = self.house.store, uuid4(), self.house.store.clock()
        letter = Letter(id_, one.id, "reply", str(id_), {}, f"{id_.hex}@ailo.test", now)
        await store.database.write(lambda tx: letters.write(tx, store.guard, letter, now))
        return id_

    async def tell(self, one: Person) -> UUID:
        """Have the browsers of somebody told of a letter; return its id."""
        letter, now = await self.write(one), self.house.store.clock()
        await self.house.store.database.write(lambda tx: subscriptions.tell_all(tx, one.id, letter, now))
        return letter

    async def take(self, lease: int = HOUR, most: int = 10) -> list[Pending]:
        now = self.house.store.clock()
        return await self.house.store.database.write(lambda tx: subscriptions.take(tx, now, now + lease, most))


@pytest.fixture
def kept(house: House) -> Subscriptions:
    return Subscriptions(house)


def test_no_address_is_in_a_repr() -> None:
    assert repr(subscription("one")) == "Subscription()"


async def test_a_subscription_is_kept_once(house: House, kept: Subscriptions) -> None:
    assert [await kept.keep(house.lea, "one") for _ in range(2)] == [True, False]
    assert await kept.kept() == {(house.lea.id, HERE)}


async def test_a_session_has_one(house: House, kept: Subscriptions) -> None:
    await kept.keep(house.lea, "one")
    await kept.keep(house.lea, "two")
    await kept.keep(house.lea, "three", THERE)
    assert await kept.kept() == {(house.lea.id, HERE), (house.lea.id, THERE)}
    assert len(await house.select("select * from push_subscriptions")) == 2


async def test_an_account_has_a_few_and_the_oldest_goes(house: House, kept: Subscriptions, stopped_clock: StoppedClock) -> None:
    await kept.keep(house.karim, "karim", THERE)
    for number in range(MOST + 2):
        stopped_clock.advance(1)
        await kept.keep(house.lea, str(number), bytes([number]) * 32)
    left = {session[0] for account, session in await kept.kept() if account == house.lea.id}
    assert left == set(range(2, MOST + 2))
    assert (house.karim.id, THERE) in await kept.kept()


async def test_a_browser_moves_to_the_account_that_uses_it_now(house: House, kept: Subscriptions) -> None:
    await kept.keep(house.lea, "shared")
    await kept.keep(house.karim, "shared", THERE)
    assert await kept.kept() == {(house.karim.id, THERE)}


async def test_it_goes_with_its_session_and_no_other(house: House, kept: Subscriptions) -> None:
    await kept.keep(house.lea, "one")
    await kept.keep(house.lea, "two", THERE)
    await house.store.database.write(lambda tx: sessions.end(tx, HERE))
    assert await kept.kept() == {(house.lea.id, THERE)}


async def test_ending_all_sessions_but_one_leaves_its_own(house: House, kept: Subscriptions) -> None:
    for name, session in (("one", HERE), ("two", THERE), ("three", b"x" * 32)):
        await kept.keep(house.lea, name, session)
    await kept.keep(house.karim, "karim", b"k" * 32)
    await house.store.database.write(lambda tx: sessions.end_all(tx, house.lea.id, except_for=THERE))
    assert await kept.kept() == {(house.lea.id, THERE), (house.karim.id, b"k" * 32)}


async def test_a_session_that_ends_by_time_leaves_it(house: House, kept: Subscriptions, stopped_clock: StoppedClock) -> None:
    """Who comes once in two months is to be told, too."""
    await kept.keep(house.lea, "one")
    stopped_clock.advance(60 * DAY)
    new = sessions.Session(b"n" * 32, house.karim.id, 1, bytes(8), b"", stopped_clock(), stopped_clock() + DAY)
    await house.store.database.write(lambda tx: sessions.begin(tx, new))
    assert await kept.kept() == {(house.lea.id, HERE)}


async def test_the_disk_does_not_say_where_it_leads(house: House, kept: Subscriptions) -> None:
    await kept.keep(house.lea, "one")
    (row,) = await house.select("select * from push_subscriptions")
    given = subscription("one")
    assert all(part not in repr(dict(row)).encode() for part in (b"googleapis", given.auth))
    await kept.tell(house.lea)
    (pending,) = await kept.take()
    assert pending.subscription(house.store.guard) == given


@pytest.mark.parametrize("column", ["account", "session", "made_at"])
async def test_one_that_was_moved_does_not_open(house: House, kept: Subscriptions, column: str) -> None:
    await kept.keep(house.lea, "one")
    values: dict[str, bytes | int] = {"account": house.karim.id.bytes, "session": THERE, "made_at": 7}
    await house.spoil(f"update push_subscriptions set {column} = :value", value=values[column])
    await kept.tell(house.karim if column == "account" else house.lea)
    (pending,) = await kept.take()
    with pytest.raises(Exception, match="altered or belongs to another place"):
        pending.subscription(house.store.guard)


# What they are still to be told


async def test_all_browsers_of_one_account_are_told_of_a_letter_once(house: House, kept: Subscriptions) -> None:
    await kept.keep(house.lea, "one")
    await kept.keep(house.lea, "two", THERE)
    await kept.keep(house.karim, "karim", b"k" * 32)
    letter = await kept.tell(house.lea)
    assert {(pending.account, pending.letter, pending.attempts) for pending in await kept.take()} == {(house.lea.id, letter, 1)}
    assert await kept.take() == []
    await house.store.database.write(lambda tx: settle_all(tx, house.lea, letter))
    assert not await is_due(house)


async def settle_all(tx: Transaction, one: Person, letter: UUID) -> None:
    await tx.run("update push_subscriptions set letter = null, due_at = null")
    await subscriptions.tell_all(tx, one.id, letter, 1)


async def is_due(house: House) -> bool:
    now = house.store.clock()
    return await house.store.database.read(lambda reader: subscriptions.is_due(reader, now))


async def test_a_letter_of_another_account_tells_nobody(house: House, kept: Subscriptions) -> None:
    await kept.keep(house.lea, "one")
    letter = await kept.write(house.karim)
    await house.store.database.write(lambda tx: subscriptions.tell_all(tx, house.lea.id, letter, 1))
    assert not await is_due(house)


async def test_one_that_nobody_speaks_of_again_comes_up_again(
    house: House, kept: Subscriptions, stopped_clock: StoppedClock
) -> None:
    await kept.keep(house.lea, "one")
    await kept.tell(house.lea)
    assert [one.attempts for one in await kept.take()] == [1]
    stopped_clock.advance(HOUR)
    assert [one.attempts for one in await kept.take()] == [2]


async def test_a_later_letter_takes_the_place_of_the_first(
    house: House, kept: Subscriptions, stopped_clock: StoppedClock
) -> None:
    """What then becomes of the first changes nothing of the second."""
    await kept.keep(house.lea, "one")
    await kept.tell(house.lea)
    (first,) = await kept.take()
    second = await kept.tell(house.lea)
    await house.store.database.write(lambda tx: subscriptions.settle(tx, first))
    await house.store.database.write(lambda tx: subscriptions.put_off(tx, first, stopped_clock() + DAY))
    assert [one.letter for one in await kept.take()] == [second]


async def test_one_that_is_put_off_waits(house: House, kept: Subscriptions, stopped_clock: StoppedClock) -> None:
    await kept.keep(house.lea, "one")
    await kept.tell(house.lea)
    (pending,) = await kept.take()
    until = stopped_clock() + 2 * HOUR
    await house.store.database.write(lambda tx: subscriptions.put_off(tx, pending, until, counts=False))
    stopped_clock.advance(HOUR)
    assert await kept.take() == []
    stopped_clock.advance(HOUR)
    assert [one.attempts for one in await kept.take()] == [1]


async def test_a_damaged_row_holds_up_no_other(house: House, kept: Subscriptions) -> None:
    await kept.keep(house.lea, "one")
    await kept.keep(house.lea, "two", THERE)
    await kept.tell(house.lea)
    await house.spoil("update push_subscriptions set letter = null where session = :session", session=HERE)
    assert [bytes(one.row["session"]) for one in await kept.take()] == [THERE]
    assert not await is_due(house)
