"""What the workers of one process share: the letters claimed ahead, the limits of each domain, and whether the relay is away.

Letters are claimed many at a time, as one transaction costs little more than one letter does, and handed out one by one in
their order. One of an account is under way at a time: the next is claimed when the outcome of the first is on the disk.
"""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from delivery.outbox.attempt import SEND_SECONDS
from delivery.outbox.backoff import rest_until
from delivery.outbox.domains import DomainLimits
from delivery.outbox.together import Together
from storage.engine.database import Reader, Transaction
from storage.mail import letters
from storage.mail.letters import Claimed
from storage.store import Store

__all__ = ["LEASE", "Queue"]

log = logging.getLogger("ailo.delivery")

MS = timedelta(milliseconds=1)
# Longer than an attempt can take, so that nobody else claims the letter meanwhile.
LEASE = timedelta(hours=1) // MS
ATTEMPT = int(SEND_SECONDS * 1000)
# So many letters are claimed at once.
BATCH = 64


@dataclass
class Queue:
    """The outbox as the workers see it. Times in ms since 1970."""

    store: Store
    # To one domain; 0 for no limit.
    letters_a_minute: int = 0
    most: int = BATCH
    # How many times in a row the transport could serve nobody, and from when until when all letters rest because of it.
    failures: int = 0
    resting_from: int = 0
    resting_until: int = 0
    # What was claimed and nobody attempts yet, in order; what somebody attempts, with the end of its lease.
    ahead: deque[Claimed] = field(default_factory=deque, repr=False)
    under_way: dict[UUID, int] = field(default_factory=dict, repr=False)
    _leased_until: int = 0
    _taking: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    def __post_init__(self) -> None:
        self.read: Together[Reader] = Together(self.store.database.read)
        self.write: Together[Transaction] = Together(self.store.database.write)
        self.limits = DomainLimits(self.letters_a_minute)

    async def take(self) -> Claimed | None:
        """The letter that has been due longest, to be attempted now; None if there is none, or while all letters rest.

        After a failure of the relay one letter at a time tries whether it is back.
        """
        async with self._taking:
            now = self.store.clock()
            if self.ahead and (self.rests(now) or now + ATTEMPT > self._leased_until):
                await self._give_back_ahead()
            if self.rests(now) or (self.failures and self.under_way):
                return None
            if not self.ahead:
                await self._claim_ahead(now)
            if not self.ahead:
                return None
            letter = self.ahead.popleft()
            self.under_way[letter.id] = self._leased_until
            return letter

    def rests(self, now: int) -> bool:
        """Whether no letter is attempted now because the relay is away. A clock that was set back ends a rest."""
        return self.resting_from <= now < self.resting_until

    def ended(self, letter: Claimed) -> None:
        """The outcome of a letter that was taken is on the disk."""
        self.under_way.pop(letter.id, None)

    def relay_failed(self, now: int, first_wait: int, chance: float) -> None:
        """Let all letters rest, longer each time in a row. Those under way that fail for the same reason count as one."""
        if self.rests(now):
            return
        self.failures += 1
        self.resting_from, self.resting_until = now, rest_until(now, self.failures, first_wait, chance)
        log.warning("mail transport unavailable: all letters paused for %d s", (self.resting_until - now) // 1000)

    def relay_served(self) -> None:
        """The relay has dealt with a letter: no rest."""
        self.failures = self.resting_from = self.resting_until = 0

    async def close(self) -> None:
        """Give back what nobody has attempted. What is under way stays leased until the next start."""
        async with self._taking:
            await self._give_back_ahead()
        await self.write.close()
        await self.read.close()

    async def _claim_ahead(self, now: int) -> None:
        until = now + LEASE

        async def look(reader: Reader) -> bool:
            return await letters.is_due(reader, now)

        async def work(tx: Transaction) -> list[Claimed]:
            if late := [id_ for id_, lease in self.under_way.items() if lease <= now]:
                await letters.extend(tx, late, until)  # the clock was put forward: they are under way all the same
            return await letters.claim_some(tx, now, until, self.most)

        if await self.read(look):
            self.ahead.extend(await self.write(work))
            self._leased_until = until
            self.under_way.update({id_: until for id_, lease in self.under_way.items() if lease <= now})

    async def _give_back_ahead(self) -> None:
        given = list(self.ahead)

        async def work(tx: Transaction) -> None:
            for letter in given:
                await letters.give_back(tx, letter)

        if given:
            await self.write(work)
            self.ahead.clear()
