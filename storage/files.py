"""Private files: for their owner alone, complete or absent, and never written through a link left in the way."""

import errno
import os
import secrets
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

# The errors of a file system that has no hard links (FAT, some network file systems).
NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
LONGEST_STEM = 200


def write_private(path: Path, content: bytes, *, replace: bool) -> None:
    """Write a file that only its owner may read (0600 whatever the umask), completely or not at all, and sync it to disk.

    ``replace`` is for our own files: an existing one of that name is replaced; if it is a link, the link and not its target.
    Without it, raises FileExistsError when anything has that name, even a dangling link. Raises OSError.
    """
    fresh = unfinished(path)
    with create_private(fresh) as file:
        try:
            file.write(content)
            if replace:
                _keep_owner(file, path)
            sync(file)
            _put_in_place(fresh, path, replace=replace)
        finally:
            fresh.unlink(missing_ok=True)
    sync_directory(path.parent)


def create_private(path: Path) -> BinaryIO:
    """A new file of this name, 0600 whatever the umask, open for writing. Raises FileExistsError, OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with suppress(OSError):  # only an unusual umask needs it, and not every file system supports modes
        os.fchmod(descriptor, 0o600)
    return os.fdopen(descriptor, "w+b")


def sync(file: BinaryIO) -> None:
    """Sync the file's content to disk."""
    file.flush()
    os.fsync(file.fileno())


def put_in_place(fresh: Path, path: Path) -> None:
    """Give a finished file its name. Raises FileExistsError when anything has that name, OSError."""
    _put_in_place(fresh, path, replace=False)
    fresh.unlink(missing_ok=True)
    sync_directory(path.parent)


def _put_in_place(fresh: Path, path: Path, *, replace: bool) -> None:
    if replace:
        fresh.replace(path)
        return
    try:
        os.link(fresh, path, follow_symlinks=False)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        create_private(path).close()  # claims the name
        try:
            fresh.replace(path)
        except OSError:
            path.unlink()
            raise


def _keep_owner(file: BinaryIO, path: Path) -> None:
    """When root replaces a file, keep its owner, who could not read it otherwise."""
    if os.geteuid() == 0 and path.exists():
        found = path.stat()
        os.fchown(file.fileno(), found.st_uid, found.st_gid)


def unfinished(path: Path) -> Path:
    """A name next to this one that nobody can predict, for what is not finished yet."""
    return path.with_name(f".{_stem(path)}.{secrets.token_hex(8)}.new")


def remove_unfinished(path: Path) -> None:
    """Remove what a killed process left next to this file under such names."""
    for left in path.parent.iterdir() if path.parent.is_dir() else ():
        if left.name.startswith(f".{_stem(path)}.") and left.name.endswith(".new"):
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left)
            else:
                left.unlink(missing_ok=True)


def _stem(path: Path) -> str:
    return path.name if len(os.fsencode(path.name)) <= LONGEST_STEM else "ailo"


def make_folders(path: Path) -> list[Path]:
    """Create a folder and its missing parents, 0700 whatever the umask; return those created, the outermost first.

    Raises OSError.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    made = []
    for folder in reversed(missing):
        try:
            folder.mkdir(0o700)
        except FileExistsError:
            continue  # created by somebody else in the meantime
        folder.chmod(0o700)
        sync_directory(folder.parent)
        made.append(folder)
    return made


def sync_directory(path: Path) -> None:
    """Sync a directory's names to disk, if we may open it and its file system can."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:  # a folder that we may write to but not list
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(descriptor)


def is_writable_by_others(mode: int) -> bool:
    """Whether a mode lets anybody but the owner write."""
    return bool(mode & (stat.S_IWGRP | stat.S_IWOTH))
