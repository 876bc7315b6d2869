"""The outbox: e-mails that are to be sent, each claimed under a lease, tried, and kept with how it ended.

A row holds facts (guarded), never the text of a message.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from storage.database import Reader, Transaction
from storage.guarding import Guard


class State(StrEnum):
    """How a letter stands."""

    WAITING = "waiting"
    SENT = "sent"
    REFUSED = "refused"
    DROPPED = "dropped"


@dataclass(frozen=True, repr=False)
class Letter:
    """One e-mail to one account. ``facts`` is what its words are made of. Times in ms since 1970."""

    id: UUID
    account: UUID
    kind: str
    facts: Mapping[str, str]
    message_id: str
    due_at: int
    not_after: int | None = None
    attempts: int = 0


async def write(tx: Transaction, guard: Guard, letter: Letter, now: int) -> None:
    """Put a letter in the outbox."""
    await tx.run(
        "insert into letters (id, account, kind, facts, message_id, state, due_at, not_after, attempts, written_at)"
        " values (:id, :account, :kind, :facts, :message_id, 'waiting', :due_at, :not_after, 0, :now)",
        id=letter.id.bytes,
        account=letter.account.bytes,
        kind=letter.kind,
        facts=guard.guard(json.dumps(dict(letter.facts)).encode(), "letters", "facts", letter.id),
        message_id=letter.message_id,
        due_at=letter.due_at,
        not_after=letter.not_after,
        now=now,
    )


async def claim(tx: Transaction, guard: Guard, now: int, leased_until: int) -> Letter | None:
    """Take the letter that has been due for longest and that nobody holds; it is ours until ``leased_until``.

    The attempt is counted before it is made, so that a letter that ends the process cannot be tried for ever.
    """
    row = await tx.row(
        "select * from letters where state = 'waiting' and due_at <= :now and (leased_until is null or leased_until <= :now)"
        " order by due_at limit 1",
        now=now,
    )
    if row is None:
        return None
    id_ = UUID(bytes=row["id"])
    await tx.run(
        "update letters set leased_until = :until, attempts = attempts + 1 where id = :id",
        until=leased_until,
        id=id_.bytes,
    )
    facts = json.loads(guard.unguard(row["facts"], "letters", "facts", id_))
    account = UUID(bytes=row["account"])
    return Letter(id_, account, row["kind"], facts, row["message_id"], row["due_at"], row["not_after"], row["attempts"] + 1)


async def finish(tx: Transaction, letter: UUID, state: State, now: int, reason: str | None = None) -> None:
    """A letter was sent, refused or dropped."""
    await tx.run(
        "update letters set state = :state, ended_at = :now, leased_until = null, reason = :reason where id = :id",
        state=state.value, now=now, reason=reason, id=letter.bytes,
    )  # fmt: skip


async def put_back(tx: Transaction, letter: UUID, due_at: int, reason: str) -> None:
    """A letter could not be sent now; it is tried again at ``due_at``."""
    await tx.run(
        "update letters set due_at = :due_at, leased_until = null, reason = :reason where id = :id",
        due_at=due_at, reason=reason, id=letter.bytes,
    )  # fmt: skip


async def free_leases(tx: Transaction) -> None:
    """At the start of the only process: nobody else can hold a letter."""
    await tx.run("update letters set leased_until = null where leased_until is not null")


async def next_due_at(reader: Reader) -> int | None:
    """When the next letter or pending notice is due; None when nothing waits."""
    row = await reader.row(
        "select min(at) as at from (select min(due_at) as at from letters where state = 'waiting'"
        " union all select min(due_at) as at from pending_notices) as waiting"
    )
    return row["at"] if row else None


async def counts(reader: Reader) -> dict[str, int]:
    """How many letters stand in each state."""
    rows = await reader.rows("select state, count(*) as how_many from letters group by state")
    return {row["state"]: row["how_many"] for row in rows}
