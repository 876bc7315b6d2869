"""A staff member's greeting to whoever comes: one guarded value per account."""

from storage.crypto.guarding import Guard, Guarded
from storage.crypto.primitives import Part
from storage.engine import rows
from storage.engine.database import Reader, Transaction
from storage.engine.rows import ID, TIME
from storage.families import OF_ACCOUNT, Family, Table
from storage.ids import AccountId


async def keep(tx: Transaction, guard: Guard, account: AccountId, text: str, due_at: int) -> None:
    """Replace the account's greeting, and owe a letter that confirms the new one."""
    await tx.run(
        "insert into greetings (account, body, due_at) values (:account, :body, :due_at)"
        " on conflict (account) do update set body = excluded.body, due_at = excluded.due_at",
        account=account.bytes, body=guard.guard(text.encode(), *_place(account)), due_at=due_at,
    )  # fmt: skip


async def read(reader: Reader, guard: Guard, account: AccountId) -> str | None:
    """An account's greeting, or None."""
    row = await reader.row("select body from greetings where account = :account", account=account.bytes)
    return guard.unguard(row["body"], *_place(account)).decode() if row else None


async def take_due(tx: Transaction, now: int) -> AccountId | None:
    """The account whose letter has been due for longest, or None; its letter is no longer due."""
    row = await tx.row("select account from greetings where due_at <= :now order by due_at limit 1", now=now)
    if row is None:
        return None
    await tx.run("update greetings set due_at = null where account = :account", account=row["account"])
    return rows.account_id(row, "account")


def _place(account: AccountId) -> tuple[Part, ...]:
    return ("greetings", "body", account)


FAMILY = Family(
    tables=(Table("greetings", ("account",), {"account": ID, "due_at": TIME.or_null()}, (OF_ACCOUNT,)),),
    guarded=(Guarded("greetings", ("account",), "body", lambda row: _place(rows.account_id(row, "account"))),),
)
