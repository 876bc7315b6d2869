"""The JSON shapes of one's own settings and sessions, as typed structs. No input or output here. See docs/protocol.md."""

from datetime import datetime
from uuid import UUID

import msgspec


class LetterSettings(msgspec.Struct, frozen=True):
    """Which e-mails somebody wants; quiet hours as "21:00", in their own time zone, both or neither."""

    replies: bool
    quiet_from: str | None
    quiet_to: str | None


class Settings(msgspec.Struct, frozen=True):
    """How somebody likes things to be."""

    locale: str
    time_zone: str
    enter_sends: bool
    single_keys: bool
    letters: LetterSettings


class OwnSettings(msgspec.Struct, frozen=True):
    """One's settings, and since when the service's e-mails are refused at one's address, if they are."""

    settings: Settings
    letters_refused_at: datetime | None


class OwnSession(msgspec.Struct, frozen=True):
    """One of one's own sessions; ``seen_at`` is the day alone, ``device`` null where it is not known."""

    id: UUID
    began_at: datetime
    seen_at: datetime
    device: str | None
    current: bool
