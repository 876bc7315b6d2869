"""What each family of tables declares about itself, and all the families together.

A module that stores rows ends with ``FAMILY = Family(…)``. Code that goes through the whole database asks here instead of
keeping a list: the check, the rotation of the root key, the renewal of an account's key, a recovery. A table that no family
claims fails a test.
"""

import pkgutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module

import storage
from storage.crypto.guarding import Guarded
from storage.crypto.keyholes import AccountKey
from storage.engine.database import Reader, Transaction
from storage.engine.rows import Shape
from storage.ids import AccountId


@dataclass(frozen=True)
class BelongsTo:
    """Each row's ``columns`` refer to a row of ``table`` by its ``key``; if one of them is null, the row belongs to nothing."""

    columns: tuple[str, ...]
    table: str
    key: tuple[str, ...]


OF_ACCOUNT = BelongsTo(("account",), "accounts", ("id",))
OF_THREAD = BelongsTo(("thread",), "threads", ("id",))


@dataclass(frozen=True)
class Table:
    """A table: its primary key, the shape of each column that nothing authenticates, and the rows that each of its own requires.

    ``covered`` are columns authenticated by something other than a root key's value in the same row, such as a link.
    """

    name: str
    key: tuple[str, ...]
    shapes: Mapping[str, Shape]
    belongs_to: tuple[BelongsTo, ...] = ()
    covered: tuple[str, ...] = ()


@dataclass(frozen=True)
class OwnSealed:
    """What an account sealed to its own key alone: re-sealed to its new key at a renewal, deleted when nobody has the key.

    ``turn_to_key`` (transaction, old, new) leaves what does not open as it is and raises an alarm. ``forget`` (transaction,
    account) deletes it: not even the recovery officer can read it.
    """

    turn_to_key: Callable[[Transaction, AccountKey, AccountKey], Awaitable[None]]
    forget: Callable[[Transaction, AccountId], Awaitable[None]]


@dataclass(frozen=True)
class Family:
    """The tables of one module.

    ``guarded`` are the columns that a root key protects. ``faults`` are counts (SQL that returns ``count``; ``:now`` is in ms
    since 1970), keyed by what is wrong when one is not 0. ``own_sealed`` is what only its owner can read.
    ``resettled`` (transaction, account) is called when an account's zone, language or preferences have changed.
    ``retention`` (transaction, now) removes what was kept long enough, ``erase`` (transaction, account) removes what belongs to
    an account, and ``export`` (reader, account) returns it: each None where the family has nothing of the kind.
    """

    tables: tuple[Table, ...]
    guarded: tuple[Guarded, ...] = ()
    faults: Mapping[str, str] = field(default_factory=dict)
    own_sealed: OwnSealed | None = None
    resettled: Callable[[Transaction, AccountId], Awaitable[None]] | None = None
    retention: Callable[[Transaction, int], Awaitable[int]] | None = None
    erase: Callable[[Transaction, AccountId], Awaitable[None]] | None = None
    export: Callable[[Reader, AccountId], Awaitable[object]] | None = None


@cache
def families() -> tuple[Family, ...]:
    """Every ``FAMILY`` of a module below ``storage``, in the order of the modules' names."""
    modules = sorted(info.name for info in pkgutil.walk_packages(storage.__path__, "storage."))
    found = [vars(import_module(name)).get("FAMILY") for name in modules]
    return tuple(family for family in found if isinstance(family, Family))


async def resettled(tx: Transaction, account: AccountId) -> None:
    """Tell every family that an account's zone, language or preferences have changed, in the transaction that changes them."""
    for family in families():
        if family.resettled:
            await family.resettled(tx, account)


def tables() -> Mapping[str, Table]:
    """Every table, by name."""
    return {table.name: table for family in families() for table in family.tables}


def guarded() -> tuple[Guarded, ...]:
    """Every column that a root key protects. Message bodies are not among them: their links cover them."""
    return tuple(column for family in families() for column in family.guarded)


def orphans() -> Mapping[str, str]:
    """Counts of the rows that lack the row they belong to, keyed by what is wrong when one is not 0."""
    return {
        f"{table.name} whose {link.columns[-1]} does not exist": _without(table.name, link)
        for table in tables().values()
        for link in table.belongs_to
    }


def _without(table: str, link: BelongsTo) -> str:
    there = " and ".join(f"parent.{key} = r.{column}" for key, column in zip(link.key, link.columns, strict=True))
    named = " and ".join(f"r.{column} is not null" for column in link.columns)
    sql = "select count(*) as count from {} r where {} and not exists (select 1 from {} parent where {})"
    return sql.format(table, named, link.table, there)
