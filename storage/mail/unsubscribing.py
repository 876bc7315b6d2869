"""The links by which somebody leaves a list of letters without signing in: what each holds, and whose it is.

A token is random, and the same for all letters of one list to one account. It must work for years, also once every root key
of today has been dropped: so it is stored, guarded, and follows a rotation like any guarded value. (A proof by the root key,
which needs no row, would end with that key.) It is found by its hash: the database alone gives no link that works. A row that
somebody planted names nobody: the guarded token opens only for the account and the list that it was made for.
"""

import secrets

from storage.crypto.guarding import Guard, Guarded
from storage.crypto.primitives import Part, equal, keyed_hash
from storage.engine import rows
from storage.engine.database import Reader, Row, Transaction
from storage.engine.rows import ID, KEY, TEXT
from storage.errors import CannotOpen, Damaged
from storage.families import OF_ACCOUNT, Family, Table
from storage.ids import AccountId

TOKEN_BYTES = 24


async def token_of(reader: Reader, guard: Guard, account: AccountId, list_name: str) -> bytes | None:
    """The token of an account and a list; None if it has none yet, or one that is not as it was made. Raises WrongKey."""
    row = await reader.row(
        "select * from unsubscribe_tokens where account = :account and list_name = :list_name",
        account=account.bytes, list_name=list_name,
    )  # fmt: skip
    if row is None:
        return None
    try:
        return guard.unguard(rows.blob(row, "token"), *_place(account, list_name))
    except Damaged as error:
        rows.alert("unsubscribe_tokens", row, error)
        return None


async def make_token(tx: Transaction, guard: Guard, account: AccountId, list_name: str) -> bytes:
    """The token of an account and a list, made if there is none that opens."""
    known = await token_of(tx, guard, account, list_name)
    if known is not None:
        return known
    token = secrets.token_bytes(TOKEN_BYTES)
    await tx.run(
        "insert into unsubscribe_tokens (account, list_name, lookup, token) values (:account, :list_name, :lookup, :token)"
        " on conflict (account, list_name) do update set lookup = excluded.lookup, token = excluded.token",
        account=account.bytes, list_name=list_name, lookup=_lookup(token),
        token=guard.guard(token, *_place(account, list_name)),
    )  # fmt: skip
    return token


async def holder_of(reader: Reader, guard: Guard, token: bytes) -> tuple[AccountId, str] | None:
    """The account and the list that a token was made for; None if it was made for none."""
    row = await reader.row("select * from unsubscribe_tokens where lookup = :lookup", lookup=_lookup(token))
    if row is None:
        return None
    try:
        account, list_name = rows.account_id(row, "account"), rows.text(row, "list_name")
        kept = guard.unguard(rows.blob(row, "token"), *_place(account, list_name))
    except CannotOpen as error:
        rows.alert("unsubscribe_tokens", row, error)
        return None
    return (account, list_name) if equal(kept, token) else None


def _lookup(token: bytes) -> bytes:
    return keyed_hash(b"", b"ailo.leave.1", token)


def _place(account: AccountId, list_name: str) -> tuple[Part, ...]:
    return ("unsubscribe_tokens", "token", account, list_name)


def _place_of(row: Row) -> tuple[Part, ...]:
    return _place(rows.account_id(row, "account"), rows.text(row, "list_name"))


FAMILY = Family(
    tables=(
        Table(
            "unsubscribe_tokens",
            ("account", "list_name"),
            {"account": ID, "list_name": TEXT, "lookup": KEY},
            (OF_ACCOUNT,),
        ),
    ),
    guarded=(Guarded("unsubscribe_tokens", ("account", "list_name"), "token", _place_of),),
)
