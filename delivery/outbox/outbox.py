"""Sends the letters of the outbox, one at a time: claim under a lease, attempt, record.

A letter that the relay has received completely is not sent again, whether or not the relay confirms it. There are two
exceptions: a crash before we record it, and a relay that hangs up before it answers. Then the letter is sent again, under
the same Message-ID.
"""

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from delivery.outbox.attempt import SEND_SECONDS, Attempt, Dropped, Ending, Held
from delivery.outbox.backoff import TRIES, rest_until, retry_at
from delivery.settings import DeliverySettings
from delivery.transports.transport import Later, Rejected, Sent, Transport, Unanswered
from storage.engine.database import Reader, Transaction
from storage.mail import letters
from storage.mail.letters import Claimed, State
from storage.store import Store

__all__ = ["Outbox", "send_one_letter"]

log = logging.getLogger("ailo.delivery")

MS = timedelta(milliseconds=1)
# Longer than an attempt can take, so that nobody else claims the letter meanwhile.
LEASE = timedelta(hours=1) // MS
# A connection is kept open for letters that follow soon, not for ever.
IDLE = timedelta(seconds=30) // MS


@dataclass
class Outbox:
    """A worker's view of the outbox, with the state that it keeps between letters."""

    store: Store
    post: Transport
    settings: DeliverySettings
    chance: Callable[[], float] = random.random
    send_seconds: float = SEND_SECONDS
    # How many times in a row the transport could serve nobody, and until when all letters rest because of it.
    failures: int = 0
    resting_until: int = 0
    last_at: int = 0
    # An outcome that is not on disk yet: it is recorded before any other letter is touched.
    ended: tuple[Claimed, Ending] | None = field(default=None, repr=False)


async def send_one_letter(outbox: Outbox) -> bool:
    """Bring the letter that has been due longest to its next state; return whether there was one.

    Raises Stalled if the store cannot record the outcome; the next call then does only that.
    """
    if outbox.ended is None:
        letter = await _claim(outbox)
        if letter is None:
            await _let_go_when_idle(outbox)
            return False
        attempt = Attempt(outbox.store, outbox.post, outbox.settings, letter, outbox.send_seconds)
        outbox.ended = letter, await attempt.make()
    await _record(outbox, *outbox.ended)
    outbox.ended = None
    return True


async def _claim(outbox: Outbox) -> Claimed | None:
    now = outbox.store.clock()

    async def look(reader: Reader) -> bool:
        return await letters.is_due(reader, now)

    async def work(tx: Transaction) -> Claimed | None:
        return await letters.claim(tx, now, now + LEASE)

    if now < outbox.resting_until or not await outbox.store.database.read(look):
        return None
    return await outbox.store.database.write(work)


async def _let_go_when_idle(outbox: Outbox) -> None:
    if outbox.store.clock() >= outbox.last_at + IDLE:
        await outbox.post.close()


async def _record(outbox: Outbox, letter: Claimed, ending: Ending) -> None:
    now = outbox.store.clock()

    async def work(tx: Transaction) -> str:
        return await _next_state(tx, outbox, letter, ending, now)

    said = await outbox.store.database.write(work)
    log.info("letter %s %s", letter.id, said)
    outbox.last_at = now
    _rest_or_go_on(outbox, ending, now)


async def _next_state(tx: Transaction, outbox: Outbox, letter: Claimed, ending: Ending, now: int) -> str:
    """Write a letter's new state; return what the log says about it."""
    match ending:
        case Sent():
            await letters.finish(tx, letter.id, State.SENT, now)
            return "sent"
        case Unanswered(reason):
            await letters.finish(tx, letter.id, State.SENT, now, reason)
            return f"counts as sent: {reason}"
        case Rejected(reason):
            await letters.finish(tx, letter.id, State.REFUSED, now, reason)
            return f"refused: {reason}"
        case Held(until, reason):
            await letters.hold(tx, letter, until, reason)
            return f"waits: {reason}"
        case Later(reason, for_all=True):
            await letters.give_back(tx, letter, reason)
            return f"keeps its place: {reason}"
        case Later(reason) if letter.attempts < TRIES:
            due_at = retry_at(now, letter.attempts, outbox.settings.retry_after_ms, outbox.chance())
            await letters.put_back(tx, letter, due_at, reason)
            return f"waits: {reason}"
        case Later(reason) | Dropped(reason):
            await letters.finish(tx, letter.id, State.DROPPED, now, reason)
            return f"dropped: {reason}"


def _rest_or_go_on(outbox: Outbox, ending: Ending, now: int) -> None:
    """While the transport can serve nobody, letters keep their order and attempts, and it is tried less and less often."""
    match ending:
        case Later(for_all=True) | Unanswered():
            outbox.failures += 1
            outbox.resting_until = rest_until(now, outbox.failures, outbox.settings.retry_after_ms, outbox.chance())
            log.warning("mail transport unavailable: all letters paused for %d s", (outbox.resting_until - now) // 1000)
        case Sent() | Later():
            outbox.failures = outbox.resting_until = 0
