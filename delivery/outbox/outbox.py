"""Sends the letters of the outbox: each worker takes one from the queue that all share, attempts it, and records the outcome.

A worker touches no other letter before the outcome of its last is on the disk. A letter that the relay has received
completely is not sent again, whether or not the relay confirms it. There are two exceptions: a crash before we record it, at
most one letter of each worker; and a relay that hangs up before it answers. Then the letter is sent again, under the same
Message-ID.
"""

import logging
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from delivery.letters.kinds import kind_named
from delivery.outbox.attempt import SEND_SECONDS, Attempt, Dropped, Ending, Held
from delivery.outbox.backoff import TRIES, rest_until, retry_at
from delivery.outbox.pushing import Pushed
from delivery.outbox.queue import LEASE, Queue
from delivery.settings import DeliverySettings
from delivery.transports.transport import Later, Rejected, Sent, Transport, Unanswered
from storage.engine.database import Transaction
from storage.errors import CannotOpen
from storage.mail import letters, refused_mailboxes
from storage.mail.letters import Claimed, State
from storage.store import Store

__all__ = ["IDLE", "LEASE", "Outbox", "send_one_letter"]

log = logging.getLogger("ailo.delivery")

MS = timedelta(milliseconds=1)
# A connection is kept open for letters that follow soon, not for ever.
IDLE = timedelta(seconds=30) // MS


@dataclass
class Outbox:
    """One worker's view of the outbox, with the state that it keeps between letters. Alone, it has a queue of its own."""

    store: Store
    post: Transport
    settings: DeliverySettings
    chance: Callable[[], float] = random.random
    send_seconds: float = SEND_SECONDS
    shared: Queue | None = None
    last_at: int = 0
    # How often in a row this worker found the relay away, and until when it rests: others may have a connection meanwhile.
    own_failures: int = 0
    own_rest: range = range(0)
    # An outcome that is not on disk yet: it is recorded before any other letter is touched.
    ended: tuple[Claimed, Ending] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.queue = self.shared or Queue(self.store, self.settings.letters_a_minute)

    @property
    def resting_until(self) -> int:
        """Until when all letters rest because the relay is away (ms since 1970)."""
        return self.queue.resting_until


async def send_one_letter(outbox: Outbox) -> bool:
    """Bring the letter that has been due longest to its next state; return whether there was one.

    Raises Stalled if the store cannot record the outcome; the next call then does only that.
    """
    if outbox.ended is None:
        letter = None if outbox.store.clock() in outbox.own_rest else await outbox.queue.take()
        if letter is None:
            await _let_go_when_idle(outbox)
            return False
        attempt = Attempt(
            outbox.store, outbox.post, outbox.settings, letter, outbox.send_seconds, outbox.queue.read, outbox.queue.limits
        )
        outbox.ended = letter, await attempt.make()
    await _record(outbox, *outbox.ended)
    outbox.ended = None
    return True


async def _let_go_when_idle(outbox: Outbox) -> None:
    if outbox.store.clock() >= outbox.last_at + IDLE:
        await outbox.post.close()


async def _record(outbox: Outbox, letter: Claimed, ending: Ending) -> None:
    now = outbox.store.clock()

    async def work(tx: Transaction) -> str:
        return await _next_state(tx, outbox, letter, ending, now)

    said = await outbox.queue.write(work)
    log.info("letter %s %s", letter.id, said)
    outbox.last_at = now
    outbox.queue.ended(letter)
    _rest_or_go_on(outbox, ending, now)


async def _next_state(tx: Transaction, outbox: Outbox, letter: Claimed, ending: Ending, now: int) -> str:
    """Write a letter's new state; return what the log says about it."""
    match ending:
        case Sent():
            await _sent(tx, outbox, letter, now)
            return "sent"
        case Unanswered(reason):
            await _sent(tx, outbox, letter, now, reason)
            return f"counts as sent: {reason}"
        case Pushed():
            await _sent(tx, outbox, letter, now, letters.PUSHED)
            return f"counts as sent: {letters.PUSHED}"
        case Rejected(reason, status):
            await letters.finish(tx, letter.id, State.REFUSED, now, reason, letter.attempts)
            if status and refused_mailboxes.is_for_good(status):
                await refused_mailboxes.note(tx, outbox.store.guard, letter.account, status, now)
            return f"refused: {reason} {status or ''}".rstrip()
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
            await letters.finish(tx, letter.id, State.DROPPED, now, reason, letter.attempts)
            return f"dropped: {reason}"


async def _sent(tx: Transaction, outbox: Outbox, letter: Claimed, now: int, reason: str | None = None) -> None:
    await letters.finish(tx, letter.id, State.SENT, now, reason, letter.attempts)
    kind = kind_named(letter.kind)
    if kind.sent:
        with suppress(CannotOpen):  # a key that was dropped meanwhile: that it was sent must be recorded all the same
            await kind.sent(tx, letter.account, letter.facts(outbox.store.guard))


def _rest_or_go_on(outbox: Outbox, ending: Ending, now: int) -> None:
    """While the transport can serve nobody, letters keep their order and attempts, and it is tried less and less often."""
    first_wait, chance = outbox.settings.retry_after_ms, outbox.chance()
    match ending:
        case Later(for_all=True) | Unanswered():
            outbox.queue.relay_failed(now, first_wait, chance)
            outbox.own_failures += 1
            outbox.own_rest = range(now, rest_until(now, outbox.own_failures, first_wait, chance))
        case Sent() | Later():
            outbox.queue.relay_served()
            outbox.own_failures, outbox.own_rest = 0, range(0)
