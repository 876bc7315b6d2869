"""The installation: what the service knows about itself. Made once, by `ailo init`."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from storage import directories
from storage.crypto import keyring, keyring_copy
from storage.crypto.epochs import THE_OFFICER
from storage.crypto.guarding import Guard, Guarded
from storage.crypto.keyholes import AccountKey
from storage.crypto.keyring import Keyring
from storage.crypto.primitives import Part
from storage.crypto.push_keys import PushKey
from storage.engine.database import Database, Reader, Transaction
from storage.engine.lock import NAME, DirectoryLock
from storage.engine.migrations import migrate
from storage.engine.rows import NUMBER, TEXT
from storage.engine.sqlite import open_sqlite
from storage.errors import Damaged, DatabaseRefused, KeyringRefused, WrongKey
from storage.families import Family, Table
from storage.files import make_folders, sync_directory
from storage.settings import StorageSettings

RESTORED = "restored"
PUSH_KEY = "push key"


@dataclass(frozen=True, repr=False)
class Officer:
    """The recovery officer's key pair, as shown once. Both halves 32 bytes."""

    private_key: bytes
    public_key: bytes


Show = Callable[["Officer | None"], None]


def _shown_to_nobody(_: "Officer | None") -> None:
    pass


async def build(
    settings: StorageSettings, *, with_recovery: bool = True, is_example: bool = False, show: Show = _shown_to_nobody
) -> Officer | None:
    """Make the keyring, the data directory and the database; return the officer's key, which is stored nowhere.

    ``show`` is called with that key before the installation exists. If it raises, or anything else fails, everything is undone.
    Raises Refused, having changed nothing, when there is already an installation or a keyring.
    """
    _refuse_what_stands(settings)
    site = _Site(settings)
    try:
        keys = site.begin(is_example=is_example)
        key = AccountKey.fresh(THE_OFFICER) if with_recovery else None
        keyring_copy.write(settings, key.public_key if key else b"")
        await _furnish(_unfinished(settings.database), Guard(keys), key.public_key if key else b"")
        officer = Officer(key.private_key, key.public_key) if key else None
        show(officer)
        site.finish()
    except BaseException:
        site.undo()
        raise
    finally:
        site.close()
    return officer


def _refuse_what_stands(settings: StorageSettings) -> None:
    if settings.database.exists():
        raise DatabaseRefused(f"There is already an Ailo installation in {settings.data}; nothing was changed.")
    if settings.keys.exists() and not _unfinished(settings.database).exists():
        raise KeyringRefused(f"There is already a keyring at {settings.keys}; it was left unchanged.")
    if found := directories.faults_of_keys(settings):
        raise KeyringRefused(found[0])


class _Site:
    """An installation in the making: what to undo if it is not completed.

    The unfinished database is its marker: it exists before the keyring, and gets its final name after it. So a keyring beside
    that marker comes from an earlier ``build`` that was interrupted before anything was kept, and is used again.
    """

    def __init__(self, settings: StorageSettings) -> None:
        self._settings = settings
        self._mark = _unfinished(settings.database)
        self._folders: list[Path] = []
        self._lock: DirectoryLock | None = None
        self._is_begun = self._has_made_keys = False

    def begin(self, *, is_example: bool) -> Keyring:
        """Create the keyring of the new installation, or load the one that an interrupted ``build`` left."""
        settings = self._settings
        self._folders += make_folders(settings.data)
        settings.data.chmod(0o700)
        self._lock = DirectoryLock(settings.data)
        _refuse_what_stands(settings)
        was_begun = self._mark.exists()
        self._mark.touch(mode=0o600)
        sync_directory(settings.data)
        self._is_begun = True
        if was_begun and settings.keys.exists():
            return keyring.load(settings.keys)
        self._folders += make_folders(settings.keys.parent)
        made = keyring.create(settings.keys, is_example=is_example)
        self._has_made_keys = True
        return made

    def finish(self) -> None:
        """Give the database its final name: the installation exists from here on."""
        self._mark.rename(self._settings.database)
        sync_directory(self._settings.data)

    def undo(self) -> None:
        """Remove everything that was made, the marker last. A keyring that was found stays, and so does its marker."""
        if self._has_made_keys:
            self._settings.keys.unlink(missing_ok=True)
        if self._is_begun:
            self._settings.sealed_keyring.unlink(missing_ok=True)
            self._settings.database.unlink(missing_ok=True)
            if self._settings.keys.exists():
                _empty(self._mark)
            else:
                _clear(self._mark)
        if self._lock and self._settings.data in self._folders:
            (self._settings.data / NAME).unlink(missing_ok=True)
        for folder in reversed(self._folders):
            with suppress(OSError):
                folder.rmdir()

    def close(self) -> None:
        """Release the lock of the data directory."""
        if self._lock:
            self._lock.release()


def _unfinished(path: Path) -> Path:
    return path.with_suffix(".new")


def _empty(unfinished: Path) -> None:
    _clear(unfinished)
    unfinished.touch(mode=0o600)


def _clear(unfinished: Path) -> None:
    for part in ("-wal", "-shm", ""):
        unfinished.with_name(unfinished.name + part).unlink(missing_ok=True)


async def _furnish(fresh: Path, guard: Guard, officer_key: bytes) -> None:
    """Build beside the final name: an installation exists completely or not at all."""
    _empty(fresh)
    database = await open_sqlite(fresh)
    try:
        await migrate(database)
        await database.write(lambda tx: note(tx, guard, "officer", officer_key))
        await ensure_push_key(database, guard)
    finally:
        await database.close()


async def officer(database: Database, guard: Guard) -> bytes:
    """The recovery officer's public key, or empty. Raises KeyringRefused when the keyring is not that of this installation."""
    try:
        return await database.read(lambda reader: officer_now(reader, guard))
    except WrongKey:
        raise KeyringRefused("The keyring does not belong to this data: set AILO_KEYS to the keyring made with it.") from None
    except Damaged:
        raise DatabaseRefused("The installation's own row in the database was altered: restore a backup.") from None


async def officer_now(reader: Reader, guard: Guard) -> bytes:
    """The recovery officer's public key as it is now, or empty. Raises CannotOpen, or DatabaseRefused when its row is missing."""
    key = await noted(reader, guard, "officer")
    if key is None:
        raise DatabaseRefused("The database contains no installation: `ailo init` did not finish. Restore a backup.")
    return key


async def ensure_push_key(database: Database, guard: Guard) -> None:
    """Make the key of push, unless there is one: with another, no browser that subscribed before could be told of anything."""
    sql = "select 1 from house where name = :name"
    if await database.read(lambda reader: reader.row(sql, name=PUSH_KEY)) is None:
        made = PushKey.fresh()
        await database.write(lambda tx: note(tx, guard, PUSH_KEY, made.both))


async def push_key(reader: Reader, guard: Guard) -> PushKey | None:
    """The key by which push services know this service, or None. Raises CannotOpen."""
    found = await noted(reader, guard, PUSH_KEY)
    return PushKey.of(found) if found else None


async def note(tx: Transaction, guard: Guard, name: str, content: bytes) -> None:
    """Store a fact that the service knows about itself, replacing its earlier value."""
    await tx.run(
        "insert into house (name, body) values (:name, :body) on conflict (name) do update set body = excluded.body",
        name=name, body=guard.guard(content, *_place(name)),
    )  # fmt: skip


async def noted(reader: Reader, guard: Guard, name: str) -> bytes | None:
    """A fact that the service knows about itself, or None. Raises CannotOpen."""
    row = await reader.row("select body from house where name = :name", name=name)
    return guard.unguard(row["body"], *_place(name)) if row else None


async def restored_at(reader: Reader, guard: Guard) -> int:
    """When this database was last begun from a backup, in ms since 1970; 0 if it never was. Raises CannotOpen."""
    found = await noted(reader, guard, RESTORED)
    return int.from_bytes(found, "big") if found else 0


async def note_restored(tx: Transaction, guard: Guard, now: int) -> None:
    """Record that the database is begun from a backup."""
    await note(tx, guard, RESTORED, now.to_bytes(8, "big"))


def _place(name: str) -> tuple[Part, ...]:
    return ("house", "body", name)


FAMILY = Family(
    tables=(
        Table("house", ("name",), {"name": TEXT}),
        Table("schema_steps", ("name",), {"name": TEXT, "hash": TEXT, "number": NUMBER}),
    ),
    guarded=(Guarded("house", ("name",), "body", lambda row: _place(row["name"])),),
)
