"""Mailboxes that were refused for good: for one address, until it is changed or confirmed; nobody can plant one."""

from uuid import UUID, uuid4

import pytest

from storage.mail import letters, refused_mailboxes
from storage.mail.letters import Letter, State
from storage.mail.refused_mailboxes import is_for_good
from tests.people import DAY, House, Person, StoppedClock


async def note(house: House, one: Person, status: str = "5.1.1") -> None:
    store = house.store
    await store.database.write(lambda tx: refused_mailboxes.note(tx, store.guard, one.id, status, store.clock()))


async def refused_at(house: House, one: Person) -> int | None:
    return await house.store.database.read(lambda reader: refused_mailboxes.refused_at(reader, house.store.guard, one.id))


async def lift(house: House, one: Person) -> bool:
    store = house.store
    return await store.database.write(lambda tx: refused_mailboxes.lift(tx, store.guard, one.id, store.clock()))


@pytest.mark.parametrize("status", ["5.1.1", "5.1.2", "5.1.6", "5.1.10"])
def test_no_such_mailbox_is_for_good(status: str) -> None:
    assert is_for_good(status)


@pytest.mark.parametrize(
    "status",
    [
        "4.1.1",
        "5.1.0",
        "5.1.3",
        "5.1.5",
        "5.1.11",
        "5.1.7",
        "5.1.8",
        "5.1.9",
        "5.2.1",
        "5.2.2",
        "5.4.4",
        "5.7.1",
        "5.1.",
        "5.1.1 x",
        "",
    ],
)
def test_all_else_ends_one_letter_alone(status: str) -> None:
    assert not is_for_good(status)


async def test_the_first_refusal_of_an_address_stands(house: House, stopped_clock: StoppedClock) -> None:
    assert await refused_at(house, house.lea) is None
    at = stopped_clock()
    await note(house, house.lea)
    stopped_clock.advance(1000)
    await note(house, house.lea, "5.1.2")
    assert (await refused_at(house, house.lea), await refused_at(house, house.karim)) == (at, None)


async def test_it_ends_when_it_is_lifted(house: House) -> None:
    await note(house, house.lea)
    assert [await lift(house, house.lea) for _ in range(2)] == [True, False]
    assert await refused_at(house, house.lea) is None


async def test_what_was_refused_waits_again_when_it_is_lifted(house: House, stopped_clock: StoppedClock) -> None:
    store = house.store

    async def end(one: Person, state: State, reason: str | None = None, *, worth: int = DAY) -> UUID:
        stopped_clock.advance(1)
        id_, now = uuid4(), store.clock()
        letter = Letter(id_, one.id, "reply", str(id_), {}, f"{id_.hex}@ailo.test", now, now + worth)
        await store.database.write(lambda tx: letters.write(tx, store.guard, letter, now))
        await store.database.write(lambda tx: letters.finish(tx, id_, state, now, reason))
        return id_

    await end(house.lea, State.REFUSED, "smtp 550")
    stopped_clock.advance(1)
    await note(house, house.lea)
    again = {await end(house.lea, State.REFUSED, reason) for reason in ("smtp 550", "bounced 5.1.1")}
    again.add(await end(house.lea, State.DROPPED, letters.NO_MAILBOX))
    await end(house.lea, State.DROPPED, letters.NO_MAILBOX, worth=10)
    await end(house.lea, State.DROPPED, "already read")
    await end(house.lea, State.REFUSED, "damaged")
    await end(house.lea, State.SENT)
    await end(house.karim, State.REFUSED, "bounced 5.1.1")
    stopped_clock.advance(20)
    await lift(house, house.lea)
    waiting = await house.select("select id, due_at, attempts, reason from letters where state = 'waiting'")
    assert {UUID(bytes=row["id"]) for row in waiting} == again
    assert {(row["due_at"], row["attempts"], row["reason"]) for row in waiting} == {(stopped_clock(), 0, None)}


async def test_it_ends_with_the_address(house: House, stopped_clock: StoppedClock) -> None:
    await note(house, house.lea)
    new = house.store.guard.address_index("lea.martin@ailo.test")
    await house.spoil("update accounts set address_index = :new where id = :id", new=new, id=house.lea.id.bytes)
    assert await refused_at(house, house.lea) is None
    stopped_clock.advance(1000)
    await note(house, house.lea)
    assert await refused_at(house, house.lea) == stopped_clock()


@pytest.mark.parametrize("change", ["refused_at = refused_at + 1", "status = '5.1.2'", "proof = x'01'", "refused_at = 'x'"])
async def test_one_that_was_altered_stops_nothing_and_is_told(
    house: House, caplog: pytest.LogCaptureFixture, change: str
) -> None:
    await note(house, house.lea)
    await house.spoil(f"update refused_mailboxes set {change}")
    assert await refused_at(house, house.lea) is None
    assert "a row of refused_mailboxes failed verification" in caplog.text


async def test_one_moved_to_another_account_stops_nothing(house: House) -> None:
    await note(house, house.lea)
    await house.spoil(
        "update refused_mailboxes set account = :other, address = (select address_index from accounts where id = :other)",
        other=house.karim.id.bytes,
    )
    assert [await refused_at(house, one) for one in (house.lea, house.karim)] == [None, None]
