"""A backup: one point in time of the database, without deleted content, in a new folder. The keyring is never in it.

What is in it beside the database is the keyring's copy that the recovery officer alone can open (``keyring_copy``).
"""

import asyncio
import errno
import os
from pathlib import Path

from storage import keyring_copy
from storage.keyring import sync_directory, write_private
from storage.store import Store


async def copy(store: Store, folder: Path) -> Path:
    """Write a backup into ``folder``, made if need be, while the service runs. To restore, start with it as AILO_DATA.

    Raises FileExistsError when it holds one already, OSError or Stalled when it cannot be written, SchemaRefused when
    somebody else changed the schema.
    """
    final = folder / store.settings.database.name
    fresh = await asyncio.to_thread(_made_ready, final)
    try:
        async with store.keys_change:  # so that the copy of the keyring has every key of this database
            await store.database.copy_to(str(fresh))
            await asyncio.to_thread(_copy_keyring, store, folder)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    await asyncio.to_thread(_finish, fresh, final)  # where the sync of a large file holds nobody up
    return final


def _copy_keyring(store: Store, folder: Path) -> None:
    if store.officer:
        keyring_copy.mend(store.settings, store.officer)
        sealed = store.settings.sealed_keyring
        write_private(folder / sealed.name, sealed.read_bytes(), replace=True)


def _made_ready(final: Path) -> Path:
    final.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if final.exists():
        raise FileExistsError(errno.EEXIST, "there is a backup in this folder already")
    fresh = final.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    os.close(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    return fresh


def _finish(fresh: Path, final: Path) -> None:
    """On the disk under another name first: a backup is there whole or not at all."""
    descriptor = os.open(fresh, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    fresh.rename(final)
    sync_directory(final.parent)
