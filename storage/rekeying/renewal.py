"""Renewing an account's key: a new generation, everywhere, in one transaction.

It is done when somebody else may hold the old key. Each thread begins an epoch for the new key, admitted by the old one,
as any key must be, and at once another, given by the new key alone. What the account could read before is granted from the
new key to itself, so that its history stays and the old key is no longer needed. A crash leaves either the whole old state
or the whole new one.
"""

import logging
from dataclasses import replace

from storage.accounts import accounts, sessions
from storage.accounts.accounts import Account, Keyhole
from storage.conversations import roster_chain, rosters, threads
from storage.conversations.participants import Change, Changing
from storage.crypto.epochs import Roster, Seat, grant
from storage.crypto.guarding import Guard
from storage.crypto.keyholes import AccountKey
from storage.engine.database import Transaction
from storage.errors import CannotOpen, Superseded
from storage.families import families
from storage.ids import ThreadId

log = logging.getLogger("ailo.storage")


async def renew(
    tx: Transaction,
    guard: Guard,
    account: Account,
    old: AccountKey,
    new: AccountKey,
    password: Keyhole,
    now: int,
    *,
    except_for: bytes = b"",
) -> list[Change]:
    """Switch an account to its new key, reached by the keyhole ``password``. Its recovery code and its other sessions end.

    Returns the epochs begun. A thread that was tampered with keeps the old key's seat: it becomes neither more nor less readable.
    """
    await check_current(tx, guard, old)
    changes = [await _renew_in(tx, guard, id_, old, new, now) for id_ in await threads.ids_of(tx, account.id)]
    for family in families():
        if family.own_sealed:
            await family.own_sealed.turn_to_key(tx, old, new)
    await accounts.turn_to_key(tx, guard, account, new)
    await accounts.keep_keyhole(tx, account.id, "password", password, now)
    await accounts.drop_keyhole(tx, account.id, "recovery")
    await accounts.renewal_done(tx, account.id)
    await sessions.end_all(tx, account.id, except_for)
    return [change for change in changes if change]


async def check_current(tx: Transaction, guard: Guard, key: AccountKey) -> None:
    """Raise Superseded unless this is still the account's key: somebody may have renewed it at the same time elsewhere."""
    account = await accounts.by_id(tx, guard, key.account)
    if account is None or account.public_key != key.public_key:
        raise Superseded("the account's key has changed in the meantime")


async def _renew_in(tx: Transaction, guard: Guard, id_: ThreadId, old: AccountKey, new: AccountKey, now: int) -> Change | None:
    thread = await threads.find(tx, guard, id_)
    try:
        rosters_ = await roster_chain.verified(tx, guard, old, thread) if thread else None
        secrets = await roster_chain.readable(tx, old, rosters_) if rosters_ else {}
    except CannotOpen as error:
        log.error("alert: thread %s cannot be opened while a key is renewed: %s", id_, error)
        return None
    if thread is None or rosters_ is None:
        return None
    for number, secret in secrets.items():
        roster = rosters_[number - 1]
        body = grant(secret, new.private_key, new.public_key, new.account, roster)
        await rosters.add_grants(tx, roster, new.public_key, {new.account: body})
    return Change(await _begin(Changing(tx, guard, thread, rosters_[-1], now), old, new))


async def _begin(changing: Changing, old: AccountKey, new: AccountKey) -> Roster:
    """Begin two epochs: the old key admits the new one; then the new one is the giver.

    Both ends of a grant can open it, so whoever holds the old key can open the first of the two; nothing is ever written in
    it. And the new key's own grant of it comes from the new key: otherwise a holder of the old one could replace that grant.
    """
    seats = tuple(_seat(seat, new) for seat in changing.roster.seats)
    let_in = await changing.begin(old, seats)
    secret = await rosters.secret_of(changing.tx, new, let_in.roster)
    own = grant(secret, new.private_key, new.public_key, new.account, let_in.roster)
    await rosters.add_grants(changing.tx, let_in.roster, new.public_key, {new.account: own})
    return (await let_in.begin(new, seats)).roster


def _seat(seat: Seat, new: AccountKey) -> Seat:
    if seat.account != new.account:
        return seat
    return replace(seat, generation=new.generation, public_key=new.public_key)
