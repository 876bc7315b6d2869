"""Turns due announcements into a letter in the outbox, if they are still owed: decided now, from the stored read marks.

However many messages came, and in however many conversations, it is one letter, and no other follows for those threads
until the person reads or a day has passed. A letter that still waits is joined with it. Whoever wants no letters, and is told
by push in no browser, is owed none. In quiet hours, and until its hour for who wants one digest a day, the announcement waits,
and is dropped if the person reads meanwhile.
"""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID, uuid4

from delivery import digest_hours
from delivery.letters.kinds import kind_named, kinds
from delivery.letters.texts import as_fact, told_in
from delivery.quiet_hours import silence_until
from delivery.settings import DeliverySettings
from storage.accounts import accounts, preferences
from storage.accounts.accounts import Status
from storage.accounts.preferences import Letters
from storage.engine.database import Reader, Transaction
from storage.errors import CannotOpen
from storage.ids import AccountId, ThreadId
from storage.mail import joining, letters, unread
from storage.mail.letters import Letter
from storage.mail.unread import Due
from storage.push import subscriptions
from storage.store import Store

__all__ = ["JOB", "announce_one"]

log = logging.getLogger("ailo.delivery")

MS = timedelta(milliseconds=1)
QUIET = timedelta(days=1) // MS
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
        is_told = wanted.replies or await subscriptions.has_any(tx, due.account)
    except CannotOpen:
        # An account that is not as we wrote it gets no letter, and must not hold up those of others. Nor does one whose
        # preferences are not: it may have wanted none.
        log.error("postponed an announcement: its account's row or preferences cannot be opened")
        await unread.postpone(tx, due, now + POSTPONED)
        return None
    if not due.is_owed or account is None or account.status is not Status.ACTIVE or not is_told:
        await unread.drop(tx, due.thread, due.account)
        return None
    hours = _Hours.of(wanted, account.time_zone, now)
    if (until := silence_until(wanted, account.time_zone, now) or hours.not_before(due)) is not None:
        await unread.postpone(tx, due, until)
        return None
    told = await _tell_all(tx, due.account, hours)
    letter, replaces = await _joined(tx, store, settings, due, told, now, is_digest=hours.is_digest)
    is_new = await letters.write(tx, store.guard, letter, now)
    if not is_new and replaces:  # the others are dropped: this one must go
        is_new = await letters.write(tx, store.guard, replace(letter, cause=str(letter.id)), now)
    return letter.id if is_new else None


@dataclass(frozen=True)
class _Hours:
    """Which announcements may be told of now (ms since 1970): those due by ``since``, and none again before ``quiet_until``."""

    since: int
    quiet_until: int
    is_digest: bool

    @classmethod
    def of(cls, wanted: Letters, time_zone: str, now: int) -> "_Hours":
        """At once, with a day of quiet; for a digest, what was due at its last hour, until the next one."""
        if not wanted.digest:
            return cls(now, now + QUIET, is_digest=False)
        return cls(*digest_hours.around(wanted, time_zone, now), is_digest=True)

    def not_before(self, due: Due) -> int | None:
        """When an announcement must wait for the next digest: until then."""
        return self.quiet_until if due.due_at > self.since else None


async def _tell_all(tx: Transaction, account: AccountId, hours: _Hours) -> dict[ThreadId, Due]:
    """Record that one letter tells of everything that an account is owed by now; return what it tells of, by thread."""
    told = {}
    for due in await unread.due_of(tx, account, hours.since):
        if due.is_owed:
            await unread.tell(tx, due, hours.quiet_until)
            told[due.thread] = due
        else:
            await unread.drop(tx, due.thread, account)
    return told


async def _joined(
    tx: Transaction,
    store: Store,
    settings: DeliverySettings,
    due: Due,
    told: Mapping[ThreadId, Due],
    now: int,
    *,
    is_digest: bool,
) -> tuple[Letter, bool]:
    """The letter that tells of these threads, and of what letters would have told that still wait: those are dropped.

    Besides, whether there were any.

    It has a Message-ID, so that a repeat after a crash can be recognised. What was owed first goes first.
    """
    joined = [name for name, (kind, _) in kinds().items() if kind.is_joined]
    before = [told_in(facts) for facts in await joining.take(tx, store.guard, due.account, joined, now)]
    now_told = {thread: one.last_seq for thread, one in told.items()}
    all_told: dict[ThreadId, int] = {}
    for some in (*before, now_told):  # in no order: one that was put back is due after a later one
        for thread, seq in some.items():
            all_told[thread] = max(seq, all_told.get(thread, 0))
    id_ = uuid4()
    kind, facts = _kind_and_facts(all_told, is_digest=is_digest)
    message_id = f"{id_.hex}@{settings.mail_from.domain}"
    not_after = kind_named(kind).not_after(now)
    facts = {**facts, "group": letters.group_of(store.guard, due.account)}
    letter = Letter(id_, due.account, kind, _cause(told), facts, message_id, due.due_at, not_after)
    return letter, bool(before)


def _cause(told: Mapping[ThreadId, Due]) -> str:
    """The messages that a letter is about: of each thread the first unread number and the last; hashed if there are several.

    The last alone would not do: who reads a part of what a letter announced is told of the rest, up to the same number.
    """
    parts = sorted(f"{thread}/{(due.read_seq or 0) + 1}-{due.last_seq}" for thread, due in told.items())
    return parts[0] if len(parts) == 1 else hashlib.blake2b(" ".join(parts).encode(), digest_size=16).hexdigest()


def _kind_and_facts(told: Mapping[ThreadId, int], *, is_digest: bool) -> tuple[str, Mapping[str, str]]:
    """One conversation is announced as a reply, several as a digest, for who wants no digest, too."""
    if is_digest or len(told) > 1:
        return "digest", {"told": as_fact(told)}
    ((thread, seq),) = told.items()
    return "reply", {"thread": str(thread), "seq": str(seq)}


JOB = announce_one
