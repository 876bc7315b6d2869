"""Records the day on which a session was last seen: one write a day per session, in batches, and no request waits for it.

Sessions that have been unused for too long end by this record.
"""

import asyncio
import logging

from storage.accounts import sessions
from storage.accounts.sessions import Session, day_of
from storage.errors import StorageError
from storage.store import Store

log = logging.getLogger("ailo.web")


class Seen:
    """The sessions that this process knows to be recorded for today, and those still to be written."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._day = 0
        self._known: set[bytes] = set()
        self._goes_on: set[bytes] = set()
        self._new: set[bytes] = set()
        self._writing: asyncio.Task[None] | None = None

    def know(self, session: bytes) -> bool:
        """Mark a session as recorded for today, and return whether it already was."""
        self._turn_to_today()
        was_known = session in self._known
        self._known.add(session)
        return was_known

    def _turn_to_today(self) -> None:
        if (today := day_of(self._store.clock())) != self._day:
            self._day, self._known, self._goes_on = today, set(), set()

    def goes_on(self, session: bytes) -> bool:
        """Whether a session is known not to end today for lack of use. May be called from any thread."""
        self._turn_to_today()
        return session in self._known or session in self._goes_on

    def has_ended(self, session: Session) -> bool:
        """Whether a session has ended for lack of use. Its record is decrypted once a day. May be called from any thread."""
        if self.goes_on(session.id):
            return False
        if sessions.is_unseen(self._store.guard, session, self._store.clock()):
            return True
        self._goes_on.add(session.id)
        return False

    def note(self, session: bytes) -> None:
        """Record that a session was seen today."""
        if self.know(session):
            return
        self._new.add(session)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write(), name="sessions seen today")

    async def _write(self) -> None:
        """Write until nothing is left: sessions seen meanwhile go into the next batch. A failed write turns nobody away."""
        store = self._store
        while self._new:
            seen, self._new = self._new, set()
            try:
                await store.database.write(lambda tx: sessions.see(tx, store.guard, seen, store.clock()))  # noqa: B023
            except StorageError as error:
                log.warning("could not record when sessions were last seen: %s", type(error).__name__)
        self._writing = None

    async def settled(self) -> None:
        """Wait until everything is written."""
        if self._writing:
            await self._writing
