"""Turns due enrolments into letters and notes: what each person's clock says is due, many people in one transaction.

A lesson's note and its letter are written together, so that a crash keeps both or neither. Whoever wants no letters finds the
lesson on their page. In quiet hours the outbox keeps the letter until their end.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from delivery.letters.lesson.kind import KIND
from delivery.settings import DeliverySettings
from storage import installation
from storage.accounts import accounts, preferences
from storage.accounts.accounts import Account, Status
from storage.accounts.preferences import Preferences
from storage.engine.database import Reader, Transaction
from storage.errors import CannotOpen, Damaged
from storage.ids import AccountId
from storage.mail import letters
from storage.mail.letters import Letter
from storage.programmes import enrolments, following, programmes
from storage.programmes.enrolments import Enrolment, Outcome, State
from storage.programmes.following import Person, Plans, Settled
from storage.programmes.programmes import Programme
from storage.programmes.schedule import Placed
from storage.store import Store

__all__ = ["JOB", "send_lessons"]

log = logging.getLogger("ailo.delivery")

MS = timedelta(milliseconds=1)
POSTPONED = timedelta(hours=1) // MS
# So many in one transaction: few syncs for many people, and the messages that arrive meanwhile wait some 30 ms.
BATCH = 100


async def send_lessons(store: Store, settings: DeliverySettings) -> bool:
    """Settle the enrolments that have been due longest, in one transaction; return whether there were any."""
    now = store.clock()

    async def look(reader: Reader) -> bool:
        return await enrolments.is_due(reader, now)

    async def work(tx: Transaction) -> int:
        return await _Batch(store, settings, now).settle(tx)

    if not await store.database.read(look):
        return False
    written = await store.database.write(work)
    if written:
        log.info("%d letters with lessons written", written)
    return True


@dataclass(frozen=True)
class _Known:
    """What is read once for a batch: accounts, programmes and plans; and when the database was restored from a backup, or 0."""

    accounts: Mapping[AccountId, Account]
    programmes: Mapping[str, Programme]
    plans: Plans
    restored_at: int


class _Batch:
    """The enrolments of one transaction."""

    def __init__(self, store: Store, settings: DeliverySettings, now: int) -> None:
        self._store, self._guard, self._settings, self._now = store, store.guard, settings, now

    async def settle(self, tx: Transaction) -> int:
        """Settle them, and return how many letters were written."""
        due = await enrolments.take_due(tx, self._guard, self._now, BATCH)
        known = await self._known(tx, due)
        return sum([await self._settle_unless_damaged(tx, known, one) for one in due])

    async def _known(self, tx: Transaction, due: list[Enrolment]) -> _Known:
        found = await accounts.named(tx, self._guard, {one.account for one in due})
        of_these = {one.name: one for one in await programmes.find_all(tx, self._guard)}
        return _Known(found, of_these, Plans(self._guard), await installation.restored_at(tx, self._guard))

    async def _settle_unless_damaged(self, tx: Transaction, known: _Known, one: Enrolment) -> int:
        """All is read before anything is written: what does not open leaves nothing half done, and holds up nobody else."""
        try:
            return await self._settle_one(tx, known, one)
        except CannotOpen:
            log.error("postponed an enrolment: its account, preferences or programme cannot be opened")
            await enrolments.put_off(tx, one, self._now + POSTPONED)
            return 0

    async def _settle_one(self, tx: Transaction, known: _Known, one: Enrolment) -> int:
        account, programme = known.accounts.get(one.account), known.programmes.get(one.programme)
        if account is None or programme is None:
            raise Damaged("an account or a programme is missing")
        if account.status is not Status.ACTIVE and one.state.is_open:
            await enrolments.move(tx, self._guard, one.moved(State.STOPPED, self._now), None)
            return 0
        if one.state is not State.FOLLOWING or not programme.is_sent:
            await enrolments.put_off(tx, one, None)  # until that changes
            return 0
        chosen = await preferences.find(tx, self._guard, one.account)
        present, plan = await following.brought_up(tx, known.plans, one, programme)
        person = Person(account.time_zone, chosen.manages)
        return await self._write(tx, following.settled(present, plan, person, self._now, known.restored_at), chosen)

    async def _write(self, tx: Transaction, settled: Settled, chosen: Preferences) -> int:
        written, one = 0, settled.enrolment
        for placed in settled.missed:
            await enrolments.note(tx, one, placed.lesson.key, Outcome.MISSED, self._now)
        outcome = Outcome.LETTER if chosen.letters.programmes else Outcome.PAGE
        for placed in settled.send:
            is_new = await enrolments.note(tx, one, placed.lesson.key, outcome, self._now)
            if is_new and outcome is Outcome.LETTER:
                await letters.write(tx, self._guard, self._letter(one, placed), self._now)
                written += 1
        await enrolments.move(tx, self._guard, one, settled.next_at)
        return written

    def _letter(self, one: Enrolment, placed: Placed) -> Letter:
        key = placed.lesson.key
        group = letters.group_of(self._guard, one.account)
        return Letter(
            id=uuid4(),
            account=one.account,
            kind="lesson",
            cause=one.cause(key),
            facts={"programme": one.programme, "lesson": key, "round": str(one.round), "group": group},
            message_id=f"{enrolments.message_id(self._guard, one, key)}@{self._settings.mail_from.domain}",
            due_at=placed.at,
            not_after=KIND.not_after(self._now),
        )


JOB = send_lessons
