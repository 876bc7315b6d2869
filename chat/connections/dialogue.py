"""What a signed-in connection may do with each frame. No sockets here: frames come in as text, answers go to an outlet."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from chat.auth.limits import AccountLimits, Overrun
from chat.auth.routing import Reach, Roles
from chat.connections.sequencer import Outlet, Sequencer
from chat.connections.small_event import SmallEvent
from chat.conversations.conversation import Accepted, Answer, Conversation
from chat.pages import words
from chat.protocol.frames import (
    Code,
    Error,
    Message,
    NotUnderstood,
    Read,
    Resume,
    Resumed,
    Send,
    Sent,
    Typing,
    decode,
    encode,
    id_in,
)
from chat.protocol.refusals import SENTENCES, NotAllowed, NotFound, TooLong
from chat.security_events import SecurityEvent, record
from storage.accounts.accounts import Role
from storage.conversations.unlocked import Unlocked
from storage.errors import StorageError
from storage.ids import ThreadId

T = TypeVar("T")

MOST_PENDING = 64
# A `resume` counts as one frame, plus one for each `THREADS_A_FRAME` threads.
THREADS_A_FRAME = 50
MOST_NOT_UNDERSTOOD = 10
# Frames beyond the limit, each followed by a longer pause: twenty seconds in all, in which 2,000 more were accepted.
MOST_OVER = 64

log = logging.getLogger("ailo.session")


class Garbled(Exception):
    """Too many frames in a row were not understood: the connection ends."""


class Flooded(Garbled):
    """Somebody kept exceeding the limit for too long: the connection ends."""


class Dialogue:
    """One connection of a signed-in account."""

    __slots__ = (
        "_conversation",
        "_ended",
        "_has_room",
        "_is_held",
        "_limits",
        "_not_understood",
        "_outlet",
        "_over",
        "_pending",
        "_restarted",
        "_resuming",
        "_sequencer",
        "_taken",
        "session_id",
        "was_used",
        "who",
    )

    def __init__(
        self,
        id_: bytes,
        who: Unlocked,
        conversation: Conversation,
        limits: AccountLimits,
        outlet: Outlet,
        taken: Counter[type] | None = None,
    ) -> None:
        self.session_id = id_
        self.was_used = False
        self.who = who
        self._conversation = conversation
        self._limits = limits
        self._outlet = outlet
        self._taken = Counter() if taken is None else taken
        self._sequencer = Sequencer(outlet, self._page)
        self._pending = 0
        self._has_room = SmallEvent()
        self._is_held = True
        self._not_understood = 0
        self._over: Overrun | None = None
        self._resuming: asyncio.Task[object] | None = None
        self._ended: Callable[[], None] = _nothing
        self._restarted: Callable[[], None] = _nothing

    # As a listener of the hub

    def offer(self, frame: bytes) -> None:
        """Queue a frame."""
        self._outlet.offer(frame)

    def offer_message(self, thread: ThreadId, seq: int, frame: bytes) -> None:
        """Queue a live message, in its thread's order."""
        self._sequencer.offer_message(thread, seq, frame)

    def sign_out(self) -> None:
        """End the connection: its session is over."""
        self._ended()

    def restart(self) -> None:
        """End the connection so that it reconnects: its account has a new key."""
        self._restarted()

    def when_restarted(self, do: Callable[[], None]) -> None:
        """Set what to do when the connection must reconnect."""
        self._restarted = do

    def when_signed_out(self, do: Callable[[], None]) -> None:
        """Set what to do when the session is over."""
        self._ended = do

    # From the browser

    async def release(self) -> None:
        """Let live messages through, the held ones first, unless the browser's first frame has already done so."""
        if self._is_held:
            self._is_held = False
            await self._after_resume()
            self._begin(self._unless_it_fails(self._sequencer.release))

    async def take(self, text: str) -> None:
        """Act on one frame. Blocks while too many messages are pending, or after too many frames. Raises Garbled."""
        if not self._limits.frames.take():
            self._refuse(Code.SLOW_DOWN, id_in(text))
            await self._slow_down()
            return
        try:
            frame = decode(text)
        except NotUnderstood as error:
            self._refuse(Code.BAD_FRAME, error.id)
            self._count_garbled()
            return
        await self._act(frame)
        await self._has_room.wait()

    async def take_control(self) -> None:
        """Count a ping or a pong: never refused, but followed by a pause when there are too many. Raises Garbled."""
        if not self._limits.controls.take():
            await self._slow_down()

    async def _slow_down(self) -> None:
        """Stop reading for a while, longer each time. What is sent meanwhile waits at the sender. Raises Garbled."""
        self._over = self._over or Overrun(self._limits.clock)
        pause = self._over.pause()
        if self._over.times >= MOST_OVER:
            record(SecurityEvent.FLOOD_CLOSED, account=self.who.account.id)
            raise Flooded
        await asyncio.sleep(pause)

    def _count_garbled(self) -> None:
        self._not_understood += 1
        if self._not_understood >= MOST_NOT_UNDERSTOOD:
            raise Garbled

    async def _act(self, frame: Send | Read | Typing | Resume) -> None:
        id_ = frame.id if isinstance(frame, Send) else None
        self._not_understood, self.was_used = 0, True
        if not isinstance(frame, Resume):
            await self.release()
        self._taken[type(frame)] += 1
        try:
            if self.who.account.role not in _ALLOWED[type(frame)]:
                raise NotFound
            await FRAMES[type(frame)].do(self, frame)
        except NotAllowed:
            self._refuse(Code.BAD_FRAME, id_)
        except TooLong:
            self._refuse(Code.TOO_LONG, id_)
        except NotFound:
            self._refuse(Code.NOT_FOUND, id_)
        except StorageError:
            self._refuse(Code.BUSY, id_)

    async def _send(self, frame: Send) -> None:
        if not self._limits.messages.take():
            self._refuse(Code.SLOW_DOWN, frame.id)
            return
        if self._sequencer.answers_waiting >= MOST_PENDING:
            await self._after_resume()
        self._wait_for_one()
        try:
            await self._conversation.post(
                self.who, frame.thread, frame.id, frame.text, lambda it: self._answer(frame.id, it), self
            )
        except BaseException:
            self._one_is_done()
            raise

    def _wait_for_one(self) -> None:
        self._pending += 1
        if self._pending >= MOST_PENDING:
            self._has_room.clear()

    def _one_is_done(self) -> None:
        self._pending -= 1
        self._has_room.set()

    def _answer(self, id_: UUID, answer: Answer) -> None:
        self._one_is_done()
        if isinstance(answer, Accepted):
            message = answer.message
            self._sequencer.offer_sent(Sent(message.id, message.thread, message.seq, message.at), is_new=answer.is_new)
        elif isinstance(answer, NotFound):
            self._refuse(Code.NOT_FOUND, id_)
        elif isinstance(answer, NotAllowed):
            self._refuse(Code.BAD_FRAME, id_)
        else:
            self._refuse(Code.BUSY, id_)

    async def _read(self, frame: Read) -> None:
        await self._conversation.mark_read(self.who, frame.thread, frame.seq, self)

    async def _type(self, frame: Typing) -> None:
        await self._conversation.type_in(self.who, frame.thread)

    async def _resume(self, frame: Resume) -> None:
        if not self._limits.frames.take(len(frame.after) / THREADS_A_FRAME):
            self._refuse(Code.SLOW_DOWN, None)
            return
        was_held, self._is_held = self._is_held, False
        await self._after_resume()
        starts = await self._unless_it_fails(lambda: self._starts(frame.after))
        await self._after_resume()
        if starts is not None:
            self._begin(self._catch_up_and_say(starts))
        elif was_held:
            self._is_held = True
            await self.release()

    async def _starts(self, after: dict[bytes, int]) -> dict[ThreadId, int]:
        """The threads among these that exist, in one look-up, before anything that the browser sends after the `resume`.

        An unknown thread costs no read of its own, and no table is keyed by a UUID that the browser made up.
        """
        there = await self._conversation.existing(after) if after else set()
        return {ThreadId(UUID(bytes=id_)): seq for id_, seq in after.items() if id_ in there}

    def _begin(self, resume: Coroutine[Any, Any, object]) -> None:
        self._resuming = asyncio.create_task(resume)
        self._resuming.add_done_callback(self._resumed)

    def _resumed(self, task: asyncio.Task[object]) -> None:
        if self._resuming is task:
            self._resuming = None  # a finished task would cost every idle connection half a kB

    async def _catch_up_and_say(self, threads: dict[ThreadId, int]) -> None:
        last = await self._unless_it_fails(lambda: self._sequencer.resume(threads))
        if last is not None:
            await self._outlet.room()
            self._outlet.offer(encode(Resumed(last)))

    async def _unless_it_fails(self, catch_up: Callable[[], Awaitable[T]]) -> T | None:
        """Run ``catch_up``. If the store fails, this connection has missed messages: it ends, and the next one resumes."""
        try:
            return await catch_up()
        except StorageError:
            self._outlet.give_up()
            return None

    async def _after_resume(self) -> None:
        """Wait for the running resume: only one runs at a time, and later frames wait behind it."""
        if self._resuming:
            await asyncio.wait([self._resuming])

    async def _page(self, thread: ThreadId, seq: int, limit: int) -> tuple[list[Message], int] | None:
        try:
            return await self._conversation.after(self.who, thread, seq, limit)
        except NotFound:
            return None

    def _refuse(self, code: Code, id_: UUID | None) -> None:
        if code is Code.SLOW_DOWN and self._limits.is_news():
            record(SecurityEvent.RATE_LIMITED, self.who.account.id, at="/ws")
        self._outlet.offer(encode(Error(code.value, words.say(self.who.account.locale, SENTENCES[code]), id_)))

    # The end

    async def finish(self, patience: float = 0.0) -> None:
        """Wait for accepted messages to be answered, each after the messages before it; a resume gets ``patience`` seconds.

        What is not sent by then is not sent at all: a browser that goes by numbers would take missing messages for seen. It
        asks again on its next connection, and repeats what was not answered.
        """
        while self._pending:
            self._has_room.clear()
            await self._has_room.wait()
        if resuming := self._resuming:
            await asyncio.wait([resuming], timeout=patience)
            resuming.cancel()
            await asyncio.wait([resuming])

    def let_go(self) -> None:
        """Drop every reference to the connection: the last step, after ``finish``."""
        self._ended = self._restarted = _nothing
        self._sequencer.end()
        self._resuming = None


def _nothing() -> None:
    pass


class Action(NamedTuple):
    """What a frame does, who may send it, and whose data it reaches."""

    do: Callable[..., Awaitable[None]]
    roles: Roles
    reach: Reach


FRAMES: dict[type, Action] = {
    Send: Action(Dialogue._send, Roles.CORRESPONDENTS, Reach.THREAD),  # noqa: SLF001 (its own table)
    Read: Action(Dialogue._read, Roles.CORRESPONDENTS, Reach.THREAD),  # noqa: SLF001
    Typing: Action(Dialogue._type, Roles.CORRESPONDENTS, Reach.THREAD),  # noqa: SLF001
    Resume: Action(Dialogue._resume, Roles.SIGNED_IN, Reach.THREAD),  # noqa: SLF001
}
_ALLOWED = {kind: frozenset(role for role in Role if action.roles.has(role)) for kind, action in FRAMES.items()}
