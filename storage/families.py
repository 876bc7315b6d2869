"""What each family of tables declares of itself, and all of them together.

A module that keeps rows ends with ``FAMILY = Family(…)``. Whoever goes through the whole database asks here instead of keeping
a list: the check, the rotation of the root key, the renewal of an account's key, a recovery. A table that no family claims
fails a test.
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
    """Each row's ``columns`` name a row of ``table`` by its ``key``; where one of them is null, the row belongs to nothing."""

    columns: tuple[str, ...]
    table: str
    key: tuple[str, ...]


OF_ACCOUNT = BelongsTo(("account",), "accounts", ("id",))
OF_THREAD = BelongsTo(("thread",), "threads", ("id",))


@dataclass(frozen=True)
class Table:
    """A table: its primary key, the shape of each column that nothing proves, and the rows without which none of its own may be.

    ``covered`` are columns that are proven by something else than a root key's value in the same row, such as a link.
    """

    name: str
    key: tuple[str, ...]
    shapes: Mapping[str, Shape]
    belongs_to: tuple[BelongsTo, ...] = ()
    covered: tuple[str, ...] = ()


@dataclass(frozen=True)
class OwnSealed:
    """What an account sealed to its own key alone: turned to its new key at a renewal, forgotten when nobody has the key.

    ``turn_to_key`` (transaction, old, new) leaves what does not open as it is and raises the alarm. ``forget`` (transaction,
    account) removes it: even the recovery officer cannot read it.
    """

    turn_to_key: Callable[[Transaction, AccountKey, AccountKey], Awaitable[None]]
    forget: Callable[[Transaction, AccountId], Awaitable[None]]


@dataclass(frozen=True)
class Family:
    """Tables that one module keeps.

    ``guarded`` are the columns that a root key keeps. ``faults`` are counts (SQL that gives ``count``; ``:now`` is in ms since
    1970), by what is wrong when one is not 0. ``own_sealed`` is what its owner alone can read.
    ``retention`` (transaction, now) removes what was kept long enough, ``erase`` (transaction, account) what is somebody's,
    and ``export`` (reader, account) gives what is theirs: None where the family has nothing of the kind.
    """

    tables: tuple[Table, ...]
    guarded: tuple[Guarded, ...] = ()
    faults: Mapping[str, str] = field(default_factory=dict)
    own_sealed: OwnSealed | None = None
    retention: Callable[[Transaction, int], Awaitable[int]] | None = None
    erase: Callable[[Transaction, AccountId], Awaitable[None]] | None = None
    export: Callable[[Reader, AccountId], Awaitable[object]] | None = None


@cache
def families() -> tuple[Family, ...]:
    """Every ``FAMILY`` of a module below ``storage``, in the order of the modules' names."""
    modules = sorted(info.name for info in pkgutil.walk_packages(storage.__path__, "storage."))
    found = [vars(import_module(name)).get("FAMILY") for name in modules]
    return tuple(family for family in found if isinstance(family, Family))


def tables() -> Mapping[str, Table]:
    """Every table, by its name."""
    return {table.name: table for family in families() for table in family.tables}


def guarded() -> tuple[Guarded, ...]:
    """Every column that a root key keeps. Bodies of messages are not among them: their links cover them."""
    return tuple(column for family in families() for column in family.guarded)


def orphans() -> Mapping[str, str]:
    """Counts of the rows that lack what they belong to, by what is wrong when one is not 0."""
    return {
        f"{table.name} of no {link.columns[-1]}": _without(table.name, link)
        for table in tables().values()
        for link in table.belongs_to
    }


def _without(table: str, link: BelongsTo) -> str:
    there = " and ".join(f"parent.{key} = r.{column}" for key, column in zip(link.key, link.columns, strict=True))
    named = " and ".join(f"r.{column} is not null" for column in link.columns)
    sql = "select count(*) as count from {} r where {} and not exists (select 1 from {} parent where {})"
    return sql.format(table, named, link.table, there)
