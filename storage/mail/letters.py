"""The outbox: e-mails to be sent, each claimed under a lease, attempted, and kept with its outcome.

A row holds facts (guarded), never the text of a message.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from storage.crypto.guarding import Guard, Guarded
from storage.crypto.primitives import Part
from storage.engine import rows
from storage.engine.database import Reader, Row, Transaction
from storage.engine.rows import ID, NUMBER, TEXT, TIME
from storage.errors import Damaged
from storage.families import OF_ACCOUNT, Family, Table
from storage.ids import AccountId


class State(StrEnum):
    """The state of a letter."""

    WAITING = "waiting"
    SENT = "sent"
    REFUSED = "refused"
    DROPPED = "dropped"


@dataclass(frozen=True, repr=False)
class Letter:
    """One e-mail to one account, to be written. ``facts`` is what its wording is made from. Times in ms since 1970."""

    id: UUID
    account: AccountId
    kind: str
    facts: Mapping[str, str]
    message_id: str
    due_at: int
    not_after: int | None = None


@dataclass(frozen=True, repr=False)
class Claimed:
    """A letter that is ours to attempt, as in its row; ``attempts`` counts this one. Its facts are still guarded."""

    id: UUID
    account: AccountId
    kind: str
    guarded_facts: bytes
    message_id: str
    written_at: int
    due_at: int
    not_after: int | None
    attempts: int

    def facts(self, guard: Guard) -> Mapping[str, str]:
        """What its wording is made from. Raises CannotOpen."""
        facts: Mapping[str, str] = json.loads(guard.unguard(self.guarded_facts, *_place(self.id)))
        return facts


async def count_by_state(reader: Reader) -> dict[str, int]:
    """How many letters are in each state."""
    found = await reader.rows("select state, count(*) as count from letters group by state")
    return {row["state"]: row["count"] for row in found if row["state"] in set(State)}


async def write(tx: Transaction, guard: Guard, letter: Letter, now: int) -> None:
    """Put a letter in the outbox."""
    await tx.run(
        "insert into letters (id, account, kind, facts, message_id, state, due_at, not_after, attempts, written_at)"
        " values (:id, :account, :kind, :facts, :message_id, 'waiting', :due_at, :not_after, 0, :now)",
        id=letter.id.bytes,
        account=letter.account.bytes,
        kind=letter.kind,
        facts=guard.guard(json.dumps(dict(letter.facts)).encode(), *_place(letter.id)),
        message_id=letter.message_id,
        due_at=letter.due_at,
        not_after=letter.not_after,
        now=now,
    )


_DUE = "from letters where state = 'waiting' and due_at <= :now and (leased_until is null or leased_until <= :now)"
_FIRST = f"{_DUE} order by due_at, written_at, id limit 1"
# At most this many damaged rows are put aside in one transaction.
MOST_DAMAGED = 100


async def is_due(reader: Reader, now: int) -> bool:
    """Whether there is a letter to claim; asked without involving the writer."""
    return await reader.row(f"select 1 {_DUE} limit 1", now=now) is not None


async def claim(tx: Transaction, now: int, leased_until: int) -> Claimed | None:
    """Claim the letter that has been due the longest and that nobody holds; it is ours until ``leased_until``.

    The attempt is counted before it is made, and the facts are opened only afterwards, so that a letter that crashes the process
    or does not open can neither be attempted for ever nor keep those behind it waiting.
    """
    for _ in range(MOST_DAMAGED):
        row = await tx.row(f"select * {_FIRST}", now=now)
        if row is None:
            return None
        try:
            letter = _claimed(row)
        except Damaged as error:
            rows.alert("letters", row, error)
            await _refuse_first(tx, now)
            continue
        await tx.run(
            "update letters set leased_until = :until, attempts = attempts + 1 where id = :id", until=leased_until, id=row["id"]
        )
        return letter
    return None


async def _refuse_first(tx: Transaction, now: int) -> None:
    """Send a damaged row to nobody; keep it, for `ailo check` to report. Its id may be anything, or nothing."""
    await tx.run(
        "update letters set state = 'refused', reason = 'damaged', ended_at = :now, leased_until = null"  # noqa: S608 (a constant)
        f" where state = 'waiting' and id is not distinct from (select id {_FIRST})",
        now=now,
    )


def facts_in(guard: Guard, row: Row) -> Mapping[str, str]:
    """The facts of a letter's row. Raises CannotOpen."""
    return _claimed(row).facts(guard)


def _claimed(row: Row) -> Claimed:
    return Claimed(
        rows.uuid(row, "id"),
        rows.account_id(row, "account"),
        rows.text(row, "kind"),
        rows.blob(row, "facts"),
        rows.text(row, "message_id"),
        rows.time(row, "written_at"),
        rows.time(row, "due_at"),
        rows.time_or_none(row, "not_after"),
        rows.number(row, "attempts") + 1,
    )


async def finish(tx: Transaction, letter: UUID, state: State, now: int, reason: str | None = None) -> bool:
    """Record that a letter was sent, refused or dropped. False when it had ended before: the first outcome stands."""
    ended = await tx.run(
        "update letters set state = :state, ended_at = :now, leased_until = null, reason = :reason"
        " where id = :id and state = 'waiting'",
        state=state.value, now=now, reason=reason, id=letter.bytes,
    )  # fmt: skip
    return bool(ended)


async def put_back(tx: Transaction, letter: Claimed, due_at: int, reason: str) -> bool:
    """Put back a letter that could not be sent now; it is attempted again at ``due_at``. False when it is no longer ours."""
    return await _release(tx, letter, due_at, letter.attempts, reason)


async def give_back(tx: Transaction, letter: Claimed, reason: str) -> bool:
    """Give back a letter that was not really attempted: it keeps its place, and the attempt does not count. False if not ours."""
    return await _release(tx, letter, letter.due_at, letter.attempts - 1, reason)


async def _release(tx: Transaction, letter: Claimed, due_at: int, attempts: int, reason: str) -> bool:
    """Release a letter, but only while nobody else has claimed it since, which the number of attempts shows."""
    released = await tx.run(
        "update letters set due_at = :due_at, attempts = :attempts, leased_until = null, reason = :reason"
        " where id = :id and state = 'waiting' and attempts = :ours",
        due_at=due_at, attempts=attempts, reason=reason, id=letter.id.bytes, ours=letter.attempts,
    )  # fmt: skip
    return bool(released)


async def free_leases(tx: Transaction) -> None:
    """Free all leases, when the only process starts: nobody else can hold a letter."""
    await tx.run("update letters set leased_until = null where leased_until is not null")


async def refused_at(reader: Reader, account: AccountId) -> int | None:
    """When the last letter to an account was permanently refused by the other side; None if it was not, or one went out since."""
    row = await reader.row(
        "select state, ended_at from letters where account = :account and (state = 'sent' or state = 'refused'"
        " and (reason like 'smtp %' or reason = 'address')) order by ended_at desc, written_at desc limit 1",
        account=account.bytes,
    )
    if row is None or row["state"] != State.REFUSED:
        return None
    return rows.unless_damaged("letters", row, lambda: rows.time_or_none(row, "ended_at"), None)


async def hold(tx: Transaction, letter: Claimed, due_at: int, reason: str) -> bool:
    """Hold back a letter that must not go out before ``due_at``: nothing was attempted. False when it is no longer ours."""
    return await _release(tx, letter, due_at, letter.attempts - 1, reason)


def _place(letter: UUID) -> tuple[Part, ...]:
    return ("letters", "facts", letter)


FAMILY = Family(
    tables=(
        Table(
            "letters",
            ("id",),
            {
                "id": ID,
                "account": ID,
                "kind": TEXT,
                "message_id": TEXT,
                "state": TEXT,
                "due_at": TIME,
                "not_after": TIME.or_null(),
                "attempts": NUMBER,
                "leased_until": TIME.or_null(),
                "reason": TEXT.or_null(),
                "written_at": TIME,
                "ended_at": TIME.or_null(),
            },
            (OF_ACCOUNT,),
        ),
    ),
    guarded=(Guarded("letters", ("id",), "facts", lambda row: _place(rows.uuid(row, "id"))),),
    faults={
        "letters postponed further than the service ever does": "select count(*) as count from letters"
        " where state = 'waiting' and due_at > written_at + 31536000000",
    },
)
