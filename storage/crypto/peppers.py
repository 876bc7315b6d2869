"""Session peppers: a weekly secret that goes into the keyhole of each session begun in that week.

They are stored next to the keyring and never in a backup, and are deleted once no session can need them. So the sessions
in an old backup open nothing, not even with their cookies.
"""

import errno
import json
import os
import threading
from base64 import b64decode, b64encode
from pathlib import Path

from storage.crypto.primitives import KEY_BYTES, key_id, random_bytes
from storage.errors import KeyringRefused, Stalled
from storage.files import write_private

WEEK_MS = 7 * 86_400_000


class Peppers:
    """The peppers in one file. Times in ms since 1970."""

    def __init__(self, path: Path, kept_ms: int) -> None:
        self._path = path
        self._kept_ms = kept_ms
        self._by_id: dict[bytes, tuple[int, bytes]] = _read(path)
        self._one_at_a_time = threading.Lock()

    def current(self, now: int) -> tuple[bytes, bytes]:
        """The id and the bytes of this week's pepper. It is on disk before it is used: once a week this waits for that.

        May be called in any thread; concurrent callers get the same pepper. Raises Stalled when it cannot be written.
        """
        with self._one_at_a_time:
            return self._current(now)

    def _current(self, now: int) -> tuple[bytes, bytes]:
        of_this_week = {made_at: id_ for id_, (made_at, _) in self._by_id.items() if 0 <= now - made_at < WEEK_MS}
        if not of_this_week:
            return self._add(now)
        id_ = of_this_week[max(of_this_week)]
        return id_, self._by_id[id_][1]

    def find(self, id_: bytes) -> bytes | None:
        """A pepper by its id, or None when it has been deleted."""
        found = self._by_id.get(id_)
        return found[1] if found else None

    def _add(self, now: int) -> tuple[bytes, bytes]:
        pepper = random_bytes(KEY_BYTES)
        self._keep({**self._needed(now), key_id(pepper): (now, pepper)})
        return key_id(pepper), pepper

    def forget(self, now: int) -> None:
        """Delete the peppers that no session can need any more. May be called in any thread. Raises Stalled."""
        with self._one_at_a_time:
            if len(needed := self._needed(now)) < len(self._by_id):
                self._keep(needed)

    def _needed(self, now: int) -> dict[bytes, tuple[int, bytes]]:
        return {name: entry for name, entry in self._by_id.items() if now - entry[0] < self._kept_ms + WEEK_MS}

    def _keep(self, peppers: dict[bytes, tuple[int, bytes]]) -> None:
        content = {name.hex(): [made_at, b64encode(raw).decode()] for name, (made_at, raw) in peppers.items()}
        try:
            write_private(self._path, json.dumps(content).encode(), replace=True)
        except OSError as error:
            raise Stalled(
                f"the session peppers could not be written: {errno.errorcode.get(error.errno or 0, 'failed')}"
            ) from None
        self._by_id = peppers


def _read(path: Path) -> dict[bytes, tuple[int, bytes]]:
    try:
        with path.open("rb") as file:
            mode, raw = os.fstat(file.fileno()).st_mode, file.read()
        content = json.loads(raw)
        found = {bytes.fromhex(name): (int(made_at), b64decode(raw)) for name, (made_at, raw) in content.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise KeyringRefused(
            f"The session peppers {path} cannot be read ({type(error).__name__}): remove the file; "
            "everybody will have to sign in again."
        ) from None
    if mode & 0o077:
        raise KeyringRefused(f"The session peppers {path} can be read by other users: run `chmod 600 {path}`.")
    return found
