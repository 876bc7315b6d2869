"""A backup: one point in time of the database, without deleted content, in a new folder. The keyring is never in it.

Besides the database it contains the copy of the keyring that only the recovery officer can open (``keyring_copy``).

Two parties make it: the process that has the store open makes the copy (``copied``), and whoever asked for the backup writes
it where they want it (``Target``), with their own permissions.
"""

import asyncio
import errno
import fcntl
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from storage.crypto import keyring_copy
from storage.files import create_private, make_folders, put_in_place, sync, unfinished, write_private
from storage.store import Store

DATABASE = "ailo.sqlite"
SEALED = "root.sealed"
BUSY = "a backup is being written into this folder"


@dataclass(frozen=True, repr=False)
class Copied:
    """A copy of the database, positioned at its start, and the sealed keyring of that time (empty without an officer)."""

    database: BinaryIO
    sealed: bytes


async def copy(store: Store, folder: Path) -> Path:
    """Write a backup into ``folder``, created if need be, while the service runs. To restore, start with it as AILO_DATA.

    Raises FileExistsError when the folder already holds one, OSError or Stalled when it cannot be written, SchemaRefused when
    somebody else changed the schema.
    """
    target = await asyncio.to_thread(Target, folder)
    try:
        async with copied(store) as made:
            await asyncio.to_thread(shutil.copyfileobj, made.database, target.database, 1 << 20)
            await asyncio.to_thread(target.finish, made.sealed)
    finally:
        await asyncio.shield(asyncio.to_thread(target.close))
    return target.final


@asynccontextmanager
async def copied(store: Store) -> AsyncIterator[Copied]:
    """A copy in the data directory that no longer has a name, so that nothing of it stays there whatever happens.

    Raises OSError, Stalled, or SchemaRefused when somebody else changed the schema.
    """
    folder, database = _place(store.settings.database), None
    try:
        path = folder / DATABASE
        async with store.keys_change:  # so that the copy of the keyring has every key of this database
            await store.database.copy_to(str(path))
            sealed = await asyncio.to_thread(_sealed, store)
        database = _opened(path)
        yield Copied(database, sealed)
    finally:
        await asyncio.shield(asyncio.to_thread(_discard, folder, database))  # done even if cancelled again


def _place(database: Path) -> Path:
    folder = unfinished(database)
    folder.mkdir(0o700)
    create_private(folder / DATABASE).close()
    return folder


def _opened(path: Path) -> BinaryIO:
    """Open the copy and remove its name. Not in a thread: if cancelled, the caller would never get the only handle to it."""
    database = path.open("rb")
    path.unlink()
    return database


def _sealed(store: Store) -> bytes:
    if not store.officer:
        return b""
    keyring_copy.mend(store.settings, store.officer)
    return store.settings.sealed_keyring.read_bytes()


def _discard(folder: Path, database: BinaryIO | None) -> None:
    if database:
        database.close()
    shutil.rmtree(folder, ignore_errors=True)


class Target:
    """The folder of a backup in the making: the backup is there completely or not at all. The copy is written to ``database``.

    Raises FileExistsError when the folder already holds a backup, or is being written to; OSError.
    """

    def __init__(self, folder: Path) -> None:
        make_folders(folder)
        self.final = folder / DATABASE
        self._sealed = folder / SEALED
        if os.path.lexists(self.final) or os.path.lexists(self._sealed):
            raise FileExistsError(errno.EEXIST, "this folder already contains a backup")
        self._fresh = self.final.with_suffix(".new")
        self._is_finished = False
        self.database = _claimed(self._fresh)

    def finish(self, sealed: bytes) -> None:
        """Sync the backup under another name first, then give it its final one."""
        sync(self.database)
        if sealed:
            write_private(self._sealed, sealed, replace=False)
        try:
            put_in_place(self._fresh, self.final)
        except OSError:
            if sealed:
                self._sealed.unlink()
            raise
        self._is_finished = True

    def close(self) -> None:
        """Leave nothing unfinished behind."""
        if not self._is_finished:
            self._fresh.unlink(missing_ok=True)
        self.database.close()

    def __enter__(self) -> "Target":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()


def _claimed(path: Path) -> BinaryIO:
    """A new file of this name, locked while it is written. A killed process's leftover is removed; a locked file is not."""
    try:
        file = create_private(path)
    except FileExistsError:
        _remove_left(path)
        file = create_private(path)
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_ours = os.path.samestat(os.fstat(file.fileno()), path.lstat())
    except (BlockingIOError, FileNotFoundError):
        is_ours = False  # another backup found it before it was locked, took it for a leftover, and removes it
    except OSError:
        is_ours = True  # not every file system has locks
    if not is_ours:
        file.close()
        raise FileExistsError(errno.EEXIST, BUSY)
    return file


def _remove_left(path: Path) -> None:
    if not path.is_symlink():
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FileExistsError(errno.EEXIST, BUSY) from None
        else:
            path.unlink()  # while it is locked: the next process sees a missing name, or another file
        finally:
            os.close(descriptor)
    else:
        path.unlink()
