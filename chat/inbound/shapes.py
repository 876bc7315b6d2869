"""The JSON shapes of mails, as typed structs. No input or output here. See docs/protocol.md."""

from datetime import datetime

import msgspec

from storage.ids import MessageId


class WaitingMail(msgspec.Struct, frozen=True):
    """A mail that nobody vouches for; ``text`` is what its author wrote themselves, and would be posted."""

    id: MessageId
    at: datetime
    subject: str
    text: str
    attachments: tuple[str, ...]


class Original(msgspec.Struct, frozen=True):
    """All of a mail: its text with quotes and signature, and the names of what was attached."""

    subject: str
    text: str
    attachments: tuple[str, ...]
