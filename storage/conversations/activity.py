"""Figures about somebody's own conversations, from the rows alone: who wrote when. No text is decrypted or read for them.

Only threads in which the account has a seat count, and in each of them only what it may read.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from storage.conversations import rosters
from storage.crypto.guarding import Guard
from storage.engine import rows
from storage.engine.database import Reader, Row
from storage.errors import CannotOpen
from storage.ids import AccountId, ThreadId

log = logging.getLogger("ailo.storage")


class Said(NamedTuple):
    """Somebody wrote. ``at`` in ms since 1970."""

    thread: bytes
    seq: int
    at: int
    author: bytes
    by_member: bool


class Waiting(NamedTuple):
    """Somebody waits for an answer. ``since`` in ms since 1970."""

    thread: ThreadId
    since: int


@dataclass(frozen=True)
class Figures:
    """``said`` is what participants wrote from ``start`` on, by thread and number; in a thread where a member was waiting at that
    time it begins with what they had written since the previous answer. ``waiting`` is who waits now, the longest first.
    """

    said: Sequence[Said]
    waiting: Sequence[Waiting]


async def of(reader: Reader, guard: Guard, account: AccountId, start: int) -> Figures:
    """The figures of an account's threads from ``start`` on, in ms since 1970."""
    least = await _least_seqs(reader, guard, account, start)
    # Sorted here: with an "order by", SQLite would scan every message in the database.
    said = sorted(rows.sound("messages", await reader.rows(_SAID, account=account.bytes, start=start), _said))
    waiting = rows.sound("threads", await reader.rows(_WAITING, account=account.bytes), _waiting)
    return Figures(
        [one for one in said if one.thread in least and one.seq >= least[one.thread]],
        [one for one in waiting if one.thread.bytes in least],
    )


def _said(row: Row) -> Said:
    thread, author = rows.raw_id(row, "thread"), rows.raw_id(row, "author")
    return Said(thread, rows.number(row, "seq"), rows.time(row, "at"), author, bool(row["by_member"]))


def _waiting(row: Row) -> Waiting:
    return Waiting(rows.thread_id(row, "id"), rows.time(row, "waiting_since"))


async def _least_seqs(reader: Reader, guard: Guard, account: AccountId, start: int) -> dict[bytes, int]:
    """The first number that the account may read, for each thread that has figures and in whose latest roster it has a seat.

    A roster that was tampered with raises an alarm, and its thread is left out.
    """
    found: dict[bytes, int] = {}
    for row in await reader.rows(_LATEST, account=account.bytes, start=start):
        id_ = None
        try:
            id_ = rows.thread_id(row, "thread")
            seat = rosters.read(guard, row, id_, rows.number(row, "number")).seat_of(account)
            if seat:
                first = seat.first_epoch
                found[row["thread"]] = 1 if first == 1 else (await rosters.find(reader, guard, id_, first)).first_seq
        except CannotOpen as error:
            log.error("alert: a roster of thread %s cannot be read: %s", id_, error)
    return found


_LATEST = (
    "select e.* from participants p join threads t on t.id = p.thread join epochs e on e.thread = t.id and e.number = t.epoch"
    " where p.account = :account and (t.last_at >= :start or t.waiting_since is not null)"
)

_WAITING = (
    "select t.id, t.waiting_since from participants p join threads t on t.id = p.thread"
    " where p.account = :account and t.waiting_since is not null order by t.waiting_since, t.id"
)

# Within a thread, times never go back and numbers have no gaps: the first message of the range is found by binary search, so
# older messages cost nothing, however many there are. From there it goes back over what a waiting member had already written.
_SAID = """
    with recursive
    halved (thread, low, high) as (
        select t.id, 0, t.last_seq from participants p join threads t on t.id = p.thread
            where p.account = :account and t.last_at >= :start and t.last_seq > 0
        union all
        select h.thread,
            case when m.at < :start then m.seq else h.low end,
            case when m.at < :start then h.high else m.seq end
            from halved h join messages m on m.thread = h.thread and m.seq = (h.low + h.high) / 2
            where h.high - h.low > 1
    ),
    first (thread, seq) as materialized (select thread, high from halved where high - low = 1),
    members (id) as materialized (select id from accounts where role = 'member'),
    back (thread, seq, at, author, kind) as (
        select m.thread, m.seq, m.at, m.author, m.kind from first f
            join messages m on m.thread = f.thread and m.seq = f.seq - 1
        union all
        select m.thread, m.seq, m.at, m.author, m.kind from back b
            join messages m on m.thread = b.thread and m.seq = b.seq - 1
            where b.kind <> 'text' or b.author in (select id from members)
    )
    select thread, seq, at, author, author in (select id from members) as by_member
        from back where kind = 'text' and author in (select id from members)
    union all
    select m.thread, m.seq, m.at, m.author, m.author in (select id from members)
        from first f cross join messages m where m.thread = f.thread and m.seq >= f.seq and m.kind = 'text'
"""
