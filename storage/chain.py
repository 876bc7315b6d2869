"""The chain of a thread's rosters, checked by somebody who takes part, with their own key.

The root key alone must not be enough to let anybody in. So a reader believes a roster only if it follows from the one
before, and if each public key that it adds was brought in by somebody who was there: that shows in the reader's own grant,
which only the holder of the giver's private key could have made for them, and which is bound to that roster.

What the service may do by itself (giver THE_SERVICE): begin a new thread, and begin an epoch whose keys are a subset of
those before.
"""

from collections.abc import Sequence
from itertools import pairwise

from storage import rosters
from storage.database import Reader
from storage.epochs import THE_SERVICE, EpochSecret, Roster, open_grant
from storage.errors import CannotOpen, Damaged
from storage.guarding import Guard
from storage.keyholes import AccountKey
from storage.threads import Thread


async def verified(reader: Reader, guard: Guard, key: AccountKey, thread: Thread) -> list[Roster] | None:
    """All rosters of a thread, the latest last, once this reader has reason to believe in each.

    None when the reader has no seat in the latest one. Raises CannotOpen when one of them is not to be believed: the
    thread is then neither shown nor written to.
    """
    if not thread.is_sound:
        raise Damaged("a thread is not as the service wrote it")
    chain = [await rosters.find(reader, guard, thread.id, number) for number in range(1, thread.epoch + 1)]
    seat = chain[-1].seat_of(key.account)
    if seat is None or seat.public_key != key.public_key:
        return None
    if chain[0].previous or chain[0].number != 1:
        raise Damaged("a thread's first roster follows from another")
    for before, after in pairwise(chain):
        await _check_step(reader, key, before, after)
    return chain


async def _check_step(reader: Reader, key: AccountKey, before: Roster, after: Roster) -> None:
    if after.previous != before.hash():
        raise Damaged("a roster does not follow from the one before")
    if not brings_new_keys(before, after):
        return
    if not may_bring_new_keys(before, after):
        raise Damaged("a key was brought in by somebody who was not there")
    if after.seat_of(key.account):
        await _check_giver(reader, key, after)


def brings_new_keys(before: Roster, after: Roster) -> bool:
    """Whether a roster adds a public key, a participant's or the officer's."""
    return not keys_of(after) <= keys_of(before)


def keys_of(roster: Roster) -> set[tuple[object, bytes]]:
    """Whose keys may read an epoch."""
    seats: set[tuple[object, bytes]] = {(seat.account, seat.public_key) for seat in roster.seats}
    return seats | ({("officer", roster.officer)} if roster.officer else set())


def may_bring_new_keys(before: Roster, after: Roster) -> bool:
    """Whether the giver of a roster was in the one before. Only the officer makes place for another officer."""
    if after.giver == THE_SERVICE:
        return False
    if after.officer != before.officer:
        return bool(before.officer) and after.giver_key == before.officer
    return after.giver_key in {public_key for _, public_key in keys_of(before)}


async def _check_giver(reader: Reader, key: AccountKey, roster: Roster) -> None:
    """The reader's own grant must come from the roster's giver; or from the reader, who had checked it then (a renewal); or
    from the recovery officer, who checks the chain in the same way before giving anything back."""
    grant = await rosters.grant_of(reader, roster.thread, roster.number, key.account)
    if grant is None or grant.giver_key not in {roster.giver_key, key.public_key, roster.officer}:
        raise Damaged("a roster has no grant from who it names as its giver")
    open_grant(grant.body, key.private_key, grant.giver_key, key.account, roster)


async def readable(reader: Reader, key: AccountKey, chain: Sequence[Roster]) -> dict[int, EpochSecret]:
    """The secrets of all epochs that somebody with a seat in the latest may read, by number. Raises CannotOpen."""
    seat = chain[-1].seat_of(key.account)
    if seat is None:
        raise CannotOpen("no seat in the thread")
    return {roster.number: await rosters.secret_of(reader, key, roster) for roster in chain[seat.first_epoch - 1 :]}
