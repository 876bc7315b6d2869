"""The outbox as its administrator sees it: which letters wait, went out or failed, and why; sending again and giving up.

Nothing here opens what a letter is about. A letter that a worker holds is left alone: its outcome is on the way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final
from uuid import UUID

from storage.engine import rows
from storage.engine.database import Reader, Row, Transaction, Value
from storage.ids import AccountId
from storage.mail.letters import JOINED, RESTORED, WAIT_AGAIN, State

__all__ = [
    "BUCKET_MS",
    "GIVEN_UP",
    "Counted",
    "Outcome",
    "Seen",
    "Wanted",
    "counted",
    "find",
    "give_up",
    "oldest_waiting",
    "seen",
    "send_again",
    "total",
]

# The reason of a letter that an administrator gave up.
GIVEN_UP: Final = "given up"
# Numbers are counted by the quarter of an hour: every time zone's days begin at one.
BUCKET_MS: Final = 900_000
# No more letters than this are counted one by one.
MOST_COUNTED: Final = 10_000
# How letters can be sorted: the columns by the name of the order. All are in the index `letters_by_written`.
ORDERS: Final = {"written": ("written_at",), "kind": ("kind", "written_at"), "state": ("state", "written_at")}


@dataclass(frozen=True)
class Seen:
    """A letter as its row says, without what it is about. Times in ms since 1970. ``is_held``: a worker has it now."""

    id: UUID
    account: AccountId
    kind: str
    state: str
    reason: str | None
    attempts: int
    written_at: int
    due_at: int
    not_after: int | None
    ended_at: int | None
    is_held: bool

    def is_of_no_more_use(self, now: int) -> bool:
        """Whether it must not be sent again: it is too late, another letter tells of it, or it may have gone before a restore."""
        return self.reason in {JOINED, RESTORED} or (self.not_after is not None and self.not_after < now)


@dataclass(frozen=True)
class Wanted:
    """Which letters to look at: in these states (none: in any), of this kind (empty: of any), written at or after ``since``."""

    states: Sequence[State] = ()
    kind: str = ""
    since: int = 0

    def values(self) -> dict[str, Value]:
        """The names in ``_WANTED``."""
        states = [state.value for state in self.states or tuple(State)]
        padded = [*states, *states[:1] * len(State)][: len(State)]
        return {"kind": self.kind, "since": self.since, **{f"state{at}": state for at, state in enumerate(padded)}}


# Not by the index on states: it would find most of the outbox, and have it all sorted.
_WANTED = "written_at >= :since and (:kind = '' or kind = :kind) and coalesce(state, '') in (:state0, :state1, :state2, :state3)"


async def seen(reader: Reader, wanted: Wanted, now: int, *, by: str, is_descending: bool, limit: int, offset: int) -> list[Seen]:
    """A page of the letters, in one of ``ORDERS``: found in the index alone, before any row is read."""
    direction = "desc" if is_descending else "asc"
    order = ", ".join(f"{column} {direction}" for column in ORDERS[by])
    found = await reader.rows(
        f"select letters.* from letters join (select id from letters where {_WANTED} order by {order}, id {direction}"  # noqa: S608 (constants)
        f" limit :limit offset :offset) as page on page.id = letters.id order by {order}, letters.id {direction}",
        **wanted.values(), limit=limit, offset=offset,
    )  # fmt: skip
    return rows.sound("letters", found, lambda row: _seen(row, now))


async def total(reader: Reader, wanted: Wanted) -> int:
    """How many letters there are, counted up to one more than ``MOST_COUNTED``."""
    row = await reader.row(
        f"select count(*) as count from (select 1 from letters where {_WANTED} limit :most) as counted",  # noqa: S608 (constants)
        **wanted.values(), most=MOST_COUNTED + 1,
    )  # fmt: skip
    return int(row["count"]) if row else 0


@dataclass(frozen=True)
class Counted:
    """How many letters of one kind and state were written in the quarter of an hour that begins at ``at``, in ms since 1970."""

    at: int
    kind: str
    state: str
    count: int


async def counted(reader: Reader, since: int) -> list[Counted]:
    """The numbers of letters written at or after ``since``."""
    found = await reader.rows(
        "select written_at / :bucket as bucket, kind, state, count(*) as count from letters where written_at >= :since"
        " group by written_at / :bucket, kind, state",
        bucket=BUCKET_MS, since=since,
    )  # fmt: skip
    return rows.sound("letters", found, _counted)


def _counted(row: Row) -> Counted:
    return Counted(rows.number(row, "bucket") * BUCKET_MS, rows.text(row, "kind"), rows.text(row, "state"), int(row["count"]))


async def oldest_waiting(reader: Reader, now: int) -> int | None:
    """Since when the oldest letter that is due waits, in ms since 1970; None if none is due."""
    row = await reader.row(
        "select min(due_at) as due_at from letters where state = 'waiting' and due_at between 0 and :now", now=now
    )
    return rows.time_or_none(row, "due_at") if row else None


async def find(reader: Reader, letter: UUID, now: int) -> Seen | None:
    """A letter, or None. Raises Damaged."""
    row = await reader.row("select * from letters where id = :id", id=letter.bytes)
    return _seen(row, now) if row else None


def _seen(row: Row, now: int) -> Seen:
    leased_until = rows.time_or_none(row, "leased_until")
    return Seen(
        rows.uuid(row, "id"),
        rows.account_id(row, "account"),
        rows.text(row, "kind"),
        rows.text(row, "state"),
        None if row["reason"] is None else rows.text(row, "reason"),
        rows.number(row, "attempts"),
        rows.time(row, "written_at"),
        rows.time(row, "due_at"),
        rows.time_or_none(row, "not_after"),
        rows.time_or_none(row, "ended_at"),
        leased_until is not None and leased_until > now,
    )


class Outcome(Enum):
    """What became of a wish to send a letter again, or to give it up. A wish that was granted before is granted."""

    DONE = "done"
    HELD = "held"
    SENT = "sent"
    TOO_LATE = "too late"
    GONE = "gone"


async def send_again(tx: Transaction, letter: UUID, now: int) -> Outcome:
    """Let a letter that was refused or dropped wait again, under its same Message-ID, if it can still be of use.

    Whether its cause still holds is checked, as ever, just before it is sent.
    """
    found = await find(tx, letter, now)
    if found is None or found.state == State.SENT:
        return Outcome.GONE if found is None else Outcome.SENT
    if found.state == State.WAITING:
        return Outcome.DONE
    if found.is_of_no_more_use(now):
        return Outcome.TOO_LATE
    await tx.run(
        f"{WAIT_AGAIN} where id = :id and state in ('refused', 'dropped')",
        now=now, id=letter.bytes,
    )  # fmt: skip
    return Outcome.DONE


async def give_up(tx: Transaction, letter: UUID, now: int) -> Outcome:
    """Drop a letter that waits, unless a worker holds it just now."""
    found = await find(tx, letter, now)
    if found is None or found.state == State.SENT:
        return Outcome.GONE if found is None else Outcome.SENT
    if found.state != State.WAITING:
        return Outcome.DONE
    if found.is_held:
        return Outcome.HELD
    await tx.run(
        "update letters set state = 'dropped', reason = :reason, ended_at = :now, leased_until = null"
        " where id = :id and state = 'waiting'",
        reason=GIVEN_UP, now=now, id=letter.bytes,
    )  # fmt: skip
    return Outcome.DONE
