"""People who write to one another whatever happens: they reconnect, resume, and repeat what was not answered (or
give it up, so that both are tested). Everything that they do and see goes into the history.
"""

import asyncio
import json
import random
from collections.abc import Callable
from contextlib import suppress

import websockets.asyncio.client
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Origin, Subprotocol

from chat.client.remote import Json
from storage.ids import MessageId, new_id
from tests.chaos.history import Acknowledged, Connected, History, Received, Sent, now
from tests.load.population import Person

WINDOW = 8
HALF_A_FRAME = b"\x81\xfe\x10\x00\x01\x02\x03\x04{"


class Correspondent:
    """One participant of one thread."""

    def __init__(self, name: str, person: Person, history: History, port: Callable[[], int], chance: random.Random) -> None:
        self.name, self.person, self.history = name, person, history
        self.acknowledged = 0
        self.codes: set[str] = set()
        self.last = 0
        self._port, self._chance = port, chance
        self._connections = 0
        self._open: dict[str, str] = {}
        self._to_send: list[str] = []
        self._may_write = asyncio.Event()
        self._is_stopping = False
        self._socket: websockets.asyncio.client.ClientConnection | None = None
        self._patience = 0.0

    # What the run asks of them

    def cut(self) -> None:
        """Break the connection in the middle of a frame."""
        if self._socket:
            with suppress(OSError, RuntimeError):
                self._socket.transport.write(HALF_A_FRAME)
                self._socket.transport.abort()

    def stop_writing(self) -> None:
        """Send nothing new, but go on until everything sent has been answered."""
        self._is_stopping = True
        self._may_write.set()

    @property
    def is_done(self) -> bool:
        return self._is_stopping and not self._open

    # Their life

    async def live(self) -> None:
        """Until cancelled: connect, talk, and reconnect when the connection is lost."""
        while True:
            try:
                await self._connect()
            except (OSError, EOFError, TimeoutError, WebSocketException):
                await asyncio.sleep(self._chance.uniform(0.02, 0.2))

    async def _connect(self) -> None:
        port = self._port()
        async with websockets.asyncio.client.connect(
            f"ws://127.0.0.1:{port}/ws",
            origin=Origin(f"http://127.0.0.1:{port}"),
            subprotocols=[Subprotocol("ailo.v1")],
            additional_headers={"Cookie": self.person.cookie},
            compression=None,
            open_timeout=5,
            close_timeout=1,
            ping_interval=None,
        ) as socket:
            self._socket = socket
            try:
                await self._talk(socket)
            finally:
                self._socket = None

    async def _talk(self, socket: websockets.asyncio.client.ClientConnection) -> None:
        self._connections += 1
        connection = self._connections
        self._repeat_or_give_up()
        self.history.add(Connected(self.name, connection, self.last, now()))
        await socket.send(json.dumps({"type": "resume", "threads": {self.history.thread: self.last}}))
        writing = asyncio.create_task(self._write(socket))
        try:
            async for raw in socket:
                self._take(json.loads(raw), connection)
        finally:
            writing.cancel()
            await asyncio.wait([writing])

    def _repeat_or_give_up(self) -> None:
        """Decide what to do with messages that the previous connection left unanswered."""
        if not self._is_stopping:
            for id_ in [id_ for id_ in self._open if self._chance.random() < 0.2]:
                del self._open[id_]
        self._to_send = list(self._open)
        self._may_write.set()

    async def _write(self, socket: websockets.asyncio.client.ClientConnection) -> None:
        with suppress(ConnectionClosed):
            while True:
                await self._may_write.wait()
                await asyncio.sleep(self._patience or self._chance.uniform(0.0, 0.05))
                self._patience = 0.0
                if (id_ := self._next()) is None:
                    self._may_write.clear()
                    continue
                self.history.add(Sent(self.name, self.history.thread, id_, self._open[id_], now()))
                frame = {"type": "send", "id": id_, "thread": self.history.thread, "text": self._open[id_]}
                await socket.send(json.dumps(frame))

    def _next(self) -> str | None:
        while self._to_send:
            if (id_ := self._to_send.pop(0)) in self._open:
                return id_
        if self._is_stopping or len(self._open) >= WINDOW:
            return None
        id_ = str(new_id(MessageId))
        self._open[id_] = f"{self.name} {id_} {'…' * self._chance.choice([0, 0, 0, 300, 3000])}"
        return id_

    def _take(self, frame: Json, connection: int) -> None:
        match frame["type"]:
            case "sent":
                self.history.add(Acknowledged(self.name, connection, frame["id"], frame["seq"], now()))
                self.last = max(self.last, frame["seq"])
                self._open.pop(frame["id"], None)
                self.acknowledged += 1
                self._may_write.set()
            case "message":
                self.history.add(
                    Received(self.name, connection, frame["id"], frame["seq"], frame["author"], frame["text"], now())
                )
                self.last = max(self.last, frame["seq"])
            case "error":
                self._refused(frame)

    def _refused(self, frame: Json) -> None:
        self.codes.add(frame["code"])
        if (id_ := frame.get("id")) in self._open:
            self._to_send.append(id_)
            self._patience = 0.1
            self._may_write.set()
