"""What was found sound before, by a hash of all that the finding rests on: the same bytes are not looked through again.

It holds no key and no text, only hashes of what stands in the database; a byte that differs makes another hash, and is looked
at as if for the first time. So it takes nothing from any check but its repetition.
"""

from collections import OrderedDict
from threading import Lock

from storage.crypto.primitives import keyed_hash


class Remembered:
    """At most ``maximum`` hashes (about 100 bytes each); those that were asked for longest ago go first. For any thread."""

    def __init__(self, maximum: int) -> None:
        self._most = maximum
        self._hashes: OrderedDict[bytes, None] = OrderedDict()
        self._one_at_a_time = Lock()

    def __len__(self) -> int:
        return len(self._hashes)

    def has(self, finding: bytes) -> bool:
        """Whether just this was found sound before."""
        with self._one_at_a_time:
            if finding not in self._hashes:
                return False
            self._hashes.move_to_end(finding)
            return True

    def add(self, finding: bytes) -> None:
        """This was found sound."""
        with self._one_at_a_time:
            self._hashes[finding] = None
            if len(self._hashes) > self._most:
                self._hashes.popitem(last=False)


def finding(rests_on: bytes) -> bytes:
    """The hash of all that a finding rests on, in canonical bytes."""
    return keyed_hash(b"", b"ailo.finding.1", rests_on)
