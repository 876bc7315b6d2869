"""`ailo recover request` and `apply`, over open rooms; and `answer`, on an offline machine, over files alone.

An account whose password and recovery code are lost gets another key, reached by a first password that the operator sets;
its owner's first change of it renews the key once more.
"""

import asyncio

import msgspec

from chat.accounts import CannotDo, check_password, profile_of
from chat.rooms import Rooms
from storage import accounts, keyholes, keyring_copy, officer, recovery
from storage.accounts import Account, Keyhole
from storage.epochs import THE_OFFICER
from storage.errors import Refused
from storage.house import Officer
from storage.keyholes import AccountKey
from storage.officer import Request
from storage.recovery import NewKey
from storage.store import Store

NOT_SEALED = "root.sealed was not written: see to the disk, then make a backup, or start the service again."


class RecoverRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="recover request"):
    """`ailo recover request`: for an account, or (without an address) for another officer."""

    email: str | None
    password: str


class RecoverApply(msgspec.Struct, frozen=True, tag="recover apply"):
    """`ailo recover apply`; the bytes of the officer's answer."""

    answer: bytes


async def request(rooms: Rooms, command: RecoverRequest) -> bytes:
    """The bytes of the request file. Raises Misuse or CannotDo."""
    store = rooms.store
    account = await _account(rooms, command.email) if command.email is not None else None
    new = await _new_key(rooms, account, command.password) if account else None
    try:
        return await store.database.write(lambda tx: recovery.ask(tx, store, account, command.email or "", new))
    except Refused as error:
        raise CannotDo(str(error)) from None


async def _account(rooms: Rooms, email: str) -> Account:
    found = await rooms.store.database.read(lambda reader: accounts.by_address(reader, rooms.store.guard, email))
    if found is None:
        raise CannotDo("There is no account with this address.")
    return found


async def _new_key(rooms: Rooms, account: Account, password: str) -> NewKey:
    check_password(password)
    store, profile = rooms.store, profile_of(rooms.store)
    key = AccountKey.fresh(account.id, account.generation + 1)
    body = await asyncio.get_running_loop().run_in_executor(
        rooms.sign_ins.pool, lambda: keyholes.guard_password(store.guard, key, password, profile, by_owner=False)
    )
    return NewKey(key, Keyhole(profile, key.generation, body))


async def apply(rooms: Rooms, command: RecoverApply) -> str:
    """Carry out an answer; the account's sessions end. Raises CannotDo."""
    store = rooms.store
    try:
        answer = await asyncio.to_thread(officer.read_answer, command.answer)
        changes = await store.database.write(lambda tx: recovery.apply(tx, store, answer))
    except Refused as error:
        raise CannotDo(str(error)) from None
    for change in changes:
        rooms.access.note(change)
        for account in change.roster.accounts():
            rooms.hub.restart(account)
    told = f"{len(changes)} conversations were given back."
    return told if answer.officer == store.officer or await _seal_to(store, answer.officer) else f"{told} {NOT_SEALED}"


async def _seal_to(store: Store, officer: bytes) -> bool:
    """Seal the keyring to its new officer; whether its copy could be written. Else a backup, or the next start, writes it."""
    store.officer = officer
    try:
        async with store.keys_change:
            await asyncio.to_thread(keyring_copy.write, store.settings, officer)
    except OSError:
        return False
    return True


def answer(raw: bytes, private_key: bytes) -> tuple[bytes, Officer | None]:
    """Answer a request on an offline machine; with the new officer's key, where another officer was asked for.

    Raises Refused.
    """
    asked = officer.read_request(raw)
    successor = AccountKey.fresh(THE_OFFICER) if asked.account is None else None
    answered = officer.answer(raw, private_key, successor.public_key if successor else None)
    new = Officer(successor.private_key, successor.public_key) if successor else None
    return msgspec.json.encode(answered), new


def told(asked: Request) -> str:
    """What a request asks for, for the officer to judge."""
    if asked.account is None:
        return f"Asks to put another recovery officer in your place, in {len(asked.threads)} conversations."
    who = f"{asked.first_name} <{asked.address}>"
    return f"Asks to give {who} access again, with another key, to {len(asked.threads)} conversations."
