"""Tells a copy of a database, as a backup is, from a database that was served: only the latter is in write-ahead mode.

The copy is made with VACUUM INTO, which writes the mode of a rollback journal; opening it to serve it turns it to the other.
"""

from pathlib import Path

# Offset 19 of the header, the version needed to read the file: 1 with a rollback journal, 2 with a write-ahead log.
# (https://www.sqlite.org/fileformat.html, 1.3.3)
HEADER_BYTES = 20
READ_VERSION = 19
ROLLBACK = 1


def is_copy(path: Path) -> bool:
    """Whether a database is a copy that nobody has served yet. Raises OSError."""
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
    return len(header) == HEADER_BYTES and header[READ_VERSION] == ROLLBACK
