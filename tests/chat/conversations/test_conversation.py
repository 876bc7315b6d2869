"""The rules of a conversation, without a socket: who may post, read and page back, and what the others are sent."""

import asyncio

import pytest

from chat.ailo import Ailo
from chat.protocol.refusals import NotAllowed, NotFound, TooLong
from storage.conversations.threads import Order
from storage.errors import Stalled
from storage.ids import MessageId, ThreadId, new_id
from tests.chat.talk import Cast, Talk


@pytest.fixture
async def thread(cast: Cast) -> ThreadId:
    return await cast.open_thread("lea", "claire", "sam")


async def listening(ailo: Ailo, cast: Cast, name: str) -> Talk:
    """Somebody's connection, which receives everything sent live."""
    talk = Talk(ailo.conversations.conversation, await cast.unlock(name))
    return await talk.join(ailo.hub, await ailo.conversations.participants.correspondents(talk.who.account.id))


async def test_a_message_is_kept_as_it_was_sent(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    lea, text = await cast.unlock("lea"), "  e\u0301\r\n\N{FAMILY}\0 "
    await cast.say(lea, thread, text)
    found = await ailo.conversations.conversation.before(await cast.unlock("claire"), thread, None, 50)
    assert [(message.text, message.author, message.kind) for message in found] == [(text, lea.account.id, "text")]


async def test_a_message_reaches_the_others_live(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    claire, lea = await listening(ailo, cast, "claire"), await listening(ailo, cast, "lea")
    await lea.send(thread, "Bonjour")
    assert [frame["text"] for frame in await claire.outlet.until("message")] == ["Bonjour"]
    assert lea.outlet.of("message") == []


async def test_live_and_looked_up_messages_are_the_same(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    claire = await listening(ailo, cast, "claire")
    await cast.say(await cast.unlock("lea"), thread, "Bonjour")
    (live,) = await claire.outlet.until("message")
    await claire.put({"type": "resume", "threads": {str(thread): 0}})
    assert (await claire.outlet.until("message", 2))[1] == live


async def test_ones_other_connection_sees_what_one_posts(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    phone, laptop = await listening(ailo, cast, "lea"), await listening(ailo, cast, "lea")
    await phone.send(thread, "Bonjour")
    assert len(await laptop.outlet.until("message")) == 1


async def test_a_repeated_message_is_told_to_nobody_again(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    claire, lea, id_ = await listening(ailo, cast, "claire"), await cast.unlock("lea"), new_id(MessageId)
    first = await ailo.conversations.conversation.post_and_wait(lea, thread, id_, "un")
    again = await ailo.conversations.conversation.post_and_wait(lea, thread, id_, "deux")
    assert (first.is_new, again.is_new, again.message) == (True, False, first.message)
    assert len(await claire.outlet.until("message")) == 1


async def test_the_same_id_at_once_is_one_message(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    lea, id_ = await cast.unlock("lea"), new_id(MessageId)
    answers = await asyncio.gather(*(ailo.conversations.conversation.post_and_wait(lea, thread, id_, "…") for _ in range(10)))
    assert len({(answer.message.seq, answer.message.at) for answer in answers}) == 1
    assert [answer.is_new for answer in answers].count(True) == 1


async def test_an_id_that_is_somebody_elses_is_refused(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    id_ = new_id(MessageId)
    await ailo.conversations.conversation.post_and_wait(await cast.unlock("lea"), thread, id_, "…")
    with pytest.raises(NotAllowed):
        await ailo.conversations.conversation.post_and_wait(await cast.unlock("claire"), thread, id_, "…")


async def test_the_same_id_in_two_threads_is_two_messages(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    lea, id_, other = await cast.unlock("lea"), new_id(MessageId), await cast.open_thread("lea", "thomas")
    for each in (thread, other):
        assert (await ailo.conversations.conversation.post_and_wait(lea, each, id_, "…")).is_new


@pytest.mark.parametrize(("text", "refusal"), [("", NotAllowed), ("x" * 8_001, TooLong)])
async def test_a_text_has_its_bounds(ailo: Ailo, cast: Cast, thread: ThreadId, text: str, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        await ailo.conversations.conversation.post_and_wait(await cast.unlock("lea"), thread, new_id(MessageId), text)


@pytest.mark.parametrize("name", ["karim", "thomas", "ada"])
async def test_an_outsider_finds_nothing_anywhere(ailo: Ailo, cast: Cast, thread: ThreadId, name: str) -> None:
    who, talk = await cast.unlock(name), ailo.conversations.conversation
    await cast.say(await cast.unlock("lea"), thread, "…")
    for ask in (
        talk.post_and_wait(who, thread, new_id(MessageId), "…"),
        talk.mark_read(who, thread, 1),
        talk.type_in(who, thread),
        talk.before(who, thread, None, 50),
        talk.after(who, thread, 0, 50),
        talk.entries(who, Order.NEWEST, thread),
        talk.must_take_part(who, thread),
    ):
        with pytest.raises(NotFound):
            await ask
    assert await talk.entries(who, Order.NEWEST, None) == []


async def test_an_outsider_hears_nothing(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    karim, lea = await listening(ailo, cast, "karim"), await listening(ailo, cast, "lea")
    await lea.send(thread, "…")
    await lea.put({"type": "typing", "thread": str(thread)})
    assert karim.outlet.raw == []


# Read marks


async def test_a_read_mark_is_told_to_the_others(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    lea, claire = await listening(ailo, cast, "lea"), await listening(ailo, cast, "claire")
    await cast.say(lea.who, thread, "un", "deux")
    await claire.put({"type": "read", "thread": str(thread), "seq": 2})
    (mark,) = await lea.outlet.until("read")
    assert mark == {"type": "read", "thread": str(thread), "account": str(claire.who.account.id), "seq": 2}
    assert claire.outlet.of("read") == []


async def test_a_read_mark_never_moves_back(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    lea, claire = await listening(ailo, cast, "lea"), await cast.unlock("claire")
    await cast.say(lea.who, thread, "un", "deux")
    for seq in (2, 1, 2, 0):
        await ailo.conversations.conversation.mark_read(claire, thread, seq)
    assert len(lea.outlet.of("read")) == 1
    (entry,) = await ailo.conversations.conversation.entries(claire, Order.NEWEST, None)
    assert (entry.read_seq, entry.unread) == (2, 0)


async def test_a_mark_beyond_the_end_is_refused(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    with pytest.raises(NotAllowed):
        await ailo.conversations.conversation.mark_read(await cast.unlock("lea"), thread, 1)


async def test_posting_moves_ones_own_mark_without_a_frame(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    lea, claire = await listening(ailo, cast, "lea"), await cast.unlock("claire")
    await cast.say(lea.who, thread, "un", "deux")
    await cast.say(claire, thread, "trois")
    assert lea.outlet.of("read") == []
    (entry,) = await ailo.conversations.conversation.entries(claire, Order.NEWEST, None)
    assert (entry.read_seq, entry.unread) == (3, 0)


async def test_typing_is_told_to_the_others_alone(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    lea, laptop, claire = [await listening(ailo, cast, name) for name in ("lea", "lea", "claire")]
    await lea.put({"type": "typing", "thread": str(thread)})
    expected = {"type": "typing", "thread": str(thread), "account": str(lea.who.account.id)}
    assert (claire.outlet.of("typing"), laptop.outlet.of("typing")) == ([expected], [])


# Paging back


async def test_history_is_paged_backwards_and_forwards(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    lea, talk = await cast.unlock("lea"), ailo.conversations.conversation
    await cast.say(lea, thread, *map(str, range(1, 8)))

    assert [message.seq for message in await talk.before(lea, thread, None, 3)] == [5, 6, 7]
    assert [message.seq for message in await talk.before(lea, thread, 5, 3)] == [2, 3, 4]
    assert await talk.before(lea, thread, 1, 3) == []
    after, end = await talk.after(lea, thread, 4, 2)
    assert ([message.seq for message in after], end) == ([5, 6], 7)


async def test_a_message_that_was_tampered_with_is_shown_without_a_word(
    ailo: Ailo, cast: Cast, thread: ThreadId, caplog: pytest.LogCaptureFixture
) -> None:
    lea = await cast.unlock("lea")
    await cast.say(lea, thread, "un", "deux", "trois")
    await ailo.store.database.write(lambda tx: tx.run("update messages set at = at + 1 where seq = 2"))
    kinds = [(message.kind, message.text) for message in await ailo.conversations.conversation.before(lea, thread, None, 50)]
    assert kinds[1] == ("broken", "")
    assert "alert" in caplog.text


# The list


async def test_an_entry_tells_where_a_thread_stands(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    lea, claire = await cast.unlock("lea"), await cast.unlock("claire")
    await cast.say(lea, thread, "un", "deux")
    (entry,) = await ailo.conversations.conversation.entries(claire, Order.NEWEST, None)
    assert (entry.last_seq, entry.read_seq, entry.unread) == (2, 0, 2)
    assert entry.last
    assert entry.last.text == "deux"
    assert entry.waiting_since is not None


async def test_initials_are_for_staff_alone(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    for name, expected in {"lea": {None}, "claire": {"R"}}.items():
        (entry,) = await ailo.conversations.conversation.entries(await cast.unlock(name), Order.NEWEST, None)
        assert {person.initial for person in entry.participants} == expected


async def test_a_member_waits_until_somebody_of_the_staff_answers(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    lea, claire = await cast.unlock("lea"), await cast.unlock("claire")
    await cast.say(lea, thread, "un")
    (first,) = await ailo.conversations.conversation.entries(claire, Order.NEWEST, None)
    await cast.say(lea, thread, "deux")
    (second,) = await ailo.conversations.conversation.entries(claire, Order.NEWEST, None)
    assert first.waiting_since == second.waiting_since
    await cast.say(claire, thread, "trois")
    assert (await ailo.conversations.conversation.entries(claire, Order.NEWEST, None))[0].waiting_since is None


async def test_lists_begin_with_the_newest_or_who_waits_longest(ailo: Ailo, cast: Cast) -> None:
    lea, karim, claire = [await cast.unlock(name) for name in ("lea", "karim", "claire")]
    first, second, third = [
        await cast.open_thread(*names) for names in (("lea", "claire"), ("karim", "claire"), ("lea", "karim", "claire"))
    ]
    await cast.say(lea, first, "…")
    await cast.say(karim, second, "…")
    await cast.say(claire, third, "…")
    newest = [entry.id for entry in await ailo.conversations.conversation.entries(claire, Order.NEWEST, None)]
    waiting = [entry.id for entry in await ailo.conversations.conversation.entries(claire, Order.WAITING, None)]
    assert {newest[0], waiting[-1]} <= {third, second}
    assert waiting[:2] == [first, second]


# Taking part


async def test_the_same_people_have_one_thread(cast: Cast, thread: ThreadId) -> None:
    assert await cast.open_thread("sam", "lea", "claire") == thread
    assert await cast.open_thread("lea", "claire") != thread


async def test_who_leaves_is_told_who_stays_and_nothing_more(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    claire, lea = await listening(ailo, cast, "claire"), await listening(ailo, cast, "lea")
    await cast.leave(thread, "claire")
    (told,) = claire.outlet.of("participants")
    before = list(claire.outlet.raw)
    await lea.send(thread, "un secret")
    await lea.put({"type": "typing", "thread": str(thread)}, {"type": "read", "thread": str(thread), "seq": 1})
    ailo.hub.leave(lea.who.account.id, lea.session)
    ailo.hub._leaving[lea.who.account.id].cancel()
    ailo.hub._gone(lea.who.account.id)
    assert claire.outlet.raw == before
    assert str(claire.who.account.id) not in [person["id"] for person in told["participants"]]


async def test_who_left_finds_nothing_though_it_remembers_the_epoch(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    claire = await listening(ailo, cast, "claire")
    await claire.send(thread, "…")
    await cast.leave(thread, "claire")
    id_ = new_id(MessageId)
    assert await claire.send(thread, "…", id_) == await claire.send(new_id(ThreadId), "…", id_)
    await claire.put({"type": "resume", "threads": {str(thread): 0}})
    assert await claire.outlet.until("resumed") == [{"type": "resumed", "threads": {}}]


async def test_who_stays_goes_on_under_the_new_epoch(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    lea, sam = await listening(ailo, cast, "lea"), await listening(ailo, cast, "sam")
    await lea.send(thread, "un")
    await cast.leave(thread, "claire")
    assert (await lea.send(thread, "deux"))["seq"] == 2
    assert [frame["text"] for frame in await sam.outlet.until("message", 2)] == ["un", "deux"]
    texts = [message.text for message in await ailo.conversations.conversation.before(await cast.unlock("sam"), thread, None, 9)]
    assert texts == ["un", "deux"]


async def test_a_message_taken_before_somebody_left_is_sealed_anew(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    lea, claire = await listening(ailo, cast, "lea"), await listening(ailo, cast, "claire")
    await lea.send(thread, "un")
    await cast.leave(thread, "claire")
    ailo.conversations.conversation._access._begun.clear()  # as if the message had been sealed just before somebody left
    assert (await lea.send(thread, "deux"))["seq"] == 2
    assert [frame["text"] for frame in claire.outlet.of("message")] == ["un"]


async def test_who_takes_no_part_cannot_leave(cast: Cast, thread: ThreadId) -> None:
    with pytest.raises(NotFound):
        await cast.leave(thread, "karim")


async def test_nothing_is_told_before_the_commit(
    ailo: Ailo, cast: Cast, thread: ThreadId, monkeypatch: pytest.MonkeyPatch
) -> None:
    claire, lea = await listening(ailo, cast, "claire"), await listening(ailo, cast, "lea")

    async def fail(*_: object) -> None:
        raise Stalled("the disk is full")

    monkeypatch.setattr(ailo.store.database, "write", fail)
    assert (await lea.send(thread, "…"))["code"] == "busy"
    assert claire.outlet.of("message") == []
