"""Fill a house with history: real sealed rows with their links, by the functions of storage, many in one transaction."""

from collections.abc import Iterator, Sequence
from uuid import UUID

from msgspec.structs import replace

from storage.accounts import accounts
from storage.conversations import messages, participants, threads
from storage.conversations.messages import SealedMessage
from storage.conversations.threads import Thread
from storage.conversations.unlocked import Unlocked
from storage.crypto.epochs import MessageKey
from storage.crypto.sealing import Fact, Place, link, seal
from storage.engine.database import Transaction
from storage.ids import MessageId, ThreadId
from storage.store import Store
from tests.load.population import Pair
from tests.load.traffic import TEXT, fresh_id

BATCH = 4096


class Filler:
    """Adds messages to threads in turn, as if their participants had written them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._threads: dict[ThreadId, Thread] = {}
        self._keys: dict[ThreadId, MessageKey] = {}

    async def fill(self, pairs: Sequence[Pair], total: int) -> None:
        """Add ``total`` messages, shared equally between the threads of these pairs."""
        for pair in pairs:
            if pair.thread not in self._keys:
                await self._unlock(pair)
        turns = (pairs[number % len(pairs)] for number in range(total))
        left = total
        while left:
            batch = min(BATCH, left)
            await self._store.database.write(lambda tx, batch=batch: self._add(tx, turns, batch))  # type: ignore[misc]
            left -= batch

    async def _unlock(self, pair: Pair) -> None:
        store, key = self._store, pair.member.key
        assert key
        await store.database.write(lambda tx: participants.begin_own(tx, store.guard, key, pair.thread, store.clock()))

        async def read(tx: Transaction) -> None:
            thread = await threads.find(tx, store.guard, pair.thread)
            account = await accounts.by_id(tx, store.guard, key.account)
            assert thread
            assert account
            epoch = await Unlocked(account, key).latest_epoch(tx, store.guard, thread)
            assert epoch
            self._threads[thread.id], self._keys[thread.id] = thread, epoch.message_key

        await store.database.write(read)

    async def _add(self, tx: Transaction, turns: Iterator[Pair], batch: int) -> None:
        new = [self._next(next(turns)) for _ in range(batch)]
        assert await messages.add_all(tx, new)
        await threads.save_all(tx, self._store.guard, [self._threads[id_] for id_ in {message.thread for message in new}])

    def _next(self, pair: Pair) -> SealedMessage:
        thread, root = self._threads[pair.thread], self._store.guard.keyring.newest
        id_, seq, at = MessageId(UUID(fresh_id())), thread.last_seq + 1, max(self._store.clock(), thread.last_at)
        place = Place(thread.id, thread.epoch, id_, pair.member.id, "text")
        body = seal(self._keys[thread.id], TEXT, place)
        linked = link(root.id, root.linking, thread.last_link, Fact(seq, at, id_, place.author, "text", thread.epoch, body))
        self._threads[thread.id] = replace(thread, last_seq=seq, last_at=at, last_link=linked)
        return SealedMessage(thread.id, seq, id_, thread.epoch, place.author, "text", at, body, linked)
