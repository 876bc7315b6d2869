"""The server's side of a recovery: the request file, and what is done with the officer's answer.

The officer's key never touches the server. A request is stored with a proof. An answer is authenticated to a key made for its
request, and is accepted only while the account, its conversations and their epochs are those that the officer saw. Applying
it is one transaction.
"""

import logging
from dataclasses import dataclass, replace
from uuid import UUID

import msgspec

from storage import installation
from storage.accounts import accounts, sessions
from storage.accounts.accounts import Account, Keyhole
from storage.conversations import roster_chain, rosters, threads
from storage.conversations.participants import Change
from storage.crypto.epochs import THE_OFFICER, Roster
from storage.crypto.guarding import Guard, Guarded
from storage.crypto.keyholes import AccountKey, password_place
from storage.crypto.primitives import Part, equal, shared_key
from storage.engine import rows
from storage.engine.database import Reader, Row, Transaction
from storage.engine.rows import HASH, ID, KEY, NUMBER, TIME
from storage.errors import CannotOpen, Refused
from storage.families import OF_ACCOUNT, Family, Table, families
from storage.ids import AccountId, ThreadId
from storage.rekeying.officer import (
    Answer,
    Named,
    OfficerGrant,
    Request,
    ThreadAnswered,
    ThreadAsked,
    proven,
    request_hash,
    seats,
)
from storage.store import Store

log = logging.getLogger("ailo.storage")


@dataclass(frozen=True, repr=False)
class NewKey:
    """The key pair that an account is to have, and the keyhole of its first password."""

    key: AccountKey
    keyhole: Keyhole


# Asking


async def ask(tx: Transaction, store: Store, account: Account | None, address: str, new: NewKey | None) -> bytes:
    """Record what the officer is asked for; return the request file. Earlier requests for the same are withdrawn.

    Raises Refused without an officer, or when the account's key has changed in the meantime.
    """
    if not await installation.officer_now(tx, store.guard):
        raise Refused("This service was set up without a recovery officer: nobody can restore access.")
    if account and new:
        await _check_generation(tx, store.guard, account.id, new.key.generation)
    asker = AccountKey.fresh(THE_OFFICER)
    request = await _named(tx, store, await _request(tx, store, account, address, new, asker))
    raw = msgspec.json.encode(request)
    await _withdraw(tx, account)
    await _keep(tx, store, request_hash(raw), new, asker)
    return raw


async def _check_generation(tx: Transaction, guard: Guard, id_: AccountId, generation: int) -> Account:
    account = await accounts.by_id(tx, guard, id_)
    if account is None or account.generation + 1 != generation:
        raise Refused("The account's key has changed since the request was made: make another request.")
    return account


async def _request(
    tx: Transaction, store: Store, account: Account | None, address: str, new: NewKey | None, asker: AccountKey
) -> Request:
    ids = await covered(tx, store.guard, account.id if account else None)
    return Request(
        account=account.id if account else None,
        address=address,
        first_name=account.first_name if account else "",
        generation=new.key.generation if new else 0,
        public_key=new.key.public_key if new else b"",
        threads=[await _asked(tx, store, id_) for id_ in ids],
        began_at=store.clock(),
        people=[],
        asker=asker.public_key,
    )


async def _named(reader: Reader, store: Store, request: Request) -> Request:
    """Add the names of those with whom the account corresponds. In a request for another officer they would mean nothing."""
    if request.account is None:
        return request
    people = await accounts.named(reader, store.guard, sorted(seats(request)))
    return msgspec.structs.replace(request, people=[Named(one.id, one.first_name, one.role.value) for one in people.values()])


async def covered(reader: Reader, guard: Guard, account: AccountId | None) -> list[ThreadId]:
    """The threads that a recovery of an account, or (None) a replacement of the officer, must cover.

    An account's seats decide, not the rows in ``participants``, which nothing authenticates. A thread whose rosters cannot be
    read counts if either names the account: it must not be passed over.
    """
    if account is None:
        return list(await threads.all_ids(reader))
    latest = await reader.rows(
        "select t.id, e.roster from threads t join epochs e on e.thread = t.id and e.number = t.epoch order by t.id"
    )
    named = rows.sound("threads", [row for row in latest if _names(row, account)], lambda row: rows.thread_id(row, "id"))
    listed = await threads.ids_of(reader, account)
    return [id_ for id_ in sorted({*named, *listed}) if await _may_be_seated(reader, guard, id_, account)]


def _names(row: Row, account: AccountId) -> bool:
    return isinstance(row["roster"], bytes) and account.bytes in row["roster"]


async def _may_be_seated(reader: Reader, guard: Guard, id_: ThreadId, account: AccountId) -> bool:
    thread = await threads.find(reader, guard, id_)
    if thread is None or not thread.is_sound:
        return True
    try:
        return (await rosters.find(reader, guard, id_, thread.epoch)).seat_of(account) is not None
    except CannotOpen:
        return True


async def _withdraw(tx: Transaction, account: Account | None) -> None:
    if account:
        await accounts.withdraw_recovery(tx, account.id)
    else:
        await tx.run("delete from recoveries where account is null")


async def _keep(tx: Transaction, store: Store, request: bytes, new: NewKey | None, asker: AccountKey) -> None:
    guard = store.guard
    row: dict[str, bytes | int | None] = {
        "request": request,
        "account": new.key.account.bytes if new else None,
        "generation": new.key.generation if new else None,
        "public_key": new.key.public_key if new else None,
        "profile": new.keyhole.profile if new else None,
        "asked_at": store.clock(),
    }
    await tx.run(
        "insert into recoveries (request, account, generation, public_key, profile, asked_at, keyhole, asker, proof)"
        " values (:request, :account, :generation, :public_key, :profile, :asked_at, :keyhole, :asker, :proof)",
        **row,
        keyhole=_guarded_keyhole(guard, row, new) if new else None,
        asker=guard.guard(asker.private_key, *_asker_place(row)),
        proof=guard.authenticate(*_proven(row)),
    )


def _guarded_keyhole(guard: Guard, row: Row, new: NewKey) -> bytes:
    plain = guard.unguard(new.keyhole.body, *password_place(new.key.account, new.keyhole.profile, new.key.generation))
    return guard.guard(plain, *_keyhole_place(row))


def _keyhole_place(row: Row) -> tuple[Part, ...]:
    whose = (row["account"], row["generation"], row["public_key"], row["profile"])
    return ("recoveries", "keyhole", row["request"], *whose)


def _asker_place(row: Row) -> tuple[Part, ...]:
    return ("recoveries", "asker", row["request"])


def _proven(row: Row) -> tuple[Part, ...]:
    """What the proof covers. A request for another officer names no account: null is authenticated as empty, or 0."""
    facts = (row["account"] or b"", row["generation"] or 0, row["public_key"] or b"", row["profile"] or 0)
    return ("recoveries", row["request"], *facts, row["asked_at"])


async def _asked(reader: Reader, store: Store, id_: ThreadId) -> ThreadAsked:
    thread = await threads.find(reader, store.guard, id_)
    try:
        found = await rosters.find_all(reader, store.guard, id_, thread.epoch) if thread else []
    except CannotOpen:
        raise Refused(f"Conversation {id_} failed verification: run `ailo check`.") from None
    grants = [(roster.number, await rosters.grant_of(reader, id_, roster.number, THE_OFFICER)) for roster in found]
    return ThreadAsked(
        [roster.encoded() for roster in found],
        [OfficerGrant(number, grant.giver_key, grant.body) for number, grant in grants if grant],
        thread.last_seq if thread else 0,
    )


# Applying


async def apply(tx: Transaction, store: Store, answer: Answer) -> list[Change]:
    """Carry out an answer; return the epochs begun. Raises Refused, with nothing changed, when it does not fit any more."""
    officer = await installation.officer_now(tx, store.guard)
    row = await _open_request(tx, store.guard, answer, officer)
    if row["account"] is None:
        return await _replace_officer(tx, store, answer, officer)
    account = await _check_generation(tx, store.guard, rows.account_id(row, "account"), row["generation"])
    if answer.officer != officer:
        raise Refused("The answer names another officer, which was not requested.")
    key = AccountKey(account.id, row["generation"], b"", row["public_key"])
    changes = await _begin_all(tx, store, answer, key)
    await _turn(tx, store, account, key, _first_keyhole(store.guard, row))
    return changes


async def _replace_officer(tx: Transaction, store: Store, answer: Answer, officer: bytes) -> list[Change]:
    """Put the new officer in place, and withdraw all requests to the previous one: nobody else can open them."""
    if answer.officer == officer:
        raise Refused("The answer names no new officer.")
    changes = await _begin_all(tx, store, answer, None)
    await installation.note(tx, store.guard, "officer", answer.officer)
    await tx.run("delete from recoveries")
    return changes


async def _open_request(tx: Transaction, guard: Guard, answer: Answer, officer: bytes) -> Row:
    """The row of the request that an answer is for, once both row and answer are authenticated."""
    row = await tx.row("select * from recoveries where request = :request", request=answer.request)
    if row is None:
        raise Refused(
            "No open request matches this answer: it was already applied, a newer request replaced it, or the account's key,"
            " password or recovery code has changed since. Make another request."
        )
    try:
        asker = _checked_asker(guard, row)
    except CannotOpen:
        log.error("alert: an open recovery request failed verification")
        raise Refused("The open request failed verification: run `ailo check`, and make another request.") from None
    if not equal(answer.proof, proven(answer, shared_key(asker, officer)).proof):
        raise Refused(
            "The answer is not from this service's recovery officer, or it changes more than was requested: it was altered or"
            " replaced on its way. Carry it by hand, or make another request."
        )
    return row


def _checked_asker(guard: Guard, row: Row) -> bytes:
    """The private key made for a request, once its row is authenticated. Raises CannotOpen."""
    guard.check(row["proof"], *_proven(row))
    return guard.unguard(row["asker"], *_asker_place(row))


async def alert(reader: Reader, guard: Guard) -> None:
    """Raise the alarm for open requests that are not as the service wrote them, as when the service starts."""
    rows = await reader.rows("select * from recoveries")
    if planted := sum(not _is_proven(guard, row) for row in rows):
        log.error("alert: %d open recovery requests failed verification: run `ailo check`", planted)


def _is_proven(guard: Guard, row: Row) -> bool:
    try:
        _checked_asker(guard, row)
    except CannotOpen:
        return False
    return True


def _first_keyhole(guard: Guard, row: Row) -> Keyhole:
    """The keyhole stored with a request, guarded for its place among the account's keyholes."""
    try:
        plain = guard.unguard(row["keyhole"], *_keyhole_place(row))
    except CannotOpen:
        log.error("alert: the keyhole of an open recovery request failed verification")
        raise Refused("The open request failed verification: run `ailo check`, and make another request.") from None
    place = password_place(rows.account_id(row, "account"), row["profile"], row["generation"])
    return Keyhole(row["profile"], row["generation"], guard.guard(plain, *place))


async def _begin_all(tx: Transaction, store: Store, answer: Answer, key: AccountKey | None) -> list[Change]:
    """Begin the epochs of an answer, which must be exactly one for each thread that it has to cover now."""
    answered = [Roster.decoded(thread.roster).thread for thread in answer.threads]
    if sorted(answered) != sorted(await covered(tx, store.guard, key.account if key else None)):
        raise Refused("A conversation was opened, joined or left since the request was made: make another request.")
    return [await _begin(tx, store, thread, answer.officer, key) for thread in answer.threads]


async def _begin(tx: Transaction, store: Store, answered: ThreadAnswered, officer: bytes, key: AccountKey | None) -> Change:
    roster = Roster.decoded(answered.roster)
    thread = await threads.find(tx, store.guard, roster.thread)
    if thread is None or not thread.is_sound or thread.epoch + 1 != roster.number:
        raise Refused("Somebody joined, left or renewed a key since the request was made: make another request.")
    last = await rosters.find(tx, store.guard, thread.id, thread.epoch)
    _check_roster(last, roster, officer if key is None else last.officer, key)
    await threads.save(tx, store.guard, msgspec.structs.replace(thread, epoch=roster.number))
    await rosters.add(tx, store.guard, roster, {AccountId(UUID(account)): body for account, body in answered.grants.items()})
    receiver = key.account if key else THE_OFFICER
    for number, body in answered.history.items():
        before = await rosters.find(tx, store.guard, thread.id, int(number))
        await rosters.add_grants(tx, before, roster.giver_key, {receiver: body})
    return Change(roster)


def _check_roster(last: Roster, roster: Roster, officer: bytes, key: AccountKey | None) -> None:
    """Raise Refused if anything but what was asked for differs from the previous roster."""
    expected = tuple(
        replace(seat, generation=key.generation, public_key=key.public_key) if key and seat.account == key.account else seat
        for seat in last.seats
    )
    sound = roster.previous == last.hash() and roster.giver == THE_OFFICER and roster.giver_key == last.officer
    if not (sound and roster.seats == expected and roster.officer == officer and roster_chain.may_bring_new_keys(last, roster)):
        raise Refused("The answer is not from this service's recovery officer, or it changes more than was requested.")


async def _turn(tx: Transaction, store: Store, account: Account, key: AccountKey, keyhole: Keyhole) -> None:
    """Give the account its new key. Notes and replies sealed to the lost key are deleted: not even the officer can read them."""
    await accounts.turn_to_key(tx, store.guard, account, key)
    await accounts.keep_keyhole(tx, account.id, "password", keyhole, store.clock())
    await accounts.drop_keyhole(tx, account.id, "recovery")
    await sessions.end_all(tx, account.id)
    for family in families():
        if family.own_sealed:
            await family.own_sealed.forget(tx, account.id)


FAMILY = Family(
    tables=(
        Table(
            "recoveries",
            ("request",),
            {
                "request": HASH,
                "account": ID.or_null(),
                "generation": NUMBER.or_null(),
                "public_key": KEY.or_null(),
                "profile": NUMBER.or_null(),
                "asked_at": TIME,
            },
            (OF_ACCOUNT,),
        ),
    ),
    guarded=(
        Guarded("recoveries", ("request",), "keyhole", _keyhole_place),
        Guarded("recoveries", ("request",), "asker", _asker_place),
        Guarded("recoveries", ("request",), "proof", _proven, is_proof=True),
    ),
    faults={
        "open recoveries that lack a proof or a keyhole": "select count(*) as count from recoveries r"
        " where r.proof is null or r.asker is null or (r.account is null) <> (r.keyhole is null)",
    },
)
