"""Looks at the members whose morning has come, keeps what may encourage them, and writes the reminders that go by themselves.

Suggestions wait for a companion: nothing of them leaves by itself.
"""

import logging
from datetime import timedelta

from delivery.settings import DeliverySettings
from storage import installation
from storage.encouragements import encouragements, planning
from storage.encouragements.planning import Looked, Planned
from storage.engine.database import Reader, Transaction
from storage.mail import letters
from storage.mail.letters import Letter
from storage.store import Store

__all__ = ["JOB", "encourage_some"]

log = logging.getLogger("ailo.delivery")

# A reminder that could not go within a day is not needed any more.
WORTH = timedelta(days=1) // timedelta(milliseconds=1)


async def encourage_some(store: Store, settings: DeliverySettings) -> bool:
    """Look at some of the members whose time has come; return whether there was one."""
    now = store.clock()

    async def look(reader: Reader) -> Looked | None:
        return await planning.look(reader, now)

    if (looked := await store.database.read(look)) is None:
        return False
    for one in await _kept(store, settings, looked, now):
        log.info("encouragement %s: %s", one.id, "letter written" if one.due.rule.is_automatic else "suggested")
    return True


async def _kept(store: Store, settings: DeliverySettings, looked: Looked, now: int) -> list[Planned]:
    """Keep what is due, with the letters of reminders, in one transaction."""

    async def work(tx: Transaction) -> list[Planned]:
        planned = await planning.keep(tx, store.guard, looked, now)
        restored_at = await installation.restored_at(tx, store.guard)
        for one in planned:
            if one.due.rule.is_automatic and _may_have_gone(one, restored_at):
                await encouragements.withdraw(tx, one.id, now)
            elif one.due.rule.is_automatic:
                await letters.write(tx, store.guard, _letter(store, settings, one, now), now)
        return planned

    return await store.database.write(work)


def _may_have_gone(one: Planned, restored_at: int) -> bool:
    """Whether a reminder was due before the database was put back from a backup: it may have been sent then."""
    return one.due.cause.at + one.due.rule.after <= restored_at


def _letter(store: Store, settings: DeliverySettings, one: Planned, now: int) -> Letter:
    """The letter of a reminder, which has the reminder's id: that it went is told by its state."""
    facts = {"encouragement": str(one.id), "rule": one.due.rule.name, "group": letters.group_of(store.guard, one.account)}
    return Letter(
        id=one.id,
        account=one.account,
        kind="reminder",
        cause=str(one.id),
        facts=facts,
        message_id=f"{one.id.hex}@{settings.mail_from.domain}",
        due_at=now,
        not_after=now + WORTH,
    )


JOB = encourage_some
