"""Tells those who chose to hear of new programmes of each one that is published for the first time: once, whoever it is for.

Who follows it already, or did once, is not told of it.
"""

import logging
from uuid import uuid4

from delivery.letters.offer.kind import KIND
from delivery.settings import DeliverySettings
from storage.accounts import accounts, preferences
from storage.engine.database import Reader, Transaction
from storage.errors import CannotOpen
from storage.ids import AccountId
from storage.mail import letters
from storage.mail.letters import Letter
from storage.programmes import enrolments, offering, programmes
from storage.programmes.offering import Offering
from storage.programmes.plans import Plan
from storage.store import Store

__all__ = ["JOB", "offer_some"]

log = logging.getLogger("ailo.delivery")

# So many members in one transaction.
BATCH = 100


async def offer_some(store: Store, settings: DeliverySettings) -> bool:
    """Offer a programme to some more members, in one transaction; return whether there was one to offer."""

    async def look(reader: Reader) -> Offering | None:
        return await offering.under_way(reader)

    async def work(tx: Transaction) -> int | None:
        one = await offering.under_way(tx)
        return None if one is None else await _offer(tx, store, settings, one)

    if not await store.database.read(look):
        return False
    if written := await store.database.write(work):
        log.info("%d letters with an offer written", written)
    return True


async def _offer(tx: Transaction, store: Store, settings: DeliverySettings, one: Offering) -> int:
    members = await offering.next_members(tx, one, BATCH)
    await offering.advance(tx, one, members[-1] if len(members) == BATCH else None)
    try:
        programme = await programmes.find(tx, store.guard, one.programme)
        plan = await programmes.plan(tx, store.guard, one.programme, programme.published) if programme else None
    except CannotOpen:
        log.error("alert: a programme cannot be offered: it failed verification")
        plan = None
    if plan is None:
        await offering.advance(tx, one, None)
        return 0
    known = await accounts.named(tx, store.guard, members)
    return sum(
        [await _write(tx, store, settings, one, account) for account in known if await _wants(tx, store, account, one, plan)]
    )


async def _wants(tx: Transaction, store: Store, account: AccountId, one: Offering, plan: Plan) -> bool:
    try:
        chosen = await preferences.find(tx, store.guard, account)
        has_followed = await enrolments.find(tx, store.guard, account, one.programme) is not None
    except CannotOpen:
        return False
    return chosen.letters.offers and plan.audience.has(chosen.manages) and not has_followed


async def _write(tx: Transaction, store: Store, settings: DeliverySettings, one: Offering, account: AccountId) -> bool:
    id_, now = uuid4(), store.clock()
    return await letters.write(
        tx,
        store.guard,
        Letter(
            id=id_,
            account=account,
            kind="offer",
            cause=one.programme,
            facts={"programme": one.programme, "group": letters.group_of(store.guard, account)},
            message_id=f"{id_.hex}@{settings.mail_from.domain}",
            due_at=now,
            not_after=KIND.not_after(now),
        ),
        now,
    )


JOB = offer_some
