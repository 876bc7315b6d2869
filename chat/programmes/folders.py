"""A programme's directory as the command reads it: the texts of its files, and why a file cannot be one of them."""

import os
from pathlib import Path

import msgspec

MOST_FILES = 1_000
LARGEST = 32 * 1024


class Folder(msgspec.Struct, frozen=True):
    """``texts`` by file name, and ``faults``: what to do about each file that was not read. No path: it may go to a server."""

    texts: dict[str, str]
    faults: dict[str, str]


class Unreadable(Exception):
    """A file cannot be part of a programme; says what to do."""


def read_folder(path: Path) -> Folder:
    """Read a directory; hidden files are skipped. Raises OSError when it cannot be listed."""
    texts, faults = {}, {}
    names = sorted(name for name in os.listdir(path) if not name.startswith("."))  # noqa: PTH208 (names, not paths)
    for name in names[: MOST_FILES + 1]:
        shown = name.encode("utf-8", "backslashreplace").decode()
        try:
            texts[shown] = _text(path / name, path.resolve())
        except Unreadable as error:
            faults[shown] = str(error)
        except OSError as error:
            faults[shown] = f"cannot be read ({error.strerror})."
    if len(names) > MOST_FILES:
        faults[""] = f"The directory holds more than {MOST_FILES} files: keep only those of the programme in it."
    return Folder(texts, faults)


def _text(file: Path, folder: Path) -> str:
    target = file.resolve()
    if not target.is_relative_to(folder):
        raise Unreadable("is a link to somewhere else: put the file itself into the directory.")
    if not target.is_file():
        raise Unreadable("is not a file: move it out of the directory.")
    with target.open("rb") as opened:
        raw = opened.read(LARGEST + 1)
    if len(raw) > LARGEST:
        raise Unreadable(f"is larger than {LARGEST // 1024} KiB, more than a letter can carry: shorten it or make two lessons.")
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise Unreadable("is not UTF-8: save it with that encoding.") from None
