"""A client of the service, for the terminal, the tests and the load generator.

It uses the `websockets` library, which shares no code with the server: the two implementations check each other.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import aiohttp
import websockets.asyncio.client
import websockets.exceptions
from websockets.typing import Origin, Subprotocol

from chat.protocol.frames import PROTOCOL, Code
from storage.ids import MessageId, new_id

Json = dict[str, Any]

# Under this name, this program appears in a user's list of sessions (chat/auth/devices.py).
NAMED = {"User-Agent": "ailo"}

# The exceptions that a connection may end with, for callers that do not know the library.
CUT = (websockets.exceptions.WebSocketException, OSError)


class ClientRefused(Exception):
    """The service refused a request; ``code`` is the one it gave."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


@dataclass
class Client:
    """An account signed in at ``origin``. Created by ``sign_in``."""

    origin: str
    http: aiohttp.ClientSession
    account: Json
    cookie: str

    async def get(self, path: str) -> Json:
        """Send a GET to a JSON route. Raises ClientRefused."""
        return await self.ask("GET", path)

    async def ask(self, method: str, path: str, body: Json | None = None) -> Json:
        """Send a request to a JSON route. Raises ClientRefused."""
        return await _ask(self.http, self.origin, method, path, body)

    async def sign_out(self) -> None:
        """End the session."""
        await self.ask("DELETE", "/api/session")

    @asynccontextmanager
    async def connect(self, **options: Any) -> AsyncIterator["Wire"]:
        """Open a live connection, and wait for its `hello`."""
        address = self.origin.replace("http", "ws", 1) + "/ws"
        headers = {"Cookie": self.cookie}
        async with websockets.asyncio.client.connect(
            address,
            origin=Origin(self.origin),
            subprotocols=[Subprotocol(PROTOCOL)],
            additional_headers=headers,
            compression=None,
            **options,
        ) as socket:
            wire = Wire(socket)
            await wire.wait_for("hello")
            yield wire


class Wire:
    """A live connection. Frames that have not been waited for yet are kept in ``seen``."""

    def __init__(self, socket: websockets.asyncio.client.ClientConnection) -> None:
        self.socket = socket
        self.seen: list[Json] = []

    async def put(self, frame: Json) -> None:
        """Send a frame."""
        await self.socket.send(json.dumps(frame))

    async def next(self) -> Json:
        """Receive the next frame. Raises websockets' ConnectionClosed at the end."""
        frame: Json = json.loads(await self.socket.recv())
        return frame

    async def wait_for(self, kind: str, **fields: Any) -> Json:
        """Wait for the first frame of this type with these fields, among those seen and those to come."""
        for frame in self.seen:
            if _fits(frame, kind, fields):
                self.seen.remove(frame)
                return frame
        while not _fits(frame := await self.next(), kind, fields):
            self.seen.append(frame)
        return frame

    async def send(self, thread: str, text: str, id_: UUID | str | None = None) -> Json:
        """Post a message, and return the `sent` or `error` frame that answers it."""
        id_ = str(id_ or new_id(MessageId))
        await self.put({"type": "send", "id": id_, "thread": thread, "text": text})
        while True:
            frame = await self.next()
            if frame["type"] in {"sent", "error"} and frame.get("id") == id_:
                return frame
            self.seen.append(frame)


def _fits(frame: Json, kind: str, fields: Json) -> bool:
    return frame["type"] == kind and all(frame.get(name) == value for name, value in fields.items())


@asynccontextmanager
async def sign_in(origin: str, email: str, password: str) -> AsyncIterator[Client]:
    """Sign in. Raises ClientRefused."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar, timeout=aiohttp.ClientTimeout(total=30)) as http:
        answer = await _ask(http, origin, "POST", "/api/session", {"email": email, "password": password})
        cookie = "; ".join(f"{morsel.key}={morsel.value}" for morsel in jar)
        yield Client(origin, http, answer["account"], cookie)


async def _ask(http: aiohttp.ClientSession, origin: str, method: str, path: str, body: Json | None) -> Json:
    """Send a request. Redirects are not followed: a password goes only to the address given."""
    headers = {"Origin": origin, **NAMED}
    async with (
        asyncio.timeout(30),
        http.request(method, origin + path, json=body, headers=headers, allow_redirects=False) as response,
    ):
        raw = await response.read()
        answer: Json = json.loads(raw) if raw and response.content_type == "application/json" else {}
        if response.status >= 300:
            error = answer.get("error", {})
            code, message = error.get("code", Code.FAILED.value), error.get("message", "the server that answered is not Ailo.")
            raise ClientRefused(response.status, code, message)
        return answer


def is_private_way(origin: str) -> bool:
    """Whether what is sent to an origin is encrypted, or stays on this machine."""
    try:
        parts = urlsplit(origin)
        if set(parts.netloc) & set("@\\") or not parts.hostname:
            return False
        return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname))
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    return host == "localhost" or ip_address(host).is_loopback
