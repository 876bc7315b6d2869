"""What was verified before, by a hash of everything that the result depends on: the same bytes are not checked again.

It holds no key and no text, only hashes of what the database contains. If one byte differs, the hash differs, and everything
is checked as if for the first time. So no check is weakened; it is only not repeated.
"""

from collections import OrderedDict
from threading import Lock

from storage.crypto.primitives import keyed_hash


class Remembered:
    """At most ``maximum`` hashes (about 100 bytes each); the least recently used go first. Thread-safe."""

    def __init__(self, maximum: int) -> None:
        self._most = maximum
        self._hashes: OrderedDict[bytes, None] = OrderedDict()
        self._one_at_a_time = Lock()

    def __len__(self) -> int:
        return len(self._hashes)

    def has(self, finding: bytes) -> bool:
        """Whether exactly this was verified before."""
        with self._one_at_a_time:
            if finding not in self._hashes:
                return False
            self._hashes.move_to_end(finding)
            return True

    def add(self, finding: bytes) -> None:
        """Record that this was verified."""
        with self._one_at_a_time:
            self._hashes[finding] = None
            if len(self._hashes) > self._most:
                self._hashes.popitem(last=False)


def finding(rests_on: bytes) -> bytes:
    """The hash of everything that a result depends on, in canonical bytes."""
    return keyed_hash(b"", b"ailo.finding.1", rests_on)
