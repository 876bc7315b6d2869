"""Watches a Maildir for mails, for those whose relay does not speak LMTP to the service but can deliver to a folder.

A file goes once what it holds is on the disk in its own place. One that is refused is moved to ``cur``, for the operator to look
at: nobody is there to be told. One that cannot be taken now stays, and is tried again later.
"""

import asyncio
import logging
import os
from dataclasses import dataclass, field
from email.utils import parseaddr
from pathlib import Path

from delivery.inbound.headers import headers_of
from delivery.inbound.receiver import LONGEST_MAIL, Receiver
from storage.errors import StorageError

__all__ = ["Inbox", "take_one"]

log = logging.getLogger("ailo.delivery")

AGAIN_AFTER_MS = 60_000
UNKNOWN_SENDER = "unknown"
# Where the delivering agent writes the envelope's recipient, in the order in which they are believed; the topmost of each.
TO_HEADERS = ("delivered-to", "x-original-to", "envelope-to")


@dataclass
class Inbox:
    """A watched Maildir, and which of its files are tried again not before when (ms since 1970)."""

    folder: Path
    receiver: Receiver
    later: dict[str, int] = field(default_factory=dict)


async def take_one(inbox: Inbox, now: int) -> bool:
    """Take the mail that has waited longest; return whether there was one that could be tried."""
    path = await asyncio.to_thread(_first, inbox, now)
    if path is None:
        return False
    try:
        verdict = await _taken(inbox, path)
    except (StorageError, OSError) as error:
        log.warning("a mail in the inbox could not be taken now: %s", type(error).__name__)
        inbox.later[path.name] = now + AGAIN_AFTER_MS
        return True
    if verdict == "taken":
        await asyncio.to_thread(path.unlink, missing_ok=True)
    elif verdict == "refused":
        await asyncio.to_thread(_move_away, inbox.folder, path)
    else:
        inbox.later[path.name] = now + AGAIN_AFTER_MS
    return True


async def _taken(inbox: Inbox, path: Path) -> str:
    if (await asyncio.to_thread(path.stat)).st_size > LONGEST_MAIL:
        return "refused"
    raw = await asyncio.to_thread(path.read_bytes)
    headers = headers_of(raw)
    written_to = next((values[0] for name in TO_HEADERS if (values := headers.all(name))), "")
    # Without a return path nobody knows the envelope's sender; that is not the null one, of which machines write.
    sender = parseaddr(headers.all("return-path")[0])[1] if headers.all("return-path") else UNKNOWN_SENDER
    verdict = await inbox.receiver.receive(sender, parseaddr(written_to)[1], raw)
    return "taken" if verdict.is_taken else "refused" if verdict.code >= 500 else "later"


def _first(inbox: Inbox, now: int) -> Path | None:
    fresh = inbox.folder / "new"
    try:
        with os.scandir(fresh) as entries:  # which knows of each what it is, without a look at the file
            names = sorted(entry.name for entry in entries if entry.is_file(follow_symlinks=False))
    except FileNotFoundError:
        return None
    here = set(names) if inbox.later else ()
    inbox.later = {name: until for name, until in inbox.later.items() if name in here}
    return next((fresh / name for name in names if inbox.later.get(name, 0) <= now), None)


def _move_away(folder: Path, path: Path) -> None:
    (folder / "cur").mkdir(mode=0o700, exist_ok=True)
    path.rename(folder / "cur" / f"{path.name}:2,T")
    log.warning("a mail in the inbox is not for us, or too large: it was moved to cur")
