"""Reads the Maildir of the example, for its page of letters. Read-only: marks nothing as seen."""

from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

__all__ = ["KeptLetter", "letters_in"]


@dataclass(frozen=True, repr=False)
class KeptLetter:
    """A letter as a mail client would show it. ``html`` is a complete page of its own: show it in a sandboxed frame."""

    id: str
    at: datetime
    recipient: str
    subject: str
    text: str
    html: str


def letters_in(maildir: Path) -> list[KeptLetter]:
    """Every letter of a Maildir, newest first; empty while it has none. Blocks while it reads the files."""
    paths = [path for folder in ("new", "cur") for path in (maildir / folder).glob("*.*.ailo*")]
    found = [letter for path in paths if (letter := _read(path))]
    return sorted(found, key=lambda letter: (letter.at, letter.id), reverse=True)


def _read(path: Path) -> KeptLetter | None:
    message = message_from_bytes(path.read_bytes(), EmailMessage, policy=policy.default)
    if message["Date"] is None:
        return None
    return KeptLetter(
        path.name.split(".")[1],
        message["Date"].datetime,
        str(message["To"]),
        str(message["Subject"]),
        _content(message, "plain"),
        _content(message, "html"),
    )


def _content(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return str(part.get_content()) if part else ""
