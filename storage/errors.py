"""Every error that storage raises.

StorageError
├── Refused            the service must not start or go on like this; the text says what to do
│   ├── KeyringRefused
│   └── DatabaseRefused
│       └── SchemaRefused
├── Superseded         the account's key, password or session has changed in the meantime: sign in again
├── Stalled            the store is full or failing: the work was not done and may be tried again
└── CannotOpen         a value does not open
    ├── WrongKey       encrypted under a key that is not the one given
    │   └── Damaged        the right key, but altered, truncated, or moved from another place

No text or attribute of these holds a secret or what was encrypted.
"""

from collections.abc import Sequence


class StorageError(Exception):
    """Everything that storage raises on purpose."""


class Refused(StorageError):
    """The settings, the keys or the files are not fit to continue with; says what to do."""


class KeyringRefused(Refused):
    """The root keyring is missing, unreadable, readable by others, damaged, or not of this data."""


class DatabaseRefused(Refused):
    """The database is missing, in use, damaged, newer than the program, or has wrong settings."""


class SchemaRefused(DatabaseRefused):
    """The schema is not what Ailo's own steps make. Constructed from the differences, each in a few words."""

    def __init__(self, found: Sequence[str]) -> None:
        super().__init__(
            f"The schema of the database was changed by somebody else: {'; '.join(found[:3])}. "
            "Do not use it: restore a backup made before that, as described in docs/operations.md."
        )


class Stalled(StorageError):
    """The store could not take the work; nothing was kept, and the same work may be tried again."""


class Superseded(StorageError):
    """The account's key, its password or the session has changed in the meantime; nothing was kept."""


class CannotOpen(StorageError):
    """An encrypted value does not open."""


class WrongKey(CannotOpen):
    """The value was encrypted under a key other than those available."""


class Damaged(CannotOpen):
    """The key is right, but the value was altered, truncated, or belongs to another place."""
