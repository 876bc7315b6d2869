"""Encouragements as rows: what a rule gave a member, once for each cause, and what became of it.

A suggestion waits for a companion. A reminder has a letter of the same id, which says whether it went. Neither holds a text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from storage.encouragements.choosing import Due, Given
from storage.encouragements.rules import BY_NAME, RULES, Rule
from storage.engine import rows
from storage.engine.database import Reader, Row, Transaction
from storage.engine.rows import ID, TEXT, TIME
from storage.errors import Damaged
from storage.families import OF_ACCOUNT, OF_THREAD, BelongsTo, Family, Table
from storage.ids import AccountId, ThreadId

DAY = 86_400_000
# For how long the companions see that a reminder went.
SHOWN = 60 * DAY


class State(StrEnum):
    """What became of an encouragement. A reminder stays waiting: its letter says whether it went."""

    WAITING = "waiting"
    SENT = "sent"
    DISMISSED = "dismissed"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class Encouragement:
    """A row. ``since`` is when its cause was, in ms since 1970; ``sender`` the companion who sent or dismissed it."""

    id: UUID
    account: AccountId
    thread: ThreadId
    rule: Rule
    cause: str
    since: int
    state: State
    sender: AccountId | None


@dataclass(frozen=True)
class Reminder:
    """A reminder that went, at ``at`` in ms since 1970."""

    thread: ThreadId
    rule: Rule
    at: int


async def add(tx: Transaction, id_: UUID, account: AccountId, due: Due, now: int) -> bool:
    """Keep what is due to a member; False, with nothing kept, when they had it before."""
    return bool(
        await tx.run(
            "insert into encouragements (id, account, thread, rule, cause, since, state, made_at)"
            " values (:id, :account, :thread, :rule, :cause, :since, 'waiting', :now) on conflict do nothing",
            id=id_.bytes, account=account.bytes, thread=due.thread.bytes,
            rule=due.rule.name, cause=due.cause.name, since=due.cause.at, now=now,
        )
    )  # fmt: skip


async def find(reader: Reader, id_: UUID) -> Encouragement | None:
    """An encouragement, or None. Raises Damaged."""
    row = await reader.row("select * from encouragements where id = :id", id=id_.bytes)
    return _encouragement(row) if row else None


async def suggested(reader: Reader, companion: AccountId, now: int) -> list[Encouragement]:
    """The suggestions that wait in the threads which list this account, the oldest first. Whoever shows them checks the seats.

    With those that this companion sent lately, but whose message never came to be: a kill was quicker.
    """
    found = await reader.rows(
        "select e.* from participants p join encouragements e on e.thread = p.thread where p.account = :account"
        " and (e.state = 'waiting' or e.state = 'sent' and e.sender = p.account and e.ended_at > :since"
        " and not exists (select 1 from messages m where m.id = e.id and m.thread = e.thread)) order by e.made_at, e.id",
        account=companion.bytes, since=now - 3 * DAY,
    )  # fmt: skip
    return [one for one in rows.sound("encouragements", found, _encouragement) if not one.rule.is_automatic]


async def reminded(reader: Reader, companion: AccountId, now: int) -> list[Reminder]:
    """The last reminder that went lately in each of the threads which list this account."""
    # By the id alone: there are too many letters that were sent to begin with those.
    automatic = ", ".join(f"'{rule.name}'" for rule in RULES if rule.is_automatic)
    found = await reader.rows(
        "select e.thread, e.rule, l.ended_at from participants p join encouragements e on e.thread = p.thread"  # noqa: S608 (our names)
        " join letters l on l.id = e.id and coalesce(l.state, '') = 'sent' and l.ended_at > :since"
        f" where p.account = :account and e.rule in ({automatic}) order by l.ended_at",
        account=companion.bytes, since=now - SHOWN,
    )  # fmt: skip
    return list({one.thread: one for one in rows.sound("encouragements", found, _reminder)}.values())


async def end(tx: Transaction, id_: UUID, state: State, now: int, sender: AccountId) -> bool:
    """Record what a companion made of a suggestion; False when it waits no longer."""
    ended = await tx.run(
        "update encouragements set state = :state, ended_at = :now, sender = :sender where id = :id and state = 'waiting'",
        state=state.value, now=now, sender=sender.bytes, id=id_.bytes,
    )  # fmt: skip
    return bool(ended)


async def reopen(tx: Transaction, thread: ThreadId, id_: UUID) -> None:
    """Let a suggestion wait again whose text could not be posted; not one that somebody has posted meanwhile."""
    await tx.run(
        "update encouragements set state = 'waiting', ended_at = null, sender = null where id = :id and state = 'sent'"
        " and not exists (select 1 from messages m where m.id = :id and m.thread = :thread)",
        id=id_.bytes, thread=thread.bytes,
    )  # fmt: skip


async def withdraw(tx: Transaction, id_: UUID, now: int) -> None:
    """Withdraw a suggestion that is not to be sent any more."""
    await tx.run(
        "update encouragements set state = 'withdrawn', ended_at = :now where id = :id and state = 'waiting'",
        now=now,
        id=id_.bytes,
    )


async def of_members(reader: Reader, accounts: Sequence[AccountId]) -> dict[AccountId, tuple[Given, ...]]:
    """What rules gave these members."""
    found = await reader.rows_in(
        "select e.*, l.state as letter_state, l.ended_at as letter_ended_at"
        " from encouragements e left join letters l on l.id = e.id where e.account in :values",
        [account.bytes for account in accounts],
    )
    given: dict[AccountId, tuple[Given, ...]] = dict.fromkeys(accounts, ())
    for account, one in rows.sound("encouragements", found, _given):
        given[account] += (one,)
    return given


def _given(row: Row) -> tuple[AccountId, Given]:
    account, name, cause = rows.account_id(row, "account"), rows.text(row, "rule"), rows.text(row, "cause")
    made_at, waits = rows.time(row, "made_at"), row["state"] == State.WAITING
    if (rule := BY_NAME.get(name)) is None:
        return account, Given(name, cause, made_at)  # of an older version, or planted: nobody sends it any more
    if rule.is_automatic:
        went_at = rows.time_or_none(row, "letter_ended_at") if row["letter_state"] == "sent" else None
        return account, Given(name, cause, made_at, went_at, waits and row["letter_state"] == "waiting")
    went_at = rows.time_or_none(row, "ended_at") if row["state"] == State.SENT else None
    return account, Given(name, cause, made_at, went_at, waits, rows.uuid(row, "id") if waits else None)


def _encouragement(row: Row) -> Encouragement:
    if (rule := BY_NAME.get(rows.text(row, "rule"))) is None or row["state"] not in set(State):
        raise Damaged("an encouragement of an unknown rule or state")
    return Encouragement(
        rows.uuid(row, "id"),
        rows.account_id(row, "account"),
        rows.thread_id(row, "thread"),
        rule,
        rows.text(row, "cause"),
        rows.time(row, "since"),
        State(row["state"]),
        None if row["sender"] is None else rows.account_id(row, "sender"),
    )


def _reminder(row: Row) -> Reminder:
    return Reminder(rows.thread_id(row, "thread"), BY_NAME[rows.text(row, "rule")], rows.time(row, "ended_at"))


async def _erase(tx: Transaction, account: AccountId) -> None:
    await tx.run("delete from encouragements where account = :account", account=account.bytes)
    await tx.run("update encouragements set sender = null where sender = :account", account=account.bytes)


async def _export(reader: Reader, account: AccountId) -> object:
    found = await reader.rows(
        "select rule, cause, since, state, made_at, ended_at from encouragements where account = :account order by made_at, id",
        account=account.bytes,
    )
    return [dict(row) for row in found]


FAMILY = Family(
    tables=(
        Table(
            "encouragements",
            ("id",),
            {
                "id": ID,
                "account": ID,
                "thread": ID,
                "rule": TEXT,
                "cause": TEXT,
                "since": TIME,
                "state": TEXT,
                "made_at": TIME,
                "ended_at": TIME.or_null(),
                "sender": ID.or_null(),
            },
            (OF_ACCOUNT, OF_THREAD, BelongsTo(("sender",), "accounts", ("id",))),
        ),
    ),
    erase=_erase,
    export=_export,
)
