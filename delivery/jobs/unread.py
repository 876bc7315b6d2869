"""Turns a due announcement into a letter in the outbox, if it is still owed: decided now, from the stored read marks.

However many messages came, it is one letter, and no other follows for that thread until the person reads or a day has
passed. Whoever wants no letters is owed none. In quiet hours the announcement waits for their end, and is dropped if the
person reads meanwhile.
"""

import logging
from datetime import timedelta
from uuid import UUID, uuid4

from delivery.quiet_hours import silence_until
from delivery.settings import DeliverySettings
from storage.accounts import accounts, preferences
from storage.accounts.accounts import Status
from storage.engine.database import Reader, Transaction
from storage.errors import CannotOpen
from storage.mail import letters, unread
from storage.mail.letters import Letter
from storage.mail.unread import Due
from storage.store import Store

__all__ = ["JOB", "announce_one"]

log = logging.getLogger("ailo.delivery")

MS = timedelta(milliseconds=1)
QUIET = timedelta(days=1) // MS
WORTH = timedelta(days=3) // MS
POSTPONED = timedelta(hours=1) // MS


async def announce_one(store: Store, settings: DeliverySettings) -> bool:
    """Settle the announcement that has been due longest, in one transaction; return whether there was one."""
    now = store.clock()

    async def look(reader: Reader) -> bool:
        return await unread.is_due(reader, now)

    async def work(tx: Transaction) -> UUID | None:
        due = await unread.take_first(tx, now)
        return await _settle(tx, store, settings, due, now) if due else None

    if not await store.database.read(look):
        return False
    letter = await store.database.write(work)
    if letter is not None:
        log.info("letter %s written", letter)
    return True


async def _settle(tx: Transaction, store: Store, settings: DeliverySettings, due: Due, now: int) -> UUID | None:
    try:
        account = await accounts.by_id(tx, store.guard, due.account)
        wanted = (await preferences.find(tx, store.guard, due.account)).letters
    except CannotOpen:
        # An account that is not as we wrote it gets no letter, and must not hold up those of others. Nor does one whose
        # preferences are not: it may have wanted none.
        log.error("postponed an announcement: its account's row or preferences cannot be opened")
        await unread.postpone(tx, due, now + POSTPONED)
        return None
    if not due.is_owed or account is None or account.status is not Status.ACTIVE or not wanted.replies:
        await unread.drop(tx, due.thread, due.account)
        return None
    if (until := silence_until(wanted, account.time_zone, now)) is not None:
        await unread.postpone(tx, due, until)
        return None
    letter = _letter(store, settings, due, now)
    is_new = await letters.write(tx, store.guard, letter, now)
    await unread.tell(tx, due, now + QUIET)
    return letter.id if is_new else None


def _letter(store: Store, settings: DeliverySettings, due: Due, now: int) -> Letter:
    """The letter, with its Message-ID, so that a repeat after a crash can be recognised. What was owed first goes first."""
    id_ = uuid4()
    facts = {"thread": str(due.thread), "seq": str(due.last_seq), "group": _group(store, due)}
    message_id = f"{id_.hex}@{settings.mail_from.domain}"
    return Letter(id_, due.account, "reply", _cause(due), facts, message_id, due.due_at, now + WORTH)


def _cause(due: Due) -> str:
    """The messages that the letter is about: the thread, the first unread number and the last.

    The last alone would not do: who reads a part of what a letter announced is told of the rest, up to the same number.
    """
    return f"{due.thread}/{(due.read_seq or 0) + 1}-{due.last_seq}"


def _group(store: Store, due: Due) -> str:
    """The id that all letters to one account share, so that its mail client groups them.

    It is per account, not per thread: the mailbox provider must not learn which letters belong to one conversation. Without
    the root key it reveals nothing about the account. A newer root key changes it: mail clients then begin a new group.
    """
    return store.guard.authenticate("letters", "group", due.account)[-12:].hex()


JOB = announce_one
