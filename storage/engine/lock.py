"""One process at a time on a data directory: an advisory lock that ends with the process, however it ends."""

import fcntl
import os
from pathlib import Path

from storage.errors import DatabaseRefused

NAME = "lock"


class DirectoryLock:
    """Holds the lock of a data directory until ``release``. Raises DatabaseRefused when another process has it."""

    def __init__(self, data: Path) -> None:
        self._descriptor = os.open(data / NAME, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._descriptor)
            raise DatabaseRefused(f"Another Ailo process is using {data}: stop it first.") from None

    def release(self) -> None:
        """Release the lock."""
        os.close(self._descriptor)
