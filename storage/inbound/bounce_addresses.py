"""Envelope senders by which a delivery report finds its letter (variable envelope return path): signed, and kept nowhere.

Each names one letter, and when it was due: sent again, a letter has another. Who sees a letter sees its address, and may write
to it; nobody can make one for another letter.
"""

import base64
import re
from dataclasses import dataclass
from uuid import UUID

from storage.crypto.guarding import SIGNATURE_BYTES, Guard

ID_BYTES, TIME_BYTES = 16, 6
# Base32 without padding: 60 octets of the 64 of RFC 5321, 4.5.3.1.1.
LOCAL_PART = re.compile(r"b\.([a-z2-7]{58})", re.ASCII)
PADDING = "======"
PURPOSE = "bounce"


@dataclass(frozen=True)
class Sending:
    """One sending of a letter: which was due then (ms since 1970)."""

    letter: UUID
    due_at: int


def make(guard: Guard, sending: Sending) -> str:
    """The local part of the address that a letter is sent from."""
    signature = guard.sign(PURPOSE, sending.letter, sending.due_at)
    return _spelt(sending.letter.bytes + sending.due_at.to_bytes(TIME_BYTES) + signature)


def find(guard: Guard, local_part: str) -> Sending | None:
    """The sending that an address was made for; None if it is not one that this service signed."""
    form = LOCAL_PART.fullmatch(local_part.lower())
    if form is None:
        return None
    raw = base64.b32decode(form[1].upper() + PADDING)
    sending = Sending(UUID(bytes=raw[:ID_BYTES]), int.from_bytes(raw[ID_BYTES:-SIGNATURE_BYTES]))
    is_ours = guard.is_signed(raw[-SIGNATURE_BYTES:], PURPOSE, sending.letter, sending.due_at)
    return sending if is_ours and _spelt(raw) == local_part.lower() else None


def _spelt(raw: bytes) -> str:
    return f"b.{base64.b32encode(raw).decode().lower().rstrip('=')}"
