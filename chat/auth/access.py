"""Which account may see which thread, and with which keys: every other operation on a conversation starts here.

The account is looked up in the roster of the thread's latest epoch. A missing thread and one it takes no part in give the same
answer.
"""

import logging
from collections.abc import Sequence

from chat.protocol.refusals import NotFound
from storage.conversations import participants, rosters, threads
from storage.conversations.participants import Change
from storage.conversations.threads import Thread
from storage.conversations.unlocked import OpenEpoch, Unlocked
from storage.engine.database import Reader
from storage.errors import CannotOpen
from storage.ids import ThreadId
from storage.store import Store

log = logging.getLogger("ailo.access")


class Access:
    """Checks an account's access to threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._begun: dict[ThreadId, int] = {}

    def note(self, change: Change) -> None:
        """Note that a thread has a new epoch: what connections have cached of the previous one is out of date."""
        self._begun[change.roster.thread] = change.roster.number

    async def latest(self, who: Unlocked, thread: ThreadId) -> OpenEpoch:
        """The thread's latest epoch, unlocked, and always one whose secret a participant made. Raises NotFound."""
        known = who.latest.get(thread)
        if known is not None and known.roster.number >= self._begun.get(thread, 0):
            return known
        epoch = await self._read_latest(who, thread)
        if not epoch.roster.is_of_a_participant:
            epoch = await self._begin_own(who, thread)
        who.latest[thread] = epoch
        return epoch

    async def _read_latest(self, who: Unlocked, thread: ThreadId) -> OpenEpoch:
        found = await self._store.database.read(lambda reader: self.find(reader, who, thread))
        if found is None:
            raise NotFound
        return found[1]

    async def _begin_own(self, who: Unlocked, thread: ThreadId) -> OpenEpoch:
        """Replace an epoch that the service made: its first reader begins one whose secret the service never saw."""
        store = self._store
        change = await store.database.write(lambda tx: participants.begin_own(tx, store.guard, who.key, thread, store.clock()))
        if change:
            self.note(change)
        return await self._read_latest(who, thread)

    async def find(self, reader: Reader, who: Unlocked, id_: ThreadId) -> tuple[Thread, OpenEpoch] | None:
        """A thread with its latest epoch, unlocked; None if the account takes no part in it.

        A thread that was tampered with is logged as an alert and treated as missing.
        """
        thread = await threads.find(reader, self._store.guard, id_)
        if thread is None:
            return None
        try:
            epoch = await who.latest_epoch(reader, self._store.guard, thread)
        except CannotOpen as error:
            _alert(who, thread, error)
            return None
        return (thread, epoch) if epoch else None

    async def readable(self, reader: Reader, who: Unlocked, id_: ThreadId) -> tuple[Thread, int]:
        """A thread, and the number of the first message that this participant may read. Raises NotFound."""
        found = await self.find(reader, who, id_)
        if found is None:
            raise NotFound
        return found[0], _first_readable(who, *found)

    async def readable_among(self, reader: Reader, who: Unlocked, found: Sequence[Thread]) -> list[tuple[Thread, int]]:
        """Like ``readable``, for many threads, leaving out those that cannot be read. Their rosters are fetched together."""
        shown = []
        written = await rosters.written(reader, (thread.id for thread in found), who.account.id)
        for thread in found:
            try:
                epoch = who.latest_in(written[thread.id], self._store.guard, thread)
            except CannotOpen as error:
                _alert(who, thread, error)
            else:
                shown += [(thread, _first_readable(who, thread, epoch))] if epoch else []
        return shown


def _alert(who: Unlocked, thread: Thread, error: CannotOpen) -> None:
    log.error("alert: thread %s cannot be opened by %s: %s", thread.id, who.account.id, error)


def _first_readable(who: Unlocked, thread: Thread, latest: OpenEpoch) -> int:
    seat = latest.roster.seat_of(who.account.id)
    return who.rosters(thread.id)[seat.first_epoch - 1].first_seq if seat and seat.first_epoch > 1 else 1
