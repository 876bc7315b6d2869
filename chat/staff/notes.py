"""Private notes: what a staff member keeps for themselves about a thread. Nobody else ever reads them."""

from chat.auth.access import Access
from storage.conversations.unlocked import Unlocked
from storage.engine.database import Transaction
from storage.ids import ThreadId
from storage.rekeying import renewal
from storage.staff import notes
from storage.store import Store


class Notes:
    """The notes of staff about the threads in which they take part."""

    def __init__(self, store: Store, access: Access) -> None:
        self._store = store
        self._access = access

    async def read(self, who: Unlocked, thread: ThreadId) -> str:
        """One's own note, or an empty text. Raises NotFound for anybody who takes no part in the thread."""
        await self._access.latest(who, thread)
        return await self._store.database.read(lambda reader: notes.read(reader, who.key, thread))

    async def write(self, who: Unlocked, thread: ThreadId, text: str) -> None:
        """Store a note in place of the earlier one; an empty one deletes it. Raises NotFound."""
        await self._access.latest(who, thread)
        store = self._store

        async def write(tx: Transaction) -> None:
            await renewal.check_current(tx, store.guard, who.key)
            await notes.write(tx, who.key, thread, text, store.clock())

        await store.database.write(write)
