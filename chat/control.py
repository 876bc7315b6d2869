"""The Unix socket through which commands reach a running server, so that one process alone uses the data.

One JSON object each way on one line. The socket stands in the data directory and only its owner may connect.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import msgspec

from chat.commands import Command, Done, carry_out
from chat.rooms import Rooms
from storage.errors import StorageError

NAME = "ailo.sock"
LONGEST_LINE = 1 << 20


@contextmanager
def _short_path(folder: Path) -> Iterator[str]:
    """The socket's path, however deep the folder: a socket's address holds 107 bytes only."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{NAME}"
    finally:
        os.close(descriptor)


@asynccontextmanager
async def listening(folder: Path, rooms: Rooms) -> AsyncIterator[None]:
    """Take commands while this lasts. The data directory's lock is ours, so a socket left behind may be replaced."""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, ValueError):
            done = await _answer(rooms, await reader.readline())
            writer.write(msgspec.json.encode(done) + b"\n")
            await writer.drain()
        writer.close()

    path = folder / NAME
    path.unlink(missing_ok=True)
    old_mask = os.umask(0o177)
    try:
        with _short_path(folder) as short:
            server = await asyncio.start_unix_server(take, short, limit=LONGEST_LINE)
    finally:
        os.umask(old_mask)
    try:
        yield
    finally:
        server.close()
        path.unlink(missing_ok=True)


async def _answer(rooms: Rooms, line: bytes) -> Done:
    try:
        return await carry_out(rooms, msgspec.json.decode(line, type=Command))
    except msgspec.DecodeError:
        return Done(2, "The running server does not know this command: it is of another version. Restart it.")
    except StorageError as error:
        return Done(1, f"The store refused: {error}.")


async def ask(folder: Path, command: Command) -> Done | None:
    """Have the running server carry out a command; None when no server runs."""
    try:
        with _short_path(folder) as short:
            reader, writer = await asyncio.open_unix_connection(short, limit=LONGEST_LINE)
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
        return None
    writer.write(msgspec.json.encode(command) + b"\n")
    await writer.drain()
    line = await reader.readline()
    writer.close()
    return msgspec.json.decode(line, type=Done) if line else Done(1, "The server stopped before it answered: try again.")
