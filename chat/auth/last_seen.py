"""Notes on which day a session was last seen: one write a day for each, many of them at once, and no request waits for it.

By it a session that nobody uses ends.
"""

import asyncio
import logging

from storage.accounts import sessions
from storage.accounts.sessions import Session, day_of
from storage.errors import StorageError
from storage.store import Store

log = logging.getLogger("ailo.web")


class Seen:
    """What this process knows to be noted already, of today; and what is still to be."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._day = 0
        self._known: set[bytes] = set()
        self._goes_on: set[bytes] = set()
        self._new: set[bytes] = set()
        self._writing: asyncio.Task[None] | None = None

    def know(self, session: bytes) -> bool:
        """Take a session as noted for today; whether it was so before."""
        self._turn_to_today()
        was_known = session in self._known
        self._known.add(session)
        return was_known

    def _turn_to_today(self) -> None:
        if (today := day_of(self._store.clock())) != self._day:
            self._day, self._known, self._goes_on = today, set(), set()

    def goes_on(self, session: bytes) -> bool:
        """Whether it is known already that a session does not end today because nobody uses it. May be called in any thread."""
        self._turn_to_today()
        return session in self._known or session in self._goes_on

    def has_ended(self, session: Session) -> bool:
        """Whether a session has ended because nobody used it. Its day is opened once a day. May be called in any thread."""
        if self.goes_on(session.id):
            return False
        if sessions.is_unseen(self._store.guard, session, self._store.clock()):
            return True
        self._goes_on.add(session.id)
        return False

    def note(self, session: bytes) -> None:
        """A session was seen."""
        if self.know(session):
            return
        self._new.add(session)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write(), name="sessions seen today")

    async def _write(self) -> None:
        """What comes while this writes is written next. A day that could not be noted is no reason to turn anybody away."""
        store = self._store
        while self._new:
            seen, self._new = self._new, set()
            try:
                await store.database.write(lambda tx: sessions.see(tx, store.guard, seen, store.clock()))  # noqa: B023
            except StorageError as error:
                log.warning("when sessions were seen could not be kept: %s", type(error).__name__)
        self._writing = None

    async def settled(self) -> None:
        """Wait until all is noted."""
        if self._writing:
            await self._writing
