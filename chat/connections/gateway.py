"""One WebSocket connection: its reader, its outgoing queue and its close codes.

The only server module that knows WebSockets; what their library does not promise is in `http/aiohttp_internals.py`.
A connection that does not keep up is closed with 1013 and catches up by `resume`; nothing is buffered for it beyond its queue.
"""

import asyncio
import logging
import math
import socket
import struct
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from chat import logs
from chat.auth.limits import AccountLimits
from chat.auth.sign_in import SignedIn
from chat.connections.dialogue import Dialogue, Garbled
from chat.connections.outgoing import Outgoing
from chat.connections.small_event import SmallEvent
from chat.conversations.conversation import Conversation
from chat.conversations.participants import Participants
from chat.http.aiohttp_internals import LastingSocket, drop_parser, request_ended
from chat.http.tap import Tap
from chat.http.visitor import Visitor
from chat.pages import words
from chat.protocol.frames import LARGEST_FRAME, PROTOCOL, Code, Error, Hello, encode
from chat.protocol.hub import Hub
from chat.protocol.refusals import SENTENCES
from chat.security_events import SecurityEvent, record

HEARTBEAT_S = 30.0
ANSWER_S = 15.0
CLOSE_S = 5.0
HEAR_S = 30.0
STOP_S = 7.0
FINISH_S = 1.5
# How long live messages wait for the browser's first frame: at two seconds' latency, `hello` and the answer to it take four.
HELD_S = 6.0
# Time for the largest frame at 2 kB a second. A merely idle peer answers the heartbeat, and that is a complete frame, too.
FRAME_S = 75.0
LOOK_S = 5.0
SMALL = 16 * 1024
PING = b"\x89\x00"
LAST_DATA_RECEIVED = 52  # offset of tcpi_last_data_recv in Linux's struct tcp_info: ms, 4 bytes
SIGNS_OF_LIFE = {WSMsgType.PING, WSMsgType.PONG}
# Frames read from one connection before the others get their turn.
FRAMES_AT_A_TURN = 16
ENDS = {WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED}

log = logging.getLogger("ailo.gateway")


class Close(IntEnum):
    """Why a connection ends (RFC 6455 section 7.4; codes from 4000 up are ours)."""

    GARBLED = WSCloseCode.POLICY_VIOLATION
    STOPPING = WSCloseCode.SERVICE_RESTART
    TOO_SLOW = WSCloseCode.TRY_AGAIN_LATER
    SIGNED_OUT = 4401


def text_head(size: int) -> bytes:
    """The header of an unmasked, unfragmented text frame (RFC 6455 section 5.2)."""
    if size < 126:
        return bytes((0x81, size))
    return struct.pack(">BBH", 0x81, 126, size) if size < 1 << 16 else struct.pack(">BBQ", 0x81, 127, size)


def unheard_s(transport: asyncio.Transport) -> float:
    """Seconds since the last byte arrived, as counted by the kernel; infinite where it does not report them (not Linux)."""
    connection = transport.get_extra_info("socket")
    try:
        told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, LAST_DATA_RECEIVED + 4)
    except (AttributeError, OSError):
        return math.inf
    return int.from_bytes(told[LAST_DATA_RECEIVED:], sys.byteorder) / 1000 if len(told) > LAST_DATA_RECEIVED else math.inf


class Connection:
    """One WebSocket of a signed-in account, from `hello` to its close code."""

    __slots__ = (
        "_asked_at",
        "_code",
        "_reading",
        "_release_timer",
        "_releasing",
        "_socket",
        "ended",
        "queue",
        "task",
        "transport",
        "waits_since",
    )

    def __init__(self, socket: web.WebSocketResponse, transport: Tap) -> None:
        self._socket = socket
        self.transport = transport
        self.task: asyncio.Task[None] | None = None
        self.queue = Outgoing(self._write_now, self._write, self._end_as_too_slow)
        self._reading: asyncio.Task[object] | None = None
        self._release_timer: asyncio.TimerHandle | None = None
        self._releasing: asyncio.Task[None] | None = None
        self._code: int | None = None
        self.waits_since = math.inf
        self._asked_at = -math.inf
        self.ended = SmallEvent()
        self.ended.clear()

    def _is_to_end(self) -> bool:
        return self._code is not None

    def end(self, code: int) -> None:
        """Request the end of the connection; only the first call counts. It stops reading and is then closed."""
        if self._code is None:
            self._code = code
            # Deferred, as the reader itself may be calling: it must be suspended at an await when it gets cancelled.
            asyncio.get_running_loop().call_soon(self._stop_reading)

    def beat(self, now: float) -> None:
        """Close it if no complete frame has arrived for `FRAME_S`; ping a silent peer, and abort if it does not answer.

        For the heartbeat every byte is a sign of life, as a large frame may be on its way. A frame sent at a byte a second
        would last for ever: hence `FRAME_S`. ``now`` is from a monotonic clock.
        """
        silent_s = now - self.waits_since
        if silent_s >= FRAME_S:
            self.end(Close.GARBLED)
        elif silent_s >= HEARTBEAT_S and not self.transport.is_closing():
            if self._asked_at < self.waits_since:
                self._asked_at = now
                self.transport.write(PING)
            elif now - self._asked_at >= ANSWER_S and unheard_s(self.transport) >= ANSWER_S:
                self.transport.abort()

    # Methods rather than closures: a closure costs every idle connection 0.1 kB more than a bound method does.

    def _end_as_too_slow(self) -> None:
        self.end(Close.TOO_SLOW)

    def _end_as_signed_out(self) -> None:
        self.queue.shut()  # nothing more goes to a session that has ended, not even what is queued
        self.end(Close.SIGNED_OUT)

    def _end_to_come_back(self) -> None:
        self.end(Close.STOPPING)

    def _stop_reading(self) -> None:
        if self._reading:
            self._reading.cancel()

    def obey(self, dialogue: Dialogue) -> None:
        """End when the session is over, or must reconnect. Call this before the hub knows the dialogue."""
        dialogue.when_signed_out(self._end_as_signed_out)
        dialogue.when_restarted(self._end_to_come_back)

    async def run(self, dialogue: Dialogue) -> None:
        """Serve the connection until either side ends it."""
        self._release_timer = asyncio.get_running_loop().call_later(HELD_S, self._release, dialogue)
        try:
            await self._read_until_asked_to_end(dialogue)
            self._stop_release_timer()
            await self._finish(dialogue)
            await self._close()
        finally:
            self._stop_release_timer()
            self.queue.stop()
            await self._stop_releasing()
            self._let_go()

    async def _read_until_asked_to_end(self, dialogue: Dialogue) -> None:
        """Read in the connection's own task, in as few coroutines as possible: each costs every idle connection 0.2 to 0.4 kB."""
        if self._is_to_end():
            return
        self._reading = task = asyncio.current_task()
        taken = 0
        try:
            while (message := await self._receive()).type not in ENDS:
                self.waits_since = math.inf
                if message.type in SIGNS_OF_LIFE:
                    await dialogue.take_control()
                    self.waits_since = time.monotonic()  # the pong blocks while the peer does not read
                    await is_sign_of_life(self._socket, message)
                else:
                    await dialogue.take(message.data if message.type is WSMsgType.TEXT else "")
                taken += 1
                if taken % FRAMES_AT_A_TURN == 0:
                    await asyncio.sleep(0)
        except ConnectionError:
            pass  # the peer was gone before its ping was answered
        except Garbled:
            self._code = Close.GARBLED
        except asyncio.CancelledError:
            if not self._is_to_end() or not task or task.uncancel():
                raise  # cancelled by somebody else
        finally:
            self._reading = None

    def _receive(self) -> Awaitable[WSMessage]:
        self.waits_since = time.monotonic()
        return self._socket.receive()

    def _let_go(self) -> None:
        """Break the reference cycles, including the library's last error with its frames, so that everything is freed at once.

        When a thousand connections are cut off together, collecting their cycles would stall everybody (50 to 100 ms).
        """
        error = self._socket.exception()
        while error is not None:
            error.__traceback__, error.__context__, error = None, None, error.__context__
        self._releasing = None
        self.queue.let_go()

    def _stop_release_timer(self) -> None:
        if self._release_timer:
            self._release_timer.cancel()
            self._release_timer = None

    def _release(self, dialogue: Dialogue) -> None:
        self._release_timer = None
        self._releasing = asyncio.create_task(dialogue.release())
        self._releasing.add_done_callback(self._released)

    def _released(self, _: asyncio.Task[None]) -> None:
        self._releasing = None

    async def _stop_releasing(self) -> None:
        if self._releasing:
            self._releasing.cancel()
            await asyncio.wait([self._releasing])

    def _write_now(self, frames: Sequence[bytes]) -> bool:
        """Write frames in one system call, bypassing the library's writer, which would make one for each.

        Only while the socket's buffer holds little: then there is no draining to wait for.
        """
        if self.transport.get_write_buffer_size() > SMALL:
            return False
        # Nothing may follow a close frame (RFC 6455 section 5.5.1): the library answers a browser's, and only `closed` shows it.
        if not self.transport.is_closing() and not self._socket.closed:
            self.transport.write(b"".join([part for frame in frames for part in (text_head(len(frame)), frame)]))
        return True

    async def _write(self, frame: bytes) -> None:
        await self._socket.send_frame(frame, WSMsgType.TEXT)

    async def _finish(self, dialogue: Dialogue) -> None:
        """Answer the accepted frames and flush the queue, unless the connection is too slow, signed out, or gone."""
        await dialogue.finish(FINISH_S if self._code == Close.STOPPING else 0.0)
        if self._code not in {Close.TOO_SLOW, Close.SIGNED_OUT}:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    await self.queue.emptied()

    async def _close(self) -> None:
        """Send the close code, and give a browser that was too slow time to receive it.

        The writer, which may be waiting for the socket to drain, is left alone until then: cancelling it would also cancel
        the close frame's wait, as aiohttp makes both wait on the same future.
        """
        self.queue.shut()
        if self._code is not None and not self._socket.closed:
            with suppress(TimeoutError, ConnectionError):
                async with asyncio.timeout(HEAR_S if self._code == Close.TOO_SLOW else CLOSE_S):
                    await self._socket.close(code=self._code)


def new_socket() -> LastingSocket:
    """A WebSocket with the limits of the service. Compression is off: it is expensive, and open to decompression bombs.

    The gateway does the heartbeat: the library's timers would take 2 kB per connection.
    """
    return LastingSocket(
        protocols=(PROTOCOL,),
        timeout=HEAR_S,
        max_msg_size=LARGEST_FRAME + 1,
        compress=False,
        autoping=False,
    )


async def is_sign_of_life(socket: web.WebSocketResponse, message: WSMessage) -> bool:
    """Answer a ping; return whether the message is a ping or a pong."""
    if message.type is WSMsgType.PING:
        await socket.pong(message.data)
    return message.type in SIGNS_OF_LIFE


@dataclass(frozen=True)
class Gateway:
    """The WebSocket route."""

    conversation: Conversation
    participants: Participants
    hub: Hub
    signed_in: Callable[[web.Request], Awaitable[SignedIn | None]]
    is_signed_in: Callable[[SignedIn], Awaitable[bool]]
    limits_of: Callable[[SignedIn], AccountLimits]
    connections: set[Connection]
    taken: Counter[type] = field(default_factory=Counter)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Accept a connection whose Origin was checked; without a session, send an error and close it with 4401."""
        socket = new_socket()
        offered = request.headers.get("Sec-WebSocket-Protocol", PROTOCOL)
        # A body would arrive where frames are expected, and the library would wait for its end.
        if request.body_exists or PROTOCOL not in (name.strip() for name in offered.split(",")):
            raise web.HTTPBadRequest
        await socket.prepare(request)
        restarts = self.hub.restarts
        signed_in = await self.signed_in(request)
        if signed_in is None:
            language = words.choose(request.headers.get("Accept-Language", ""))
            await self._turn_away(socket, Code.SIGNED_OUT, Close.SIGNED_OUT, language)
        elif not await self._may_connect(limits := self.limits_of(signed_in)):
            record(SecurityEvent.CONNECTION_REFUSED, signed_in.unlocked.account.id)
            await self._turn_away(socket, Code.SLOW_DOWN, Close.TOO_SLOW, signed_in.unlocked.account.locale)
        else:
            self._begin(request, socket, signed_in, limits, restarts)
        return socket

    async def _may_connect(self, limits: AccountLimits) -> bool:
        """Whether an account may open one more connection. The answer to too many attempts is delayed, longer each time."""
        if not limits.pages.take():
            await asyncio.sleep(limits.over.pause())
            return False
        return limits.may_connect()

    def _begin(
        self, request: web.Request, socket: LastingSocket, signed_in: SignedIn, limits: AccountLimits, restarts: int
    ) -> None:
        """Serve the connection, which outlives the request, in a task of its own."""
        visitor, transport = request.protocol, request.transport
        if transport is None:
            return  # already gone
        assert isinstance(visitor, Visitor)  # like every connection that the doorkeeper admits
        assert isinstance(transport, Tap)
        visitor.becomes_socket()
        socket.outlives = True
        connection = Connection(socket, transport)
        self.connections.add(connection)
        limits.connections += 1
        live = self._live(connection, request.task, visitor, signed_in, limits, restarts)
        connection.task = asyncio.create_task(live)

    async def _turn_away(self, socket: web.WebSocketResponse, code: Code, close: Close, language: str) -> None:
        await socket.send_frame(encode(Error(code.value, words.say(language, SENTENCES[code]))), WSMsgType.TEXT)
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await socket.close(code=close)

    async def _live(
        self,
        connection: Connection,
        request_task: asyncio.Task[None],
        visitor: Visitor,
        signed_in: SignedIn,
        limits: AccountLimits,
        restarts: int,
    ) -> None:
        """Serve a signed-in connection from `hello` to the end. ``restarts`` is the hub's count before the session look-up."""
        try:
            await request_ended(request_task, connection.transport)
            drop_parser(visitor)
            del request_task, visitor  # 200 bytes
            await self._welcome(connection, signed_in, limits, restarts)
        except Exception as error:  # noqa: BLE001 (the top of the connection's task: logged once, without its text)
            log.error("a connection failed: %s at %s", type(error).__name__, logs.place(error.__traceback__))
        finally:
            limits.connections -= 1
            self.connections.discard(connection)
            connection.ended.set()
            connection.transport.abort()

    async def _welcome(self, connection: Connection, signed_in: SignedIn, limits: AccountLimits, restarts: int) -> None:
        account = signed_in.unlocked.account.id
        dialogue = Dialogue(signed_in.session_id, signed_in.unlocked, self.conversation, limits, connection.queue, self.taken)
        connection.obey(dialogue)
        try:
            correspondents = await self.participants.correspondents(account)
            # Nothing is awaited between these two: `hello` comes first, and no frame that follows it is missed.
            connection.queue.offer(encode(Hello(account)))
            self.hub.join(account, dialogue, correspondents)
            # Checked again now that the hub can reach it: the key or the session may have ended in the meantime.
            if self.hub.restarts != restarts:
                connection.end(Close.STOPPING)
            if not await self.is_signed_in(signed_in):
                connection.end(Close.SIGNED_OUT)
            await connection.run(dialogue)
        finally:
            dialogue.let_go()
            self.hub.leave(account, dialogue)

    def beat(self, now: float) -> None:
        """Run the heartbeat of every connection. ``now`` is from a monotonic clock."""
        for connection in list(self.connections):
            connection.beat(now)

    async def watch(self) -> None:
        """Run the heartbeat every `LOOK_S` seconds until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            self.beat(time.monotonic())

    async def stop(self) -> None:
        """Stop serving: answer what was accepted, then close every connection with 1012."""
        connections = list(self.connections)
        for connection in connections:
            connection.end(Close.STOPPING)
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                await asyncio.gather(*(connection.ended.wait() for connection in connections))
