"""Mailboxes that the other side refused for good: no letters go to their accounts until the address is changed or confirmed.

It holds for one address, by its blind index. A row that somebody planted stops nobody's letters: its proof covers all of it.
"""

import re

from storage.crypto.guarding import Guard, Guarded
from storage.crypto.primitives import Part
from storage.engine import rows
from storage.engine.database import Reader, Row, Transaction
from storage.engine.rows import ID, KEY, TEXT, TIME
from storage.families import OF_ACCOUNT, Family, Table
from storage.ids import AccountId
from storage.mail import letters

# No such mailbox, no such system, moved, a domain without mail (RFC 3463, 3.2; RFC 7505). Not the others of 5.1: they are about
# the sender or the way, or say little, as 5.1.0, by which some refuse a sender for an hour. Nor 5.2: a mailbox that is full,
# closed for a while or takes no such mail is not so for ever.
_FOR_GOOD = re.compile(r"5\.1\.(?:[126]|10)")


def is_for_good(status: str) -> bool:
    """Whether a status of RFC 3463 says that there is no such mailbox."""
    return _FOR_GOOD.fullmatch(status) is not None


async def note(tx: Transaction, guard: Guard, account: AccountId, status: str, now: int) -> None:
    """Record that the mailbox of an account's present address was refused. What was recorded of that address before stands."""
    if await refused_at(tx, guard, account) is not None:
        return
    found = await tx.row("select address_index from accounts where id = :account", account=account.bytes)
    if found is None:
        return
    row: Row = {"account": account.bytes, "refused_at": now, "status": status, "address": found["address_index"]}
    await tx.run(
        "insert into refused_mailboxes (account, refused_at, status, address, proof)"
        " values (:account, :refused_at, :status, :address, :proof) on conflict (account) do update set"
        " refused_at = excluded.refused_at, status = excluded.status, address = excluded.address, proof = excluded.proof",
        **row, proof=guard.authenticate(*_proven(row)),
    )  # fmt: skip


async def refused_at(reader: Reader, guard: Guard, account: AccountId) -> int | None:
    """Since when the mailbox of an account's present address is refused (ms since 1970); None if it is not."""
    row = await reader.row(
        "select r.* from refused_mailboxes r join accounts a on a.id = r.account and a.address_index = r.address"
        " where r.account = :account",
        account=account.bytes,
    )
    return rows.unless_damaged("refused_mailboxes", row, lambda: _refused_at(guard, row), None) if row else None


def _refused_at(guard: Guard, row: Row) -> int:
    guard.check(rows.blob(row, "proof"), *_proven(row))
    return rows.time(row, "refused_at")


async def lift(tx: Transaction, guard: Guard, account: AccountId, now: int) -> bool:
    """Let letters go to an account again, first those that were refused; False if they did."""
    since = await refused_at(tx, guard, account)
    await tx.run("delete from refused_mailboxes where account = :account", account=account.bytes)
    if since is None:
        return False
    await letters.wait_again(tx, account, since, now)
    return True


def _proven(row: Row) -> tuple[Part, ...]:
    return ("refused_mailboxes", row["account"], row["refused_at"], row["status"], row["address"])


FAMILY = Family(
    tables=(
        Table(
            "refused_mailboxes",
            ("account",),
            {"account": ID, "refused_at": TIME, "status": TEXT, "address": KEY},
            (OF_ACCOUNT,),
        ),
    ),
    guarded=(Guarded("refused_mailboxes", ("account",), "proof", _proven, is_proof=True),),
)
