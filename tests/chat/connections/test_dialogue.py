"""What a signed-in connection may do with each frame; its answers go to a list instead of a socket."""

import asyncio
import gc

import pytest

from chat.ailo import Ailo
from chat.auth.limits import AccountLimits
from chat.connections.dialogue import MOST_NOT_UNDERSTOOD, Garbled
from chat.protocol.frames import LONGEST_TEXT
from storage.errors import Stalled
from storage.ids import MessageId, ThreadId, new_id
from tests.chat.talk import Cast, Talk


@pytest.fixture
async def thread(cast: Cast) -> ThreadId:
    return await cast.open_thread("lea", "claire")


@pytest.fixture
async def lea(ailo: Ailo, cast: Cast) -> Talk:
    return Talk(ailo.conversations.conversation, await cast.unlock("lea"))


async def test_a_send_is_answered_with_its_id_and_number(lea: Talk, thread: ThreadId) -> None:
    id_ = new_id(MessageId)
    answer = await lea.send(thread, "Bonjour", id_)
    assert {**answer, "at": None} == {"type": "sent", "id": str(id_), "thread": str(thread), "seq": 1, "at": None}


async def test_the_same_send_again_has_the_same_answer(lea: Talk, thread: ThreadId) -> None:
    id_ = new_id(MessageId)
    assert await lea.send(thread, "Bonjour", id_) == await lea.send(thread, "Bonjour", id_)


@pytest.mark.parametrize(
    ("text", "code"),
    [("", "bad_frame"), ("x" * (LONGEST_TEXT + 1), "too_long"), ("\N{SLIGHTLY SMILING FACE}" * (LONGEST_TEXT + 1), "too_long")],
)
async def test_a_text_has_its_bounds(lea: Talk, thread: ThreadId, text: str, code: str) -> None:
    id_ = new_id(MessageId)
    answer = await lea.send(thread, text, id_)
    assert (answer["code"], answer["id"]) == (code, str(id_))


async def test_the_longest_text_is_counted_in_code_points(lea: Talk, thread: ThreadId) -> None:
    assert (await lea.send(thread, "\N{SLIGHTLY SMILING FACE}" * LONGEST_TEXT))["type"] == "sent"


async def test_a_thread_that_is_not_ones_own_does_not_exist(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    karim, id_ = Talk(ailo.conversations.conversation, await cast.unlock("karim")), new_id(MessageId)
    assert await karim.send(thread, "…", id_) == await karim.send(new_id(ThreadId), "…", id_)


@pytest.mark.parametrize("frame", [{"type": "read", "seq": 0}, {"type": "read", "seq": 9}, {"type": "typing"}])
async def test_marks_and_typing_elsewhere_find_nothing(
    ailo: Ailo, cast: Cast, thread: ThreadId, frame: dict[str, object]
) -> None:
    karim = Talk(ailo.conversations.conversation, await cast.unlock("karim"))
    await karim.put({**frame, "thread": str(thread)}, {**frame, "thread": str(new_id(ThreadId))})
    one, other = karim.outlet.frames
    assert one == other
    assert one["code"] == "not_found"


async def test_a_mark_beyond_the_end_is_refused(lea: Talk, thread: ThreadId) -> None:
    await lea.put({"type": "read", "thread": str(thread), "seq": 1})
    assert lea.outlet.of("error")[0]["code"] == "bad_frame"


async def test_a_resume_gives_what_followed_then_where_it_ended(ailo: Ailo, cast: Cast, lea: Talk, thread: ThreadId) -> None:
    await cast.say(await cast.unlock("claire"), thread, "un", "deux", "trois")
    await lea.put({"type": "resume", "threads": {str(thread): 1, str(new_id(ThreadId)): 0}})
    ended = await lea.outlet.until("resumed")
    assert ended == [{"type": "resumed", "threads": {str(thread): 3}}]
    assert [frame["text"] for frame in lea.outlet.of("message")] == ["deux", "trois"]


async def test_a_resume_of_nothing_is_answered(lea: Talk) -> None:
    await lea.put({"type": "resume", "threads": {}})
    assert await lea.outlet.until("resumed") == [{"type": "resumed", "threads": {}}]


async def test_a_resume_that_the_store_fails_ends_the_connection(
    ailo: Ailo, lea: Talk, thread: ThreadId, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise Stalled("the disk is gone")

    monkeypatch.setattr(ailo.conversations.conversation, "after", fail)
    await lea.put({"type": "resume", "threads": {str(thread): 0}})
    await lea.session._after_resume()
    assert (lea.outlet.gave_up, lea.outlet.frames) == (True, [])


async def test_a_resume_that_the_store_fails_tells_nothing_of_what_follows(
    ailo: Ailo, cast: Cast, lea: Talk, thread: ThreadId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the answer to one's own message, which waited for those before it, nor live messages: there would be a gap."""
    reads, go_on = asyncio.Event(), asyncio.Event()
    await lea.join(ailo.hub)
    claire = await cast.unlock("claire")
    await cast.say(claire, thread, "un", "deux")

    async def fail(*_: object) -> None:
        reads.set()
        await go_on.wait()
        raise Stalled("the disk is gone")

    monkeypatch.setattr(ailo.conversations.conversation, "after", fail)
    lea.outlet.raw.clear()
    await lea.put({"type": "resume", "threads": {str(thread): 0}})
    await asyncio.wait_for(reads.wait(), 10)
    await lea.put({"type": "send", "id": new_id(MessageId), "thread": thread, "text": "trois"})
    await cast.say(claire, thread, "quatre")
    go_on.set()
    await lea.outlet.until_given_up()
    await lea.session._after_resume()
    await cast.say(claire, thread, "cinq")
    assert [frame for frame in lea.outlet.frames if "seq" in frame] == []


async def test_a_frame_that_is_not_understood_is_answered(lea: Talk) -> None:
    await lea.session.take("{")
    assert lea.outlet.of("error")[0]["code"] == "bad_frame"


async def test_ten_in_a_row_that_are_not_understood_end_it(lea: Talk) -> None:
    for _ in range(MOST_NOT_UNDERSTOOD - 1):
        await lea.session.take("{")
    with pytest.raises(Garbled):
        await lea.session.take("{")
    assert len(lea.outlet.of("error")) == MOST_NOT_UNDERSTOOD


async def test_a_good_frame_forgives_nine(lea: Talk, thread: ThreadId) -> None:
    for _ in range(3):
        for _ in range(MOST_NOT_UNDERSTOOD - 1):
            await lea.session.take("{")
        await lea.put({"type": "typing", "thread": str(thread)})
    assert len(lea.outlet.of("error")) == 3 * (MOST_NOT_UNDERSTOOD - 1)


async def test_too_many_messages_are_slowed_each_by_its_id(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    lea = Talk(ailo.conversations.conversation, await cast.unlock("lea"), AccountLimits(1, clock=lambda: 0.0))
    ids = [new_id(MessageId) for _ in range(5)]
    answers = [await lea.send(thread, "…", id_) for id_ in ids]
    assert [answer.get("code") for answer in answers] == [None] * 4 + ["slow_down"]
    assert answers[-1]["id"] == str(ids[-1])


async def test_too_many_frames_are_slowed_each_by_its_id(ailo: Ailo, cast: Cast, thread: ThreadId) -> None:
    limits = AccountLimits(1, clock=lambda: 0.0)
    lea, id_ = Talk(ailo.conversations.conversation, await cast.unlock("lea"), limits), new_id(MessageId)
    while limits.frames.take():
        pass
    answer = await lea.send(thread, "…", id_)
    assert (answer["code"], answer["id"]) == ("slow_down", str(id_))


async def test_a_stalled_store_is_busy(ailo: Ailo, lea: Talk, thread: ThreadId, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise Stalled("…")

    monkeypatch.setattr(ailo.store.database, "write", fail)
    assert (await lea.send(thread, "…"))["code"] == "busy"


async def test_a_full_queue_is_busy(ailo: Ailo, lea: Talk, thread: ThreadId, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise Stalled("…")

    monkeypatch.setattr(ailo.commits, "put", fail)
    assert (await lea.send(thread, "…"))["code"] == "busy"
    await asyncio.wait_for(lea.session.finish(), 5)


async def test_the_end_waits_for_what_was_taken(lea: Talk, thread: ThreadId) -> None:
    await lea.put(*({"type": "send", "id": str(new_id(MessageId)), "thread": str(thread), "text": "…"} for _ in range(20)))
    await lea.session.finish()
    assert [frame["seq"] for frame in lea.outlet.of("sent")] == list(range(1, 21))


async def test_at_the_end_an_answer_comes_behind_what_was_held(ailo: Ailo, cast: Cast, lea: Talk, thread: ThreadId) -> None:
    """For somebody who has not resumed yet, the answer to their own message still follows the message before it."""
    claire = Talk(ailo.conversations.conversation, await cast.unlock("claire"))
    ailo.hub.join(claire.session.who.account.id, claire.session, set())
    await lea.send(thread, "Bonjour")
    await claire.put({"type": "send", "id": str(new_id(MessageId)), "thread": str(thread), "text": "…"})
    await claire.session.finish(5.0)
    assert [(frame["type"], frame["seq"]) for frame in claire.outlet.frames] == [("message", 1), ("sent", 2)]


async def test_without_patience_an_answer_behind_what_was_held_is_not_given(
    ailo: Ailo, cast: Cast, lea: Talk, thread: ThreadId
) -> None:
    claire = Talk(ailo.conversations.conversation, await cast.unlock("claire"))
    ailo.hub.join(claire.session.who.account.id, claire.session, set())
    await lea.send(thread, "Bonjour")
    claire.outlet.short.clear()
    await claire.put({"type": "send", "id": str(new_id(MessageId)), "thread": str(thread), "text": "…"})
    await claire.session.finish()
    assert claire.outlet.frames == []


async def test_words_are_in_the_readers_language(ailo: Ailo, cast: Cast) -> None:
    await cast.add("zoe", "en")
    zoe = Talk(ailo.conversations.conversation, await cast.unlock("zoe"))
    await zoe.put({"type": "typing", "thread": str(new_id(ThreadId))})
    assert "exist" in zoe.outlet.frames[0]["message"]


async def test_a_session_that_ends_says_so_once_asked_to(lea: Talk) -> None:
    ended = asyncio.Event()
    lea.session.sign_out()
    lea.session.when_signed_out(ended.set)
    lea.session.sign_out()
    assert ended.is_set()


async def test_a_release_cancelled_before_it_starts_leaves_nothing_behind(
    ailo: Ailo, cast: Cast, thread: ThreadId, recwarn: pytest.WarningsRecorder
) -> None:
    talk = Talk(ailo.conversations.conversation, await cast.unlock("lea"))
    await talk.session.release()
    await talk.session.finish()
    gc.collect()
    assert [str(one.message) for one in recwarn] == []
