"""Zeroes what SQLite leaves in the unused part of its pages.

``secure_delete`` zeroes a row where it is deleted. But when a tree is balanced, rows move to a neighbouring page, and the old
copy stays in the gap between the page's pointers and its content (``rebuildPage`` in SQLite's btree.c): one row in some
hundreds survives its deletion there, whole. No statement reaches those bytes: they are overwritten in the file.

That is safe whenever nobody is writing the file. Nothing ever reads a gap, so the rows are the same after a crash halfway, and
for a concurrent reader. A tree page is told from others by its first byte, which is 0 in overflow pages and in free pages (of
files below 128 GB, without ``auto_vacuum``). See https://www.sqlite.org/fileformat2.html#b_tree_pages.
"""

import os
from collections.abc import Iterable
from pathlib import Path

LOG_HEADER, FRAME_HEADER = 32, 24
FIRST_PAGE_HEADER = 100
# By the first byte of a tree page: the length of its header, which is followed by the pointers to its rows.
TREE_HEADERS = {2: 12, 5: 12, 10: 8, 13: 8}
MOST_PAGES = 1 << 25


class Scrubber:
    """The gaps of one database file. Used in the thread of the connection that writes.

    It keeps the file open until ``close``, after all connections: a process that closes any descriptor of a file loses all its
    locks on it, including SQLite's. Raises OSError.
    """

    def __init__(self, database: Path) -> None:
        self._log = database.with_name(f"{database.name}-wal")
        self._file = os.open(database, os.O_RDWR | os.O_CLOEXEC)
        self._changed: set[int] = set()
        self._last_round = -1
        self.must_sweep = True

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def note(self) -> None:
        """Read which pages the log changes, before it is truncated. If it was restarted in between, it does not list all."""
        with self._log.open("rb", buffering=0) as log:
            header = log.read(LOG_HEADER)
            if len(header) < LOG_HEADER:
                return
            page_size, round_ = (int.from_bytes(header[at : at + 4], "big") for at in (8, 12))
            self.must_sweep |= round_ > self._last_round + 1
            self._last_round = round_
            for at in range(LOG_HEADER, os.fstat(log.fileno()).st_size, FRAME_HEADER + page_size):
                self._changed.add(int.from_bytes(os.pread(log.fileno(), 4, at), "big"))

    def scrub_noted(self) -> bool:
        """Zero the gaps of the noted pages; return whether they contained anything."""
        changed, self._changed = self._changed, set()
        return self._scrub(sorted(changed))

    def sweep(self, first: int, pages: int) -> tuple[int, bool]:
        """Zero the gaps of some pages from ``first`` on. Return the page that comes next (0 at the end), and as above."""
        page_size = self._page_size()
        last = os.fstat(self._file).st_size // page_size if page_size else 0
        end = min(first + pages, last + 1)
        return (end if end <= last else 0), self._scrub(range(first, end))

    def _page_size(self) -> int:
        """The page size; 0 while the file is empty."""
        stated = int.from_bytes(os.pread(self._file, 2, 16), "big")
        return 65536 if stated == 1 else stated

    def _scrub(self, numbers: Iterable[int]) -> bool:
        page_size = self._page_size()
        had_content = [
            number for number in numbers if page_size and 0 < number < MOST_PAGES and self._scrub_page(number, page_size)
        ]
        if had_content:
            os.fdatasync(self._file)
        return bool(had_content)

    def _scrub_page(self, number: int, page_size: int) -> bool:
        at = (number - 1) * page_size
        page = os.pread(self._file, page_size, at)
        begin, end = gap(page, FIRST_PAGE_HEADER if number == 1 else 0)
        if not page[begin:end].strip(b"\0"):
            return False
        os.pwrite(self._file, bytes(end - begin), at + begin)
        return True


def gap(page: bytes, header: int) -> tuple[int, int]:
    """The start and end of the unused part of a tree page; (0, 0) for any other page."""
    length = TREE_HEADERS.get(page[header]) if len(page) > header + 12 else None
    if length is None:
        return 0, 0
    rows = int.from_bytes(page[header + 3 : header + 5], "big")
    content = int.from_bytes(page[header + 5 : header + 7], "big") or 65536
    begin = header + length + 2 * rows
    return (begin, content) if begin <= content <= len(page) else (0, 0)
