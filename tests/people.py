"""The people of the tests and their house: an open store, six accounts, and what they do in their threads.

Léa and Karim are members, Claire and Thomas Professionals, Sam a companion; Ada administers.
Everything they do goes through the product's own functions: except after ``spoil``, `ailo check` finds nothing.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from storage import installation
from storage.accounts import accounts
from storage.accounts.accounts import Account, NewAccount, Role, Status
from storage.conversations import letter_texts, messages, participants, service_posts, threads
from storage.conversations.group_commit import GroupCommit, Marked, MarkRead, NotCommitted, Post, Posted
from storage.conversations.messages import SealedMessage
from storage.conversations.participants import Change
from storage.conversations.threads import Thread
from storage.conversations.unlocked import Unlocked
from storage.crypto.keyholes import EXAMPLE_PROFILE, AccountKey, guard_password
from storage.crypto.sealing import Place, seal, unseal
from storage.engine.database import Reader, Row, Transaction, Value
from storage.errors import CannotOpen
from storage.ids import AccountId, MessageId, ThreadId, new_id
from storage.installation import Officer
from storage.maintenance.check import check_all
from storage.settings import StorageSettings
from storage.store import Clock, Store, open_store

SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000
# How long a message may stay unread before it is owed a letter: the default.
GRACE = 3 * MINUTE
KIND = "text"
ROLES = {
    "lea": Role.MEMBER,
    "karim": Role.MEMBER,
    "claire": Role.PROFESSIONAL,
    "thomas": Role.PROFESSIONAL,
    "sam": Role.COMPANION,
    "ada": Role.ADMINISTRATOR,
}
# Everybody's password, where it does not matter whose it is.
PASSWORD = "quatre mots sans suite"


class StoppedClock:
    """A clock that stands still until it is advanced, first at 2026-11-23, 09:00 UTC. In ms since 1970."""

    def __init__(self) -> None:
        self.now = 1_795_424_400_000

    def __call__(self) -> int:
        return self.now

    def advance(self, ms: int) -> None:
        """Let time pass, or jump back if ``ms`` is negative."""
        self.now += ms


@dataclass(frozen=True, repr=False)
class Person:
    """Somebody with an account, and everything that only they know."""

    role: Role
    email: str
    first_name: str
    last_name: str
    password: str
    key: AccountKey

    @property
    def id(self) -> AccountId:
        return self.key.account


def person(role: Role, first_name: str, last_name: str, email: str, password: str | None = None) -> Person:
    """Somebody new, with a key of their own."""
    return Person(role, email, first_name, last_name, password or f"{email} aime les pommes", AccountKey.fresh(new_id(AccountId)))


def address(name: str) -> str:
    """The e-mail address of somebody in the cast."""
    return f"{name}@ailo.test"


def _of_the_cast(name: str, first_name: str, last_name: str) -> Person:
    return person(ROLES[name], first_name, last_name, address(name))


class House:
    """An open store with the cast in it. ``officer`` has the recovery officer's private key.

    ``is_spoiled`` is true once somebody has written to the database behind the service's back.
    """

    def __init__(self, store: Store, commits: GroupCommit, officer: Officer) -> None:
        self.store, self.commits, self.officer = store, commits, officer
        self.is_spoiled = False
        self.lea = _of_the_cast("lea", "Léa", "Martin")
        self.karim = _of_the_cast("karim", "Karim", "Benali")
        self.claire = _of_the_cast("claire", "Claire", "Dubois")
        self.thomas = _of_the_cast("thomas", "Thomas", "Leroy")
        self.sam = _of_the_cast("sam", "Sam", "")
        self.ada = _of_the_cast("ada", "Ada", "Petit")

    @property
    def people(self) -> Sequence[Person]:
        return (self.lea, self.karim, self.claire, self.thomas, self.sam, self.ada)

    # Accounts

    async def add(self, *people: Person) -> None:
        """Create accounts for these people, all in one transaction."""
        made = [self.new_account(one) for one in people]

        async def work(tx: Transaction) -> None:
            for new in made:
                assert await accounts.add(tx, self.store.guard, new, self.store.clock())

        await self.store.database.write(work)

    def new_account(self, one: Person) -> NewAccount:
        """What an account is made of, with a password keyhole of the cheapest profile."""
        body = guard_password(self.store.guard, one.key, one.password, EXAMPLE_PROFILE)
        return NewAccount(
            one.key, one.role, one.email, one.first_name, one.last_name, "fr", "Europe/Paris", body, EXAMPLE_PROFILE
        )

    async def account(self, one: Person) -> Account:
        """The account, read and verified."""
        found = await self.store.database.read(lambda reader: accounts.by_id(reader, self.store.guard, one.id))
        assert found is not None
        return found

    async def unlocked(self, one: Person) -> Unlocked:
        """Somebody who has just signed in, with nothing remembered from before."""
        return Unlocked(await self.account(one), one.key)

    async def disable(self, one: Person) -> None:
        """Disable an account: its row and its proof. The service has no command for this yet."""
        store, key = self.store, one.key
        proof = store.guard.authenticate("accounts", one.id, one.role, Status.DISABLED, key.generation, key.public_key)
        sql = "update accounts set status = :status, proof = :proof where id = :id"
        await store.database.write(lambda tx: tx.run(sql, status=Status.DISABLED, proof=proof, id=one.id.bytes))

    # Threads

    async def open_thread(self, *people: Person) -> ThreadId:
        """Open a thread for these people; return its id."""
        seated = [await self.account(one) for one in people]
        store, id_ = self.store, new_id(ThreadId)
        await store.database.write(
            lambda tx: participants.open_thread(tx, store.guard, store.officer, id_, seated, store.clock())
        )
        return id_

    async def leave(self, thread: ThreadId, one: Person) -> Change:
        """End somebody's part in a thread."""
        store = self.store
        change = await store.database.write(lambda tx: participants.leave(tx, store.guard, thread, one.id, store.clock()))
        assert change is not None
        return change

    async def thread(self, id_: ThreadId) -> Thread:
        """The thread as it stands."""
        found = await self.store.database.read(lambda reader: threads.find(reader, self.store.guard, id_))
        assert found is not None
        return found

    async def read_seq(self, thread: ThreadId, one: Person) -> int | None:
        """How far somebody has read."""
        return await self.store.database.read(lambda reader: threads.read_seq(reader, thread, one.id))

    # Messages

    async def sealed(self, author: Person, thread: ThreadId, text: str, id_: MessageId | None = None) -> Post:
        """A message as its author's side submits it, under the thread's latest epoch."""
        number = (await self.thread(thread)).epoch
        who = await self.unlocked(author)
        epoch = await self.store.database.read(lambda reader: who.epoch(reader, self.store.guard, thread, number))
        assert epoch is not None
        place = Place(thread, number, id_ or new_id(MessageId), author.id, KIND)
        body = seal(epoch.message_key, text, place)
        is_of_member = author.role is Role.MEMBER
        texts = () if is_of_member else await letter_texts.sealed_for(self.store, epoch.others, place, text)
        return Post(thread, number, place.id, author.id, KIND, body, epoch.others, waits=is_of_member, texts=texts)

    async def post(self, author: Person, thread: ThreadId, text: str = "Bonjour", id_: MessageId | None = None) -> Posted:
        """Post a message and wait until it is on the disk."""
        posted = await self.commits.commit(await self.sealed(author, thread, text, id_))
        assert isinstance(posted, Posted)
        return posted

    async def mark(self, reader: Person, thread: ThreadId, seq: int) -> Marked | Posted | NotCommitted:
        """Set somebody's read mark to ``seq``."""
        return await self.commits.commit(MarkRead(thread, (await self.thread(thread)).epoch, reader.id, seq))

    async def rows(self, thread: ThreadId) -> list[SealedMessage]:
        """Every message of a thread as stored, with its link checked."""
        return await self.after(thread, 0, 10_000)

    async def after(self, thread: ThreadId, seq: int, limit: int, minimum: int = 1) -> list[SealedMessage]:
        """A page of the messages after ``seq``."""
        guard = self.store.guard
        return await self.store.database.read(lambda reader: messages.after(reader, guard, thread, seq, limit, minimum))

    async def before(self, thread: ThreadId, seq: int, limit: int, minimum: int = 1) -> list[SealedMessage]:
        """A page of the messages before ``seq``."""
        guard = self.store.guard
        return await self.store.database.read(lambda reader: messages.before(reader, guard, thread, seq, limit, minimum))

    async def texts(self, one: Person, thread: ThreadId) -> list[str | None]:
        """What somebody who has just signed in can read of a thread: one text per message, or None if it does not open."""
        who = await self.unlocked(one)
        rows = await self.rows(thread)
        return await self.store.database.read(lambda reader: _texts(reader, self.store, who, rows))

    # Mail

    async def owed(self) -> Sequence[Row]:
        """The announcements that are owed, the earliest due first."""
        return await self.select("select * from unread_owed order by due_at")

    async def letters(self) -> Sequence[Row]:
        """The outbox, in the order in which the letters were written."""
        return await self.select("select * from letters order by written_at, id")

    # The disk

    async def spoil(self, sql: str, **values: Value) -> int:
        """Write to the database as somebody without the root key; return how many rows changed."""
        self.is_spoiled = True
        return await self.store.database.write(lambda tx: tx.run(sql, **values))

    async def select(self, sql: str, **values: Value) -> Sequence[Row]:
        """Rows as they are in the database."""
        return await self.store.database.read(lambda reader: reader.rows(sql, **values))


async def _texts(reader: Reader, store: Store, who: Unlocked, rows: Sequence[SealedMessage]) -> list[str | None]:
    return [await _text(reader, store, who, row) for row in rows]


async def _text(reader: Reader, store: Store, who: Unlocked, row: SealedMessage) -> str | None:
    try:
        epoch = await who.epoch(reader, store.guard, row.thread, row.epoch) if row.is_linked else None
        if epoch and row.kind != KIND:
            return service_posts.unsealed(store.guard, epoch.secret, row)
        return unseal(epoch.message_key, row.body, row) if epoch else None
    except CannotOpen:
        return None


async def assert_sound(house: House) -> None:
    """Assert that `ailo check` finds nothing, unless the house is spoiled: what was tested can happen to the product."""
    if not house.is_spoiled:
        assert await check_all(house.store) == []


def settings_in(folder: Path, grace: int = GRACE) -> StorageSettings:
    """Settings that put data and keys side by side in one folder."""
    return StorageSettings(folder / "data", folder / "keys" / "root.json", grace)


@asynccontextmanager
async def open_house(folder: Path, clock: Clock) -> AsyncIterator[House]:
    """Build a house in a folder, and let the cast move in."""
    officer = await installation.build(settings_in(folder), is_example=True)
    assert officer is not None
    async with open_store(settings_in(folder), clock) as store, GroupCommit(store) as commits:
        made = House(store, commits, officer)
        await made.add(*made.people)
        yield made


@asynccontextmanager
async def opened_again(folder: Path, clock: Clock, before: House) -> AsyncIterator[House]:
    """The same house with the same people, reopened as after a restart."""
    async with open_store(settings_in(folder), clock) as store, GroupCommit(store) as commits:
        made = House(store, commits, before.officer)
        vars(made).update({name: one for name, one in vars(before).items() if isinstance(one, Person)})
        yield made
