"""The outbox: e-mails to be sent, each claimed under a lease, attempted, and kept with its outcome.

A row holds facts (guarded), never the text of a message. No cause makes two letters of a kind to an account, and no two
letters of an account are leased at the same time: unique indexes see to both, whatever several workers or processes do.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import takewhile
from typing import Final
from uuid import UUID

from storage.crypto.guarding import Guard, Guarded
from storage.crypto.primitives import Part
from storage.engine import rows
from storage.engine.database import Reader, Row, Transaction
from storage.engine.rows import ID, NUMBER, TEXT, TIME
from storage.errors import Damaged
from storage.families import OF_ACCOUNT, Family, Table
from storage.ids import AccountId

JOINED: Final = "joined into another letter"
BOUNCED: Final = "bounced"
NO_MAILBOX: Final = "the mailbox refuses letters"
PUSHED: Final = "by push alone"
RESTORED: Final = "restored from a backup"


class State(StrEnum):
    """The state of a letter."""

    WAITING = "waiting"
    SENT = "sent"
    REFUSED = "refused"
    DROPPED = "dropped"


@dataclass(frozen=True, repr=False)
class Letter:
    """One e-mail to one account, to be written. ``facts`` is what its wording is made from. Times in ms since 1970.

    ``cause`` is what it is about, unique with its account and kind. It is kept in the clear: only ids, names of programmes and
    numbers belong there.
    """

    id: UUID
    account: AccountId
    kind: str
    cause: str
    facts: Mapping[str, str]
    message_id: str
    due_at: int
    not_after: int | None = None


@dataclass(frozen=True, repr=False)
class Claimed:
    """A letter that is ours to attempt, as in its row; ``attempts`` counts this one. Its facts are still guarded.

    ``is_pushed`` is whether its reader's browsers were told of it, or soon are.
    """

    id: UUID
    account: AccountId
    kind: str
    cause: str
    guarded_facts: bytes
    message_id: str
    written_at: int
    due_at: int
    not_after: int | None
    attempts: int
    is_pushed: bool

    def facts(self, guard: Guard) -> Mapping[str, str]:
        """What its wording is made from. Raises CannotOpen."""
        facts: Mapping[str, str] = json.loads(guard.unguard(self.guarded_facts, *_place(self.id)))
        return facts


def group_of(guard: Guard, account: AccountId) -> str:
    """The id that all letters to one account share, so that its mail client groups them.

    It is per account, not per thread: the mailbox provider must not learn which letters belong to one conversation. Without
    the root key it reveals nothing about the account. A newer root key changes it: mail clients then begin a new group.
    """
    return guard.authenticate("letters", "group", account)[-12:].hex()


async def count_by_state(reader: Reader) -> dict[str, int]:
    """How many letters are in each state."""
    found = await reader.rows("select state, count(*) as count from letters group by state")
    return {row["state"]: row["count"] for row in found if row["state"] in set(State)}


async def write(tx: Transaction, guard: Guard, letter: Letter, now: int) -> bool:
    """Put a letter in the outbox. False when its cause has made one before, whatever became of that one: nothing is written."""
    written = await tx.run(
        "insert into letters (id, account, kind, cause, facts, message_id, state, due_at, not_after, attempts, written_at)"
        " values (:id, :account, :kind, :cause, :facts, :message_id, 'waiting', :due_at, :not_after, 0, :now)"
        " on conflict (account, cause, kind) do nothing",
        id=letter.id.bytes,
        account=letter.account.bytes,
        kind=letter.kind,
        cause=letter.cause,
        facts=guard.guard(json.dumps(dict(letter.facts)).encode(), *_place(letter.id)),
        message_id=letter.message_id,
        due_at=letter.due_at,
        not_after=letter.not_after,
        now=now,
    )
    return bool(written)


# In the order of the index `letters_to_claim`.
_FREE = "state = 'waiting' and leased_until is null and due_at <= :now"
_ORDER = "order by due_at, written_at, id"
# Letters of accounts that have one under way are passed over, but no more than this many: a claim costs the same however many
# wait. Two kinds that share a cause keep their order: the later waits while the earlier was tried and has not ended.
MOST_PASSED_OVER = 4096
EXPIRED = "update letters set leased_until = null where leased_until <= :now"
DUE = f"select 1 from letters where {_FREE} union all select 1 from letters where leased_until <= :now limit 1"  # noqa: S608 (constants)
CLAIMABLE = (
    f"select * from (select * from letters where {_FREE} {_ORDER} limit {MOST_PASSED_OVER}) l"  # noqa: S608 (constants)
    " where not exists (select 1 from letters u where u.account = l.account and u.leased_until is not null)"
    " and not exists (select 1 from letters e where e.account = l.account and e.cause = l.cause"
    " and e.state = 'waiting' and e.attempts > 0 and e.written_at < l.written_at)"
    " limit :most"
)
# `coalesce` keeps the database from looking for these few ids among all that wait, instead of the other way round.
LEASE = (
    "update letters set leased_until = :until, attempts = attempts + 1"
    " where id in :values and coalesce(state, '') = 'waiting' and coalesce(leased_until, -1) = -1 returning id, attempts"
)
WAIT_AGAIN = (
    "update letters set state = 'waiting', due_at = :now, attempts = 0, leased_until = null, reason = null, ended_at = null"
)
FINISH = (
    "update letters set state = :state, ended_at = :now, leased_until = null, reason = :reason"
    " where id = :id and state = 'waiting' and attempts = coalesce(:ours, attempts)"
)
RELEASE = (
    "update letters set due_at = :due_at, attempts = :attempts, leased_until = null,"
    " reason = coalesce(:reason, reason) where id = :id and state = 'waiting' and attempts = :ours"
)
# So many rows are looked at for each letter that is claimed: an account may have several, of which one is claimed.
LOOKED_AT = 2
# At most this many damaged rows are put aside in one transaction.
MOST_DAMAGED = 100


async def is_due(reader: Reader, now: int) -> bool:
    """Whether there may be a letter to claim; asked without involving the writer."""
    return await reader.row(DUE, now=now) is not None


async def claim(tx: Transaction, now: int, leased_until: int) -> Claimed | None:
    """As ``claim_some``, one letter."""
    found = await claim_some(tx, now, leased_until, 1)
    return found[0] if found else None


async def claim_some(tx: Transaction, now: int, leased_until: int, most: int) -> list[Claimed]:
    """Claim the letters that have been due the longest, one of each account, none of an account that has one under way.

    They are ours until ``leased_until``. The attempt is counted before it is made, and the facts are opened only afterwards, so
    that a letter that crashes the process or does not open can neither be attempted for ever nor keep those behind it waiting.
    A letter that was attempted before is claimed by itself: one that crashes the process takes no others with it.
    """
    await tx.run(EXPIRED, now=now)
    for _ in range(MOST_DAMAGED):
        found = await tx.rows(CLAIMABLE, now=now, most=LOOKED_AT * most)
        sound: list[Claimed] = []
        for row in found:
            try:
                sound.append(_claimed(row))
            except Damaged as error:
                rows.alert("letters", row, error)
                await _refuse(tx, row, now)
        if sound or not found:
            return await _lease(tx, _first_of_each(sound, most), leased_until)
    return []


async def _refuse(tx: Transaction, row: Row, now: int) -> None:
    """Send a damaged row to nobody; keep it, for `ailo check` to report. Its id may be anything, or nothing."""
    refused = "update letters set state = 'refused', reason = 'damaged', ended_at = :now, leased_until = null"
    if ID.fits(row["id"]):
        await tx.run(f"{refused} where id = :id", now=now, id=row["id"])
        return
    # An id that is no id cannot be passed back, such as a text that is not UTF-8: its place names it.
    waiting = f"select id from letters where {_FREE} {_ORDER}"  # noqa: S608 (constants)
    ids = [one["id"] for one in await tx.rows(f"{waiting} limit {MOST_PASSED_OVER}", now=now)]
    place = next((number for number, id_ in enumerate(ids) if not ID.fits(id_)), 0)
    named = f"id is not distinct from ({waiting} limit 1 offset :place)"
    await tx.run(f"{refused} where {_FREE} and {named}", now=now, place=place)


def _first_of_each(found: Sequence[Claimed], most: int) -> list[Claimed]:
    """The first letter of each account; the first of all alone if it was attempted before."""
    firsts: dict[AccountId, Claimed] = {}
    for letter in found:
        firsts.setdefault(letter.account, letter)
    mine = list(firsts.values())[:most]
    return list(takewhile(lambda letter: letter.attempts == 1, mine)) or mine[:1]


async def _lease(tx: Transaction, found: Sequence[Claimed], leased_until: int) -> list[Claimed]:
    """Lease letters, as far as nobody else has since."""
    leased = await tx.rows_in(LEASE, [letter.id.bytes for letter in found], until=leased_until)
    attempts = {row["id"]: row["attempts"] for row in leased}
    return [replace(letter, attempts=attempts[letter.id.bytes]) for letter in found if letter.id.bytes in attempts]


def facts_in(guard: Guard, row: Row) -> Mapping[str, str]:
    """The facts of a letter's row. Raises CannotOpen."""
    return _claimed(row).facts(guard)


def _claimed(row: Row) -> Claimed:
    return Claimed(
        rows.uuid(row, "id"),
        rows.account_id(row, "account"),
        rows.text(row, "kind"),
        rows.text(row, "cause"),
        rows.blob(row, "facts"),
        rows.text(row, "message_id"),
        rows.time(row, "written_at"),
        rows.time(row, "due_at"),
        rows.time_or_none(row, "not_after"),
        rows.number(row, "attempts") + 1,
        row["pushed_at"] is not None,
    )


async def find(reader: Reader, letter: UUID) -> Claimed | None:
    """A letter, whatever became of it; None if there is no such letter. Raises Damaged."""
    row = await reader.row("select * from letters where id = :id", id=letter.bytes)
    return _claimed(row) if row else None


async def finish(
    tx: Transaction, letter: UUID, state: State, now: int, reason: str | None = None, ours: int | None = None
) -> bool:
    """Record that a letter was sent, refused or dropped. False when it had ended before: the first outcome stands.

    ``ours`` is the number of the attempt that ended so: False, too, if the letter waits for another one since.
    """
    ended = await tx.run(FINISH, state=state.value, now=now, reason=reason, id=letter.bytes, ours=ours)
    return bool(ended)


async def put_back(tx: Transaction, letter: Claimed, due_at: int, reason: str) -> bool:
    """Put back a letter that could not be sent now; it is attempted again at ``due_at``. False when it is no longer ours."""
    return await _release(tx, letter, due_at, letter.attempts, reason)


async def give_back(tx: Transaction, letter: Claimed, reason: str | None = None) -> bool:
    """Give back a letter that was not really attempted: it keeps its place, and the attempt does not count. False if not ours.

    Without a ``reason`` it keeps the one that it had.
    """
    return await _release(tx, letter, letter.due_at, letter.attempts - 1, reason)


async def _release(tx: Transaction, letter: Claimed, due_at: int, attempts: int, reason: str | None) -> bool:
    """Release a letter, but only while nobody else has claimed it since, which the number of attempts shows."""
    released = await tx.run(RELEASE, due_at=due_at, attempts=attempts, reason=reason, id=letter.id.bytes, ours=letter.attempts)
    return bool(released)


async def extend(tx: Transaction, ids: Sequence[UUID], leased_until: int) -> None:
    """Hold on to letters that are still being attempted."""
    sql = "update letters set leased_until = :until where id in :values and leased_until is not null returning id"
    await tx.rows_in(sql, [id_.bytes for id_ in ids], until=leased_until)


async def free_leases(tx: Transaction) -> None:
    """Free all leases, when the only process starts: nobody else can hold a letter."""
    await tx.run("update letters set leased_until = null where leased_until is not null")


async def drop_waiting(tx: Transaction, kind: str, now: int, reason: str) -> None:
    """Drop every letter of a kind that still waits."""
    await tx.run(
        "update letters set state = 'dropped', ended_at = :now, leased_until = null, reason = :reason"
        " where state = 'waiting' and kind = :kind",
        kind=kind, now=now, reason=reason,
    )  # fmt: skip


async def whose(reader: Reader, letter: UUID) -> AccountId | None:
    """The account that a letter is for; None if there is no such letter. Raises Damaged."""
    row = await reader.row("select account from letters where id = :id", id=letter.bytes)
    return rows.account_id(row, "account") if row else None


async def bounced(tx: Transaction, letter: UUID, due_at: int, status: str, now: int) -> bool:
    """Record that a letter that was due then came back: it was refused after all. False if it had ended otherwise, was never
    attempted, or is due at another time since.

    A report may come before our own record that the letter was sent, which then changes nothing any more.
    """
    changed = await tx.run(
        "update letters set state = 'refused', ended_at = :now, leased_until = null, reason = :reason"
        " where id = :id and due_at = :due_at and (state = 'sent' or (state = 'waiting' and attempts > 0))",
        id=letter.bytes, due_at=due_at, now=now, reason=f"{BOUNCED} {status}",
    )  # fmt: skip
    return bool(changed)


async def wait_again(tx: Transaction, account: AccountId, since: int, now: int) -> None:
    """Have the letters that the mailbox of an account refused at ``since`` or later wait again, as far as they are of use.

    Each keeps its Message-ID; whether its cause still holds is checked, as ever, just before it is sent.
    """
    await tx.run(
        f"{WAIT_AGAIN} where account = :account and ended_at >= :since and (not_after is null or not_after > :now)"
        " and ((state = 'refused' and (reason like 'smtp %' or reason like 'bounced %'))"
        " or (state = 'dropped' and reason = :reason))",
        account=account.bytes, since=since, now=now, reason=NO_MAILBOX,
    )  # fmt: skip


async def refused_at(reader: Reader, account: AccountId) -> int | None:
    """When the last letter to an account was permanently refused by the other side; None if it was not, or one went out since."""
    row = await reader.row(
        "select state, ended_at from letters where account = :account"
        " and ((state = 'sent' and coalesce(reason, '') <> :pushed) or state = 'refused'"
        " and (reason like 'smtp %' or reason like 'bounced %' or reason = 'address'))"
        " order by ended_at desc, written_at desc limit 1",
        account=account.bytes, pushed=PUSHED,
    )  # fmt: skip
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
                "cause": TEXT,
                "message_id": TEXT,
                "state": TEXT,
                "due_at": TIME,
                "not_after": TIME.or_null(),
                "attempts": NUMBER,
                "leased_until": TIME.or_null(),
                "reason": TEXT.or_null(),
                "written_at": TIME,
                "ended_at": TIME.or_null(),
                "pushed_at": TIME.or_null(),
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
