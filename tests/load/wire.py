"""A fast WebSocket client for the load generator: just enough of RFC 6455, sharing no code with the server.

Client frames are masked with the key 0, which the RFC allows and which leaves the payload as it is: the generator must
cost less than what it measures.
"""

import asyncio
import struct
from collections.abc import Callable
from typing import cast

TEXT = 0x81
MASKED = 0x80
NO_MASK = b"\0\0\0\0"


def text_frame(payload: bytes) -> bytes:
    """A masked text frame."""
    size = len(payload)
    if size < 126:
        return bytes((TEXT, MASKED | size)) + NO_MASK + payload
    return struct.pack(">BBH", TEXT, MASKED | 126, size) + NO_MASK + payload


class Wire(asyncio.Protocol):
    """One connection. ``took`` is called with the payload of each text frame; ``headers`` are extra lines of the request."""

    def __init__(self, host: str, cookie: str, took: Callable[[bytes], None], headers: str = "") -> None:
        self._host, self._cookie, self._headers = host, cookie, headers
        self.took = took
        self._buffer = b""
        self._is_open = False
        self._leaving: list[bytes] = []
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.closed: int | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(
            f"GET /ws HTTP/1.1\r\nHost: {self._host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: ailo.v1\r\nOrigin: http://{self._host}\r\n"
            f"Cookie: {self._cookie}\r\n{self._headers}\r\n".encode()
        )

    def send(self, payload: bytes) -> None:
        """Send one text frame; the frames of one turn of the loop are written together."""
        if not self._leaving:
            asyncio.get_running_loop().call_soon(self._leave)
        self._leaving.append(text_frame(payload))

    def _leave(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(b"".join(self._leaving))
        self._leaving.clear()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._is_open and not self._open():
            return
        buffer, at = self._buffer, 0
        while (end := self._frame(buffer, at)) is not None:
            at = end
        self._buffer = buffer[at:]

    def _open(self) -> bool:
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if found:
            if b" 101 " not in head[:16]:
                self.opened.set_exception(ConnectionError(head[:80].decode("latin-1")))
            else:
                self.opened.set_result(None)
            self._buffer, self._is_open = rest, True
        return self._is_open

    def _frame(self, buffer: bytes, at: int) -> int | None:
        """Take the frame that begins at ``at``; return where it ends, or None if it is not complete yet."""
        if len(buffer) < at + 2:
            return None
        size, start = buffer[at + 1], at + 2
        if size == 126:
            size, start = int.from_bytes(buffer[at + 2 : at + 4], "big"), at + 4
        elif size == 127:
            size, start = int.from_bytes(buffer[at + 2 : at + 10], "big"), at + 10
        end = start + size
        if len(buffer) < end:
            return None
        self._take(buffer[at], buffer[start:end])
        return end

    def _take(self, head: int, payload: bytes) -> None:
        if head == TEXT:
            self.took(payload)
        elif head == 0x89:  # a ping
            self.transport.write(bytes((0x8A, MASKED | len(payload))) + NO_MASK + payload)
        elif head == 0x88:
            self.closed = int.from_bytes(payload[:2], "big")
            self.transport.close()


async def connect(host: str, port: int, cookie: str, took: Callable[[bytes], None], headers: str = "") -> Wire:
    """Open a connection; return it after the handshake."""
    loop = asyncio.get_running_loop()
    _, wire = await loop.create_connection(lambda: Wire(f"{host}:{port}", cookie, took, headers), host, port)
    await wire.opened
    return wire
