"""What the operator's commands do, over one open store: the same whether a running server carries them out or not."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Union

import msgspec

from chat import features
from chat.ailo import Ailo
from chat.console.printable import printable
from chat.core import Done
from chat.operations import recovering
from chat.operations.key_status import facts, told
from chat.operations.officer_sheet import spoken
from chat.operations.recovering import RecoverApply, RecoverRequest
from chat.protocol.refusals import CannotDo, Misuse
from chat.security_events import SecurityEvent, record
from storage import directories
from storage.accounts import accounts, sessions
from storage.accounts.accounts import Account
from storage.engine.database import Transaction
from storage.errors import Refused
from storage.ids import AccountId
from storage.maintenance import backup
from storage.maintenance.check import check_all
from storage.rekeying.officer import request_hash

LONGEST_FINDING = 500


class Backup(msgspec.Struct, frozen=True, tag="backup"):
    """`ailo backup`, with an absolute path. It is never sent to a running server, which only supplies the bytes."""

    folder: str


class Check(msgspec.Struct, frozen=True, tag="check"):
    """`ailo check`."""


class KeysRotate(msgspec.Struct, frozen=True, tag="keys rotate"):
    """`ailo keys rotate`."""


class KeysStatus(msgspec.Struct, frozen=True, tag="keys status"):
    """`ailo keys status`."""


class KeysDrop(msgspec.Struct, frozen=True, tag="keys drop"):
    """`ailo keys drop`, with the key's id in hexadecimal."""

    id: str


class KeysRenew(msgspec.Struct, frozen=True, tag="keys renew"):
    """`ailo keys renew`, for one account or for all."""

    email: str | None


OwnCommand = Check | KeysRotate | KeysStatus | KeysDrop | KeysRenew | RecoverRequest | RecoverApply | Backup


def carried() -> Any:
    """The type of the commands that a running server carries out, for decoding: none contains a path."""
    own = (Check, KeysRotate, KeysStatus, KeysDrop, KeysRenew, RecoverRequest, RecoverApply)
    return Union[(*own, *features.commands())]


BACKUP_FAILED = "The backup was not written: "


async def carry_out(ailo: Ailo, command: msgspec.Struct) -> Done:
    """Carry out a command. Raises StorageError when the store fails."""
    own = features.commands().get(type(command))
    try:
        done = await (own[1].do(ailo.of(own[0]), command) if own else _COMMANDS[type(command)](ailo, command))
    except Misuse as error:
        return Done(2, str(error))
    except CannotDo as error:
        return Done(1, str(error))
    if not done.code and (event := own[1].event if own else _EVENTS.get(type(command))):
        record(event)
    return done


async def _find(ailo: Ailo, email: str) -> Account | None:
    return await ailo.store.database.read(lambda reader: accounts.by_address(reader, ailo.store.guard, email))


async def _back_up(ailo: Ailo, command: Backup) -> Done:
    try:
        path = await backup.copy(ailo.store, Path(command.folder))
    except OSError as error:
        return Done(1, f"{BACKUP_FAILED}{reason(error)}.")
    return Done(0, str(path))


def reason(error: Exception) -> str:
    """Why something failed, in words that repeat none of the data involved."""
    return error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__


async def _check(ailo: Ailo, _: Check) -> Done:
    found = [*directories.faults(ailo.store.settings), *await check_all(ailo.store)]
    if found:
        record(SecurityEvent.CHECK_FAILED, n=len(found))
    return Done(1 if found else 0, "\n".join(printable(line, LONGEST_FINDING) for line in found) or "All is well.")


async def _rotate(ailo: Ailo, _: KeysRotate) -> Done:
    try:
        is_turned = await ailo.rotation.turn()
    except Refused as error:
        return Done(1, str(error))
    if not ailo.rotation.is_in_background:
        await ailo.rotation.finish()
    status = await ailo.rotation.status()
    begun = (
        "A fresh root key is in use: put a copy of the keyring in its safe place."
        if is_turned
        else "An earlier rotation was not finished: it goes on, and no key was added."
    )
    return Done(0, f"{begun}\n{told(status)}", {"added": is_turned, **facts(status)})


async def _key_status(ailo: Ailo, _: KeysStatus) -> Done:
    status = await ailo.rotation.status()
    return Done(0, told(status), facts(status))


async def _drop_key(ailo: Ailo, command: KeysDrop) -> Done:
    try:
        name = bytes.fromhex(command.id)
    except ValueError:
        raise Misuse("The id of a key is 16 hexadecimal digits: see `ailo keys status`.") from None
    try:
        await ailo.rotation.drop(name)
    except Refused as error:
        return Done(1, str(error))
    return Done(0, "The key is no longer in the keyring.", {"dropped": name.hex()})


async def _renew_keys(ailo: Ailo, command: KeysRenew) -> Done:
    """Sign out everybody concerned; their keys are renewed when they sign in again."""
    store = ailo.store
    one = await _find(ailo, command.email) if command.email else None
    if command.email and one is None:
        raise CannotDo("There is no account with this address.")

    async def write(tx: Transaction) -> list[AccountId]:
        found = [one.id] if one else await accounts.all_ids(tx)
        for account in found:
            await accounts.ask_renewal(tx, account, store.clock())
            await sessions.end_all(tx, account)
        return found

    found = await store.database.write(write)
    for account in found:
        ailo.hub.end_others(account, b"")
        record(SecurityEvent.KEY_RENEWAL_ASKED, account)
    return Done(0, f"{len(found)} accounts were signed out; their keys are renewed when they sign in again.")


async def _request_recovery(ailo: Ailo, command: RecoverRequest) -> Done:
    raw = await recovering.request(ailo, command)
    told = recovering.Told(spoken(request_hash(raw)))
    return Done(0, str(told), {"fingerprint": told.fingerprint}, content=raw)


async def _apply_recovery(ailo: Ailo, command: RecoverApply) -> Done:
    told = await recovering.apply(ailo, command)
    return Done(0, str(told), msgspec.to_builtins(told))


# Events of a single account are recorded where the account is known.
_EVENTS: dict[type, SecurityEvent] = {
    Backup: SecurityEvent.BACKUP_WRITTEN,
    KeysRotate: SecurityEvent.ROOT_KEY_ROTATED,
    KeysDrop: SecurityEvent.ROOT_KEY_DROPPED,
    RecoverRequest: SecurityEvent.RECOVERY_REQUESTED,
    RecoverApply: SecurityEvent.RECOVERY_APPLIED,
}

_COMMANDS: dict[type, Callable[..., Awaitable[Done]]] = {
    Backup: _back_up,
    Check: _check,
    KeysRotate: _rotate,
    KeysStatus: _key_status,
    KeysDrop: _drop_key,
    KeysRenew: _renew_keys,
    RecoverRequest: _request_recovery,
    RecoverApply: _apply_recovery,
}
