"""The courier key: texts that wait to go out in a letter are encrypted under it. It exists in memory alone.

With the process it is gone, and so is all that waited under it. It is renewed as it is used, and forgotten a while later, so that
what was once written to the disk, or to a backup, opens to nobody who takes the process over afterwards.
"""

from dataclasses import dataclass, field
from datetime import timedelta

from storage.crypto.primitives import KEY_BYTES, Part, canonical, decrypt, encrypt, key_id, key_name_of, random_bytes
from storage.errors import CannotOpen
from storage.ids import AccountId

__all__ = ["KEPT_MS", "Courier"]

MS = timedelta(milliseconds=1)
PURPOSE = b"ailo.courier.1"
KEPT_MS = timedelta(days=1) // MS
"""So long a text waits at most."""
RENEWED_MS = timedelta(hours=6) // MS
# For at most so many accounts it is kept in memory whether they chose texts.
MOST_CHOICES = 20_000


@dataclass(repr=False)
class Courier:
    """Seals texts for a place and opens them again, with the keys of the last hours. Times in ms since 1970.

    It also remembers which accounts chose to receive texts, which is asked for each message.
    """

    _choices: dict[AccountId, bool] = field(default_factory=dict)
    _keys: dict[bytes, tuple[int, bytes]] = field(default_factory=dict)
    _newest: bytes = b""

    def seal(self, text: str, now: int, *place: Part) -> bytes:
        """Encrypt a text for one place."""
        return encrypt(self._key(now), text.encode(), canonical(PURPOSE, *place))

    def open(self, body: bytes, now: int, *place: Part) -> str | None:
        """Decrypt a text; None when it was altered, or its key is gone."""
        self._forget(now)
        try:
            _, key = self._keys.get(key_name_of(body), (0, b""))
            return decrypt(key, body, canonical(PURPOSE, *place)).decode() if key else None
        except CannotOpen:
            return None

    def wants_texts(self, account: AccountId) -> bool | None:
        """Whether an account chose to receive texts, as far as it was noted; None if it must be looked up."""
        return self._choices.get(account)

    def note_choice(self, account: AccountId, *, wants_texts: bool, is_new: bool) -> None:
        """Note what an account has just chosen, or what was looked up: what was chosen in the meantime is newer than that."""
        if len(self._choices) >= MOST_CHOICES:
            self._choices.clear()
        if is_new or account not in self._choices:
            self._choices[account] = wants_texts

    def _key(self, now: int) -> bytes:
        self._forget(now)
        made_at, key = self._keys.get(self._newest, (0, b""))
        if key and abs(now - made_at) < RENEWED_MS:
            return key
        key = random_bytes(KEY_BYTES)
        self._newest = key_id(key)
        self._keys[self._newest] = now, key
        return key

    def _forget(self, now: int) -> None:
        """Forget the keys under which no text can wait any more, by a clock that may have been set back."""
        for name, (made_at, _) in list(self._keys.items()):
            if abs(now - made_at) > RENEWED_MS + KEPT_MS:
                del self._keys[name]
