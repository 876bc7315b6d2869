"""The house: what the service knows of itself. Made once by `ailo init`."""

from dataclasses import dataclass
from pathlib import Path

from storage import keyring, keyring_copy
from storage.database import Database, Reader
from storage.epochs import THE_OFFICER
from storage.errors import Damaged, DatabaseRefused, KeyringRefused, WrongKey
from storage.guarding import Guard, Guarded
from storage.keyholes import AccountKey
from storage.keyring import sync_directory
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
    keys = keyring.create(settings.keys, is_example=is_example)
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings.data.chmod(0o700)
    key = AccountKey.fresh(THE_OFFICER) if with_recovery else None
    keyring_copy.write(settings, key.public_key if key else b"")
    await _furnish(settings.database, Guard(keys), key.public_key if key else b"")
    return Officer(key.private_key, key.public_key) if key else None


async def _furnish(path: Path, guard: Guard, officer_key: bytes) -> None:
    """Build beside the final name: a house is there whole or not at all."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    database = await open_sqlite(fresh)
    try:
        await migrate(database)
        body = guard.guard(officer_key, *_place("officer"))
        await database.write(lambda tx: tx.run("insert into house (name, body) values ('officer', :body)", body=body))
    finally:
        await database.close()
    fresh.rename(path)
    sync_directory(path.parent)


async def officer(database: Database, guard: Guard) -> bytes:
    """The recovery officer's public key, or empty. Raises KeyringRefused when the keyring is not that of this house."""

    async def read(reader: Reader) -> bytes | None:
        row = await reader.row("select body from house where name = 'officer'")
        return bytes(row["body"]) if row else None

    body = await database.read(read)
    if body is None:
        raise DatabaseRefused("The database holds no house: `ailo init` did not finish. Restore a backup.")
    try:
        return guard.unguard(body, *_place("officer"))
    except WrongKey:
        raise KeyringRefused("The keyring is not that of this data: set AILO_KEYS to the keyring made with it.") from None
    except Damaged:
        raise DatabaseRefused("The house's own row in the database was altered: restore a backup.") from None


def _place(name: str) -> tuple[Part, ...]:
    return ("house", "body", name)


GUARDED = (Guarded("house", ("name",), "body", lambda row: _place(row["name"])),)
