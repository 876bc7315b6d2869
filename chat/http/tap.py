"""A transport wrapper that lets both the library and us pause reading, independently of each other."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any


class Tap(asyncio.Transport):
    """A transport that reads only while neither the library nor we have paused it: neither can undo the other's pause."""

    __slots__ = ("_is_held", "_is_paused", "_transport", "is_kept", "resumed")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._is_paused = False
        self._is_held = False
        self.is_kept = False
        self.resumed: Callable[[], None] | None = None

    # Reading

    @property
    def is_paused(self) -> bool:
        """Whether the library has paused reading."""
        return self._is_paused

    def pause_reading(self) -> None:
        """Pause for the library."""
        self._is_paused = True
        self._turn()

    def resume_reading(self) -> None:
        """Resume for the library."""
        self._is_paused = False
        self._turn()
        if self.resumed:
            self.resumed()

    def hold(self, *, on: bool) -> None:
        """Pause or resume for ourselves."""
        self._is_held = on
        self._turn()

    def _turn(self) -> None:
        if self._transport.is_closing():
            return
        if self._is_held or self._is_paused:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def is_reading(self) -> bool:
        return self._transport.is_reading()

    # Delegated to the transport

    def close(self) -> None:
        """Close the transport, unless its WebSocket is about to outlive the request, at whose end the library calls this."""
        if not self.is_kept:
            self._transport.close()

    def abort(self) -> None:
        self._transport.abort()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._transport.write(data)

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self._transport.writelines(list_of_data)

    def write_eof(self) -> None:
        self._transport.write_eof()

    def can_write_eof(self) -> bool:
        return self._transport.can_write_eof()

    def get_write_buffer_size(self) -> int:
        return self._transport.get_write_buffer_size()

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._transport.get_write_buffer_limits()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._transport.set_write_buffer_limits(high, low)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._transport.set_protocol(protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._transport.get_protocol()
