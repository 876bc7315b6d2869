"""The server's side of a recovery: the request file, and what is done with the officer's answer.

The officer's key never touches the server. An answer fits only the request that it answers, and only while the threads in it
have the epochs that the officer saw; applied, it is one transaction.
"""

from dataclasses import dataclass, replace
from uuid import UUID

import msgspec

from storage import accounts, canned_replies, chain, house, rosters, sessions, threads
from storage.accounts import Account, Keyhole
from storage.database import Reader, Transaction
from storage.epochs import THE_OFFICER, Roster
from storage.errors import Refused
from storage.keyholes import AccountKey
from storage.officer import Answer, OfficerGrant, Request, ThreadAnswered, ThreadAsked, request_hash
from storage.store import Store
from storage.taking_part import Change


@dataclass(frozen=True, repr=False)
class NewKey:
    """The key pair that an account is to have, and the keyhole of its first password."""

    key: AccountKey
    keyhole: Keyhole


async def ask(tx: Transaction, store: Store, account: Account | None, address: str, new: NewKey | None) -> bytes:
    """Write down what the officer is asked for; gives the request file. Raises Refused without an officer."""
    if not store.officer:
        raise Refused("This service was made without a recovery officer: what is forgotten is lost.")
    ids = await threads.ids_of(tx, account.id) if account else await threads.all_ids(tx)
    request = Request(
        account=account.id if account else None,
        address=address,
        first_name=account.first_name if account else "",
        generation=new.key.generation if new else 0,
        public_key=new.key.public_key if new else b"",
        threads=[await _asked(tx, store, id_) for id_ in ids],
        began_at=store.clock(),
    )
    raw = msgspec.json.encode(request)
    await tx.run(
        "insert into recoveries (request, account, generation, public_key, profile, keyhole, asked_at)"
        " values (:request, :account, :generation, :public_key, :profile, :keyhole, :now)",
        request=request_hash(raw),
        account=account.id.bytes if account else None,
        generation=new.key.generation if new else None,
        public_key=new.key.public_key if new else None,
        profile=new.keyhole.profile if new else None,
        keyhole=new.keyhole.body if new else None,
        now=store.clock(),
    )
    return raw


async def _asked(reader: Reader, store: Store, id_: UUID) -> ThreadAsked:
    thread = await threads.find(reader, store.guard, id_)
    numbers = range(1, thread.epoch + 1) if thread else ()
    found = [await rosters.find(reader, store.guard, id_, number) for number in numbers]
    grants = [(roster.number, await rosters.grant_of(reader, id_, roster.number, THE_OFFICER)) for roster in found]
    return ThreadAsked(
        [roster.encoded() for roster in found],
        [OfficerGrant(number, grant.giver_key, grant.body) for number, grant in grants if grant],
        thread.last_seq if thread else 0,
    )


async def apply(tx: Transaction, store: Store, answer: Answer) -> list[Change]:
    """Carry out an answer; gives the epochs begun. Raises Refused, with nothing changed, when it does not fit any more."""
    row = await tx.row("select * from recoveries where request = :request", request=answer.request)
    if row is None:
        raise Refused("Nothing was asked that this answers, or it was applied already.")
    account = await accounts.by_id(tx, store.guard, UUID(bytes=row["account"])) if row["account"] else None
    if account is None and answer.officer == store.officer:
        raise Refused("The answer names no new officer.")
    key = AccountKey(account.id, row["generation"], b"", row["public_key"]) if account else None
    changes = [await _begin(tx, store, answered, answer.officer, key) for answered in answer.threads]
    if account and key:
        await _turn(tx, store, account, key, Keyhole(row["profile"], row["generation"], row["keyhole"]))
    else:
        await house.note(tx, store.guard, "officer", answer.officer)
    await tx.run("delete from recoveries where request = :request", request=answer.request)
    return changes


async def _begin(tx: Transaction, store: Store, answered: ThreadAnswered, officer: bytes, key: AccountKey | None) -> Change:
    roster = Roster.decoded(answered.roster)
    thread = await threads.find(tx, store.guard, roster.thread)
    if thread is None or not thread.is_sound or thread.epoch + 1 != roster.number:
        raise Refused("Somebody came or left since the request was made: make another.")
    last = await rosters.find(tx, store.guard, thread.id, thread.epoch)
    _check_roster(last, roster, officer if key is None else last.officer, key)
    await threads.save(tx, store.guard, msgspec.structs.replace(thread, epoch=roster.number))
    await rosters.add(tx, store.guard, roster, {UUID(account): body for account, body in answered.grants.items()})
    receiver = key.account if key else THE_OFFICER
    for number, body in answered.history.items():
        before = await rosters.find(tx, store.guard, thread.id, int(number))
        await rosters.add_grants(tx, before, roster.giver_key, {receiver: body})
    return Change(roster)


def _check_roster(last: Roster, roster: Roster, officer: bytes, key: AccountKey | None) -> None:
    """Only what was asked for may differ from the roster before."""
    expected = tuple(
        replace(seat, generation=key.generation, public_key=key.public_key) if key and seat.account == key.account else seat
        for seat in last.seats
    )
    sound = roster.previous == last.hash() and roster.giver == THE_OFFICER and roster.giver_key == last.officer
    if not (sound and roster.seats == expected and roster.officer == officer and chain.may_bring_new_keys(last, roster)):
        raise Refused("The answer is not of this service's recovery officer, or it changes more than was asked.")


async def _turn(tx: Transaction, store: Store, account: Account, key: AccountKey, keyhole: Keyhole) -> None:
    """What the account sealed to the key that nobody has any more goes, notes and replies: even the officer cannot read it."""
    await accounts.turn_to_key(tx, store.guard, account, key)
    await accounts.keep_keyhole(tx, account.id, "password", keyhole, store.clock())
    await accounts.drop_keyhole(tx, account.id, "recovery")
    await sessions.end_all(tx, account.id)
    await tx.run("delete from notes where account = :account", account=account.id.bytes)
    await canned_replies.forget(tx, account.id)
