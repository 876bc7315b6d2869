"""Ids that grow with time: UUID version 7 (RFC 9562 section 5.7).

Ids of threads, accounts and messages have types of their own, so that none is mistaken for another. Where a function takes
several, the thread comes first, then the account.
"""

import os
import time
from collections.abc import Callable
from typing import NewType, TypeVar
from uuid import UUID

ThreadId = NewType("ThreadId", UUID)
AccountId = NewType("AccountId", UUID)
MessageId = NewType("MessageId", UUID)

IdT = TypeVar("IdT", bound=UUID)


def new_id(of: Callable[[UUID], IdT]) -> IdT:
    """A fresh UUID of version 7: 48 bits of ms since 1970, then 74 random bits. ``of`` is the id's type."""
    raw = bytearray((time.time_ns() // 1_000_000).to_bytes(6, "big") + os.urandom(10))
    raw[6] = 0x70 | raw[6] & 0x0F
    raw[8] = 0x80 | raw[8] & 0x3F
    return of(UUID(bytes=bytes(raw)))


def read_id(text: str) -> UUID | None:
    """A UUID in its usual form of 36 characters, or None."""
    try:
        return UUID(text) if len(text) == 36 else None
    except ValueError:
        return None
