"""The chain of a thread's rosters, verified by a participant with their own key.

The root key alone must not be enough to admit anybody, nor to begin an epoch whose secret somebody else knows. So a reader
accepts a roster only if it follows from the one before by one of the steps below, and if the reader's own grant comes from
whoever should have given it. A grant is bound to its roster, and only the holder of the giver's private key (or the reader)
can have made it.

1. The service (giver THE_SERVICE, an ephemeral key) begins a new thread, or an epoch whose keys are a subset of those
   before. Its grants prove nothing: nobody writes under such an epoch; a participant begins one of their own on top. The
   same applies after the officer, whose key may have been replaced because somebody else has it.
2. A participant, or the recovery officer, begins any other epoch: the reader's grant must come from the very key that the
   giver had in the roster before. New seats are the giver's doing; the seats of others stay as they were.
3. A seat's key is changed only by its account (a renewal) or by the officer; the officer's key is replaced only by the officer.

Whoever admitted the reader's present key vouches for everything before it: the reader's grants of those epochs must come
from that giver; after a renewal, from the reader, who had checked them. Otherwise, somebody removed and then brought back by
a stranger would find their own history in a stranger's thread.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Protocol

from storage.conversations import rosters
from storage.conversations.rosters import Written
from storage.conversations.threads import Thread
from storage.conversations.verified_cache import Remembered, finding
from storage.crypto.epochs import THE_OFFICER, THE_SERVICE, EpochSecret, Roster, Seat, open_grant
from storage.crypto.guarding import Guard
from storage.crypto.keyholes import AccountKey
from storage.crypto.primitives import Part, canonical
from storage.engine.database import Reader
from storage.errors import CannotOpen, Damaged


class Given(Protocol):
    """A grant: whose key pair it comes from, and the encrypted secret."""

    @property
    def giver_key(self) -> bytes: ...

    @property
    def body(self) -> bytes: ...


# At most this many verified chains: a listing of 5,000 threads, or 1,000 browsers that reconnect, is checked once.
_believed = Remembered(50_000)


async def verified(reader: Reader, guard: Guard, key: AccountKey, thread: Thread) -> list[Roster] | None:
    """All rosters of a thread, the latest last, once this reader has reason to accept each of them.

    None when the reader has no seat in the latest one. Raises CannotOpen when one of them cannot be accepted: the thread is
    then neither shown nor written to.
    """
    return verified_in((await rosters.written(reader, [thread.id], key.account))[thread.id], guard, key, thread)


def verified_in(written: Written, guard: Guard, key: AccountKey, thread: Thread) -> list[Roster] | None:
    """As ``verified``, from rows already read."""
    if not thread.is_sound:
        raise Damaged("a thread's row failed verification")
    rests_on = _all_that_counts(written, guard, key, thread)
    if rests_on and _believed.has(rests_on):
        return [Roster.decoded(written.rosters[number]["roster"]) for number in range(1, thread.epoch + 1)]
    chain = rosters.proven(guard, written, thread.id, thread.epoch)
    if not _is_in(chain[-1], key):
        return None
    check(chain, written.grants, key)
    if rests_on:
        _believed.add(rests_on)
    return chain


def _all_that_counts(written: Written, guard: Guard, key: AccountKey, thread: Thread) -> bytes | None:
    """The hash of everything that a chain's verification depends on: the same bytes give the same result.

    None when the rows do not form a chain. The reader's private key is not included: the public key determines it.
    """
    numbers = range(1, thread.epoch + 1)
    rows, grants = [written.rosters.get(number) for number in numbers], [written.grants.get(number) for number in numbers]
    stands: list[Any] = [part for row in rows for part in ((row["roster"], row["proof"]) if row else (None,))]
    given: list[Any] = [part for it in grants for part in ((it.giver_key, it.body) if it else (b"", b""))]
    if not all(isinstance(part, bytes) for part in (*stands, *given)):
        return None
    root_keys = guard.keyring.by_id
    whose: list[Part] = [key.account, key.generation, key.public_key, thread.id, len(root_keys), *root_keys]
    return finding(canonical(b"ailo.chain.1", *whose, *stands, *given))


def check(chain: Sequence[Roster], grants: Mapping[int, Given], key: AccountKey) -> None:
    """Raise CannotOpen unless the holder of this key in the latest roster, or the officer, has reason to accept all rosters."""
    check_steps(chain)
    if not _is_in(chain[-1], key):
        raise Damaged("the key is not in the latest roster")
    entry = _entry(chain, key)
    voucher = _voucher(chain, entry, key)
    for number in range(_first_readable(chain, key), len(chain) + 1):
        roster, grant = chain[number - 1], grants.get(number)
        if grant is None or grant.giver_key != (voucher if number <= entry else roster.giver_key):
            raise Damaged("a participant has no grant from its rightful giver")
        # The other grants are opened when something in their epochs is read; those that admitted a key are proven here and now.
        if number >= max(entry, 2) and brings_new_keys(chain[number - 2], roster):
            open_grant(grant.body, key.private_key, grant.giver_key, key.account, roster)


def _is_in(roster: Roster, key: AccountKey) -> bool:
    return (key.account, key.public_key) in keys_of(roster)


def _entry(chain: Sequence[Roster], key: AccountKey) -> int:
    """The number of the epoch since which this key has been present without a break."""
    entry = len(chain)
    while entry > 1 and _is_in(chain[entry - 2], key):
        entry -= 1
    return entry


def _voucher(chain: Sequence[Roster], entry: int, key: AccountKey) -> bytes:
    roster = chain[entry - 1]
    is_own_renewal = entry > 1 and roster.giver == key.account != THE_OFFICER
    return key.public_key if is_own_renewal else roster.giver_key


def _first_readable(chain: Sequence[Roster], key: AccountKey) -> int:
    seat = chain[-1].seat_of(key.account)
    return seat.first_epoch if seat else 1


# Which roster may follow which: checked without any key


def check_steps(chain: Sequence[Roster]) -> None:
    """Raise Damaged unless each roster follows from the one before by an allowed step."""
    first = chain[0]
    if first.previous or first.number != 1 or first.giver != THE_SERVICE:
        raise Damaged("a thread's first roster follows from another")
    for before, after in pairwise(chain):
        if after.previous != before.hash() or after.number != before.number + 1 or after.thread != before.thread:
            raise Damaged("a roster does not follow from the one before")
        if not is_allowed(before, after):
            raise Damaged("a roster changes what its giver may not change")


def is_allowed(before: Roster, after: Roster) -> bool:
    """Whether a roster changes only what its giver may change."""
    if len(set(after.accounts())) != len(after.seats) or not may_bring_new_keys(before, after):
        return False
    return all(_may_sit(before.seat_of(seat.account), seat, after) for seat in after.seats)


def _may_sit(earlier: Seat | None, seat: Seat, after: Roster) -> bool:
    if earlier is None:
        return seat.brought_by == after.giver and 1 <= seat.first_epoch <= after.number
    if seat.public_key != earlier.public_key:
        is_owners = after.giver in {seat.account, THE_OFFICER}
        return is_owners and replace(seat, generation=earlier.generation, public_key=earlier.public_key) == earlier
    return seat == earlier


def brings_new_keys(before: Roster, after: Roster) -> bool:
    """Whether a roster adds a public key, of a participant or of the officer."""
    return not keys_of(after) <= keys_of(before)


def keys_of(roster: Roster) -> set[tuple[object, bytes]]:
    """The accounts and public keys that may read an epoch."""
    seats: set[tuple[object, bytes]] = {(seat.account, seat.public_key) for seat in roster.seats}
    return seats | ({(THE_OFFICER, roster.officer)} if roster.officer else set())


def may_bring_new_keys(before: Roster, after: Roster) -> bool:
    """Whether the giver of a roster was entitled to give it. Only the officer can be replaced by another officer."""
    if after.giver == THE_SERVICE:
        return not brings_new_keys(before, after)
    if after.officer and after.officer != before.officer:
        return bool(before.officer) and (after.giver, after.giver_key) == (THE_OFFICER, before.officer)
    return (after.giver, after.giver_key) in keys_of(before)


async def readable(reader: Reader, key: AccountKey, chain: Sequence[Roster]) -> dict[int, EpochSecret]:
    """The secrets of all epochs that an account with a seat in the latest roster may read, by number. Raises CannotOpen."""
    seat = chain[-1].seat_of(key.account)
    if seat is None:
        raise CannotOpen("no seat in the thread")
    return {roster.number: await rosters.secret_of(reader, key, roster) for roster in chain[seat.first_epoch - 1 :]}
