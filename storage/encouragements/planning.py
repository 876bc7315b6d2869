"""Looks at the members whose morning has come, many at a time, and keeps what is due to each of them.

The looking is done beside the writer: only what is due, and when to look again, is written.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from uuid import UUID, uuid4

from storage.accounts import accounts, preferences
from storage.accounts.accounts import Status
from storage.crypto.guarding import Guard
from storage.encouragements import encouragements, facts, looks, switches
from storage.encouragements.choosing import FOR_GOOD, Due, Member, choose, why_not
from storage.encouragements.days import is_day, next_morning
from storage.encouragements.encouragements import Encouragement
from storage.engine import rows
from storage.engine.database import Reader, Transaction
from storage.errors import CannotOpen
from storage.ids import AccountId

BATCH = 250
# What is due is looked at again by the writer, whom messages wait for: no more at once.
MOST_DUE = 20
NOBODY = Member(UTC)


@dataclass(frozen=True)
class Looked:
    """What looking at some members found: when to look at each again (ms since 1970), and to whom something is due."""

    next_looks: Mapping[AccountId, int]
    due: tuple[AccountId, ...]


@dataclass(frozen=True)
class Planned:
    """An encouragement that was just kept, with its id."""

    id: UUID
    account: AccountId
    due: Due


async def look(reader: Reader, now: int, *, also_at_night: bool = False) -> Looked | None:
    """Look at members whose time has come; None if there is none. Empty if the first row is damaged.

    Where it is night, nothing is due, as after a stop of the service: they are looked at in the morning.
    """
    if not (ids := await looks.due(reader, now, BATCH)):
        return Looked({}, ()) if await looks.is_due(reader, now) else None
    off, members = await switches.off(reader), await facts.of(reader, ids)
    next_looks: dict[AccountId, int] = {}
    due: list[AccountId] = []
    for id_ in ids:
        member = members.get(id_, NOBODY)
        next_looks[id_] = next_morning(id_, member.zone, now)
        if (also_at_night or is_day(now, member.zone)) and _moves(member, now, off):
            due.append(id_)
        if len(due) == MOST_DUE:
            break
    return Looked(next_looks, tuple(due))


def _moves(member: Member, now: int, off: frozenset[str]) -> bool:
    """Whether there is anything to write: something is due, or waits that may no longer be sent."""
    return any(one.is_waiting for one in member.given) or choose(member, now, off) is not None


async def keep(tx: Transaction, guard: Guard, looked: Looked, now: int) -> list[Planned]:
    """Keep what is due to those whom ``look`` found something for; it is looked at again, as all may have changed."""
    if not looked.next_looks:
        await looks.put_aside_first(tx, now)
        return []
    await looks.put_off(tx, looked.next_looks)
    off = await switches.off(tx)
    kept = [await _keep_one(tx, guard, account, off, now) for account in looked.due]
    return [one for one in kept if one]


async def _keep_one(tx: Transaction, guard: Guard, account: AccountId, off: frozenset[str], now: int) -> Planned | None:
    member = (await facts.of(tx, [account])).get(account)
    if member is None:
        return None
    if waiting := [one.suggestion for one in member.given if one.suggestion]:
        await _withdraw_stale(tx, member, waiting, now)
        return None
    due = choose(member, now, off)
    if due is None or not await is_wanted(tx, guard, account):
        return None
    id_ = uuid4()
    return Planned(id_, account, due) if await encouragements.add(tx, id_, account, due, now) else None


async def _withdraw_stale(tx: Transaction, member: Member, waiting: Sequence[UUID], now: int) -> None:
    """Withdraw suggestions for good that were answered, or have waited too long: the next may come tomorrow.

    One that is damaged, too: nobody could send it, and it holds up neither its member nor others.
    """
    for id_ in waiting:
        try:
            one = await encouragements.find(tx, id_)
        except CannotOpen as error:
            rows.alert_once("a row of encouragements", f"id {id_}", str(error))
        else:
            if one is None or why_not(member, one.rule, one.thread, one.since, now) not in FOR_GOOD:
                continue
        await encouragements.withdraw(tx, id_, now)


async def is_wanted(reader: Reader, guard: Guard, account: AccountId) -> bool:
    """Whether a member wants to be encouraged. Not if their account is disabled, or is not as the service wrote it."""
    try:
        found = await accounts.by_id(reader, guard, account)
        wanted = (await preferences.find(reader, guard, account)).letters.encouragements
    except CannotOpen:
        return False
    return found is not None and found.status is Status.ACTIVE and wanted


async def standing(reader: Reader, guard: Guard, one: Encouragement, now: int) -> str | None:
    """Why a suggestion may not be sent now, in a few words for the log; None if it may."""
    member = (await facts.of(reader, [one.account])).get(one.account)
    if member is None or not await is_wanted(reader, guard, one.account):
        return "not wanted"
    if one.rule.name in await switches.off(reader):
        return "switched off"
    return why_not(member, one.rule, one.thread, one.since, now)
