"""Addresses by which the way back is tried. `ailo mail check` asks for one, sends a mail to it, and asks what came.

In memory alone, for an hour, and no more than a few at a time.
"""

import secrets
from collections.abc import Callable
from datetime import timedelta

GOOD_FOR_MS = timedelta(hours=1) // timedelta(milliseconds=1)
MOST = 20


class Trials:
    """The trials that are under way. ``is_open`` is whether the service takes mails at all."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self.is_open = False
        self._clock = clock
        self._begun: dict[str, int] = {}
        self._arrived: dict[str, object] = {}

    def begin(self) -> str | None:
        """The local part of a new address; None if no mails are taken."""
        if not self.is_open:
            return None
        local_part = f"c.{secrets.token_hex(16)}"
        self._begun[local_part] = self._clock()
        self._forget()
        return local_part

    def is_one(self, local_part: str) -> bool:
        """Whether a trial is under way for this address."""
        self._forget()
        return local_part.lower() in self._begun

    def note(self, local_part: str, arrival: object) -> None:
        """Note what came to it; of several mails, the last."""
        self._arrived[local_part.lower()] = arrival

    def arrived(self, local_part: str) -> object | None:
        """What came to it, once something has."""
        return self._arrived.get(local_part.lower())

    def _forget(self) -> None:
        now = self._clock()
        good = [one for one, begun in self._begun.items() if now - GOOD_FOR_MS < begun <= now]
        self._begun = {one: self._begun[one] for one in good[-MOST:]}
        self._arrived = {one: arrival for one, arrival in self._arrived.items() if one in self._begun}
