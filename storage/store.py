"""The store: an open data directory with its database, keys and clock. Everything that lasts begins here."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from storage import directories, installation
from storage.accounts import readdressing
from storage.crypto import keyring
from storage.crypto.courier import Courier
from storage.crypto.guarding import Guard
from storage.crypto.keyholes import EXAMPLE_PROFILE, PROFILE
from storage.crypto.peppers import Peppers
from storage.engine.copies import is_copy
from storage.engine.database import Database, Transaction
from storage.engine.lock import DirectoryLock
from storage.engine.migrations import migrate
from storage.engine.sqlite import open_sqlite
from storage.errors import DatabaseRefused, Refused
from storage.files import remove_unfinished
from storage.mail import letters, texts
from storage.programmes import offering
from storage.settings import StorageSettings

SESSION_MS = 30 * 86_400_000

Clock = Callable[[], int]


def wall_clock() -> int:
    """Now, in ms since 1970."""
    return time.time_ns() // 1_000_000


@dataclass(repr=False)
class Store:
    """An open data directory. ``clock`` gives ms since 1970; ``officer`` is the recovery officer's public key, or empty.

    Whoever changes the root keyring, or needs it to stay unchanged, holds ``keys_change``.
    """

    settings: StorageSettings
    database: Database
    guard: Guard
    peppers: Peppers
    officer: bytes
    clock: Clock = wall_clock
    courier: Courier = field(default_factory=Courier)
    keys_change: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def is_example(self) -> bool:
        """Whether this is the example installation of `ailo demo`, whose passwords are cheap to guess."""
        return self.guard.keyring.is_example


def profile_of(store: Store) -> int:
    """The Argon2id profile for new passwords; the example's is cheap."""
    return EXAMPLE_PROFILE if store.is_example else PROFILE


@asynccontextmanager
async def open_store(settings: StorageSettings, clock: Clock = wall_clock) -> AsyncIterator[Store]:
    """Open a data directory made by `ailo init`. Raises Refused, saying what to do, when it must not be used."""
    keys = keyring.load(settings.keys)
    if not settings.database.exists():
        raise DatabaseRefused(
            f"There is no Ailo installation in {settings.data}: run `ailo init`, or set AILO_DATA to where it is."
        )
    if found := directories.faults(settings):
        raise Refused("\n      ".join(found))
    lock = DirectoryLock(settings.data)
    try:
        _sweep(settings)
        is_restored = await asyncio.to_thread(is_copy, settings.database)
        database = await open_sqlite(settings.database)
        try:
            await migrate(database)
            guard = Guard(keys)
            officer = await installation.officer(database, guard)
            await readdressing.bring_up(database, guard)
            await installation.ensure_push_key(database, guard)
            if await database.read(texts.any_waits):
                await database.write(texts.forget_all)
            if is_restored:
                await database.write(lambda tx: _note_restored(tx, guard, clock()))
            yield Store(settings, database, guard, Peppers(settings.peppers, SESSION_MS), officer, clock)
        finally:
            await database.close()
    finally:
        lock.release()


async def _note_restored(tx: Transaction, guard: Guard, now: int) -> None:
    """Record that the database was a backup until now. Lessons, reminders and offers that wait in it may have been sent
    since."""
    await installation.note_restored(tx, guard, now)
    await offering.end_all(tx)
    for kind in ("lesson", "reminder", "offer"):
        await letters.drop_waiting(tx, kind, now, letters.RESTORED)


def _sweep(settings: StorageSettings) -> None:
    """Remove what a killed process left half-written: it may contain what has since been removed."""
    for path in (settings.keys, settings.peppers, settings.sealed_keyring, settings.database):
        remove_unfinished(path)
