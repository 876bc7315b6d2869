"""The people of the tests, and what they do: a store of their own, a thread, messages that come, somebody who reads."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

from delivery.settings import DeliverySettings
from storage import installation
from storage.accounts import accounts
from storage.accounts.accounts import NewAccount, Role
from storage.conversations import threads
from storage.crypto.keyholes import AccountKey
from storage.engine.database import Reader, Row, Transaction, Value
from storage.mail import unread
from storage.settings import StorageSettings
from storage.store import Store, open_store

GRACE = 180_000
SECOND, HOUR, DAY = 1000, 3_600_000, 86_400_000
ORIGIN = "https://ailo.example"


class Clock:
    """A clock that stands still until it is moved. 2026-11-23, 09:00 UTC."""

    def __init__(self) -> None:
        self.now = 1_795_424_400_000

    def __call__(self) -> int:
        return self.now

    def advance(self, ms: int) -> None:
        self.now += ms


@asynccontextmanager
async def opened_store(folder: Path, clock: Clock) -> AsyncIterator[Store]:
    settings = StorageSettings(folder / "data", folder / "keys" / "root.json")
    await installation.build(settings, is_example=True)
    async with open_store(settings, clock) as store:
        yield store


class Cast:
    """A member, a Professional and their thread; `of` is filled by `arrive`."""

    lea: UUID
    claire: UUID
    thread: UUID

    def __init__(self, store: Store) -> None:
        self.store = store

    async def arrive(self) -> "Cast":
        self.lea = await self.add("lea@ailo.test", "Léa")
        self.claire = await self.add("claire@ailo.test", "Claire-Canary", Role.PROFESSIONAL)
        self.thread = await self.open_thread(self.lea, self.claire)
        return self

    async def add(self, email: str, first_name: str, role: Role = Role.MEMBER, locale: str = "fr") -> UUID:
        key = AccountKey.fresh(uuid4())
        new = NewAccount(key, role, email, first_name, "Canary", locale, "Europe/Paris", b"", 0)
        await self.store.database.write(lambda tx: accounts.add(tx, self.store.guard, new, self.store.clock()))
        return key.account

    async def open_thread(self, *people: UUID) -> UUID:
        now = self.store.clock()
        thread = threads.Thread(uuid4(), 1, 0, now, b"", None, now)

        async def work(tx: Transaction) -> None:
            await threads.add(tx, self.store.guard, thread)
            for account in people:
                await threads.join(tx, thread.id, account, now, 0)

        await self.store.database.write(work)
        return thread.id

    async def post(self, author: UUID, thread: UUID | None = None) -> int:
        """A message comes, with the announcements that it owes to the others."""
        thread_id = thread or self.thread

        async def work(tx: Transaction) -> int:
            seq = await self._next_seq(tx, thread_id)
            await threads.mark(tx, thread_id, author, seq)
            others = [mark.account for mark in await threads.marks(tx, thread_id) if mark.account != author]
            await unread.owe(tx, thread_id, others, self.store.clock() + GRACE)
            return seq

        return await self.store.database.write(work)

    async def _next_seq(self, tx: Transaction, thread: UUID) -> int:
        await tx.run("update threads set last_seq = last_seq + 1 where id = :id", id=thread.bytes)
        row = await tx.row("select last_seq from threads where id = :id", id=thread.bytes)
        return int(row["last_seq"]) if row else 0

    async def read(self, account: UUID, seq: int, *, last_seq: int | None = None) -> None:
        """Somebody reads up to ``seq``."""
        due_at = self.store.clock() + GRACE

        async def work(tx: Transaction) -> None:
            await threads.mark(tx, self.thread, account, seq)
            has_unread = last_seq is not None and seq < last_seq
            await unread.settle(tx, account, self.thread, has_unread=has_unread, due_at=due_at)

        await self.store.database.write(work)

    async def leave(self, account: UUID) -> None:
        await self.store.database.write(lambda tx: threads.part(tx, self.thread, account))

    async def disable(self, account: UUID) -> None:
        """As the service would: the row's proof is renewed with it."""

        async def work(tx: Transaction) -> None:
            row = await tx.row("select * from accounts where id = :id", id=account.bytes)
            assert row is not None
            parts = (account, row["role"], "disabled", row["generation"], row["public_key"])
            proof = self.store.guard.authenticate("accounts", *parts)
            await tx.run("update accounts set status = 'disabled', proof = :proof where id = :id", proof=proof, id=account.bytes)

        await self.store.database.write(work)

    async def spoil(self, sql: str, **values: Value) -> None:
        """Somebody writes into the database from outside."""
        await self.store.database.write(lambda tx: tx.run(sql, **values))


async def letter_rows(store: Store) -> list[Row]:
    """The outbox, in the order of writing."""

    async def read(reader: Reader) -> list[Row]:
        return list(await reader.rows("select * from letters order by written_at, id"))

    return await store.database.read(read)


async def owed_rows(store: Store) -> list[Row]:
    async def read(reader: Reader) -> list[Row]:
        return list(await reader.rows("select * from unread_owed order by due_at"))

    return await store.database.read(read)


def settings_of(folder: Path) -> DeliverySettings:
    return DeliverySettings(ORIGIN, folder / "data" / "mail")
