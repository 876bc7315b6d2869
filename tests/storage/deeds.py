"""What the people of the house do with their threads and keys, each deed in its own transaction; and what an intruder does."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, cast

from msgspec import structs

from storage.accounts import accounts
from storage.accounts.accounts import Keyhole
from storage.conversations import participants, rosters, threads
from storage.conversations.participants import Change
from storage.conversations.unlocked import OpenEpoch
from storage.crypto.epochs import THE_OFFICER, EpochSecret, Roster, grants_of
from storage.crypto.keyholes import EXAMPLE_PROFILE, AccountKey, Opening, fresh_code, guard_code, guard_password, open_code
from storage.crypto.sealing import unseal
from storage.engine.database import Reader, Transaction
from storage.errors import CannotOpen
from storage.ids import AccountId, ThreadId
from storage.rekeying import renewal
from tests.people import House, Person


async def begin_own(house: House, one: Person, thread: ThreadId) -> Change | None:
    store = house.store
    return await store.database.write(lambda tx: participants.begin_own(tx, store.guard, one.key, thread, store.clock()))


async def bring_in(house: House, by: Person, thread: ThreadId, newcomer: Person, *, whole: bool = False) -> Change | None:
    account, store = await house.account(newcomer), house.store
    return await store.database.write(
        lambda tx: participants.bring_in(tx, store.guard, by.key, thread, account, store.clock(), whole=whole)
    )


async def hand_over(house: House, by: Person, thread: ThreadId, successor: Person, *, whole: bool = False) -> Change | None:
    account, store = await house.account(successor), house.store
    return await store.database.write(
        lambda tx: participants.hand_over(tx, store.guard, by.key, thread, account, store.clock(), whole=whole)
    )


def with_new_key(one: Person, password: str | None = None) -> Person:
    """The same person with a new key of the next generation."""
    return replace(one, key=AccountKey.fresh(one.id, one.key.generation + 1), password=password or f"{one.password} 2")


def keyhole_of(house: House, one: Person) -> Keyhole:
    body = guard_password(house.store.guard, one.key, one.password, EXAMPLE_PROFILE)
    return Keyhole(EXAMPLE_PROFILE, one.key.generation, body)


async def renew(house: House, one: Person, into: Person | None = None) -> Person:
    """Renew somebody's key; return the person with the new key, whom the house knows from then on."""
    new, account, store = into or with_new_key(one), await house.account(one), house.store
    row = keyhole_of(house, new)
    await store.database.write(lambda tx: renewal.renew(tx, store.guard, account, one.key, new.key, row, store.clock()))
    known = next(name for name, value in vars(house).items() if value is one)
    setattr(house, known, new)
    return new


async def make_code(house: House, one: Person) -> str:
    """Store a recovery code, replacing any earlier one; return it."""
    code = fresh_code()
    row = Keyhole(0, one.key.generation, guard_code(house.store.guard, one.key, code))
    await house.store.database.write(lambda tx: accounts.keep_keyhole(tx, one.id, "recovery", row, house.store.clock()))
    return code


async def key_by_code(house: House, one: Person, code: str) -> AccountKey | None:
    """The key that a recovery code opens now, or None."""
    account = await house.account(one)
    row = await house.store.database.read(lambda reader: accounts.keyhole(reader, one.id, "recovery"))
    opening = Opening(account.id, account.generation, account.public_key)
    try:
        return open_code(house.store.guard, row.body, code, opening) if row else None
    except CannotOpen:
        return None


async def rosters_of(house: House, thread: ThreadId) -> list[Roster]:
    last = (await house.thread(thread)).epoch
    return await house.store.database.read(lambda reader: rosters.find_all(reader, house.store.guard, thread, last))


async def latest(house: House, one: Person, thread: ThreadId) -> OpenEpoch | None:
    """The latest epoch, as opened by somebody who has just signed in."""
    who, stands = await house.unlocked(one), await house.thread(thread)
    return await house.store.database.read(lambda reader: who.latest_epoch(reader, house.store.guard, stands))


async def officers_texts(house: House, thread: ThreadId) -> list[str]:
    """All messages of a thread, of every epoch, as the officer reads them."""
    key = AccountKey(THE_OFFICER, 0, house.officer.private_key, house.officer.public_key)
    rows, chain = await house.rows(thread), {roster.number: roster for roster in await rosters_of(house, thread)}

    async def read(reader: Reader) -> list[str]:
        secrets = [await rosters.secret_of(reader, key, chain[row.epoch]) for row in rows]
        return [unseal(secret.message_key(), row.body, row) for secret, row in zip(secrets, rows, strict=True)]

    return await house.store.database.read(read)


@dataclass
class Intruder:
    """Somebody with the root key and write access to the database; ``stranger`` is whom they want to let in."""

    house: House
    stranger: Person

    async def plant(
        self,
        thread: ThreadId,
        roster: Roster,
        giver_private_key: bytes,
        receivers: Iterable[tuple[AccountId, bytes]] | None = None,
    ) -> EpochSecret:
        """Append an epoch with a valid proof and thread head, whose grants come from this private key; return its secret."""
        store, secret = self.house.store, EpochSecret.fresh()
        roster = replace(roster, public_key=secret.public_key)

        async def write(tx: Transaction) -> None:
            stands = await threads.find(tx, store.guard, thread)
            assert stands is not None
            await threads.save(tx, store.guard, structs.replace(stands, epoch=roster.number))
            await rosters.add(tx, store.guard, roster, grants_of(secret, roster, giver_private_key, receivers))

        await store.database.write(write)
        return secret

    async def next(self, thread: ThreadId) -> Roster:
        """A roster that follows the latest one and changes nothing."""
        last = (await rosters_of(self.house, thread))[-1]
        return replace(last, number=last.number + 1, previous=last.hash())

    async def with_grant_named(self, thread: ThreadId, number: int, giver_key: bytes) -> None:
        """Make an epoch's grants claim to come from this key."""
        await self.house.spoil(
            "update grants set giver_key = :giver where thread = :thread and epoch = :epoch",
            giver=giver_key, thread=thread.bytes, epoch=number,
        )  # fmt: skip


async def all_rows(reader: Reader, table: str) -> list[dict[str, object]]:
    return [dict(row) for row in await reader.rows(f"select * from {table}")]


class Killed(Exception):
    """Raised where the process is killed."""


class _Counted:
    """A transaction in which the process is killed at one of the statements."""

    def __init__(self, tx: Transaction, last: int) -> None:
        self._tx, self._left = tx, last

    def __getattr__(self, name: str) -> Any:
        self._left -= 1
        if self._left < 0:
            raise Killed
        return getattr(self._tx, name)


def killed_after(tx: Transaction, last: int) -> Transaction:
    """The transaction, in which the process is killed after ``last`` statements."""
    return cast("Transaction", _Counted(tx, last))
