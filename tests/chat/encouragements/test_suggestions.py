"""Suggestions: whom they are shown to, sent once as the companion's own message, dismissed, and gone after an answer."""

import asyncio
from uuid import UUID, uuid4

import pytest

from chat.accounts.new_accounts import Person, add_account
from chat.ailo import Ailo
from chat.encouragements.feature import Encouragements
from chat.encouragements.suggestions import Suggestions, Withdrawn
from chat.protocol.refusals import NotAllowed, NotFound
from storage.accounts import preferences
from storage.accounts.accounts import Role
from storage.accounts.preferences import Letters, Preferences
from storage.conversations.unlocked import Unlocked
from storage.encouragements import encouragements
from storage.encouragements.encouragements import State
from storage.errors import Stalled
from storage.ids import ThreadId
from tests.chat.encouragements.conftest import Clock, plan
from tests.chat.talk import Cast
from tests.people import DAY, PASSWORD, address


async def shown(suggestions: Suggestions, who: Unlocked) -> list[UUID]:
    return [one.id for one in (await suggestions.read(who)).suggestions]


async def texts(ailo: Ailo, who: Unlocked, thread: ThreadId) -> list[str]:
    return [one.text for one in await ailo.conversations.conversation.before(who, thread, None, 50)]


async def state(ailo: Ailo, id_: UUID) -> State:
    one = await ailo.store.database.read(lambda reader: encouragements.find(reader, id_))
    assert one
    return one.state


# Shown


async def test_it_says_why_in_the_companions_language_and_the_text_in_the_members(
    suggestions: Suggestions, cast: Cast, thread: ThreadId, suggested: UUID
) -> None:
    (one,) = (await suggestions.read(await cast.unlock("sam"))).suggestions
    assert (one.id, one.thread, one.rule) == (suggested, thread, "first-answer")
    assert one.why.startswith("Après ses premiers mots")
    assert one.text.startswith("Bonjour Lea, merci d’avoir fait le premier pas")


async def test_nobody_else_is_shown_it(suggestions: Suggestions, cast: Cast, suggested: UUID) -> None:
    for name in ("lea", "claire", "karim", "thomas", "ada"):
        assert await shown(suggestions, await cast.unlock(name)) == []


@pytest.mark.parametrize("name", ["lea", "claire", "karim", "thomas", "ada"])
async def test_nobody_else_sends_or_dismisses_it(
    ailo: Ailo, suggestions: Suggestions, cast: Cast, suggested: UUID, name: str
) -> None:
    """Not the member, not a Professional of the thread, not an outsider."""
    who = await cast.unlock(name)
    for act in (suggestions.send(who, suggested, "Bonjour"), suggestions.dismiss(who, suggested)):
        with pytest.raises(NotFound):
            await act
    assert await state(ailo, suggested) is State.WAITING


async def test_a_former_companion_has_nothing_of_it(
    suggestions: Suggestions, cast: Cast, thread: ThreadId, suggested: UUID
) -> None:
    sam = await cast.unlock("sam")
    assert await shown(suggestions, sam) == [suggested]
    await cast.leave(thread, "sam")
    assert await shown(suggestions, sam) == []
    for act in (suggestions.send(sam, suggested, "Bonjour"), suggestions.dismiss(sam, suggested)):
        with pytest.raises(NotFound):
            await act


async def test_a_planted_participant_is_shown_nothing(
    ailo: Ailo, suggestions: Suggestions, cast: Cast, thread: ThreadId, suggested: UUID
) -> None:
    """The list of participants is not proven; the roster is."""
    await cast.leave(thread, "sam")
    sam = await cast.unlock("sam")
    sql = "insert into participants (thread, account, joined_at, read_seq) values (:thread, :account, 1, 0)"
    await ailo.store.database.write(lambda tx: tx.run(sql, thread=thread.bytes, account=sam.account.id.bytes))
    assert await shown(suggestions, sam) == []


async def test_there_is_none_of_an_unknown_id(suggestions: Suggestions, cast: Cast) -> None:
    sam = await cast.unlock("sam")
    for act in (suggestions.send(sam, uuid4(), "Bonjour"), suggestions.dismiss(sam, uuid4())):
        with pytest.raises(NotFound):
            await act


async def test_it_is_gone_once_she_has_written(suggestions: Suggestions, cast: Cast, thread: ThreadId, suggested: UUID) -> None:
    sam = await cast.unlock("sam")
    await cast.say(await cast.unlock("lea"), thread, "Me revoilà")
    assert await shown(suggestions, sam) == []
    with pytest.raises(Withdrawn):
        await suggestions.send(sam, suggested, "Bonjour")
    await cast.say(sam, thread, "Bonjour")
    assert await shown(suggestions, sam) == []


async def test_it_is_gone_once_the_conversation_is_closed(
    ailo: Ailo, suggestions: Suggestions, cast: Cast, thread: ThreadId, suggested: UUID
) -> None:
    sam = await cast.unlock("sam")
    await ailo.conversations.abouts.close(sam, thread)
    assert await shown(suggestions, sam) == []


async def test_it_is_gone_once_its_rule_is_off(ailo: Ailo, suggestions: Suggestions, cast: Cast, suggested: UUID) -> None:
    sam = await cast.unlock("sam")
    switches = ailo.of(Encouragements).switches
    await switches.switch("first-answer", on=False)
    assert await shown(suggestions, sam) == []
    with pytest.raises(Withdrawn):
        await suggestions.send(sam, suggested, "Bonjour")
    await switches.switch("first-answer", on=True)
    assert await shown(suggestions, sam) == [suggested]


async def test_it_is_gone_once_she_wants_none(ailo: Ailo, suggestions: Suggestions, cast: Cast, suggested: UUID) -> None:
    sam, lea, store = await cast.unlock("sam"), (await cast.account("lea")).id, ailo.store
    none = Preferences(letters=Letters(encouragements=False))
    await store.database.write(lambda tx: preferences.keep(tx, store.guard, lea, none))
    assert await shown(suggestions, sam) == []


async def test_it_is_gone_when_its_time_is_over(suggestions: Suggestions, cast: Cast, suggested: UUID, clock: Clock) -> None:
    clock.advance(5 * DAY)
    assert await shown(suggestions, await cast.unlock("sam")) == []


# Sent


async def test_it_is_sent_as_ones_own_message(
    ailo: Ailo, suggestions: Suggestions, cast: Cast, thread: ThreadId, suggested: UUID
) -> None:
    sam = await cast.unlock("sam")
    accepted = await suggestions.send(sam, suggested, "Merci, Léa.")
    assert (accepted.message.author, accepted.message.kind, accepted.message.text) == (sam.account.id, "text", "Merci, Léa.")
    assert await texts(ailo, await cast.unlock("lea"), thread) == ["Bonjour", "Bonjour Léa", "Merci, Léa."]
    assert await shown(suggestions, sam) == []


async def test_sent_twice_it_is_one_message(
    ailo: Ailo, suggestions: Suggestions, cast: Cast, thread: ThreadId, suggested: UUID
) -> None:
    sam = await cast.unlock("sam")
    first = await suggestions.send(sam, suggested, "Merci, Léa.")
    again = await suggestions.send(sam, suggested, "Merci encore.")
    assert (first.is_new, again.is_new) == (True, False)
    assert again.message == first.message
    assert len(await texts(ailo, sam, thread)) == 3


async def test_of_two_companions_one_sends_it(
    ailo: Ailo, suggestions: Suggestions, cast: Cast, thread: ThreadId, suggested: UUID
) -> None:
    sam, zoe = await cast.unlock("sam"), await companion(ailo, cast, thread)
    outcomes = await asyncio.gather(
        suggestions.send(sam, suggested, "De Sam"), suggestions.send(zoe, suggested, "De Zoé"), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in outcomes) == ["Accepted", "Withdrawn"]
    assert len(await texts(ailo, sam, thread)) == 3


async def companion(ailo: Ailo, cast: Cast, thread: ThreadId) -> Unlocked:
    """Another companion in the thread."""
    person = Person(Role.COMPANION, address("zoe"), "Zoé", "", "fr", PASSWORD)
    zoe = await add_account(ailo.store, ailo.sign_ins.pool, person)
    await ailo.conversations.participants.bring_in(await cast.unlock("sam"), thread, zoe, whole=True)
    return await cast.unlock("zoe")


async def test_what_cannot_be_posted_waits_again(
    ailo: Ailo, suggestions: Suggestions, cast: Cast, suggested: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    sam = await cast.unlock("sam")
    with pytest.raises(NotAllowed):
        await suggestions.send(sam, suggested, "")
    assert await shown(suggestions, sam) == [suggested]

    def full(*_: object) -> None:
        raise Stalled("too many messages are waiting for the disk")

    with monkeypatch.context() as patched:
        patched.setattr(ailo.commits, "put", full)
        with pytest.raises(Stalled):
            await suggestions.send(sam, suggested, "Merci")
    assert await shown(suggestions, sam) == [suggested]
    assert (await suggestions.send(sam, suggested, "Merci")).is_new


async def test_nothing_else_reaches_her_on_that_day(
    ailo: Ailo, suggestions: Suggestions, cast: Cast, thread: ThreadId, suggested: UUID, clock: Clock
) -> None:
    """Another suggestion, in another conversation, stays hidden until tomorrow, and cannot be sent."""
    sam = await cast.unlock("sam")
    other = await cast.open_thread("lea", "sam")
    await suggestions.send(sam, suggested, "Merci")
    new = uuid4()
    await ailo.store.database.write(
        lambda tx: tx.run(
            "insert into encouragements (id, account, thread, rule, cause, since, state, made_at)"
            " select :new, account, :thread, rule, 'another', since, 'waiting', made_at from encouragements where id = :id",
            new=new.bytes, thread=other.bytes, id=suggested.bytes,
        )
    )  # fmt: skip
    assert await shown(suggestions, sam) == []
    with pytest.raises(Withdrawn):
        await suggestions.send(sam, new, "Encore")
    clock.advance(DAY)
    assert await shown(suggestions, sam) == [new]


async def test_what_a_kill_cut_off_is_suggested_again_the_next_day(
    ailo: Ailo, suggestions: Suggestions, cast: Cast, suggested: UUID, clock: Clock
) -> None:
    """Between counting as sent and being posted. It may have been posted after all, so that nothing follows on that day."""
    sam, store = await cast.unlock("sam"), ailo.store
    await store.database.write(lambda tx: encouragements.end(tx, suggested, State.SENT, store.clock(), sam.account.id))
    assert await shown(suggestions, sam) == []
    clock.advance(DAY)
    assert await shown(suggestions, sam) == [suggested]
    assert (await suggestions.send(sam, suggested, "Merci")).is_new
    assert await shown(suggestions, sam) == []


# Dismissed


async def test_dismissed_it_is_gone_for_all(
    ailo: Ailo, suggestions: Suggestions, cast: Cast, thread: ThreadId, suggested: UUID
) -> None:
    sam = await cast.unlock("sam")
    for _ in range(2):
        await suggestions.dismiss(sam, suggested)
    assert await shown(suggestions, sam) == []
    with pytest.raises(Withdrawn):
        await suggestions.send(sam, suggested, "Merci")
    assert len(await texts(ailo, sam, thread)) == 2


async def test_what_was_sent_is_not_dismissed(ailo: Ailo, suggestions: Suggestions, cast: Cast, suggested: UUID) -> None:
    sam = await cast.unlock("sam")
    await suggestions.send(sam, suggested, "Merci")
    with pytest.raises(Withdrawn):
        await suggestions.dismiss(sam, suggested)
    assert await state(ailo, suggested) is State.SENT


async def test_dismissed_it_does_not_come_again(
    ailo: Ailo, suggestions: Suggestions, cast: Cast, suggested: UUID, clock: Clock
) -> None:
    await suggestions.dismiss(await cast.unlock("sam"), suggested)
    clock.advance(DAY)
    assert await plan(ailo) == []
