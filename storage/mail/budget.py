"""What counts against the letters that somebody may get on a day: those that were sent, and those that still wait."""

from storage.engine import rows
from storage.engine.database import Reader, Row
from storage.ids import AccountId

# More than this many letters to one account never wait on one day; if they do, the rest changes nothing.
MOST_WAITING = 100


async def sent_by_kind(reader: Reader, account: AccountId, since: int, until: int) -> dict[str, int]:
    """How many letters of each kind were sent to an account from ``since`` until before ``until`` (ms since 1970).

    A letter that counts as sent, because the relay has it but gave no answer, is among them; so is one that browsers were told
    of, whatever became of its e-mail.
    """
    found = await reader.rows(
        "select kind, count(*) as count from letters where account = :account and ended_at >= :since and ended_at < :until"
        " and (state = 'sent' or pushed_at is not null) group by kind",
        account=account.bytes, since=since, until=until,
    )  # fmt: skip
    return dict(rows.sound("letters", found, lambda row: (rows.text(row, "kind"), rows.number(row, "count"))))


async def waiting(reader: Reader, account: AccountId, until: int) -> list[tuple[str, int]]:
    """The kind of each letter to an account that waits and is due before ``until``, and when it is due."""
    found = await reader.rows(
        "select id, kind, due_at from letters where account = :account and ended_at is null and state = 'waiting'"
        " and due_at < :until order by due_at limit :most",
        account=account.bytes, until=until, most=MOST_WAITING,
    )  # fmt: skip
    return rows.sound("letters", found, _kind_and_time)


def _kind_and_time(row: Row) -> tuple[str, int]:
    return rows.text(row, "kind"), rows.time(row, "due_at")
