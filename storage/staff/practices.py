"""How a staff member answers: the response time that they promise, and until when they are away.

One guarded value per account, not sealed: it is shown to everyone who writes with them, even while they are away. An account
that has stated nothing has no row.
"""

import logging
from collections.abc import Iterable

import msgspec

from storage.crypto.guarding import Guard, Guarded
from storage.crypto.primitives import Part
from storage.engine import rows
from storage.engine.database import Reader, Row, Transaction
from storage.engine.rows import ID
from storage.errors import CannotOpen, Damaged
from storage.families import OF_ACCOUNT, Family, Table
from storage.ids import AccountId

log = logging.getLogger("ailo.storage")


class Practice(msgspec.Struct, frozen=True):
    """What a staff member stated about how they answer. ``away_until`` in ms since 1970; ``away_words`` may be kept for reuse."""

    reply_within_hours: int | None = None
    away_until: int | None = None
    away_words: str = ""

    def at(self, now: int) -> "Practice":
        """What applies at this time: whoever was to be back by now is back."""
        if self.away_until is None or self.away_until > now:
            return self
        return Practice(self.reply_within_hours, None, self.away_words)


NOTHING_SAID = Practice()


async def keep(tx: Transaction, guard: Guard, account: AccountId, practice: Practice) -> None:
    """Store what a staff member stated, replacing what was there before."""
    await tx.run(
        "insert into practices (account, body) values (:account, :body)"
        " on conflict (account) do update set body = excluded.body",
        account=account.bytes, body=guard.guard(msgspec.json.encode(practice), *_place(account)),
    )  # fmt: skip


async def find_all(reader: Reader, guard: Guard, accounts: Iterable[AccountId]) -> dict[AccountId, Practice]:
    """What each of these stated. A row that was tampered with raises the alarm, and counts as nothing stated."""
    ids = list(accounts)
    found = await reader.rows_in("select * from practices where account in :values", [id_.bytes for id_ in ids])
    said = rows.sound("practices", found, lambda row: _practice(guard, row))
    return {**dict.fromkeys(ids, NOTHING_SAID), **dict(said)}


def _practice(guard: Guard, row: Row) -> tuple[AccountId, Practice]:
    account = rows.account_id(row, "account")
    try:
        return account, _decoded(guard.unguard(row["body"], *_place(account)))
    except CannotOpen as error:
        log.error("alert: the practice of account %s cannot be read: %s", account, error)
        return account, NOTHING_SAID


def _decoded(body: bytes) -> Practice:
    try:
        return msgspec.json.decode(body, type=Practice)
    except msgspec.DecodeError:
        raise Damaged("a practice cannot be decoded") from None


def _place(account: AccountId) -> tuple[Part, ...]:
    return ("practices", "body", account)


FAMILY = Family(
    tables=(Table("practices", ("account",), {"account": ID}, (OF_ACCOUNT,)),),
    guarded=(Guarded("practices", ("account",), "body", lambda row: _place(rows.account_id(row, "account"))),),
)
