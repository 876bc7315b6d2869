"""Tells browsers by push of letters that were attempted. What is to be told is noted by the attempt, and checked again here.

Some are told at the same time: a push service that is slow holds up the others for its time-out, and no e-mail at all. One that
has to be told again waits longer each time. Of a subscription that has ended nothing is kept.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from delivery.errors import NoSuchLetter
from delivery.letters.kinds import kind_named
from delivery.quiet_hours import silence_until
from delivery.settings import DeliverySettings
from delivery.transports.transport import Gone, PushLater, PushOutcome, Rejected, Sent
from storage import installation
from storage.accounts import accounts, preferences
from storage.accounts.accounts import Account, Status
from storage.engine.database import Reader, Transaction
from storage.errors import CannotOpen
from storage.mail import letters
from storage.mail.letters import Claimed
from storage.push import subscriptions
from storage.push.subscriptions import Pending, Subscription
from storage.store import Store

if TYPE_CHECKING:
    from delivery.transports.web_push import PushServices

__all__ = ["JOB", "push_some"]

log = logging.getLogger("ailo.delivery")

MS = timedelta(milliseconds=1)
# Longer than an attempt takes, so that nobody else makes it meanwhile.
LEASE = timedelta(minutes=2) // MS
AT_ONCE = 32
TRIES = 8
# How long a push service keeps one for a browser that is not there, at most; and at least, as it takes a moment.
MOST_TTL_S, LEAST_TTL_S = 86_400, 60


@dataclass(frozen=True, repr=False)
class _Telling:
    """A browser that is to be told, of something that is of use for ``ttl`` seconds."""

    subscription: Subscription
    ttl: int


@dataclass(frozen=True)
class _Held:
    """Not before then (ms since 1970)."""

    until: int


@dataclass(frozen=True)
class _Dropped:
    """No longer worth telling."""

    reason: str


_Ending = PushOutcome | _Held | _Dropped


async def push_some(store: Store, settings: DeliverySettings) -> bool:
    """Tell some of the browsers that are to be told now; return whether there were any."""
    now = store.clock()
    if not await store.database.read(lambda reader: subscriptions.is_due(reader, now)):
        return False
    taken = await store.database.write(lambda tx: subscriptions.take(tx, now, now + LEASE, AT_ONCE))
    looked_at = await store.database.read(lambda reader: _look_at_all(reader, store, taken, now))
    endings = await _tell_all(store, settings, looked_at)
    await store.database.write(lambda tx: _record_all(tx, settings, list(zip(taken, endings, strict=True)), store.clock()))
    for pending, ending in zip(taken, endings, strict=True):
        log.info("a push of letter %s %s", pending.letter, _said(ending))
    return bool(taken)


async def _look_at_all(reader: Reader, store: Store, taken: Sequence[Pending], now: int) -> list[_Telling | _Ending]:
    return [await _look_at(reader, store, pending, now) for pending in taken]


async def _look_at(reader: Reader, store: Store, pending: Pending, now: int) -> _Telling | _Ending:
    """What a letter's attempt has checked may have changed since."""
    if pending.attempts > TRIES:
        return _Dropped("too many attempts")
    try:
        letter = await letters.find(reader, pending.letter)
        account = await accounts.by_id(reader, store.guard, pending.account)
        if account is None or account.status is not Status.ACTIVE:
            return Gone()
        if letter is None or letter.account != account.id:
            return _Dropped("damaged")
        return await _not_now(reader, store, letter, account, now) or _Telling(
            pending.subscription(store.guard), _ttl(letter, now)
        )
    except (CannotOpen, NoSuchLetter):
        return _Dropped("damaged")


async def _not_now(reader: Reader, store: Store, letter: Claimed, account: Account, now: int) -> _Ending | None:
    if letter.not_after is not None and now > letter.not_after:
        return _Dropped("too late")
    if why_not := await kind_named(letter.kind).why_not(reader, account.id, letter.facts(store.guard)):
        return _Dropped(why_not)
    wanted = (await preferences.find(reader, store.guard, account.id)).letters
    until = silence_until(wanted, account.time_zone, now)
    return None if until is None else _Held(until)


def _ttl(letter: Claimed, now: int) -> int:
    left = MOST_TTL_S if letter.not_after is None else (letter.not_after - now) // 1000
    return max(LEAST_TTL_S, min(left, MOST_TTL_S))


async def _tell_all(store: Store, settings: DeliverySettings, looked_at: Sequence[_Telling | _Ending]) -> list[_Ending]:
    tellings = [one for one in looked_at if isinstance(one, _Telling)]
    told = iter(await _tell(store, settings, tellings) if tellings else [])
    return [next(told) if isinstance(one, _Telling) else one for one in looked_at]


async def _tell(store: Store, settings: DeliverySettings, tellings: Sequence[_Telling]) -> Sequence[PushOutcome]:
    key = await store.database.read(lambda reader: installation.push_key(reader, store.guard))
    if key is None:
        return [PushLater("there is no key")] * len(tellings)
    services_of = await asyncio.to_thread(_load)
    async with services_of(key, settings.contact, store.settings.push_hosts, settings.push_authority) as services:
        return await asyncio.gather(*(services.tell(one.subscription, one.ttl) for one in tellings))


def _load() -> "type[PushServices]":
    """Load what it takes with the first push: 12 MB, which a service whose people chose none need not have."""
    from delivery.transports.web_push import PushServices  # noqa: PLC0415

    return PushServices


async def _record_all(tx: Transaction, settings: DeliverySettings, ended: Sequence[tuple[Pending, _Ending]], now: int) -> None:
    for pending, ending in ended:
        await _record(tx, settings, pending, ending, now)


async def _record(tx: Transaction, settings: DeliverySettings, pending: Pending, ending: _Ending, now: int) -> None:
    match ending:
        case Gone():
            await subscriptions.forget(tx, pending)
        case _Held(until):
            await subscriptions.put_off(tx, pending, until, counts=False)
        case PushLater(_, seconds):
            wait = max(2 ** (pending.attempts - 1) * settings.retry_after_ms, seconds * 1000)
            await subscriptions.put_off(tx, pending, now + wait)
        case Sent() | Rejected() | _Dropped():
            await subscriptions.settle(tx, pending)


def _said(ending: _Ending) -> str:
    match ending:
        case Sent():
            return "sent"
        case Gone():
            return "not sent: the subscription has ended"
        case _Held():
            return "waits: quiet hours"
        case PushLater(reason):
            return f"waits: {reason}"
        case Rejected(reason):
            return f"refused: {reason}"
        case _Dropped(reason):
            return f"dropped: {reason}"


JOB = push_some
