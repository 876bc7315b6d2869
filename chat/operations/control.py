"""The Unix socket through which commands reach a running server, so that only one process uses the data.

One JSON object each way, on one line. The socket is in the data directory, and only its owner may connect. The command reads
and writes files itself, as the user who typed it: their bytes are in the objects, or follow the answer (a backup). No path
goes over the socket.

Every command gets an answer, whatever fails behind it.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import msgspec

from chat import logs
from chat.ailo import Ailo
from chat.core import Done
from chat.operations.commands import BACKUP_FAILED, Backup, carry_out, reason, sent
from storage.errors import StorageError
from storage.maintenance import backup

NAME = "ailo.sock"
LONGEST_LINE = 1 << 30  # an officer's answer for every conversation of a large installation
CHUNK = 1 << 18
OTHER_VERSION = "The running server is a different version: restart it."
CUT_OFF = "The server stopped before it answered: check whether the command was carried out, and try again."

log = logging.getLogger("ailo.control")


class CopyAsked(msgspec.Struct, frozen=True, tag="copy"):
    """What `ailo backup` asks of the server: the bytes of a backup, after the answer."""


class CopyAhead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The answer: the lengths in bytes of the database and of the sealed keyring, which follow in this order; or the refusal."""

    database: int = 0
    sealed: int = 0
    refused: Done | None = None


@contextmanager
def _short_path(folder: Path) -> Iterator[str]:
    """A path to the socket, however deep the folder: a socket address holds only 107 bytes."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{NAME}"
    finally:
        os.close(descriptor)


# The server's side


@asynccontextmanager
async def listening(folder: Path, ailo: Ailo) -> AsyncIterator[None]:
    """Accept commands while this lasts. We hold the data directory's lock, so a leftover socket may be replaced."""
    at_work: set[asyncio.Task[None]] = set()

    def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(_take(ailo, reader, writer), name="command")
        at_work.add(task)
        task.add_done_callback(at_work.discard)

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
        for task in at_work:  # the store is about to close under them
            task.cancel()
        await asyncio.gather(*at_work, return_exceptions=True)


async def _take(ailo: Ailo, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Handle one command, from its line to the last byte of its answer."""
    try:
        await _respond(ailo, reader, writer)
    except ConnectionError:
        pass  # the client is gone
    except Exception as error:  # noqa: BLE001 (in the middle of an answer: cut off, so that it is not taken for complete)
        _tell(error)
        writer.transport.abort()
    finally:
        writer.close()


async def _respond(ailo: Ailo, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        command = await asyncio.to_thread(msgspec.json.decode, await reader.readline(), type=sent() | CopyAsked)
    except (msgspec.DecodeError, ValueError):
        await _put(writer, Done(2, "The running server does not know this command: it is a different version. Restart it."))
        return
    if isinstance(command, CopyAsked):
        await _send_copy(ailo, reader, writer)
    else:
        await _put(writer, await _done(ailo, command))


async def _done(ailo: Ailo, command: msgspec.Struct) -> Done:
    try:
        return await carry_out(ailo, command)
    except Exception as error:  # noqa: BLE001 (a command gets an answer whatever happens)
        return Done(1, _refusal(error))


def _refusal(error: Exception) -> str:
    """What to say about a failure: never the text of an exception that is not ours."""
    if isinstance(error, StorageError):
        return f"The store reported an error: {error}."
    _tell(error)
    return f"The command failed: {reason(error)}. The server is still running, and its log says where."


def _tell(error: Exception) -> None:
    log.error("a command failed: %s at %s", type(error).__name__, logs.place(error.__traceback__))


async def _put(writer: asyncio.StreamWriter, answer: Done | CopyAhead) -> None:
    writer.write(await asyncio.to_thread(msgspec.json.encode, answer) + b"\n")  # a request file may be large
    await writer.drain()


async def _send_copy(ailo: Ailo, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(_while_asked(reader))
        try:
            made = await stack.enter_async_context(backup.copied(ailo.store))
            size = os.fstat(made.database.fileno()).st_size
        except Exception as error:  # noqa: BLE001 (as above)
            await _put(writer, CopyAhead(refused=_copy_refused(error)))
            return
        await _put(writer, CopyAhead(size, len(made.sealed)))
        while chunk := await asyncio.to_thread(made.database.read, CHUNK):
            writer.write(chunk)
            await writer.drain()
        writer.write(made.sealed)
        await writer.drain()


def _copy_refused(error: Exception) -> Done:
    return Done(1, f"{BACKUP_FAILED}{reason(error)}." if isinstance(error, OSError) else _refusal(error))


@asynccontextmanager
async def _while_asked(reader: asyncio.StreamReader) -> AsyncIterator[None]:
    """Give up when the client goes away: no large copy is made for nobody. Raises ConnectionError."""
    asking, is_gone = asyncio.current_task(), False

    def give_up(_: asyncio.Task[bytes]) -> None:
        nonlocal is_gone
        is_gone = True
        if asking:
            asking.cancel()

    watch = asyncio.create_task(reader.read(1))
    watch.add_done_callback(give_up)
    try:
        yield
    except asyncio.CancelledError:
        if asking and is_gone:
            asking.uncancel()
            raise ConnectionResetError from None
        raise
    finally:
        watch.remove_done_callback(give_up)
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)


# The command's side


async def ask(folder: Path, command: msgspec.Struct) -> Done | None:
    """Have the running server carry out a command; None if no server runs. Raises OSError if it cannot be reached."""
    try:
        with _short_path(folder) as short:
            reader, writer = await asyncio.open_unix_connection(short, limit=LONGEST_LINE)
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
        return None
    except PermissionError:
        return Done(1, f"{folder} or its {NAME} belongs to another user: run this as the service's user.")
    try:
        if isinstance(command, Backup):
            return await _fetch(reader, writer, Path(command.folder))
        await _send(writer, command)
        return msgspec.json.decode(await _line(reader), type=Done)
    except msgspec.DecodeError:
        return Done(1, OTHER_VERSION)
    except (ConnectionError, asyncio.IncompleteReadError):
        return Done(1, CUT_OFF)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def _send(writer: asyncio.StreamWriter, command: msgspec.Struct) -> None:
    writer.write(msgspec.json.encode(command) + b"\n")
    await writer.drain()


async def _line(reader: asyncio.StreamReader) -> bytes:
    """Read a complete line. Raises IncompleteReadError."""
    return await reader.readuntil(b"\n")


async def _fetch(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, folder: Path) -> Done:
    """Write the server's copy into a folder of ours."""
    try:
        with backup.Target(folder) as target:
            await _send(writer, CopyAsked())
            ahead = msgspec.json.decode(await _line(reader), type=CopyAhead)
            if ahead.refused:
                return ahead.refused
            await _pour(reader, target.database, ahead.database)
            target.finish(await reader.readexactly(ahead.sealed))
            return Done(0, str(target.final))
    except ConnectionError:
        raise
    except OSError as error:
        return _copy_refused(error)


async def _pour(reader: asyncio.StreamReader, file: BinaryIO, size: int) -> None:
    while size:
        chunk = await reader.read(min(size, CHUNK))
        if not chunk:
            raise asyncio.IncompleteReadError(b"", size)
        file.write(chunk)
        size -= len(chunk)
