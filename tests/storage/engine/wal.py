"""What a write-ahead log contains besides the newest state: every database state that its frames began from or led to.

See the WAL's format in https://www.sqlite.org/fileformat2.html#walformat. Frames count whether or not SQLite would still apply
them: a thief can read them all the same.
"""

import struct
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

HEADER, FRAME_HEADER = 32, 24


def states(database: Path, to: Path) -> list[Path]:
    """Write each state as a separate database below ``to``, the newest last. Without a log: the database as it is."""
    main = database.read_bytes()
    found = list(_states(main, database.with_name(f"{database.name}-wal"))) or [_alone(main)]
    to.mkdir()
    paths = [to / f"{number}.sqlite" for number in range(len(found))]
    for path, content in zip(paths, found, strict=True):
        path.write_bytes(content)
    return paths


def _states(main: bytes, log: Path) -> Iterator[bytes]:
    raw = log.read_bytes() if log.exists() else b""
    if len(raw) < HEADER:
        return
    yield _alone(main)
    page_size = struct.unpack(">I", raw[8:12])[0]
    salts = raw[16:24]
    frames = list(_frames(raw, page_size))
    # Frames after the valid ones are left over from earlier: they have other salts.
    for _, group in groupby(sorted(frames, key=lambda frame: frame[2] == salts), key=lambda frame: frame[2]):
        image = bytearray(main)
        for number, pages, _, page in group:
            image.extend(bytes(max(0, number * page_size - len(image))))
            image[(number - 1) * page_size : number * page_size] = page
            if pages:
                yield _alone(bytes(image[: pages * page_size]))


def _frames(raw: bytes, page_size: int) -> Iterator[tuple[int, int, bytes, bytes]]:
    for at in range(HEADER, len(raw) - FRAME_HEADER - page_size + 1, FRAME_HEADER + page_size):
        number, pages = struct.unpack(">II", raw[at : at + 8])
        if number:
            yield number, pages, raw[at + 8 : at + 16], raw[at + FRAME_HEADER : at + FRAME_HEADER + page_size]


def _alone(image: bytes) -> bytes:
    """The same image without a log: format versions of 1 instead of 2."""
    return image[:18] + b"\x01\x01" + image[20:] if image else image
