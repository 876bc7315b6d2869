"""When to look next at each member: once a day, so that nothing goes through all accounts, nor through all that is written."""

from collections.abc import Mapping
from itertools import takewhile

from storage.engine import rows
from storage.engine.database import Reader, Row, Transaction
from storage.engine.rows import ID, TIME
from storage.errors import Damaged
from storage.families import OF_ACCOUNT, Family, Table
from storage.ids import AccountId


async def begin(tx: Transaction, account: AccountId, look_at: int) -> None:
    """Look at a member from ``look_at`` on (ms since 1970), unless they are looked at already."""
    await tx.run(
        "insert into encouragement_looks (account, look_at) values (:account, :look_at) on conflict (account) do nothing",
        account=account.bytes, look_at=look_at,
    )  # fmt: skip


_FIRST = "from encouragement_looks where look_at <= :now order by look_at, account"


async def is_due(reader: Reader, now: int) -> bool:
    """Whether there is a member to look at."""
    return await reader.row(f"select 1 {_FIRST} limit 1", now=now) is not None


async def due(reader: Reader, now: int, limit: int) -> list[AccountId]:
    """The members to look at now, those first who wait the longest; those before the first damaged row, if there is one."""
    found = await reader.rows(f"select account {_FIRST} limit :limit", now=now, limit=limit)
    return [rows.account_id(row, "account") for row in takewhile(_is_sound, found)]


def _is_sound(row: Row) -> bool:
    return ID.fits(row["account"])


async def put_off(tx: Transaction, next_: Mapping[AccountId, int]) -> None:
    """Look at these members again at these times (ms since 1970)."""
    await tx.run_rows(
        "update encouragement_looks set look_at = v.column2 from (values :rows) as v"
        " where encouragement_looks.account = v.column1",
        [(account.bytes, look_at) for account, look_at in next_.items()],
    )


async def put_aside_first(tx: Transaction, now: int) -> None:
    """Put a damaged row aside, which raises the alarm, so that those behind it are looked at; `ailo check` reports it."""
    rows.alert_once("a row of encouragement_looks", "the first one due", str(Damaged("account is no id")))
    await tx.run(
        "update encouragement_looks set look_at = :never"  # noqa: S608 (a constant)
        f" where account is not distinct from (select account {_FIRST} limit 1)",
        never=rows.LAST_TIME - 1, now=now,
    )  # fmt: skip


async def _erase(tx: Transaction, account: AccountId) -> None:
    await tx.run("delete from encouragement_looks where account = :account", account=account.bytes)


FAMILY = Family(
    tables=(Table("encouragement_looks", ("account",), {"account": ID, "look_at": TIME}, (OF_ACCOUNT,)),),
    erase=_erase,
)
