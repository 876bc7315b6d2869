"""The facts that the rules look at, read for many members at once: who wrote when, and what began and ended. Never a text.

What another part of the service knows of members (a programme that ended, a service that nobody opened) comes from ``SOURCES``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from storage.encouragements import encouragements, of_programmes
from storage.encouragements.choosing import Member
from storage.encouragements.days import zone_named
from storage.encouragements.elsewhere import Source
from storage.encouragements.rules import Event, Talk
from storage.engine import rows
from storage.engine.database import Reader, Row
from storage.ids import AccountId, ThreadId

SOURCES: tuple[Source, ...] = (of_programmes.finished,)
"""Asked for many members at once; whom a source knows nothing of, it leaves out."""


async def of(reader: Reader, accounts: Sequence[AccountId], sources: Sequence[Source] | None = None) -> dict[AccountId, Member]:
    """The facts of these members; one whose account is not there is left out, and so is a damaged row."""
    ids = [account.bytes for account in accounts]
    found = await reader.rows_in("select id, time_zone from accounts where id in :values and role = 'member'", ids)
    members = dict(rows.sound("accounts", found, _member))
    given = await encouragements.of_members(reader, list(members))
    members = {id_: replace(one, given=given[id_]) for id_, one in members.items()}
    for account, line in rows.sound("threads", await reader.rows_in(_TALKS, ids), _line):
        if account in members:
            members[account] = _with(members[account], line)
    for source in SOURCES if sources is None else sources:
        for account, known in (await source(reader, list(members))).items():
            one = members[account]
            members[account] = replace(one, finished=one.finished + known.finished, unused=one.unused + known.unused)
    return members


def _member(row: Row) -> tuple[AccountId, Member]:
    name = rows.unless_damaged("accounts", row, lambda: rows.text(row, "time_zone"), "")
    return rows.account_id(row, "id"), Member(zone_named(name))


@dataclass(frozen=True)
class _Line:
    """A conversation of a member. ``talk`` is None if no rule looks at it: it is closed, or has no companion."""

    talk: Talk | None
    last_word: int | None
    waits: bool


def _with(member: Member, line: _Line) -> Member:
    last_word = max((at for at in (member.last_word, line.last_word) if at is not None), default=None)
    talks = (*member.talks, line.talk) if line.talk else member.talks
    return replace(member, talks=talks, last_word=last_word, waits=member.waits or line.waits)


def _line(row: Row) -> tuple[AccountId, _Line]:
    is_open = row["closed_at"] is None and row["companion"]
    last_word = rows.time_or_none(row, "last_at")
    return rows.account_id(row, "account"), _Line(_talk(row) if is_open else None, last_word, row["waiting_since"] is not None)


def _talk(row: Row) -> Talk:
    seq, at = rows.number_or_none(row, "unanswered_seq"), rows.time_or_none(row, "unanswered_at")
    return Talk(
        ThreadId(rows.uuid(row, "thread")),
        rows.time(row, "opened_at"),
        rows.time_or_none(row, "first_at"),
        rows.time_or_none(row, "answer_at"),
        None if seq is None or at is None else Event(str(seq), at),
    )


# What people wrote, by themselves or by e-mail; not what the service posts.
_WORDS = "kind in ('text', 'email')"

# Each look-up walks along the messages of one thread by number, and stops at the first that fits: members answer sooner or later.
_TALKS = f"""
    select p.account, t.id as thread, t.opened_at, t.closed_at, t.waiting_since,
        exists (select 1 from participants c join accounts a on a.id = c.account
            where c.thread = t.id and a.role = 'companion' and a.status = 'active') as companion,
        f.at as first_at, l.at as last_at, a.at as answer_at, u.seq as unanswered_seq, u.at as unanswered_at
    from participants p join threads t on t.id = p.thread
    left join messages f on f.thread = t.id and f.seq = (select m.seq from messages m
        where m.thread = t.id and m.author = p.account and m.{_WORDS} order by m.seq limit 1)
    left join messages l on l.thread = t.id and l.seq = (select m.seq from messages m
        where m.thread = t.id and m.author = p.account and m.{_WORDS} order by m.seq desc limit 1)
    left join messages a on a.thread = t.id and a.seq = (select m.seq from messages m
        where m.thread = t.id and m.seq > f.seq and m.author <> p.account and m.{_WORDS} order by m.seq limit 1)
    left join messages u on u.thread = t.id and u.seq = (select m.seq from messages m
        where m.thread = t.id and m.seq > l.seq and m.author <> p.account and m.{_WORDS} order by m.seq limit 1)
    where p.account in :values
"""  # noqa: S608 (a constant)
