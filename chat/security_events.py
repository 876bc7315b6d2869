"""The security events logged for operators (OWASP ASVS 5.0, 16.2 and 16.3): one log line each, with ids only.

No event contains a name, an address, a password, a cookie or a text. docs/security.md lists every event. A flood of one event is
cut to a maximum of lines per minute and a count of the rest: see ``chat.logs``.
"""

import logging
from enum import StrEnum
from uuid import UUID

from storage.ids import AccountId

log = logging.getLogger("ailo.security")
log.setLevel(logging.INFO)
log.addHandler(logging.NullHandler())  # a command without a server has no log: it prints what it did


class SecurityEvent(StrEnum):
    """What happened. The value is the line's `event`."""

    SIGNED_IN = "signed_in"
    SIGN_IN_FAILED = "sign_in_failed"
    SIGN_IN_LIMITED = "sign_in_limited"
    ACCOUNT_SHUT = "account_shut"
    PASSWORDS_TURNED_AWAY = "passwords_turned_away"
    SIGNED_OUT = "signed_out"
    SESSION_ENDED = "session_ended"
    OTHER_SESSIONS_ENDED = "other_sessions_ended"
    SESSION_CROWDED_OUT = "session_crowded_out"
    SESSION_OVER = "session_over"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 (an event's name)
    RECOVERY_CODE_MADE = "recovery_code_made"
    RECOVERY_CODE_USED = "recovery_code_used"
    KEY_RENEWED = "key_renewed"
    KEY_RENEWAL_ASKED = "key_renewal_asked"
    ORIGIN_REFUSED = "origin_refused"
    RATE_LIMITED = "rate_limited"
    CONNECTION_REFUSED = "connection_refused"
    ACCOUNT_ADDED = "account_added"
    THREAD_OPENED = "thread_opened"
    PARTICIPANT_JOINED = "participant_joined"
    PARTICIPANT_LEFT = "participant_left"
    RECOVERY_REQUESTED = "recovery_requested"
    RECOVERY_APPLIED = "recovery_applied"
    OFFICER_REPLACED = "officer_replaced"
    ROOT_KEY_ROTATED = "root_key_rotated"
    ROOT_KEY_DROPPED = "root_key_dropped"
    BACKUP_WRITTEN = "backup_written"
    CHECK_FAILED = "check_failed"
    ADDRESS_LIMITED = "address_limited"
    STRANGERS_LIMITED = "strangers_limited"
    CONNECTIONS_LIMITED = "connections_limited"
    ACCOUNT_CONNECTIONS_LIMITED = "account_connections_limited"
    DESCRIPTORS_EXHAUSTED = "descriptors_exhausted"
    FLOOD_CLOSED = "flood_closed"


# Permitted, routine actions. Everything else is logged as a warning.
ORDINARY = frozenset(
    {
        SecurityEvent.SIGNED_IN,
        SecurityEvent.SIGNED_OUT,
        SecurityEvent.SESSION_ENDED,
        SecurityEvent.OTHER_SESSIONS_ENDED,
        SecurityEvent.SESSION_OVER,
        SecurityEvent.ACCOUNT_ADDED,
        SecurityEvent.THREAD_OPENED,
        SecurityEvent.PARTICIPANT_JOINED,
        SecurityEvent.PARTICIPANT_LEFT,
        SecurityEvent.BACKUP_WRITTEN,
    }
)


def record(event: SecurityEvent, account: AccountId | None = None, **facts: int | str | UUID) -> None:
    """Log one event. ``facts`` are numbers, ids and fixed words, never user input."""
    pairs = {"account": account, **facts} if account else facts
    level = logging.INFO if event in ORDINARY else logging.WARNING
    log.log(level, " ".join([event.value, *(f"{name}={value}" for name, value in pairs.items())]), extra={"kind": event.value})
