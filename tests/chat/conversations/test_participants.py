"""Who takes part in a thread, and how participants change that."""

import asyncio

import pytest

from chat.ailo import Ailo
from chat.protocol.refusals import NotAllowed, NotFound
from storage import installation
from storage.accounts import accounts
from storage.accounts.accounts import Account, Status
from storage.conversations import participants
from storage.conversations.unlocked import Unlocked
from storage.crypto.epochs import THE_OFFICER
from storage.crypto.keyholes import AccountKey
from storage.crypto.primitives import key_id
from storage.ids import AccountId, ThreadId, new_id
from tests.chat.talk import Cast, Talk


@pytest.fixture
async def thread(cast: Cast) -> ThreadId:
    return await cast.open_thread("lea", "claire")


@pytest.fixture
async def claire(cast: Cast, thread: ThreadId) -> Unlocked:
    claire = await cast.unlock("claire")
    await cast.say(claire, thread, "un")
    return claire


async def texts(ailo: Ailo, who: Unlocked, thread: ThreadId) -> list[str]:
    return [message.text for message in await ailo.conversations.conversation.before(who, thread, None, 50)]


async def names(ailo: Ailo, who: Unlocked, thread: ThreadId) -> set[str]:
    return {seat.first_name for seat in (await ailo.conversations.participants.access_list(who, thread)).participants}


@pytest.mark.parametrize(("whole", "reads"), [(True, ["un", "deux"]), (False, ["deux"])])
async def test_a_colleague_is_brought_in(
    ailo: Ailo, cast: Cast, claire: Unlocked, thread: ThreadId, whole: bool, reads: list[str]
) -> None:
    thomas = await cast.unlock("thomas")
    await ailo.conversations.participants.bring_in(claire, thread, thomas.account.id, whole=whole)
    await cast.say(await cast.unlock("lea"), thread, "deux")
    assert await texts(ailo, thomas, thread) == reads


async def test_a_successor_takes_over_and_the_giver_is_out(ailo: Ailo, cast: Cast, claire: Unlocked, thread: ThreadId) -> None:
    thomas = await cast.unlock("thomas")
    await ailo.conversations.participants.hand_over(claire, thread, thomas.account.id, whole=True)
    assert await names(ailo, thomas, thread) == {"Lea", "Thomas"}
    with pytest.raises(NotFound):
        await texts(ailo, claire, thread)


async def test_the_next_word_after_a_hand_over_is_under_an_epoch_that_the_giver_did_not_make(
    ailo: Ailo, cast: Cast, claire: Unlocked, thread: ThreadId
) -> None:
    lea, thomas = await cast.unlock("lea"), await cast.unlock("thomas")
    await ailo.conversations.participants.hand_over(claire, thread, thomas.account.id, whole=True)
    await cast.say(lea, thread, "deux")
    assert lea.latest[thread].roster.giver == lea.account.id


async def test_staff_leave_by_themselves(ailo: Ailo, cast: Cast, claire: Unlocked, thread: ThreadId) -> None:
    await ailo.conversations.participants.leave_self(claire, thread)
    with pytest.raises(NotFound):
        await ailo.conversations.participants.access_list(claire, thread)
    assert await names(ailo, await cast.unlock("lea"), thread) == {"Lea"}


async def test_a_member_stays(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    with pytest.raises(NotAllowed):
        await ailo.conversations.participants.leave_self(await cast.unlock("lea"), thread)


@pytest.mark.parametrize("name", ["thomas", "ada"])
async def test_an_outsider_brings_nobody_in(ailo: Ailo, cast: Cast, thread: ThreadId, name: str) -> None:
    who, sam = await cast.unlock(name), await cast.account("sam")
    for change in (ailo.conversations.participants.bring_in, ailo.conversations.participants.hand_over):
        with pytest.raises(NotFound):
            await change(who, thread, sam.id, whole=True)


@pytest.mark.parametrize("name", ["karim", "ada", None])
async def test_only_staff_are_brought_in(ailo: Ailo, cast: Cast, claire: Unlocked, thread: ThreadId, name: str | None) -> None:
    other = (await cast.account(name)).id if name else new_id(AccountId)
    with pytest.raises(NotFound):
        await ailo.conversations.participants.bring_in(claire, thread, other, whole=True)


async def test_nobody_is_brought_in_twice(ailo: Ailo, claire: Unlocked, cast: Cast, thread: ThreadId) -> None:
    for name in ("lea", "claire"):
        with pytest.raises(NotAllowed):
            await ailo.conversations.participants.bring_in(claire, thread, (await cast.account(name)).id, whole=True)


async def test_who_was_disabled_is_not_brought_in(
    ailo: Ailo, cast: Cast, claire: Unlocked, thread: ThreadId, monkeypatch: pytest.MonkeyPatch
) -> None:
    thomas = await cast.account("thomas")
    disabled = Account(**{**vars(thomas), "status": Status.DISABLED})
    monkeypatch.setattr(accounts, "by_id", _gives(disabled))
    with pytest.raises(NotFound):
        await ailo.conversations.participants.bring_in(claire, thread, thomas.id, whole=True)


def _gives(found: Account):  # type: ignore[no-untyped-def]
    async def by_id(*_: object) -> Account:
        return found

    return by_id


async def test_two_who_bring_in_the_same_colleague_do_so_once(ailo: Ailo, cast: Cast, claire: Unlocked, thread: ThreadId) -> None:
    sam, thomas = await cast.unlock("sam"), await cast.account("thomas")
    await ailo.conversations.participants.bring_in(claire, thread, sam.account.id, whole=True)
    ends = await asyncio.gather(
        *(ailo.conversations.participants.bring_in(who, thread, thomas.id, whole=True) for who in (claire, sam)),
        return_exceptions=True,
    )
    assert sorted(type(end).__name__ for end in ends) == ["NoneType", "NotAllowed"]
    assert await names(ailo, claire, thread) == {"Lea", "Claire", "Sam", "Thomas"}


async def test_who_left_meanwhile_brings_nobody_in(ailo: Ailo, cast: Cast, claire: Unlocked, thread: ThreadId) -> None:
    """She left between the lookup and the change, which finds that she takes no part."""
    store, thomas = ailo.store, await cast.account("thomas")
    await store.database.write(lambda tx: participants.leave(tx, store.guard, thread, claire.account.id, store.clock()))
    for change in (ailo.conversations.participants.bring_in, ailo.conversations.participants.hand_over):
        with pytest.raises(NotFound):
            await change(claire, thread, thomas.id, whole=True)


async def test_who_is_brought_in_is_seated_with_the_key_of_now(
    ailo: Ailo, cast: Cast, claire: Unlocked, thread: ThreadId
) -> None:
    """Thomas renewed his key between the lookup and the change: others may have the old one."""
    thomas = await cast.account("thomas")
    fresh = AccountKey.fresh(thomas.id, 2)
    await ailo.store.database.write(lambda tx: accounts.turn_to_key(tx, ailo.store.guard, thomas, fresh))
    await ailo.conversations.participants.bring_in(claire, thread, thomas.id, whole=True)
    await cast.say(claire, thread, "deux")
    seat = claire.latest[thread].roster.seat_of(thomas.id)
    assert seat
    assert seat.public_key == fresh.public_key


async def test_the_list_says_who_brought_whom_and_since_when(ailo: Ailo, cast: Cast, claire: Unlocked, thread: ThreadId) -> None:
    thomas = await cast.account("thomas")
    await ailo.conversations.participants.bring_in(claire, thread, thomas.id, whole=False)
    found = {seat.first_name: seat for seat in (await ailo.conversations.participants.access_list(claire, thread)).participants}
    assert (found["Thomas"].brought_by, found["Thomas"].whole_history) == (claire.account.id, False)
    assert (found["Lea"].brought_by, found["Lea"].whole_history) == (None, True)
    assert found["Lea"].since < found["Thomas"].since


async def test_the_list_names_the_recovery_officer(ailo: Ailo, claire: Unlocked, thread: ThreadId) -> None:
    found = (await ailo.conversations.participants.access_list(claire, thread)).recovery
    assert found
    assert found.fingerprint == key_id(ailo.store.officer).hex()


@pytest.mark.parametrize("name", ["karim", "thomas", "ada"])
async def test_only_participants_see_the_list(ailo: Ailo, cast: Cast, thread: ThreadId, name: str) -> None:
    with pytest.raises(NotFound):
        await ailo.conversations.participants.access_list(await cast.unlock(name), thread)


async def test_staff_see_their_colleagues(ailo: Ailo, cast: Cast) -> None:
    found = await ailo.conversations.participants.colleagues(await cast.unlock("claire"))
    assert {one.first_name for one in found} == {"Thomas", "Sam"}


async def test_everybody_there_is_told(ailo: Ailo, cast: Cast, claire: Unlocked, thread: ThreadId) -> None:
    thomas = await cast.unlock("thomas")
    talks = [
        await Talk(ailo.conversations.conversation, who).join(ailo.hub) for who in (await cast.unlock("lea"), claire, thomas)
    ]
    await ailo.conversations.participants.bring_in(claire, thread, thomas.account.id, whole=False)
    for talk in talks:
        (told,) = talk.outlet.of("participants")
        assert {one["first_name"] for one in told["participants"]} == {"Lea", "Claire", "Thomas"}


async def test_the_same_people_have_one_thread(cast: Cast, thread: ThreadId) -> None:
    assert await cast.open_thread("claire", "lea") == thread
    assert await cast.open_thread("claire", "lea", "sam") != thread


async def test_a_tampered_colleague_is_left_out_of_the_list(ailo: Ailo, cast: Cast) -> None:
    sam = await cast.account("sam")
    await ailo.store.database.write(
        lambda tx: tx.run("update accounts set public_key = :key where id = :id", key=bytes(32), id=sam.id.bytes)
    )
    assert [one.first_name for one in await ailo.conversations.participants.colleagues(await cast.unlock("claire"))] == ["Thomas"]


async def test_a_thread_is_opened_for_the_officer_of_its_own_transaction(ailo: Ailo, cast: Cast) -> None:
    """Another officer is committed just before the store knows of it: a thread must not be begun for the previous one."""
    key, guard = AccountKey.fresh(THE_OFFICER).public_key, ailo.store.guard
    await ailo.store.database.write(lambda tx: installation.note(tx, guard, "officer", key))
    thread = await cast.open_thread("karim", "thomas")
    found = (await ailo.conversations.participants.access_list(await cast.unlock("karim"), thread)).recovery
    assert found
    assert found.fingerprint == key_id(key).hex()
