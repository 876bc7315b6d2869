"""What a thread has besides messages: who answers when, who took part in it earlier, closing and reopening."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from chat.ailo import Ailo
from chat.conversations.shapes import AboutPerson, PastPerson, ThreadEntry
from chat.protocol.refusals import NotFound, Unseen
from chat.staff.shapes import OwnPractice
from storage.conversations.service_posts import ServicePost
from storage.conversations.threads import Order
from storage.conversations.unlocked import Unlocked
from storage.ids import AccountId, MessageId, ThreadId, new_id
from storage.maintenance import check
from tests.chat.staff.test_practices import abouts, listen
from tests.chat.talk import Cast

SOON = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)


@pytest.fixture
async def thread(cast: Cast) -> ThreadId:
    return await cast.open_thread("lea", "claire")


async def entry(ailo: Ailo, who: Unlocked, thread: ThreadId) -> ThreadEntry:
    return next(one for one in await ailo.conversations.conversation.entries(who, Order.NEWEST, None) if one.id == thread)


async def people(ailo: Ailo, who: Unlocked, thread: ThreadId) -> dict[AccountId, AboutPerson]:
    return {one.id: one for one in (await ailo.conversations.abouts.read(who, thread)).people}


# Who answers when


async def test_the_member_sees_what_is_promised(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    lea, claire = await cast.unlock("lea"), await cast.unlock("claire")
    await ailo.staff.practices.write(claire, OwnPractice(48, SOON, "En congé."))
    assert (await ailo.conversations.abouts.read(lea, thread)).people == [
        AboutPerson(lea.account.id, None, None, None, 1),
        AboutPerson(claire.account.id, 48, SOON, "En congé.", 1),
    ]


async def test_words_for_the_next_time_are_shown_to_nobody(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    lea, claire = await cast.unlock("lea"), await cast.unlock("claire")
    for until in (None, datetime(2020, 1, 1, tzinfo=UTC)):
        await ailo.staff.practices.write(claire, OwnPractice(48, until, "En congé."))
        seen = (await people(ailo, lea, thread))[claire.account.id]
        assert (seen.away_until, seen.away_words) == (None, None)


@pytest.mark.parametrize("name", ["karim", "thomas", "sam", "ada"])
async def test_an_outsider_learns_nothing(ailo: Ailo, cast: Cast, thread: ThreadId, name: str) -> None:
    with pytest.raises(NotFound):
        await ailo.conversations.abouts.read(await cast.unlock(name), thread)


async def test_a_former_participant_learns_nothing(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    claire = await cast.unlock("claire")
    await ailo.conversations.abouts.read(claire, thread)
    await cast.leave(thread, "claire")
    with pytest.raises(NotFound):
        await ailo.conversations.abouts.read(claire, thread)


async def test_a_newcomer_reads_from_their_first_number_on(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    lea, claire = await cast.unlock("lea"), await cast.unlock("claire")
    await cast.say(lea, thread, "un", "deux")
    thomas, sam = await cast.account("thomas"), await cast.account("sam")
    await ailo.conversations.participants.bring_in(claire, thread, thomas.id, whole=False)
    await ailo.conversations.participants.bring_in(claire, thread, sam.id, whole=True)
    first = {id_: one.joined_seq for id_, one in (await people(ailo, lea, thread)).items()}
    assert first == {lea.account.id: 1, claire.account.id: 1, thomas.id: 3, sam.id: 1}


# Who took part earlier


async def test_who_left_keeps_their_name(ailo: Ailo, cast: Cast) -> None:
    thread = await cast.open_thread("lea", "claire", "sam")
    sam = await cast.unlock("sam")
    await cast.say(sam, thread, "Bienvenue")
    await cast.leave(thread, "sam")
    assert (await ailo.conversations.abouts.read(await cast.unlock("lea"), thread)).past == [
        PastPerson(sam.account.id, "companion", sam.account.first_name)
    ]


async def test_who_came_back_is_not_past(ailo: Ailo, cast: Cast) -> None:
    thread = await cast.open_thread("lea", "claire", "sam")
    await cast.leave(thread, "sam")
    claire, sam = await cast.unlock("claire"), await cast.account("sam")
    await ailo.conversations.participants.bring_in(claire, thread, sam.id, whole=False)
    assert (await ailo.conversations.abouts.read(claire, thread)).past == []


async def test_a_newcomer_knows_nothing_of_who_left_before(ailo: Ailo, cast: Cast) -> None:
    """They learn no more about earlier participants than about earlier messages."""
    thread = await cast.open_thread("lea", "claire", "sam")
    await cast.leave(thread, "sam")
    claire, thomas = await cast.unlock("claire"), await cast.unlock("thomas")
    await ailo.conversations.participants.bring_in(claire, thread, thomas.account.id, whole=False)
    await cast.leave(thread, "claire")
    assert [one.id for one in (await ailo.conversations.abouts.read(thomas, thread)).past] == [claire.account.id]


async def test_with_the_whole_history_come_its_people(ailo: Ailo, cast: Cast) -> None:
    thread = await cast.open_thread("lea", "claire", "sam")
    await cast.leave(thread, "sam")
    claire, thomas = await cast.unlock("claire"), await cast.unlock("thomas")
    await ailo.conversations.participants.hand_over(claire, thread, thomas.account.id, whole=True)
    past = (await ailo.conversations.abouts.read(thomas, thread)).past
    assert [one.id for one in past] == [claire.account.id, (await cast.account("sam")).id]


# Closing


async def test_nobody_waits_in_a_closed_thread(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    lea, claire = await cast.unlock("lea"), await cast.unlock("claire")
    await cast.say(lea, thread, "Merci, au revoir")
    await ailo.conversations.abouts.close(claire, thread)
    for who in (lea, claire):
        seen, about = await entry(ailo, who, thread), await ailo.conversations.abouts.read(who, thread)
        assert seen.waiting_since is None
        assert seen.closed_at == about.closed_at is not None


@pytest.mark.parametrize("name", ["lea", "claire"])
async def test_writing_opens_it_again(ailo: Ailo, cast: Cast, thread: ThreadId, name: str) -> None:
    await ailo.conversations.abouts.close(await cast.unlock("claire"), thread)
    who = await cast.unlock(name)
    await cast.say(who, thread, "Encore une chose")
    seen = await entry(ailo, who, thread)
    assert seen.closed_at is UNSET
    assert (seen.waiting_since is not None) == (name == "lea")


async def test_what_the_service_writes_leaves_it_closed(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    claire = await cast.unlock("claire")
    await ailo.conversations.abouts.close(claire, thread)
    await ailo.conversations.conversation.post_from_service(ServicePost(thread, new_id(MessageId), "lesson", "…"))
    assert (await entry(ailo, claire, thread)).closed_at is not UNSET


@pytest.mark.parametrize("name", ["karim", "thomas", "ada"])
async def test_an_outsider_closes_nothing(ailo: Ailo, cast: Cast, thread: ThreadId, name: str) -> None:
    who = await cast.unlock(name)
    for deed in (ailo.conversations.abouts.close, ailo.conversations.abouts.reopen):
        with pytest.raises(NotFound):
            await deed(who, thread)


async def test_who_has_left_closes_nothing(ailo: Ailo, cast: Cast) -> None:
    thread = await cast.open_thread("lea", "claire", "sam")
    claire = await cast.unlock("claire")
    await ailo.conversations.abouts.close(claire, thread)
    await cast.leave(thread, "claire")
    for deed in (ailo.conversations.abouts.close, ailo.conversations.abouts.reopen):
        with pytest.raises(NotFound):
            await deed(claire, thread)
    assert (await entry(ailo, await cast.unlock("sam"), thread)).closed_at is not UNSET


async def test_who_leaves_while_closing_closes_nothing(ailo: Ailo, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """Claire's seat is looked up, then she is removed, then the transaction begins."""
    thread = await cast.open_thread("lea", "claire", "sam")
    claire, looked = await cast.unlock("claire"), ailo.access.latest

    async def look_and_wait(who: Unlocked, id_: ThreadId) -> object:
        monkeypatch.undo()
        roster = await looked(who, id_)
        await cast.leave(thread, "claire")
        return roster

    monkeypatch.setattr(ailo.access, "latest", look_and_wait)
    with pytest.raises(NotFound):
        await ailo.conversations.abouts.close(claire, thread)
    assert (await entry(ailo, await cast.unlock("sam"), thread)).closed_at is UNSET


async def test_a_colleague_who_comes_meanwhile_is_no_hindrance(
    ailo: Ailo, cast: Cast, thread: ThreadId, monkeypatch: pytest.MonkeyPatch
) -> None:
    claire, looked, sam = await cast.unlock("claire"), ailo.access.latest, await cast.account("sam")

    async def look_and_wait(who: Unlocked, id_: ThreadId) -> object:
        monkeypatch.undo()
        roster = await looked(who, id_)
        await ailo.conversations.participants.bring_in(await cast.unlock("claire"), thread, sam.id, whole=False)
        return roster

    monkeypatch.setattr(ailo.access, "latest", look_and_wait)
    await ailo.conversations.abouts.close(claire, thread)
    assert (await entry(ailo, claire, thread)).closed_at is not UNSET


async def test_a_message_that_was_not_seen_is_not_closed_over(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    """Somebody writes « au secours » at the moment in which their conversation is being closed."""
    lea, claire = await cast.unlock("lea"), await cast.unlock("claire")
    (seq,) = await cast.say(lea, thread, "Merci")
    await cast.say(lea, thread, "Au secours")
    with pytest.raises(Unseen):
        await ailo.conversations.abouts.close(claire, thread, seen=seq)
    assert (await entry(ailo, claire, thread)).waiting_since is not None
    await ailo.conversations.abouts.close(claire, thread, seen=seq + 1)


async def test_both_hear_of_it_once(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    claire = await cast.unlock("claire")
    browsers = [listen(ailo, (await cast.account(name)).id) for name in ("lea", "claire", "karim")]
    await ailo.conversations.abouts.close(claire, thread)
    await ailo.conversations.abouts.close(claire, thread)
    assert [len(abouts(browser)) for browser in browsers] == [1, 1, 0]
    await ailo.conversations.abouts.reopen(claire, thread)
    await ailo.conversations.abouts.reopen(claire, thread)
    assert [len(abouts(browser)) for browser in browsers] == [2, 2, 0]


async def test_opened_again_they_wait_since_their_first_unanswered_word(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    lea, claire = await cast.unlock("lea"), await cast.unlock("claire")
    await cast.say(claire, thread, "Bonjour")
    await cast.say(lea, thread, "une question", "une autre")
    await ailo.conversations.conversation.post_from_service(ServicePost(thread, new_id(MessageId), "lesson", "…"))
    before = await entry(ailo, claire, thread)
    await ailo.conversations.abouts.close(claire, thread)
    await ailo.conversations.abouts.reopen(claire, thread)
    assert (await entry(ailo, claire, thread)).waiting_since == before.waiting_since is not None


async def test_opened_again_nobody_waits_who_had_an_answer(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    claire = await cast.unlock("claire")
    await cast.say(claire, thread, "Bonjour")
    await ailo.conversations.abouts.close(claire, thread)
    await ailo.conversations.abouts.reopen(claire, thread)
    assert (await entry(ailo, claire, thread)).waiting_since is None


async def test_a_thread_that_was_tampered_with_is_not_closed(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    claire = await cast.unlock("claire")
    await cast.say(claire, thread, "Bonjour")
    await ailo.store.database.write(lambda tx: tx.run("update threads set last_seq = 7"))
    with pytest.raises(NotFound):
        await ailo.conversations.abouts.close(claire, thread)


@given(st.lists(st.sampled_from(["lea", "claire", "close", "reopen"]), min_size=1, max_size=12))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_message_is_closed_over_by_an_earlier_closing(ailo: Ailo, cast: Cast, deeds: list[str]) -> None:
    """Messages and closings at the same moment: a thread that ends up closed was closed after its last message.

    (The clock is read in the transaction, and no two readings are equal: times follow the order of the commits.)
    """
    thread = await cast.open_thread("lea", "claire", "sam")
    lea, claire = await cast.unlock("lea"), await cast.unlock("claire")

    async def do(deed: str) -> None:
        if deed in {"close", "reopen"}:
            await (ailo.conversations.abouts.close if deed == "close" else ailo.conversations.abouts.reopen)(claire, thread)
        else:
            await ailo.conversations.conversation.post_and_wait(lea if deed == "lea" else claire, thread, new_id(MessageId), "…")

    await ailo.conversations.conversation.must_take_part(lea, thread)
    await asyncio.gather(*map(do, deeds))
    stands = await entry(ailo, claire, thread)
    if stands.closed_at is not UNSET:
        assert stands.waiting_since is None
        assert stands.last is None or stands.last.at < stands.closed_at
    elif deeds[-1] == "close" and len(set(deeds)) == 1:
        pytest.fail("what was only ever closed is open")
    await cast.say(lea, thread, "Encore")
    again = await entry(ailo, claire, thread)
    assert again.closed_at is UNSET
    assert again.waiting_since is not None
    assert await check.check_all(ailo.store) == []
