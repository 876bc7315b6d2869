"""What follows from a delivery report: the letter was refused after all; if there is no such mailbox, no more letters go to it.

A full mailbox, a slow or unreachable system, a refusal of what was sent: each ends its own letter alone, and the next is tried.
"""

import asyncio
import logging
import re
from datetime import timedelta

from delivery.inbound.reports import Report, report_in
from storage.accounts import accounts
from storage.crypto.guarding import normalised_address
from storage.engine.database import Transaction
from storage.inbound import bounce_addresses
from storage.inbound.bounce_addresses import Sending
from storage.mail import letters, refused_mailboxes
from storage.store import Store

__all__ = ["Bounces"]

log = logging.getLogger("ailo.delivery")

# Relays give up after five days; what is reported so long after a letter was due is of another time.
LATEST_MS = timedelta(days=14) // timedelta(milliseconds=1)
_XTEXT = re.compile(r"\+([0-9A-F]{2})", re.ASCII)


class Bounces:
    """Takes delivery reports."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def sending_of(self, local_part: str) -> Sending | None:
        """The sending whose reports come to this address; None if it is not one of ours."""
        return bounce_addresses.find(self._store.guard, local_part)

    async def receive(self, sending: Sending, raw: bytes) -> bool:
        """Take a mail that came to a sending's own address; False if it is no delivery report. Raises StorageError."""
        failures = await asyncio.to_thread(report_in, raw)
        if failures is None:
            return False
        if failures:
            said = await self._store.database.write(lambda tx: self._record(tx, sending, failures))
            log.info("letter %s %s", sending.letter, said)
        return True

    async def _record(self, tx: Transaction, sending: Sending, failures: list[Report]) -> str:
        """Record a failure; return what the log says about it."""
        now, guard = self._store.clock(), self._store.guard
        if now > sending.due_at + LATEST_MS:
            return "came back: too late to say anything"
        account = await letters.whose(tx, sending.letter)
        address = await accounts.address_of(tx, guard, account) if account else None
        if account is None or address is None:
            return "came back: nobody knows it any more"
        report = next((one for one in failures if _is_about(one, address)), None)
        status = (report or failures[0]).status
        if not await letters.bounced(tx, sending.letter, sending.due_at, status, now):
            return f"came back, again or from an earlier sending: {status}"
        if report is None or not refused_mailboxes.is_for_good(status):
            return f"came back: {status}"
        await refused_mailboxes.note(tx, guard, account, status, now)
        return f"came back: {status}, no more letters go to this mailbox"


def _is_about(report: Report, address: str) -> bool:
    """Whether this very address refused. Another one is an alias of it, or where its owner has mails passed on to: they may keep
    a copy where we wrote to."""
    named = {report.recipient, _XTEXT.sub(lambda sign: chr(int(sign[1], 16)), report.recipient)}
    return normalised_address(address) in {normalised_address(one) for one in named}
