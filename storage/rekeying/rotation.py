"""Switches the installation to a fresh root key, and brings what is stored to it while the service runs.

1. The copy for the recovery officer is written with the fresh key, then the keyring, then the guard switches to it. So no
   value is ever written under a key that is not on disk, nor under one that the officer's copy lacks.
2. Threads are relinked and values reguarded, one small transaction at a time. A crash leaves each under the old key or the
   new one, and the keyring has both.
3. The installation records the key to which everything was brought. Until then the next start resumes; what is done is skipped.

The old key stays until it is dropped, which is refused while anything needs it.
"""

import asyncio
import logging
import os
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from storage import installation
from storage.background import in_background
from storage.crypto import keyring, keyring_copy
from storage.errors import CannotOpen, KeyringRefused, Stalled
from storage.files import write_private
from storage.rekeying import key_use
from storage.rekeying.reguarding import reguard_all
from storage.rekeying.relinking import broken_threads, relink_all
from storage.store import Store

# Values guarded before the switch may still be waiting for their transaction: a password takes a moment to stretch.
IN_FLIGHT_S = 5.0
RETRY_S = 60.0
ROTATED = "rotated"

log = logging.getLogger("ailo.storage")


@dataclass(frozen=True)
class KeyStatus:
    """One root key and how many values of each kind name it. ``made_at`` in s since 1970."""

    id: bytes
    made_at: int
    is_newest: bool
    uses: Counter[str]

    @property
    def may_be_dropped(self) -> bool:
        return not self.is_newest and not self.uses


@dataclass(frozen=True)
class Status:
    """The state of the keyring, the oldest key first. ``unknown`` are the values that name none of its keys."""

    keys: tuple[KeyStatus, ...]
    unknown: Counter[str]
    broken_threads: int
    is_rotating: bool


class Rotation:
    """The rotation of a store's root key. One per store: it knows whether the background task is running."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._wanted = asyncio.Event()
        self._wanted.set()
        self._turned_at: float | None = None
        self.is_in_background = False

    # Switching and dropping

    async def turn(self) -> bool:
        """Switch to a fresh root key. False, with no key added, when an earlier rotation is unfinished: that one continues.

        Raises Refused.
        """
        async with self._store.keys_change:
            is_turned = await self.is_finished()
            if is_turned:
                fresh = keyring.with_fresh_key(self._file())
                await self._copy(fresh)
                await self._use(fresh)
                self._turned_at = time.monotonic()
        self._wanted.set()
        return is_turned

    async def drop(self, name: bytes) -> None:
        """Remove an older key that nothing needs from the keyring. Raises KeyringRefused, saying why, and Refused."""
        async with self._store.keys_change:
            keys = self._store.guard.keyring
            if name not in keys.by_id:
                raise KeyringRefused("The keyring has no key with this id: see `ailo keys status`.")
            if name == keys.newest.id:
                raise KeyringRefused("This is the newest key, under which everything is written: it cannot be dropped.")
            if uses := (await key_use.count(self._store)).of(name):
                raise KeyringRefused(
                    f"This key still protects {uses.total()} values: let `ailo keys rotate` finish, and see `ailo keys status`."
                )
            without = keyring.without_key(self._file(), name)
            await self._copy(without)  # first: if it cannot be written, the key is still there to be dropped later
            await self._use(without)

    def _file(self) -> bytes:
        """The keyring's file, which must still be the one in use."""
        path = self._store.settings.keys
        raw = keyring.read(path)
        found, used = keyring.parse(raw, path), self._store.guard.keyring
        if found.by_id.keys() != used.by_id.keys() or found.newest.id != used.newest.id or found.index_key != used.index_key:
            raise KeyringRefused(f"The keyring {path} is not the one in use: put that one back, or restart with this one.")
        return raw

    async def _use(self, content: bytes) -> None:
        """Write the keyring to disk before using it: a value must never outlive the key that guards it."""
        path = self._store.settings.keys
        fresh, before = keyring.parse(content, path), self._file()
        try:
            await asyncio.to_thread(write_private, path, content, replace=True)
        except OSError as error:
            with suppress(OSError):  # it may be in place already, if only its folder could not be synced
                await asyncio.to_thread(write_private, path, before, replace=True)
            raise _not_written(path, error) from None
        self._store.guard.turn_to(fresh)

    async def _copy(self, content: bytes) -> None:
        settings = self._store.settings
        try:
            await asyncio.to_thread(keyring_copy.write, settings, self._store.officer, content)
        except OSError as error:
            raise _not_written(settings.sealed_keyring, error) from None

    # Bringing everything to the newest key

    async def is_finished(self) -> bool:
        """Whether everything that could be brought to the newest key was."""
        guard = self._store.guard
        if len(guard.keyring.by_id) == 1:
            return True
        try:
            return (
                await self._store.database.read(lambda reader: installation.noted(reader, guard, ROTATED))
                == guard.keyring.newest.id
            )
        except CannotOpen:
            return False

    async def steps(self) -> AsyncIterator[None]:
        """Bring everything to the newest key. Yields after each transaction; may be stopped at any of them and started again."""
        store = self._store
        while not await self.is_finished():
            newest = store.guard.keyring.newest.id
            async for _ in relink_all(store):
                yield
            async for _ in reguard_all(store):
                yield
            await store.database.write(lambda tx: installation.note(tx, store.guard, ROTATED, newest))  # noqa: B023
            yield

    async def finish(self) -> None:
        """Bring everything to the newest key, here and now."""
        async for _ in self.steps():
            pass

    @asynccontextmanager
    async def in_background(self) -> AsyncIterator[None]:
        """While this lasts, each switch is followed by its work, and an interrupted one is resumed."""
        async with self._store.keys_change:
            keyring_copy.mend(self._store.settings, self._store.officer)
        async with in_background(self._run(), "rotation"):
            self.is_in_background = True
            try:
                yield
            finally:
                self.is_in_background = False

    async def _run(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            try:
                await self._work()
            except Stalled:
                log.error("the key rotation is paused: the database could not be written; it will be retried")
                await asyncio.sleep(RETRY_S)
                self._wanted.set()
            except Exception as error:  # noqa: BLE001 (conversations go on without it; it is logged, and begun again when asked)
                log.error(
                    "the key rotation stopped: %s; to resume it, run `ailo keys rotate` or restart the service",
                    type(error).__name__,
                )

    async def _work(self) -> None:
        """Do the steps, leaving half of the writer's time to the messages."""
        if self._turned_at is not None:
            await asyncio.sleep(max(0.0, self._turned_at + IN_FLIGHT_S - time.monotonic()))
        began = time.monotonic()
        async for _ in self.steps():
            await asyncio.sleep(time.monotonic() - began)
            began = time.monotonic()

    # Looking

    async def status(self) -> Status:
        """The state of the keyring, and what each key protects.

        The count takes a while: a rotation that ended or began meanwhile was in progress for what was counted before.
        """
        newest, was_finished = self._store.guard.keyring.newest.id, await self.is_finished()
        use, keys = await key_use.count(self._store), self._store.guard.keyring
        unknown = sum((uses for name, uses in use.by_key.items() if name not in keys.by_id), Counter[str]())
        return Status(
            tuple(KeyStatus(key.id, key.made_at, key is keys.newest, use.of(key.id)) for key in keys.by_id.values()),
            unknown,
            await self._store.database.read(broken_threads),
            not was_finished or keys.newest.id != newest,
        )


def _not_written(path: Path, error: OSError) -> KeyringRefused:
    why = os.strerror(error.errno) if error.errno else type(error).__name__
    return KeyringRefused(
        f"{path} cannot be written ({why}): the keyring in use is unchanged. Free some space, or check the owner."
    )
