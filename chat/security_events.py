"""The security events that an operator may hear of (OWASP ASVS 5.0, 16.2 and 16.3): one log line each, by ids alone.

No event holds a name, an address, a password, a cookie or a text. docs/security.md lists every event.
"""

import logging
from enum import StrEnum
from uuid import UUID

log = logging.getLogger("ailo.security")


class SecurityEvent(StrEnum):
    """What happened. The value is the line's `event`."""

    SIGNED_IN = "signed_in"
    SIGN_IN_FAILED = "sign_in_failed"
    SIGN_IN_LIMITED = "sign_in_limited"
    ADDRESS_LIMITED = "address_limited"
    STRANGERS_LIMITED = "strangers_limited"
    CONNECTIONS_LIMITED = "connections_limited"
    ACCOUNT_CONNECTIONS_LIMITED = "account_connections_limited"
    DESCRIPTORS_EXHAUSTED = "descriptors_exhausted"
    FLOOD_CLOSED = "flood_closed"


def record(event: SecurityEvent, account: UUID | None = None, **facts: int | str) -> None:
    """Log one event. ``facts`` are numbers and fixed words, never what somebody typed or sent."""
    pairs = {"account": account, **facts} if account else facts
    log.warning(" ".join([event.value, *(f"{name}={value}" for name, value in pairs.items())]))
