"""`ailo recover request` and `apply`, over an open store; and `answer`, on an offline machine, over files alone.

An account whose password and recovery code are lost gets a new key, opened by a first password that the operator sets;
the key is renewed once more when its owner changes that password.
"""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

from chat.accounts.new_accounts import check_password, first_keyhole
from chat.ailo import Ailo
from chat.console.printable import printable
from chat.operations.officer_sheet import spoken
from chat.protocol.refusals import CannotDo
from chat.security_events import SecurityEvent, record
from storage.accounts import accounts
from storage.accounts.accounts import Account
from storage.conversations.participants import Change
from storage.crypto import keyring_copy
from storage.crypto.epochs import THE_OFFICER
from storage.crypto.keyholes import AccountKey
from storage.errors import Refused
from storage.ids import AccountId
from storage.installation import Officer
from storage.rekeying import officer, recovery
from storage.rekeying.officer import Request
from storage.rekeying.recovery import NewKey
from storage.store import Store

NOTHING = "(nothing printable)"
NOT_SEALED = "root.sealed could not be written: check the disk, then make a backup or restart the service."


class RecoverRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="recover request"):
    """`ailo recover request`: for an account or, without an address, for a new officer."""

    email: str | None
    password: str


class RecoverApply(msgspec.Struct, frozen=True, tag="recover apply"):
    """`ailo recover apply`, with the bytes of the officer's answer."""

    answer: bytes


class Told(msgspec.Struct, frozen=True):
    """The fingerprint of a request, to be compared by voice."""

    fingerprint: str

    def __str__(self) -> str:
        return f"Fingerprint of the request: {self.fingerprint}"


class Applied(msgspec.Struct, frozen=True):
    """What an answer did, and the fingerprint of the request that it answers."""

    result: str
    fingerprint: str

    def __str__(self) -> str:
        return f"{self.result}\nFingerprint of the request: {self.fingerprint}"


async def request(ailo: Ailo, command: RecoverRequest) -> bytes:
    """The bytes of the request file. Raises Misuse or CannotDo."""
    store = ailo.store
    account = await _account(ailo, command.email) if command.email is not None else None
    new = await _new_key(ailo, account, command.password) if account else None
    try:
        return await store.database.write(lambda tx: recovery.ask(tx, store, account, command.email or "", new))
    except Refused as error:
        raise CannotDo(str(error)) from None


async def _account(ailo: Ailo, email: str) -> Account:
    found = await ailo.store.database.read(lambda reader: accounts.by_address(reader, ailo.store.guard, email))
    if found is None:
        raise CannotDo("There is no account with this address.")
    return found


async def _new_key(ailo: Ailo, account: Account, password: str) -> NewKey:
    check_password(password)
    key = AccountKey.fresh(account.id, account.generation + 1)
    return NewKey(key, await first_keyhole(ailo.store, ailo.sign_ins.pool, key, password))


async def apply(ailo: Ailo, command: RecoverApply) -> Applied:
    """Carry out an answer, and end the account's sessions. Raises CannotDo."""
    store = ailo.store
    try:
        answer = await asyncio.to_thread(officer.read_answer, command.answer)
        changes = await store.database.write(lambda tx: recovery.apply(tx, store, answer))
    except Refused as error:
        raise CannotDo(str(error)) from None
    _tell(ailo, changes)
    result = f"Access to {len(changes)} conversations was restored."
    if answer.officer != store.officer:
        record(SecurityEvent.OFFICER_REPLACED)
        result = f"{len(changes)} conversations now have the new recovery officer."
        if not await _seal_to(store, answer.officer):
            result = f"{result} {NOT_SEALED}"
    return Applied(result, spoken(answer.request))


def _tell(ailo: Ailo, changes: list[Change]) -> None:
    for change in changes:
        ailo.access.note(change)
        for account in change.roster.accounts():
            ailo.hub.restart(account)


async def _seal_to(store: Store, officer: bytes) -> bool:
    """Seal the keyring to its new officer; return whether its copy was written. If not, a backup or the next start writes it."""
    store.officer = officer
    try:
        async with store.keys_change:
            await asyncio.to_thread(keyring_copy.write, store.settings, officer)
    except OSError:
        return False
    return True


def answer(raw: bytes, private_key: bytes) -> tuple[bytes, Officer | None]:
    """Answer a request on an offline machine; return the new officer's key, too, if a new officer was requested.

    Raises Refused.
    """
    asked = officer.read_request(raw)
    successor = AccountKey.fresh(THE_OFFICER) if asked.account is None else None
    answered = officer.answer(raw, private_key, successor.public_key if successor else None)
    new = Officer(successor.private_key, successor.public_key) if successor else None
    return msgspec.json.encode(answered), new


def told(asked: Request) -> str:
    """What a request asks for, for the officer to judge: in printable lines, whatever the file contains. Raises Refused."""
    seats = officer.seats(asked)
    if asked.account is None:
        what = f"Asks to replace you with another recovery officer, in {len(asked.threads)} conversations of {len(seats)} people."
        return "\n".join([what, f"    made on      {_day(asked.began_at)}"])
    return "\n".join(_told_of_account(asked, asked.account, seats))


def _told_of_account(asked: Request, account: AccountId, seats: dict[AccountId, int]) -> Iterator[str]:
    yield f"Asks to restore an account's access, with a new key, to {len(asked.threads)} conversations."
    yield f"    account      {account}"
    yield f"    first name   {printable(asked.first_name) or NOTHING}"
    yield f"    address      {printable(asked.address) or NOTHING}"
    yield f"    made on      {_day(asked.began_at)}"
    names = {one.account: f"{printable(one.first_name) or NOTHING} ({printable(one.role)})" for one in asked.people}
    for other in sorted(seats.keys() - {account}):
        yield f"    talks with   {names.get(other, NOTHING)}, account {other}, in {seats[other]} of them"
    yield "This is only what the server says. Ask the person, whose voice or face you know, whom they talk with, and compare."


def _day(at: int) -> str:
    try:
        return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError, OSError):
        return NOTHING
