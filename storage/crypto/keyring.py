"""The root keyring: the file of root keys, kept outside the data directory and its backups.

The newest key encrypts, all of them decrypt. One key per purpose is derived from each root key; the root key itself
encrypts nothing. The index key, for looking up addresses, is stored next to them: it must not change when a root key does.

The file is replaced as a whole, never changed in place: a crash leaves the old keyring or the new one.
"""

import json
import os
import time
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storage.crypto.primitives import KEY_BYTES, key_id, keyed_hash, random_bytes
from storage.errors import KeyringRefused
from storage.files import make_folders, write_private

FORMAT = "ailo root keyring 1"


@dataclass(frozen=True, repr=False)
class RootKey:
    """One root key, as the keys derived from it. ``id`` names the root key in every value; ``made_at`` in s since 1970."""

    id: bytes
    guarding: bytes
    authentication: bytes
    linking: bytes
    made_at: int = 0

    @classmethod
    def derived_from(cls, root: bytes, made_at: int = 0) -> "RootKey":
        return cls(
            key_id(root),
            keyed_hash(root, b"ailo.guard.1"),
            keyed_hash(root, b"ailo.authentic.1"),
            keyed_hash(root, b"ailo.linking.1"),
            made_at,
        )


@dataclass(frozen=True, repr=False)
class Keyring:
    """The available keys: ``newest`` writes, all of ``by_id`` read. ``is_example`` marks the keyring of `ailo demo`."""

    newest: RootKey
    by_id: Mapping[bytes, RootKey]
    index_key: bytes
    is_example: bool = False


def create(path: Path, *, is_example: bool = False) -> Keyring:
    """Create a keyring with one fresh key, readable only by its owner. Raises KeyringRefused when the file already exists."""
    content = {
        "format": FORMAT,
        "example": is_example,
        "index_key": _text(random_bytes(KEY_BYTES)),
        "keys": [_fresh_entry()],
    }
    make_folders(path.parent)
    try:
        write_private(path, _encoded(content), replace=False)
    except FileExistsError:
        raise KeyringRefused(f"There is already a keyring at {path}; it was left unchanged.") from None
    return load(path)


def _fresh_entry() -> dict[str, Any]:
    root = random_bytes(KEY_BYTES)
    return {"id": key_id(root).hex(), "key": _text(root), "made_at": int(time.time())}


def with_fresh_key(raw: bytes) -> bytes:
    """The new content for a sound keyring's file, with a fresh key added, which is the newest from then on."""
    content = json.loads(raw)
    return _encoded({**content, "keys": [*content["keys"], _fresh_entry()]})


def without_key(raw: bytes, name: bytes) -> bytes:
    """The new content for a sound keyring's file, without one of its older keys."""
    content = json.loads(raw)
    return _encoded({**content, "keys": [entry for entry in content["keys"] if entry["id"] != name.hex()]})


def _encoded(content: dict[str, Any]) -> bytes:
    return json.dumps(content, indent=1).encode()


def read(path: Path) -> bytes:
    """The bytes of a sound keyring's file. Raises KeyringRefused as ``load``."""
    raw = _read_private(path)
    parse(raw, path)
    return raw


def load(path: Path) -> Keyring:
    """Read the keyring. Raises KeyringRefused, saying what to do, when it is missing, readable by others or damaged."""
    return parse(_read_private(path), path)


def parse(raw: bytes, path: Path) -> Keyring:
    """The keyring in these bytes of a file. Raises KeyringRefused when they are not one."""
    content = _parsed(raw, path)
    try:
        keys = [_root_key(entry) for entry in content["keys"]]
        index_key = b64decode(content["index_key"], validate=True)
        is_sound = content["format"] == FORMAT and len(index_key) == KEY_BYTES
        return _checked(is_sound, keys, index_key, is_example=bool(content["example"]))
    except (KeyError, TypeError, ValueError, IndexError):
        raise KeyringRefused(f"The keyring {path} is damaged: restore a copy of it from its safe place.") from None


def _root_key(entry: dict[str, Any]) -> RootKey:
    root = b64decode(entry["key"], validate=True)
    if len(root) != KEY_BYTES or key_id(root).hex() != entry["id"]:
        raise ValueError
    return RootKey.derived_from(root, int(entry["made_at"]))


def _checked(is_sound: bool, keys: list[RootKey], index_key: bytes, *, is_example: bool) -> Keyring:
    if not is_sound:
        raise ValueError
    return Keyring(keys[-1], {key.id: key for key in keys}, index_key, is_example)


def _parsed(raw: bytes, path: Path) -> dict[str, Any]:
    try:
        content = json.loads(raw)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise KeyringRefused(f"The keyring {path} is damaged: restore a copy of it from its safe place.")
    return content


def _read_private(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            raw = file.read()
    except FileNotFoundError:
        raise KeyringRefused(f"There is no keyring at {path}: run `ailo init`, or set AILO_KEYS to where it is.") from None
    except OSError as error:
        raise KeyringRefused(f"The keyring {path} cannot be read ({error.strerror}): check its owner and permissions.") from None
    if mode & 0o077:
        raise KeyringRefused(f"The keyring {path} can be read by other users: run `chmod 600 {path}`.")
    return raw


def _text(raw: bytes) -> str:
    return b64encode(raw).decode()
