"""The house: what the service knows of itself. Made once by `ailo init`."""

from dataclasses import dataclass
from pathlib import Path

from storage import keyring, keyring_copy
from storage.database import Database, Reader, Transaction
from storage.epochs import THE_OFFICER
from storage.errors import Damaged, DatabaseRefused, KeyringRefused, WrongKey
from storage.guarding import Guard, Guarded
from storage.keyholes import AccountKey
from storage.keyring import Keyring, sync_directory
from storage.migrations import migrate
from storage.primitives import Part
from storage.settings import StorageSettings
from storage.sqlite import open_sqlite


@dataclass(frozen=True, repr=False)
class Officer:
    """The recovery officer's key pair, as shown once. Both halves 32 bytes."""

    private_key: bytes
    public_key: bytes


async def build(settings: StorageSettings, *, with_recovery: bool = True, is_example: bool = False) -> Officer | None:
    """Make the keyring, the data directory and the database; give back the officer's key, which is kept nowhere.

    Raises Refused, having changed nothing, when there is a house or a keyring already.
    """
    if settings.database.exists():
        raise DatabaseRefused(f"There is an Ailo in {settings.data} already; nothing was changed.")
    keys = _keys_for(settings, is_example=is_example)
    key = AccountKey.fresh(THE_OFFICER) if with_recovery else None
    keyring_copy.write(settings, key.public_key if key else b"")
    await _furnish(settings.database, Guard(keys), key.public_key if key else b"")
    return Officer(key.private_key, key.public_key) if key else None


def _keys_for(settings: StorageSettings, *, is_example: bool) -> Keyring:
    """A fresh keyring; the one that is there only where an earlier ``build`` was cut short before anything was kept.

    The unfinished database marks that: it is there before the keyring, and gets its name after it.
    """
    unfinished = _unfinished(settings.database)
    was_begun = unfinished.exists()
    if not was_begun and settings.keys.exists():
        raise KeyringRefused(f"There is a keyring at {settings.keys} already; it was left as it is.")
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings.data.chmod(0o700)
    unfinished.touch(mode=0o600)
    sync_directory(settings.data)
    if was_begun and settings.keys.exists():
        return keyring.load(settings.keys)
    return keyring.create(settings.keys, is_example=is_example)


def _unfinished(path: Path) -> Path:
    return path.with_suffix(".new")


async def _furnish(path: Path, guard: Guard, officer_key: bytes) -> None:
    """Build beside the final name: a house is there whole or not at all."""
    fresh = _unfinished(path)
    for part in ("", "-wal", "-shm"):
        fresh.with_name(fresh.name + part).unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    database = await open_sqlite(fresh)
    try:
        await migrate(database)
        await database.write(lambda tx: note(tx, guard, "officer", officer_key))
    finally:
        await database.close()
    fresh.rename(path)
    sync_directory(path.parent)


async def officer(database: Database, guard: Guard) -> bytes:
    """The recovery officer's public key, or empty. Raises KeyringRefused when the keyring is not that of this house."""
    try:
        return await database.read(lambda reader: officer_now(reader, guard))
    except WrongKey:
        raise KeyringRefused("The keyring is not that of this data: set AILO_KEYS to the keyring made with it.") from None
    except Damaged:
        raise DatabaseRefused("The house's own row in the database was altered: restore a backup.") from None


async def officer_now(reader: Reader, guard: Guard) -> bytes:
    """The recovery officer's public key at this point in time, or empty. Raises CannotOpen, and DatabaseRefused without one."""
    key = await noted(reader, guard, "officer")
    if key is None:
        raise DatabaseRefused("The database holds no house: `ailo init` did not finish. Restore a backup.")
    return key


async def note(tx: Transaction, guard: Guard, name: str, content: bytes) -> None:
    """Keep something that the house knows of itself, in place of what it knew."""
    await tx.run(
        "insert into house (name, body) values (:name, :body) on conflict (name) do update set body = excluded.body",
        name=name, body=guard.guard(content, *_place(name)),
    )  # fmt: skip


async def noted(reader: Reader, guard: Guard, name: str) -> bytes | None:
    """What the house knows of itself. Raises CannotOpen."""
    row = await reader.row("select body from house where name = :name", name=name)
    return guard.unguard(row["body"], *_place(name)) if row else None


def _place(name: str) -> tuple[Part, ...]:
    return ("house", "body", name)


GUARDED = (Guarded("house", ("name",), "body", lambda row: _place(row["name"])),)
