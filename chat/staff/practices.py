"""How staff members say that they answer, and how their correspondents learn of a change."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from chat.protocol import frames
from chat.protocol.frames import AboutChanged, moment
from chat.protocol.hub import Hub
from chat.protocol.refusals import NotAllowed
from chat.protocol.shown_text import is_seen, without_turns
from chat.staff.shapes import OwnPractice
from storage.conversations import rosters
from storage.conversations.unlocked import Unlocked
from storage.engine.rows import LAST_TIME
from storage.ids import AccountId, ThreadId
from storage.staff import practices
from storage.staff.practices import Practice
from storage.store import Store

# Whoever shares more threads than this gets one notice that any of them may have changed: one each could overflow a queue.
MOST_TOLD = 32


class Practices:
    """What Professionals and companions say about how they answer."""

    def __init__(self, store: Store, hub: Hub) -> None:
        self._store = store
        self._hub = hub

    async def read(self, who: Unlocked) -> OwnPractice:
        """One's own practice as it applies now."""
        store, id_ = self._store, who.account.id
        found = await store.database.read(lambda reader: practices.find_all(reader, store.guard, [id_]))
        return _told(found[id_].at(store.clock()))

    async def write(self, who: Unlocked, said: OwnPractice) -> None:
        """Store how one answers from now on, and notify one's correspondents.

        Raises NotAllowed for a time that no calendar shows.
        """
        store, id_ = self._store, who.account.id
        words = without_turns(said.away_words or "").strip()
        practice = Practice(said.reply_within_hours, _ms(said.away_until), words if is_seen(words) else "")
        await store.database.write(lambda tx: practices.keep(tx, store.guard, id_, practice))
        await self._tell(id_)

    async def _tell(self, account: AccountId) -> None:
        shared: defaultdict[AccountId, list[ThreadId]] = defaultdict(list)
        for roster in await self._store.database.read(lambda reader: rosters.seated(reader, self._store.guard, account)):
            for other in filter(self._hub.is_online, roster.accounts()):
                shared[other].append(roster.thread)
        for other, ids in shared.items():
            for changed in _few(ids):
                self._hub.tell([other], frames.encode(AboutChanged(changed)))


def _few(ids: Sequence[ThreadId]) -> Sequence[ThreadId | None]:
    return ids if len(ids) <= MOST_TOLD else [None]


def _told(practice: Practice) -> OwnPractice:
    until = moment(practice.away_until) if practice.away_until is not None else None
    return OwnPractice(practice.reply_within_hours, until, practice.away_words or None)


def _ms(at: datetime | None) -> int | None:
    ms = int(at.timestamp() * 1000) if at else None
    if ms is not None and ms >= LAST_TIME:
        raise NotAllowed
    return ms
