"""The recovery officer restores access, and hands over to another officer; a kill at any write leaves the old state."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import msgspec
import pytest

from storage.conversations import participants
from storage.crypto.epochs import THE_OFFICER, Roster
from storage.crypto.keyholes import AccountKey
from storage.engine.database import Transaction
from storage.errors import Refused
from storage.ids import ThreadId
from storage.installation import Officer
from storage.rekeying import officer, recovery
from storage.rekeying.recovery import NewKey
from tests.people import House, Person
from tests.storage.deeds import Killed, all_rows, begin_own, bring_in, keyhole_of, killed_after, officers_texts, with_new_key

TABLES = (
    "accounts", "keyholes", "sessions", "epochs", "grants", "threads", "participants", "notes", "canned_replies", "recoveries",
    "house",
)  # fmt: skip


@pytest.fixture
async def thread(house: House) -> ThreadId:
    thread = await house.open_thread(house.lea, house.claire)
    await begin_own(house, house.lea, thread)
    await house.post(house.lea, thread, "un")
    await house.post(house.claire, thread, "deux")
    return thread


async def ask(house: House, one: Person | None, new: Person | None) -> bytes:
    account = await house.account(one) if one else None
    key = NewKey(new.key, keyhole_of(house, new)) if new else None
    return await house.store.database.write(lambda tx: recovery.ask(tx, house.store, account, "lea@ailo.test", key))


async def apply(house: House, raw: bytes, successor: bytes | None = None) -> None:
    answer = officer.answer(raw, house.officer.private_key, successor)
    await house.store.database.write(lambda tx: recovery.apply(tx, house.store, answer))
    house.store.officer = answer.officer


async def recovered(house: House) -> Person:
    new = with_new_key(house.lea)
    await apply(house, await ask(house, house.lea, new))
    house.lea = new
    return new


async def succeeded(house: House) -> None:
    """Replace the present officer by another."""
    key = AccountKey.fresh(THE_OFFICER)
    await apply(house, await ask(house, None, None), key.public_key)
    house.officer = Officer(key.private_key, key.public_key)


async def test_the_officer_gives_the_whole_history_back(house: House, thread: ThreadId) -> None:
    assert await house.texts(await recovered(house), thread) == ["un", "deux"]


async def test_after_a_recovery_everybody_goes_on(house: House, thread: ThreadId) -> None:
    lea = await recovered(house)
    await house.post(lea, thread, "trois")
    await house.post(house.claire, thread, "quatre")
    assert await house.texts(house.claire, thread) == await house.texts(lea, thread) == ["un", "deux", "trois", "quatre"]


async def test_who_joined_later_is_given_what_followed(house: House, thread: ThreadId) -> None:
    await bring_in(house, house.claire, thread, house.sam)
    await house.post(house.lea, thread, "trois")
    new = with_new_key(house.sam)
    await apply(house, await ask(house, house.sam, new))
    assert await house.texts(new, thread) == [None, None, "trois"]


async def test_a_new_officer_can_read_what_was_before(house: House, thread: ThreadId) -> None:
    await succeeded(house)
    await house.post(house.lea, thread, "trois")
    assert await officers_texts(house, thread) == ["un", "deux", "trois"]


async def test_a_new_officer_gives_access_back(house: House, thread: ThreadId) -> None:
    await succeeded(house)
    await house.post(house.lea, thread, "trois")
    lea = await recovered(house)
    await house.post(lea, thread, "quatre")
    assert await house.texts(lea, thread) == await house.texts(house.claire, thread) == ["un", "deux", "trois", "quatre"]


async def test_an_answer_is_applied_once(house: House, thread: ThreadId) -> None:
    raw = await ask(house, house.lea, with_new_key(house.lea))
    await apply(house, raw)
    with pytest.raises(Refused, match="already applied"):
        await apply(house, raw)


async def test_an_answer_that_somebody_overtook_is_refused(house: House, thread: ThreadId) -> None:
    raw = await ask(house, house.lea, with_new_key(house.lea))
    await bring_in(house, house.claire, thread, house.sam)
    with pytest.raises(Refused, match="make another"):
        await apply(house, raw)
    assert await house.texts(house.lea, thread) == ["un", "deux"]


async def test_an_answer_of_another_officer_is_refused(house: House, thread: ThreadId) -> None:
    raw, stranger = await ask(house, house.lea, with_new_key(house.lea)), AccountKey.fresh(THE_OFFICER)
    with pytest.raises(Refused):
        officer.answer(raw, stranger.private_key)


async def test_an_answer_that_changes_more_is_refused(house: House, thread: ThreadId) -> None:
    """The roster in the answer omits Claire's seat."""
    raw = await ask(house, house.lea, with_new_key(house.lea))
    answer = officer.answer(raw, house.officer.private_key)
    roster = Roster.decoded(answer.threads[0].roster)
    altered = replace(roster, seats=roster.seats[:1]).encoded()
    forged = msgspec.structs.replace(answer, threads=[msgspec.structs.replace(answer.threads[0], roster=altered)])
    with pytest.raises(Refused, match="more than was requested"):
        await house.store.database.write(lambda tx: recovery.apply(tx, house.store, forged))


# Killed at every write


async def state(house: House) -> dict[str, list[dict[str, object]]]:
    return {table: await house.store.database.read(lambda reader, t=table: all_rows(reader, t)) for table in TABLES}  # type: ignore[misc]


async def killed_everywhere(house: House, do: Callable[[Transaction], Awaitable[object]]) -> int:
    """Do it, killed at each statement in turn until it completes; return how often it was killed."""
    before, killed = await state(house), 0
    while True:
        try:
            await house.store.database.write(lambda tx, n=killed: do(killed_after(tx, n)))  # type: ignore[misc]
        except Killed:
            killed += 1
            assert await state(house) == before
        else:
            return killed


async def test_a_recovery_killed_anywhere_changes_nothing(house: House, thread: ThreadId) -> None:
    new = with_new_key(house.lea)
    answer = officer.answer(await ask(house, house.lea, new), house.officer.private_key)
    assert await killed_everywhere(house, lambda tx: recovery.apply(tx, house.store, answer)) > 10
    assert await house.texts(new, thread) == ["un", "deux"]


async def test_a_hand_over_killed_anywhere_changes_nothing(house: House, thread: ThreadId) -> None:
    account, guard = await house.account(house.sam), house.store.guard
    assert await killed_everywhere(
        house, lambda tx: participants.hand_over(tx, guard, house.claire.key, thread, account, 0, whole=True)
    ) > 10  # fmt: skip
    assert await house.texts(house.sam, thread) == ["un", "deux"]


async def test_a_leave_killed_anywhere_changes_nothing(house: House, thread: ThreadId) -> None:
    guard = house.store.guard
    assert await killed_everywhere(house, lambda tx: participants.leave(tx, guard, thread, house.claire.id, 0)) > 5
    assert await house.texts(house.lea, thread) == ["un", "deux"]
