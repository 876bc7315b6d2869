"""A switch for the reading of a connection that two hands may use: the library's and ours."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any


class Tap(asyncio.Transport):
    """A transport whose reading is stopped as long as the library or we stop it: neither undoes what the other did."""

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
        """Whether the library wants nothing for now."""
        return self._is_paused

    def pause_reading(self) -> None:
        """The library's hand."""
        self._is_paused = True
        self._turn()

    def resume_reading(self) -> None:
        """The library's hand."""
        self._is_paused = False
        self._turn()
        if self.resumed:
            self.resumed()

    def hold(self, *, on: bool) -> None:
        """Our hand."""
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

    # The rest is the transport's

    def close(self) -> None:
        """Close it, unless its socket is about to outlive the request: the library closes what it lets go of."""
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
