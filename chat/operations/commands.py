"""What the operator's commands do, over one open store: the same whether a running server carries them out or not."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any, Union

import msgspec

from chat import features
from chat.ailo import Ailo
from chat.console import typed
from chat.console.printable import printable
from chat.core import Command, Done, Feature, no_arguments
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


BACKUP_FAILED = "The backup was not written: "


async def carry_out(ailo: Ailo, carried: msgspec.Struct) -> Done:
    """Carry out a command. Raises StorageError when the store fails."""
    command, card = every_command()[type(carried)]
    try:
        done = await command.do(ailo.of(card) if card else ailo, carried)
    except Misuse as error:
        return Done(2, str(error))
    except CannotDo as error:
        return Done(1, str(error))
    if not done.code and command.event:
        record(command.event)
    return done


def every_command() -> dict[type, tuple[Command[Any], type[Feature] | None]]:
    """The operator's and the features' commands, by the type they send, each with the feature that executes it, if any."""
    of_features = {kind: (command, card) for kind, (card, command) in features.commands().items()}
    return {**{command.carried: (command, None) for command in COMMANDS}, **of_features}


def sent() -> Any:
    """The type of the commands that a running server carries out, for decoding: none contains a path."""
    return Union[tuple(kind for kind in every_command() if kind is not Backup)]  # noqa: UP007 (made of a list)


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
        "A new root key is in use: store a copy of the keyring in its safe place."
        if is_turned
        else "An earlier rotation is unfinished: it continues, and no key was added."
    )
    return Done(0, f"{begun}\n{told(status)}", {"added": is_turned, **facts(status)})


async def _key_status(ailo: Ailo, _: KeysStatus) -> Done:
    status = await ailo.rotation.status()
    return Done(0, told(status), facts(status))


async def _drop_key(ailo: Ailo, command: KeysDrop) -> Done:
    try:
        name = bytes.fromhex(command.id)
    except ValueError:
        raise Misuse("A key id has 16 hexadecimal digits: see `ailo keys status`.") from None
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
    return Done(0, f"{len(found)} accounts were signed out; their keys will be renewed when they sign in again.")


async def _request_recovery(ailo: Ailo, command: RecoverRequest) -> Done:
    raw = await recovering.request(ailo, command)
    told = recovering.Told(spoken(request_hash(raw)))
    return Done(0, str(told), {"fingerprint": told.fingerprint}, content=raw)


async def _apply_recovery(ailo: Ailo, command: RecoverApply) -> Done:
    told = await recovering.apply(ailo, command)
    return Done(0, str(told), msgspec.to_builtins(told))


def _fill_backup(parser: ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", type=Path)


def _fill_renew(parser: ArgumentParser) -> None:
    parser.add_argument("--account", metavar="EMAIL", help="sign out and renew this account only")


def _fill_drop(parser: ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID")


def _fill_request(parser: ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--account", metavar="EMAIL", help="restore this account's access, with a first password")
    what.add_argument("--new-officer", action="store_true", help="replace the recovery officer")
    parser.add_argument("--password-stdin", action="store_true", help="read the first password from standard input")


def _read_request(given: Namespace) -> RecoverRequest:
    password = typed.password(from_stdin=given.password_stdin, what="the first password") if given.account else ""
    return RecoverRequest(given.account, password)


def _fill_apply(parser: ArgumentParser) -> None:
    parser.add_argument("file", metavar="ANSWER", type=Path)


# Those that a running server carries out, or `ailo` without one. Events of a single account are recorded where it is known.
COMMANDS: tuple[Command[Any], ...] = (
    Command(
        "backup",
        "write a consistent copy of the data, without the keys",
        Backup,
        _fill_backup,
        lambda given: Backup(str(given.folder.absolute())),
        _back_up,
        SecurityEvent.BACKUP_WRITTEN,
    ),
    Command("check", "verify that the data is complete and unaltered", Check, no_arguments, lambda _: Check(), _check),
    Command(
        "keys rotate",
        "switch to a new root key, and bring everything under it",
        KeysRotate,
        no_arguments,
        lambda _: KeysRotate(),
        _rotate,
        SecurityEvent.ROOT_KEY_ROTATED,
    ),
    Command(
        "keys status", "show what each root key still protects", KeysStatus, no_arguments, lambda _: KeysStatus(), _key_status
    ),
    Command(
        "keys renew",
        "after an intrusion: sign everybody out, and renew their keys at the next sign-in",
        KeysRenew,
        _fill_renew,
        lambda given: KeysRenew(given.account),
        _renew_keys,
    ),
    Command(
        "keys drop",
        "remove an older root key that no longer protects anything",
        KeysDrop,
        _fill_drop,
        lambda given: KeysDrop(given.id),
        _drop_key,
        SecurityEvent.ROOT_KEY_DROPPED,
    ),
    Command(
        "recover request",
        "write a request file for the recovery officer",
        RecoverRequest,
        _fill_request,
        _read_request,
        _request_recovery,
        SecurityEvent.RECOVERY_REQUESTED,
        out=lambda given: given.file.absolute(),
    ),
    Command(
        "recover apply",
        "apply the officer's answer",
        RecoverApply,
        _fill_apply,
        lambda given: RecoverApply(given.file.read_bytes()),
        _apply_recovery,
        SecurityEvent.RECOVERY_APPLIED,
    ),
)
