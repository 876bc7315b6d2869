"""Letters as files in a Maildir, for a service without an SMTP relay. Each file is on disk as a whole or not at all."""

import asyncio
import errno
import os
from contextlib import suppress
from email.utils import parsedate_to_datetime
from pathlib import Path

from delivery.transports.transport import Later, Message, Outcome, Sent

__all__ = ["MaildirTransport"]


class MaildirTransport:
    """Writes letters into ``tmp`` and moves them to ``new``; a repeat replaces the first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def send(self, message: Message, _recipient: str, /, sender: str | None = None) -> Outcome:
        try:
            await asyncio.to_thread(self._keep, message)
        except OSError as error:
            return Later(f"maildir {errno.errorcode.get(error.errno or 0, 'failed')}", for_all=True)
        return Sent()

    async def close(self) -> None:
        """Nothing is kept open."""

    def _keep(self, message: Message) -> None:
        _make_folders(self.folder)
        name = _name_of(message)
        if any((self.folder / "cur").glob(f"{name}*")):
            return  # a repeat, after a crash, of a letter that somebody has already seen
        fresh = self.folder / "tmp" / name
        _write(fresh, message.as_bytes().replace(b"\r\n", b"\n"))
        fresh.rename(self.folder / "new" / name)
        _sync(self.folder / "new")


def _name_of(message: Message) -> str:
    """The time and the id fixed when the letter was written: the same for every repeat, and in chronological order."""
    id_ = "".join(c for c in message["Message-ID"].partition("@")[0] if c.isalnum())
    return f"{int(parsedate_to_datetime(message['Date']).timestamp())}.{id_}.ailo"


def _make_folders(folder: Path) -> None:
    """Make the folders, accessible to their owner only, whatever the umask."""
    for made in (folder, folder / "tmp", folder / "new", folder / "cur"):
        with suppress(FileExistsError):
            made.mkdir(mode=0o700)
            _sync(made.parent)


def _write(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)  # left by a crash
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "wb") as file:  # noqa: PTH123 (an open descriptor has no path)
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
