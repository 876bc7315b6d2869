"""Reads rows with care. SQLite enforces no types: whoever can write to the database may put anything into any column.

Each function returns a column's value, or raises Damaged when it is not of the shape that the service writes there. Code that
goes through many rows uses ``sound``: a damaged row raises the alarm once and is skipped, so that it holds up nothing else.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar
from uuid import UUID

from storage.engine.database import Row, Value
from storage.errors import CannotOpen, Damaged
from storage.ids import AccountId, ThreadId

T = TypeVar("T")

# The end of the year 9999, in ms since 1970: no calendar shows more.
LAST_TIME = 253_402_300_800_000
# The largest number that JSON carries exactly.
LARGEST = 2**53
# The size of a public key (X25519, RFC 7748 section 5), and of a hash.
KEY_BYTES = 32
# At most this many alerts are remembered as already raised.
MOST_TOLD = 1_000

log = logging.getLogger("ailo.storage")
_told: set[tuple[str, str, str]] = set()


class Shape(NamedTuple):
    """What a column holds: its type; the minimum and maximum of its number, or of its length in bytes or characters."""

    kind: type
    minimum: int
    maximum: int
    may_be_null: bool = False

    def fits(self, found: object) -> bool:
        """Whether a value is of this shape."""
        if type(found) is not self.kind:
            return found is None and self.may_be_null
        size = found if isinstance(found, int) else len(found)  # type: ignore[arg-type]
        return self.minimum <= size <= self.maximum

    def or_null(self) -> "Shape":
        """The same shape, with null allowed."""
        return self._replace(may_be_null=True)


ID = Shape(bytes, 16, 16)
KEY = Shape(bytes, KEY_BYTES, KEY_BYTES)
HASH = Shape(bytes, 16, 64)
BYTES = Shape(bytes, 0, 2**30)
NUMBER = Shape(int, 0, LARGEST)
TIME = Shape(int, 0, LAST_TIME - 1)
TEXT = Shape(str, 0, 2**30)


def uuid(row: Row, column: str) -> UUID:
    """An id of 16 bytes."""
    return UUID(bytes=raw_id(row, column))


def thread_id(row: Row, column: str) -> ThreadId:
    """As ``uuid``, of a thread."""
    return ThreadId(uuid(row, column))


def account_id(row: Row, column: str) -> AccountId:
    """As ``uuid``, of an account."""
    return AccountId(uuid(row, column))


def raw_id(row: Row, column: str) -> bytes:
    """As ``uuid``, as raw bytes."""
    found = row[column]
    if type(found) is not bytes or len(found) != 16:
        raise _damaged(column)
    return found


def number(row: Row, column: str) -> int:
    """A whole number from 0 to 2^53."""
    found = row[column]
    if type(found) is not int or not 0 <= found <= LARGEST:
        raise _damaged(column)
    return found


def time(row: Row, column: str) -> int:
    """A time in ms since 1970, before the year 10000."""
    found = row[column]
    if type(found) is not int or not 0 <= found < LAST_TIME:
        raise _damaged(column)
    return found


def number_or_none(row: Row, column: str) -> int | None:
    """As ``number``, or None where the column is null."""
    return None if row[column] is None else number(row, column)


def time_or_none(row: Row, column: str) -> int | None:
    """As ``time``, or None where the column is null."""
    return None if row[column] is None else time(row, column)


def blob(row: Row, column: str) -> bytes:
    """Bytes, of any length."""
    found = row[column]
    if type(found) is not bytes:
        raise _damaged(column)
    return found


def key(row: Row, column: str) -> bytes:
    """A public key, or a hash: 32 bytes."""
    found = blob(row, column)
    if len(found) != KEY_BYTES:
        raise _damaged(column)
    return found


def text(row: Row, column: str) -> str:
    """A text."""
    found = row[column]
    if type(found) is not str:
        raise _damaged(column)
    return found


def read_mark(row: Row) -> int:
    """The ``read_seq`` of a row, next to the ``last_seq`` of its thread. Nothing authenticates it: a value that no reader can
    have set raises the alarm, and counts as 0."""
    found, last = row["read_seq"], row["last_seq"]
    if type(found) is int and type(last) is int and 0 <= found <= last:
        return found
    alert("participants", row, Damaged("a read mark is invalid or beyond the last message"))
    return 0


def to_go_on_from(found: Sequence[Value]) -> tuple[Value, ...]:
    """A key after which to read on. A text that was not valid UTF-8 is not what the row contains, and could come up again for
    ever: all texts in its position are skipped."""
    for at, value in enumerate(found):
        if isinstance(value, str) and "\N{REPLACEMENT CHARACTER}" in value:
            return (*found[:at], *(b"" for _ in found[at:]))  # SQLite sorts every text before any blob
    return tuple(found)


def unless_damaged(table: str, row: Row, read: Callable[[], T], default: T) -> T:
    """What ``read`` returns; if that is damaged, ``default`` and an alert. For unauthenticated values the row can do without."""
    try:
        return read()
    except CannotOpen as error:
        alert(table, row, error)
        return default


def sound(table: str, rows: Iterable[Row], make: Callable[[Row], T]) -> list[T]:
    """What ``make`` returns for each readable row. Every other row raises the alarm and is skipped."""
    found: list[T] = []
    for row in rows:
        try:
            found.append(make(row))
        except CannotOpen as error:
            alert(table, row, error)
    return found


def alert(table: str, row: Row, error: CannotOpen) -> None:
    """Raise the alarm about a row that is not as the service writes it."""
    alert_once(f"a row of {table}", name(row), str(error))


def alert_once(what: str, which: str, why: str) -> None:
    """Raise an alarm, once per subject: a row that is read for every request must not fill the log."""
    if (what, which, why) in _told:
        return
    if len(_told) >= MOST_TOLD:
        _told.clear()
    _told.add((what, which, why))
    log.error("alert: %s failed verification (%s): %s", what, which, why)


def forget_alerts() -> None:
    """Make every alarm be raised anew."""
    _told.clear()


def name(row: Row) -> str:
    """Identify a row by those of its ids that have the shape of an id, and by nothing else of it."""
    columns = [column for column in ("id", "thread", "account") if column in row.keys() and ID.fits(row[column])]  # noqa: SIM118
    return ", ".join(f"{column} {UUID(bytes=row[column])}" for column in columns) or "without an id"


def _damaged(column: str) -> Damaged:
    return Damaged(f"{column} has a type or size that the service never writes")
