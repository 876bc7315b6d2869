"""Accounts: who can sign in, in which role, with which public key; and the password keyhole of each."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from storage.crypto.guarding import Guard, Guarded
from storage.crypto.keyholes import AccountKey, password_parts
from storage.crypto.primitives import Part
from storage.engine import rows
from storage.engine.database import Reader, Row, Transaction
from storage.engine.rows import ID, KEY, NUMBER, TEXT, TIME
from storage.errors import Damaged
from storage.families import OF_ACCOUNT, Family, Table, resettled
from storage.ids import AccountId

LANGUAGES: Final = ("fr", "en")
DEFAULT_ZONE: Final = "Europe/Paris"


class Role(StrEnum):
    """The role of an account in the service."""

    MEMBER = "member"
    PROFESSIONAL = "professional"
    COMPANION = "companion"
    ADMINISTRATOR = "administrator"
    CLIENT = "client"

    @property
    def is_staff(self) -> bool:
        """Whether it answers members."""
        return self in {Role.PROFESSIONAL, Role.COMPANION}


class Status(StrEnum):
    """Whether an account may sign in."""

    ACTIVE = "active"
    DISABLED = "disabled"


@dataclass(frozen=True)
class Account:
    """An account as read and verified. Its names are kept out of the repr."""

    id: AccountId
    role: Role
    status: Status
    locale: str
    time_zone: str
    generation: int
    public_key: bytes
    first_name: str
    last_name: str

    def __repr__(self) -> str:
        return f"<Account {self.id} {self.role}>"


@dataclass(frozen=True, repr=False)
class NewAccount:
    """What is needed to add an account. ``keyhole`` is a guarded password keyhole of ``profile``."""

    key: AccountKey
    role: Role
    email: str
    first_name: str
    last_name: str
    locale: str
    time_zone: str
    keyhole: bytes
    profile: int


@dataclass(frozen=True, repr=False)
class Keyhole:
    """A keyhole's row."""

    profile: int
    generation: int
    body: bytes


async def add(tx: Transaction, guard: Guard, new: NewAccount, now: int) -> bool:
    """Add an account with its password keyhole. False, with nothing kept, when its address already has an account."""
    id_ = new.key.account
    added = await tx.run(
        "insert into accounts (id, address_index, email, first_name, last_name, role, status, locale, time_zone,"
        " generation, public_key, proof, created_at) values (:id, :address_index, :email, :first_name, :last_name,"
        " :role, :status, :locale, :time_zone, :generation, :public_key, :proof, :now) on conflict (address_index) do nothing",
        id=id_.bytes,
        address_index=guard.address_index(new.email),
        email=guard.guard(new.email.encode(), *_place("email", id_)),
        first_name=guard.guard(new.first_name.encode(), *_place("first_name", id_)),
        last_name=guard.guard(new.last_name.encode(), *_place("last_name", id_)),
        role=new.role.value,
        status=Status.ACTIVE.value,
        locale=new.locale,
        time_zone=new.time_zone,
        generation=new.key.generation,
        public_key=new.key.public_key,
        proof=_proof(guard, id_, new.role, Status.ACTIVE, new.key),
        now=now,
    )
    if added:
        keyhole = Keyhole(new.profile, new.key.generation, new.keyhole)
        await keep_keyhole(tx, id_, "password", keyhole, now)
    return bool(added)


async def keep_keyhole(tx: Transaction, account: AccountId, kind: str, keyhole: Keyhole, now: int) -> None:
    """Store a keyhole of an account, replacing the one of that kind.

    Whoever has a way in no longer needs the recovery officer: open requests for them are withdrawn: no answer may undo this.
    """
    await withdraw_recovery(tx, account)
    await tx.run(
        "insert into keyholes (account, kind, profile, generation, body, made_at)"
        " values (:account, :kind, :profile, :generation, :body, :now) on conflict (account, kind) do update set"
        " profile = excluded.profile, generation = excluded.generation, body = excluded.body, made_at = excluded.made_at",
        account=account.bytes, kind=kind, profile=keyhole.profile, generation=keyhole.generation, body=keyhole.body, now=now,
    )  # fmt: skip


async def withdraw_recovery(tx: Transaction, account: AccountId) -> None:
    """Delete any request to the recovery officer for an account: an answer to it is then refused."""
    await tx.run("delete from recoveries where account = :account", account=account.bytes)


async def drop_keyhole(tx: Transaction, account: AccountId, kind: str) -> None:
    """Delete a keyhole."""
    await tx.run("delete from keyholes where account = :account and kind = :kind", account=account.bytes, kind=kind)


async def turn_to_key(tx: Transaction, guard: Guard, account: Account, key: AccountKey) -> None:
    """Give an account another key pair. Its keyholes, sessions and grants must follow in the same transaction."""
    await tx.run(
        "update accounts set generation = :generation, public_key = :public_key, proof = :proof where id = :id",
        id=account.id.bytes,
        generation=key.generation,
        public_key=key.public_key,
        proof=_proof(guard, account.id, account.role, account.status, key),
    )


def _proof(guard: Guard, id_: AccountId, role: Role, status: Status, key: AccountKey) -> bytes:
    facts = {"id": id_.bytes, "role": role, "status": status, "generation": key.generation, "public_key": key.public_key}
    return guard.authenticate(*_proven(facts))


async def by_address(reader: Reader, guard: Guard, address: str) -> Account | None:
    """The account with this e-mail address. Raises CannotOpen when its row is not as the service wrote it."""
    index = guard.address_index(address)
    row = await reader.row("select * from accounts where address_index = :it", it=index)
    if row is None:
        return None
    # The index is not authenticated by itself: writing to the database must not be enough to have one account found for another.
    if guard.address_index(guard.unguard(row["email"], "accounts", "email", rows.uuid(row, "id")).decode()) != index:
        raise Damaged("an account is indexed under another's address")
    return _account(guard, row)


async def by_id(reader: Reader, guard: Guard, account: AccountId) -> Account | None:
    """The account with this id. Raises CannotOpen when its row is not as the service wrote it."""
    row = await reader.row("select * from accounts where id = :id", id=account.bytes)
    return _account(guard, row) if row else None


async def all_ids(reader: Reader) -> list[AccountId]:
    """The ids of all accounts."""
    found = await reader.rows("select id from accounts order by id")
    return rows.sound("accounts", found, lambda row: rows.account_id(row, "id"))


async def staff(reader: Reader, guard: Guard) -> list[Account]:
    """The Professionals and companions who may sign in. One that was tampered with is left out, as in ``named``."""
    found = await reader.rows(
        "select * from accounts where role in ('professional', 'companion') and status = 'active' order by created_at, id"
    )
    return rows.sound("accounts", found, lambda row: _account(guard, row))


async def named(reader: Reader, guard: Guard, accounts: Iterable[AccountId]) -> dict[AccountId, Account]:
    """Many accounts, each read once. One that was tampered with raises the alarm and is left out: it affects nobody else."""
    found = await reader.rows_in("select * from accounts where id in :values", [id_.bytes for id_ in set(accounts)])
    return {account.id: account for account in rows.sound("accounts", found, lambda row: _account(guard, row))}


def _account(guard: Guard, row: Row) -> Account:
    id_, generation, public_key = rows.account_id(row, "id"), rows.number(row, "generation"), rows.key(row, "public_key")
    role, status = rows.text(row, "role"), rows.text(row, "status")
    guard.check(row["proof"], *_proven(row))
    return Account(
        id_,
        Role(role),
        Status(status),
        # Nothing authenticates these two: without them the defaults apply.
        rows.unless_damaged("accounts", row, lambda: rows.text(row, "locale"), ""),
        rows.unless_damaged("accounts", row, lambda: rows.text(row, "time_zone"), ""),
        generation,
        public_key,
        guard.unguard(row["first_name"], *_place("first_name", id_)).decode(),
        guard.unguard(row["last_name"], *_place("last_name", id_)).decode(),
    )


async def address_of(reader: Reader, guard: Guard, account: AccountId) -> str | None:
    """The e-mail address of an account, for a letter."""
    row = await reader.row("select email from accounts where id = :id", id=account.bytes)
    return guard.unguard(row["email"], *_place("email", account)).decode() if row else None


async def domains_of(reader: Reader, guard: Guard, accounts: Iterable[AccountId]) -> dict[AccountId, str]:
    """The domain of each account's e-mail address, for whoever may not know more. One that does not open is left out."""
    found = await reader.rows_in("select id, email from accounts where id in :values", [id_.bytes for id_ in set(accounts)])
    return dict(rows.sound("accounts", found, lambda row: _domain(guard, row)))


def _domain(guard: Guard, row: Row) -> tuple[AccountId, str]:
    id_ = rows.account_id(row, "id")
    return id_, guard.unguard(row["email"], *_place("email", id_)).decode().rpartition("@")[2]


async def keyhole(reader: Reader, account: AccountId, kind: str) -> Keyhole | None:
    """The row of an account's keyhole of this kind. Raises Damaged."""
    row = await reader.row("select * from keyholes where account = :account and kind = :kind", account=account.bytes, kind=kind)
    return Keyhole(rows.number(row, "profile"), rows.number(row, "generation"), rows.blob(row, "body")) if row else None


async def password_keyhole(reader: Reader, account: AccountId) -> Keyhole | None:
    """The row of an account's password keyhole."""
    return await keyhole(reader, account, "password")


async def settle(tx: Transaction, account: AccountId, locale: str, time_zone: str) -> None:
    """Record which language somebody reads, and in which time zone they live."""
    await tx.run(
        "update accounts set locale = :locale, time_zone = :time_zone where id = :id",
        locale=locale, time_zone=time_zone, id=account.bytes,
    )  # fmt: skip
    await resettled(tx, account)


async def ask_renewal(tx: Transaction, account: AccountId, now: int) -> None:
    """Have an account's key renewed at its owner's next sign-in."""
    await tx.run(
        "insert into renewals_due (account, since) values (:account, :now) on conflict (account) do nothing",
        account=account.bytes, now=now,
    )  # fmt: skip


async def is_renewal_due(reader: Reader, account: AccountId) -> bool:
    """Whether an account's key is to be renewed."""
    return await reader.row("select 1 from renewals_due where account = :account", account=account.bytes) is not None


async def renewal_done(tx: Transaction, account: AccountId) -> None:
    """Record that an account's key was renewed."""
    await tx.run("delete from renewals_due where account = :account", account=account.bytes)


def _place(column: str, account: AccountId) -> tuple[Part, ...]:
    return ("accounts", column, account)


def _proven(row: Row) -> tuple[Part, ...]:
    return ("accounts", row["id"], row["role"], row["status"], row["generation"], row["public_key"])


FAMILY = Family(
    tables=(
        Table(
            "accounts",
            ("id",),
            {
                "id": ID,
                "address_index": KEY,
                "role": TEXT,
                "status": TEXT,
                "locale": TEXT,
                "time_zone": TEXT,
                "generation": NUMBER,
                "public_key": KEY,
                "created_at": TIME,
            },
        ),
        Table(
            "keyholes",
            ("account", "kind"),
            {"account": ID, "kind": TEXT, "profile": NUMBER, "generation": NUMBER, "made_at": TIME},
            (OF_ACCOUNT,),
        ),
        Table("renewals_due", ("account",), {"account": ID, "since": TIME}, (OF_ACCOUNT,)),
    ),
    guarded=(
        Guarded("accounts", ("id",), "email", lambda row: _place("email", rows.account_id(row, "id"))),
        Guarded("accounts", ("id",), "first_name", lambda row: _place("first_name", rows.account_id(row, "id"))),
        Guarded("accounts", ("id",), "last_name", lambda row: _place("last_name", rows.account_id(row, "id"))),
        Guarded("accounts", ("id",), "proof", _proven, is_proof=True),
        Guarded("keyholes", ("account", "kind"), "body", password_parts),
    ),
    faults={
        "keyholes of a key that their account no longer has": "select count(*) as count from keyholes k"
        " join accounts a on a.id = k.account where a.generation <> k.generation",
    },
)
