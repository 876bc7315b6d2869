"""Makes the example on disk, completely or not at all.

It is built and filled in a folder inside the data directory, and only the finished database is moved into place. What a kill
left half-done is discarded and begun again. A real installation, or a keyring that is not an example's, is never touched.
"""

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from chat.example.filling import fill
from storage import installation
from storage.crypto import keyring
from storage.engine.lock import DirectoryLock
from storage.errors import DatabaseRefused, KeyringRefused
from storage.files import make_folders, sync_directory
from storage.settings import StorageSettings

__all__ = ["make_ready"]

FILLING = "filling"


async def make_ready(settings: StorageSettings, programmes: Sequence[Path] = ()) -> bool:
    """Make sure that the example exists, with these directories as its programmes; return whether it was made just now.

    Raises Refused, having changed nothing, if something else is kept there, and StorageError when the store fails.
    """
    make_folders(settings.data)
    lock = DirectoryLock(settings.data)
    try:
        if settings.database.exists():
            _refuse_real(settings)
            await asyncio.to_thread(shutil.rmtree, settings.data / FILLING, ignore_errors=True)
            return False
        await _make(settings, settings.data / FILLING, programmes)
    finally:
        lock.release()
    return True


def _refuse_real(settings: StorageSettings) -> None:
    if not keyring.load(settings.keys).is_example:
        raise DatabaseRefused(
            f"There is a real Ailo in {settings.data}: `ailo demo` leaves it alone. Serve it with `ailo serve`,"
            " or set AILO_DATA and AILO_KEYS to another place for the example."
        )


async def _make(settings: StorageSettings, folder: Path, programmes: Sequence[Path]) -> None:
    await asyncio.to_thread(_clear, settings, folder)
    beside = replace(settings, data=folder)
    await installation.build(beside, is_example=True)
    await fill(beside, programmes)
    settings.data.chmod(0o700)
    beside.database.rename(settings.database)
    sync_directory(settings.data)
    await asyncio.to_thread(shutil.rmtree, folder)


def _clear(settings: StorageSettings, folder: Path) -> None:
    """Discard a half-made example with its keyring, and make the folder for the next."""
    if settings.keys.exists():
        if not (folder.exists() and keyring.load(settings.keys).is_example):
            raise KeyringRefused(
                f"There is a keyring at {settings.keys}, but its data is not in {settings.data}: set AILO_DATA and AILO_KEYS"
                " to another place for the example."
            )
        settings.keys.unlink()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
