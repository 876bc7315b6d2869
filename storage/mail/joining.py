"""Letters that still wait and are joined into a new one: they are dropped, and the new one says what they would have said."""

from collections.abc import Collection, Mapping

from storage.crypto.guarding import Guard
from storage.engine import rows
from storage.engine.database import Row, Transaction
from storage.errors import CannotOpen
from storage.ids import AccountId
from storage.mail import letters
from storage.mail.letters import State


async def take(tx: Transaction, guard: Guard, account: AccountId, kinds: Collection[str], now: int) -> list[Mapping[str, str]]:
    """The facts of the letters of these kinds that wait for an account and that nobody is about to send; they are dropped.

    One whose facts do not open is left as it is, for its own attempt to report.
    """
    found = await tx.rows(
        "select * from letters where account = :account and ended_at is null and state = 'waiting'"
        " and (leased_until is null or leased_until <= :now) order by due_at, id",
        account=account.bytes, now=now,
    )  # fmt: skip
    opened = [(row, _facts(guard, row)) for row in found if row["kind"] in kinds]
    for row, facts in opened:
        if facts is not None:
            await letters.finish(tx, rows.uuid(row, "id"), State.DROPPED, now, letters.JOINED)
    return [facts for _, facts in opened if facts is not None]


def _facts(guard: Guard, row: Row) -> Mapping[str, str] | None:
    try:
        return letters.facts_in(guard, row)
    except CannotOpen:
        return None
