"""Envelope senders by which a delivery report finds its letter (variable envelope return path): signed, and kept nowhere.

Each names one letter. Who sees a letter sees its address, and may write to it; nobody can make one for another letter.
"""

import base64
import re
from uuid import UUID

from storage.crypto.guarding import SIGNATURE_BYTES, Guard

# Base32 without padding: 16 bytes of the letter's id and 14 of the signature. 50 octets of the 64 of RFC 5321, 4.5.3.1.1.
LOCAL_PART = re.compile(r"b\.([a-z2-7]{48})", re.ASCII)
ID_BYTES = 16
PURPOSE = "bounce"


def make(guard: Guard, letter: UUID) -> str:
    """The local part of the address that a letter is sent from; the same each time."""
    return f"b.{base64.b32encode(letter.bytes + guard.sign(PURPOSE, letter)).decode().lower()}"


def find(guard: Guard, local_part: str) -> UUID | None:
    """The letter that an address was made for; None if it is not one that this service signed."""
    form = LOCAL_PART.fullmatch(local_part.lower())
    if form is None:
        return None
    raw = base64.b32decode(form[1].upper())
    assert len(raw) == ID_BYTES + SIGNATURE_BYTES
    letter = UUID(bytes=raw[:ID_BYTES])
    return letter if guard.is_signed(raw[ID_BYTES:], PURPOSE, letter) else None
