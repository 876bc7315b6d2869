"""The order of what one connection is sent, against a model: numbers only rise, nothing is lost, nothing comes twice."""

import asyncio
import random
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.connections import sequencer
from chat.connections.sequencer import PAGE, Sequencer
from chat.protocol.frames import Message, Sent, encode
from storage.errors import Stalled
from storage.ids import AccountId, MessageId, ThreadId, new_id
from tests.chat.talk import Json, Outlet

AT = datetime(2026, 11, 23, tzinfo=UTC)
A, B, HIDDEN = new_id(ThreadId), new_id(ThreadId), new_id(ThreadId)
SOMEBODY = new_id(AccountId)


class Threads:
    """Threads with messages, and one sequencer that is sent them."""

    def __init__(self, **counts: int) -> None:
        self.held: dict[ThreadId, list[Message]] = {A: [], B: []}
        self.outlet = Outlet()
        self.line = Sequencer(self.outlet, self.page)
        self.untold: list[Message] = []
        self.meanwhile: Iterator[None] = iter(())
        for thread, count in {A: counts.get("a", 0), B: counts.get("b", 0)}.items():
            for _ in range(count):
                self.add(thread)

    def add(self, thread: ThreadId) -> Message:
        message = Message(new_id(MessageId), thread, len(self.held[thread]) + 1, SOMEBODY, "text", AT, "")
        self.held[thread].append(message)
        return message

    def live(self, thread: ThreadId) -> None:
        """Somebody else's message is committed and sent live."""
        self.commit(thread)
        self.tell(thread)

    def commit(self, thread: ThreadId) -> None:
        """Somebody else's message is committed, but not sent yet."""
        self.untold.append(self.add(thread))

    def tell(self, _: ThreadId) -> None:
        """Everything committed so far is sent, in order."""
        for message in self.untold:
            self.line.offer_message(message.thread, message.seq, encode(message))
        self.untold.clear()

    def own(self, thread: ThreadId) -> None:
        """This connection's own message is committed and answered."""
        self.tell(thread)
        self.repeat(self.add(thread), is_new=True)

    def repeat(self, message: Message, *, is_new: bool = False) -> None:
        self.line.offer_sent(Sent(message.id, message.thread, message.seq, message.at), is_new=is_new)

    def come(self, *steps: tuple[str, ...]) -> Iterator[None]:
        """What happens in thread A while each page is being read."""
        for step in steps:
            for kind in step:
                getattr(self, kind)(A)
            yield

    def repeat_second(self, thread: ThreadId) -> None:
        """The author sends the thread's second message again."""
        self.repeat(self.held[thread][1])

    async def page(self, thread: ThreadId, seq: int, limit: int) -> tuple[list[Message], int] | None:
        if thread not in self.held:
            return None
        found, end = self.held[thread][seq : seq + limit], len(self.held[thread])
        next(self.meanwhile, None)
        await asyncio.sleep(0)
        return found, end

    def told(self, thread: ThreadId) -> list[int]:
        """The numbers that the browser received, in messages and in answers, in order."""
        return [frame["seq"] for frame in self.outlet.frames if frame["thread"] == str(thread)]

    def kinds(self) -> list[tuple[str, int]]:
        return [(frame["type"], frame["seq"]) for frame in self.outlet.frames]


async def test_live_messages_wait_until_the_line_is_released() -> None:
    threads = Threads()
    threads.live(A)
    assert threads.told(A) == []
    await threads.line.resume({})
    threads.live(A)
    assert threads.told(A) == [1, 2]


async def test_a_resume_sends_what_followed_and_says_up_to_where() -> None:
    threads = Threads(a=2 * PAGE + 7, b=3)
    last = await threads.line.resume({A: 5, B: 3, HIDDEN: 0})
    assert last == {A: 2 * PAGE + 7, B: 3}
    assert (threads.told(A), threads.told(B)) == (list(range(6, 2 * PAGE + 8)), [])


async def test_a_resume_beyond_the_end_is_no_error() -> None:
    threads = Threads(a=2)
    assert await threads.line.resume({A: 2**53}) == {A: 2}
    threads.live(A)
    assert threads.told(A) == [3]


async def test_a_thread_that_was_not_named_gets_nothing_old() -> None:
    threads = Threads(a=2, b=2)
    await threads.line.resume({A: 0})
    threads.live(B)
    assert threads.told(B) == [3]


async def test_what_is_live_waits_behind_a_running_resume() -> None:
    threads = Threads(a=3)
    threads.meanwhile = threads.come(*[("live",)] * 3)
    await threads.line.resume({A: 0})
    assert threads.told(A) == [1, 2, 3, 4, 5, 6]


async def test_a_resume_waits_for_a_short_queue() -> None:
    threads = Threads(a=3)
    threads.outlet.short.clear()
    resume = asyncio.create_task(threads.line.resume({A: 0}))
    for _ in range(10):
        await asyncio.sleep(0)
    assert threads.outlet.raw == []
    threads.outlet.short.set()
    await resume
    assert threads.told(A) == [1, 2, 3]


async def test_who_asked_for_nothing_must_keep_up_with_what_was_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequencer, "PATIENCE_S", 0.0)
    threads = Threads()
    threads.outlet.short.clear()
    threads.live(A)
    release = asyncio.create_task(threads.line.release())
    await threads.outlet.until_given_up()
    release.cancel()
    assert threads.told(A) == []


async def test_an_answer_is_given_at_once_when_nothing_waits() -> None:
    threads = Threads()
    threads.own(A)
    assert threads.kinds() == [("sent", 1)]


async def test_an_answer_does_not_overtake_what_is_held() -> None:
    threads = Threads()
    threads.live(A)
    threads.own(A)
    assert (threads.told(A), threads.line.answers_waiting) == ([], 1)
    await threads.line.resume({})
    assert threads.kinds() == [("message", 1), ("sent", 2)]


async def test_an_answer_stands_in_its_messages_place_in_a_resume() -> None:
    threads = Threads(a=2)
    threads.meanwhile = threads.come(("live", "own", "live"))
    await threads.line.resume({A: 0})
    assert threads.kinds() == [("message", 1), ("message", 2), ("message", 3), ("sent", 4), ("message", 5)]


async def test_a_message_that_comes_while_nothing_is_found_is_not_lost() -> None:
    threads = Threads(a=2)
    threads.meanwhile = threads.come(("live",))
    await threads.line.resume({A: 2})
    assert threads.told(A) == [3]


async def test_a_message_that_was_resumed_before_it_was_told_comes_once() -> None:
    threads = Threads(a=2)
    threads.commit(A)
    await threads.line.resume({A: 0})
    threads.tell(A)
    threads.live(A)
    assert threads.told(A) == [1, 2, 3, 4]


async def test_a_message_that_comes_while_beyond_the_end_is_not_lost() -> None:
    threads = Threads(a=2)
    threads.meanwhile = threads.come(("live",))
    await threads.line.resume({A: 2**53})
    assert threads.told(A) == [3]


async def test_a_repeated_message_is_both_resumed_and_answered() -> None:
    threads = Threads(a=3)
    threads.meanwhile = threads.come(("repeat_second",))
    await threads.line.resume({A: 0})
    assert threads.kinds() == [("message", 1), ("message", 2), ("sent", 2), ("message", 3)]


async def test_nothing_is_told_behind_what_a_resume_that_was_cut_short_left_out() -> None:
    threads = Threads(a=3, b=1)
    threads.outlet.short.clear()
    resume = asyncio.create_task(threads.line.resume({A: 0}))
    await asyncio.sleep(0)
    threads.own(A)
    resume.cancel()
    with pytest.raises(asyncio.CancelledError):
        await resume
    threads.live(A)
    threads.live(B)
    assert (threads.told(A), threads.told(B)) == ([], [2])


async def test_a_failing_store_ends_the_resume() -> None:
    async def page(_: ThreadId, __: int, ___: int) -> None:
        raise Stalled("…")

    failing = Sequencer(Outlet(), page)
    with pytest.raises(Stalled):
        await failing.resume({A: 0})


EVENTS = st.lists(
    st.tuples(st.sampled_from(["live", "commit", "tell", "own", "resume", "run"]), st.sampled_from([A, B]), st.integers(0, 400)),
    max_size=40,
)


@given(EVENTS, st.integers(0, 250), st.randoms(use_true_random=False))
def test_whatever_happens_numbers_only_rise_and_none_is_missing(
    events: list[tuple[str, ThreadId, int]], old: int, chance: random.Random
) -> None:
    """The browser resumes once, at the start; whatever happens around it, each thread's messages come in order."""

    async def run() -> Threads:
        threads = Threads(a=old, b=old)
        threads.meanwhile = threads.come(*[("live",)] * chance.randint(0, 5))
        start = {A: chance.randint(0, old), B: chance.randint(0, old)}
        has_asked = None
        for kind, thread, steps in events:
            if kind == "resume" and has_asked is None:
                has_asked = asyncio.create_task(threads.line.resume(start))
            elif kind in {"live", "commit", "tell", "own"}:
                getattr(threads, kind)(thread)
            for _ in range(steps // 20 if kind == "run" else 0):
                await asyncio.sleep(0)
        await (has_asked or asyncio.create_task(threads.line.resume(start)))
        threads.tell(A)
        await threads.line.resume({})
        check(threads, A, start[A])
        check(threads, B, start[B])
        return threads

    def check(threads: Threads, thread: ThreadId, start: int) -> None:
        messages = numbers(threads.outlet.frames, thread, "message")
        told = sorted({*numbers(threads.outlet.frames, thread, "sent"), *messages})
        assert messages == sorted(set(messages))
        assert told == list(range(start + 1, len(threads.held[thread]) + 1))

    asyncio.run(run())


def numbers(frames: list[Json], thread: ThreadId, kind: str) -> list[int]:
    return [frame["seq"] for frame in frames if frame["thread"] == str(thread) and frame["type"] == kind]
