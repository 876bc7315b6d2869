"""Which root key protects what: counted from the rows themselves, so that a key is dropped only when nothing needs it."""

from collections import Counter
from dataclasses import dataclass, field

from storage.conversations.messages import GUARDED_BODY
from storage.crypto.guarding import Guarded
from storage.engine.database import Reader
from storage.families import guarded
from storage.store import Store


@dataclass
class KeyUse:
    """How many values of each kind (`table.column`) name each root key, by the key's id."""

    by_key: dict[bytes, Counter[str]] = field(default_factory=dict)

    def of(self, name: bytes) -> Counter[str]:
        """The counts of values that name this key."""
        return self.by_key.get(name, Counter())

    def add(self, name: object, kind: str, how_many: int) -> None:
        """Count values. Those that name no key at all count under the empty id."""
        self.by_key.setdefault(name if isinstance(name, bytes) else b"", Counter())[kind] += how_many


async def count(store: Store) -> KeyUse:
    """Count the use of all keys, with a short read for each column and each thread: nobody waits for long."""
    use = KeyUse()
    for column in guarded():
        await store.database.read(lambda reader, column=column: _count(reader, use, column))  # type: ignore[misc]
    thread: bytes | None = b""
    while thread is not None:
        thread = await store.database.read(lambda reader, before=thread: _count_next_thread(reader, store, use, before))  # type: ignore[misc]
    return use


async def _count(reader: Reader, use: KeyUse, column: Guarded) -> None:
    rows = await reader.rows(
        f"select substr({column.column}, 2, 8) as name, count(*) as how_many from {column.table}"  # noqa: S608
        f" where {column.column} is not null group by 1"
    )
    for row in rows:
        use.add(row["name"], f"{column.table}.{column.column}", row["how_many"])


async def _count_next_thread(reader: Reader, store: Store, use: KeyUse, before: bytes) -> bytes | None:
    """Count the messages of the next thread, and return it. Their bodies count only where a root key protects them."""
    row = await reader.row("select thread from messages where thread > :before order by thread limit 1", before=before)
    if row is None:
        return None
    thread: bytes = row["thread"]
    for column in ("link", GUARDED_BODY.column):
        rows = await reader.rows(
            f"select substr({column}, 2, 8) as name, count(*) as how_many from messages where thread = :thread group by 1",  # noqa: S608
            thread=thread,
        )
        for found in rows:
            if column == "link" or found["name"] in store.guard.keyring.by_id:
                use.add(found["name"], f"messages.{column}", found["how_many"])
    return thread
