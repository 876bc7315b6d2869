"""`ailo recover request` and `apply`, over open rooms; and `answer`, on an offline machine, over files alone.

An account whose password and recovery code are lost gets another key, reached by a first password that the operator sets;
its owner's first change of it renews the key once more.
"""

import asyncio
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import msgspec

from chat.accounts import CannotDo, check_password, first_keyhole
from chat.officer_sheet import spoken
from chat.printable import printable
from chat.rooms import Rooms
from chat.security_events import SecurityEvent, record
from storage import accounts, keyring_copy, officer, recovery
from storage.accounts import Account
from storage.epochs import THE_OFFICER
from storage.errors import Refused
from storage.house import Officer
from storage.keyholes import AccountKey
from storage.keyring import write_private
from storage.officer import Request, request_hash
from storage.recovery import NewKey
from storage.taking_part import Change

NOTHING = "(nothing that can be shown)"

log = logging.getLogger("ailo.recovery")


class RecoverRequest(msgspec.Struct, frozen=True, tag="recover request"):
    """`ailo recover request`: for an account, or (without an address) for another officer. An absolute path."""

    file: str
    email: str | None
    password: str


class RecoverApply(msgspec.Struct, frozen=True, tag="recover apply"):
    """`ailo recover apply`; an absolute path."""

    file: str


class Told(msgspec.Struct, frozen=True):
    """What a command did, and the fingerprint of the request, to be compared by voice."""

    result: str
    fingerprint: str

    def __str__(self) -> str:
        return f"{self.result}\nFingerprint of the request: {self.fingerprint}"


async def request(rooms: Rooms, command: RecoverRequest) -> Told:
    """Write the request file. Raises Misuse or CannotDo."""
    store = rooms.store
    account = await _account(rooms, command.email) if command.email is not None else None
    new = await _new_key(rooms, account, command.password) if account else None
    try:
        raw = await store.database.write(lambda tx: recovery.ask(tx, store, account, command.email or "", new))
        await asyncio.to_thread(write_private, Path(command.file), raw, replace=False)
    except Refused as error:
        raise CannotDo(str(error)) from None
    except OSError as error:
        raise CannotDo(f"The request was not written: {error.strerror}.") from None
    return Told(command.file, spoken(request_hash(raw)))


async def _account(rooms: Rooms, email: str) -> Account:
    found = await rooms.store.database.read(lambda reader: accounts.by_address(reader, rooms.store.guard, email))
    if found is None:
        raise CannotDo("There is no account with this address.")
    return found


async def _new_key(rooms: Rooms, account: Account, password: str) -> NewKey:
    check_password(password)
    key = AccountKey.fresh(account.id, account.generation + 1)
    return NewKey(key, await first_keyhole(rooms.store, rooms.sign_ins.pool, key, password))


async def apply(rooms: Rooms, command: RecoverApply) -> Told:
    """Carry out an answer; the account's sessions end. Raises CannotDo."""
    store = rooms.store
    try:
        answer = officer.read_answer(await asyncio.to_thread(Path(command.file).read_bytes))
        changes = await store.database.write(lambda tx: recovery.apply(tx, store, answer))
    except Refused as error:
        raise CannotDo(str(error)) from None
    except OSError as error:
        raise CannotDo(f"The answer cannot be read: {error.strerror}.") from None
    _tell(rooms, changes)
    line = f"{len(changes)} conversations were given back."
    if answer.officer != store.officer:
        store.officer = answer.officer
        record(SecurityEvent.OFFICER_REPLACED)
        line = f"{len(changes)} conversations have another recovery officer.{await _copy_keyring(rooms)}"
    return Told(line, spoken(answer.request))


def _tell(rooms: Rooms, changes: list[Change]) -> None:
    for change in changes:
        rooms.access.note(change)
        for account in change.roster.accounts():
            rooms.hub.restart(account)


async def _copy_keyring(rooms: Rooms) -> str:
    """Seal the keyring to the new officer; gives what is to be added where it failed: the answer is applied all the same."""
    store = rooms.store
    try:
        async with store.keys_change:
            await asyncio.to_thread(keyring_copy.write, store.settings, store.officer)
    except OSError as error:
        log.error("the sealed copy of the keyring was not written for the new officer: %s", error.strerror)
        return f" But {store.settings.sealed_keyring} was not written ({error.strerror}): it is at the next start or backup."
    return ""


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
    """What a request asks for, for the officer to judge: whatever the file holds, as printable lines. Raises Refused."""
    seats = officer.seats(asked)
    if asked.account is None:
        what = (
            f"Asks to put another recovery officer in your place, in {len(asked.threads)} conversations of {len(seats)} people."
        )
        return "\n".join([what, f"    made on      {_day(asked.began_at)}"])
    return "\n".join(_told_of_account(asked, asked.account, seats))


def _told_of_account(asked: Request, account: UUID, seats: dict[UUID, int]) -> Iterator[str]:
    yield f"Asks to give an account access again, with another key, to {len(asked.threads)} conversations."
    yield f"    account      {account}"
    yield f"    first name   {printable(asked.first_name) or NOTHING}"
    yield f"    address      {printable(asked.address) or NOTHING}"
    yield f"    made on      {_day(asked.began_at)}"
    names = {one.account: f"{printable(one.first_name) or NOTHING} ({printable(one.role)})" for one in asked.people}
    for other in sorted(seats.keys() - {account}):
        yield f"    talks with   {names.get(other, NOTHING)}, account {other}, in {seats[other]} of them"
    yield "The server says so. Let the person, whose voice or face you know, tell with whom they talk: compare."


def _day(at: int) -> str:
    try:
        return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError, OSError):
        return NOTHING
