"""The `ailo` command: reads what was typed, has it done by the running server or here, and prints one clear line."""

import argparse
import asyncio
import contextlib
import getpass
import json
import os
import re
import resource
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from msgspec import structs

from chat import __version__, control, demo, recovering, serve, terminal
from chat.commands import (
    AccountAdd,
    Backup,
    Check,
    Command,
    Done,
    KeysDrop,
    KeysRenew,
    KeysRotate,
    KeysStatus,
    ThreadLeave,
    ThreadOpen,
    carry_out,
)
from chat.officer_sheet import Mistyped, fingerprint, is_spoken, page, read_key, sheet, show_once, spoken
from chat.printable import printable_lines
from chat.recovering import RecoverApply, RecoverRequest
from chat.rooms import open_rooms
from chat.words import LANGUAGES
from storage import house, keyring_copy
from storage.accounts import Role
from storage.errors import StorageError, WrongKey
from storage.keyring import write_private
from storage.officer import read_request, request_hash
from storage.primitives import public_key_of
from storage.settings import Environment, StorageSettings

MISUSE = 2
FAILURE = 1


def main() -> None:
    """The entry point of the `ailo` command."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would hold unlocked keys
    with contextlib.suppress(BrokenPipeError):
        sys.exit(run(sys.argv[1:]))


def run(argv: Sequence[str]) -> int:
    """Run one command; gives its exit code: 2 for a misuse, 1 for a failure."""
    arguments = _parser().parse_args(argv)
    action: Callable[[argparse.Namespace], int] = arguments.action
    try:
        return action(arguments)
    except StorageError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return 130


def _fail(line: str, code: int = FAILURE) -> int:
    print(f"ailo: {printable_lines(line)}", file=sys.stderr)
    return code


# Commands


def _init(arguments: argparse.Namespace) -> int:
    settings = _settings()
    if arguments.sheet and (arguments.without_recovery or arguments.sheet.exists()):
        return _fail("--sheet names a new file, and goes with a recovery officer's key.", MISUSE)
    officer = asyncio.run(house.build(settings, with_recovery=not arguments.without_recovery))
    if officer and arguments.sheet:
        write_private(arguments.sheet.absolute(), page(officer).encode(), replace=False)
    print(sheet(officer, as_json=arguments.json), flush=True)
    return 0


def _serve(arguments: argparse.Namespace) -> int:
    return serve.main(os.environ)


def _demo(arguments: argparse.Namespace) -> int:
    return demo.main(os.environ)


def _chat(arguments: argparse.Namespace) -> int:
    password = getpass.getpass("Password: ") if sys.stdin.isatty() else _first_line()
    return asyncio.run(terminal.chat(arguments.origin.rstrip("/"), arguments.email, password, arguments.conversation))


def _first_line() -> str:
    """The first line of standard input, and not a byte more: the rest is what is to be said."""
    line = bytearray()
    while (one := os.read(0, 1)) not in {b"", b"\n"}:
        line += one
    return line.decode(errors="replace").removesuffix("\r")


def _account_add(arguments: argparse.Namespace) -> int:
    password = _password(from_stdin=arguments.password_stdin)
    if password is None:
        return _fail("give the password with --password-stdin, or run this on a terminal to be asked.", MISUSE)
    return _carry_out(
        AccountAdd(arguments.role, arguments.email, arguments.first_name, arguments.last_name, arguments.locale, password),
        arguments,
    )


def _password(*, from_stdin: bool) -> str | None:
    if from_stdin:
        return sys.stdin.read().removesuffix("\n").removesuffix("\r")
    return getpass.getpass("Password: ") if sys.stdin.isatty() else None


def _thread_open(arguments: argparse.Namespace) -> int:
    return _carry_out(ThreadOpen(arguments.member, arguments.professional, arguments.companion), arguments)


def _thread_leave(arguments: argparse.Namespace) -> int:
    return _carry_out(ThreadLeave(arguments.thread, arguments.email), arguments)


def _backup(arguments: argparse.Namespace) -> int:
    return _carry_out(Backup(str(arguments.folder.absolute())), arguments)


def _check(arguments: argparse.Namespace) -> int:
    return _carry_out(Check(), arguments)


def _keys_rotate(arguments: argparse.Namespace) -> int:
    return _carry_out(KeysRotate(), arguments)


def _keys_status(arguments: argparse.Namespace) -> int:
    return _carry_out(KeysStatus(), arguments)


def _keys_drop(arguments: argparse.Namespace) -> int:
    return _carry_out(KeysDrop(arguments.id), arguments)


def _recover_keyring(arguments: argparse.Namespace) -> int:
    try:
        key = _officer_key()
        keyring_copy.recover(arguments.sealed, key, arguments.out)
    except Mistyped as error:
        return _fail(str(error))
    except WrongKey as error:
        return _fail(f"{error} (the key typed has the fingerprint {fingerprint(public_key_of(key))}: compare it with the sheet).")
    except FileExistsError:
        return _fail("there is a file where the keyring was to be written; it was left as it is.")
    except OSError as error:
        return _fail(f"{error.filename}: {error.strerror}.")
    print(json.dumps({"result": str(arguments.out)}) if arguments.json else arguments.out)
    return 0


def _recover_request(arguments: argparse.Namespace) -> int:
    password = _password(from_stdin=arguments.password_stdin) if arguments.account else ""
    if password is None:
        return _fail("give the first password with --password-stdin, or run this on a terminal to be asked.", MISUSE)
    return _carry_out(RecoverRequest(str(arguments.file.absolute()), arguments.account, password), arguments)


def _recover_answer(arguments: argparse.Namespace) -> int:
    try:
        raw = arguments.request.read_bytes()
        if not _is_as_read_out(raw, arguments.fingerprint):
            return _fail("this is not the request whose fingerprint was read out: it was exchanged on its way. Do not answer it.")
        if arguments.answer.exists():
            return _fail("there is a file where the answer was to be written; it was left as it is.")
        answered, successor = recovering.answer(raw, _officer_key())
    except (Mistyped, EOFError) as error:
        return _fail(str(error) or "nothing was typed.")
    except OSError as error:
        return _fail(f"{error.filename}: {error.strerror}.")
    return _hand_out_answer(arguments, answered, successor, spoken(request_hash(raw)))


def _is_as_read_out(raw: bytes, read_out: str | None) -> bool:
    """Show what is asked for. On a terminal the fingerprint is asked for before it is shown, so that it is compared."""
    print(recovering.told(read_request(raw)), file=sys.stderr)
    if read_out is None and sys.stdin.isatty():
        print("Fingerprint of the request, as it was read out to you: ", end="", file=sys.stderr, flush=True)
        read_out = sys.stdin.readline()
    print(f"    fingerprint  {spoken(request_hash(raw))}", file=sys.stderr)
    return read_out is None or is_spoken(read_out, request_hash(raw))


def _hand_out_answer(arguments: argparse.Namespace, answered: bytes, successor: house.Officer | None, print_: str) -> int:
    """A new officer's key is shown first: once the answer is applied, it is the only one, and stands nowhere else."""
    try:
        if successor:
            show_once(sheet(successor, as_json=arguments.json))
    except OSError as error:
        return _fail(f"the new officer's key could not be shown ({error.strerror}): no answer was made.")
    try:
        write_private(arguments.answer.absolute(), answered, replace=False)
    except OSError as error:
        void = " The key that was shown is of no use: begin again." if successor else ""
        return _fail(f"the answer was not written ({error.strerror}).{void}")
    if not successor:
        told = recovering.Told(str(arguments.answer), print_)
        print(json.dumps(structs.asdict(told)) if arguments.json else told)
    return 0


def _recover_apply(arguments: argparse.Namespace) -> int:
    return _carry_out(RecoverApply(str(arguments.file.absolute())), arguments)


def _keys_renew(arguments: argparse.Namespace) -> int:
    return _carry_out(KeysRenew(arguments.account), arguments)


def _officer_key() -> bytes:
    """From the sheet. On a terminal it is asked for, and not shown."""
    return read_key(getpass.getpass("Recovery key and check: ") if sys.stdin.isatty() else sys.stdin.read())


def _carry_out(command: Command, arguments: argparse.Namespace) -> int:
    done = asyncio.run(_done(_settings(), command))
    if done.code:
        return _fail(done.line, done.code)
    if done.line:
        print(json.dumps(done.facts or {"result": done.line}) if arguments.json else printable_lines(done.line))
    return 0


async def _done(settings: StorageSettings, command: Command) -> Done:
    """By the running server; without one, here."""
    answer = await control.ask(settings.data, command)
    if answer is not None:
        return answer
    async with open_rooms(settings) as rooms:
        return await carry_out(rooms, command)


def _settings() -> StorageSettings:
    environment = Environment(os.environ)
    settings = StorageSettings.from_environment(environment)
    if environment.faults:
        sys.exit(_fail("\n      ".join(environment.faults)))
    return settings


# What may be typed


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, without what was typed: it may be a name or an address. A misuse ends with 2."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        said = re.sub(r"(unrecognized arguments|ignored explicit argument|invalid choice).*?(?= \(choose from|$)", r"\1", message)
        sys.exit(_fail(f"{said} (see `{self.prog} --help`)", MISUSE))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="ailo", description="Confidential correspondence, on your own server.")
    parser.add_argument("--version", action="version", version=f"ailo {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add(commands, "serve", "serve the pages, the conversations and the letters", _serve)
    _add(commands, "demo", "serve a filled example on this machine alone", _demo)
    init = _add(commands, "init", "make the keyring and an empty data directory; prints the recovery sheet once", _init)
    init.add_argument("--without-recovery", action="store_true", help="make no recovery officer's key")
    init.add_argument("--sheet", type=Path, metavar="FILE", help="write the sheet as a page to print, too")
    account = _add(commands, "account", "accounts").add_subparsers(metavar="ACTION", required=True)
    _fill_account_add(_add(account, "add", "add an account; prints its id", _account_add))
    thread = _add(commands, "thread", "conversations").add_subparsers(metavar="ACTION", required=True)
    _fill_thread_open(_add(thread, "open", "open a conversation; prints its id", _thread_open))
    leave = _add(thread, "leave", "end somebody's part in a conversation", _thread_leave)
    leave.add_argument("thread", metavar="THREAD")
    leave.add_argument("email", metavar="EMAIL")
    backup = _add(commands, "backup", "write a consistent copy of the data, without the keys", _backup)
    backup.add_argument("folder", metavar="DIR", type=Path)
    talk = _add(commands, "chat", "talk in the terminal; the password is asked for, or the first line of standard input", _chat)
    talk.add_argument("--email", required=True)
    talk.add_argument(
        "--origin", default=f"http://127.0.0.1:{os.environ.get('AILO_PORT') or 8080}", help="address of the service"
    )
    talk.add_argument("--conversation", type=int, default=1, metavar="N", help="the Nth of your list, the newest first")
    _add(commands, "check", "prove that the data is whole and as it was written", _check)
    _fill_keys(_add(commands, "keys", "the root keyring").add_subparsers(metavar="ACTION", required=True))
    _fill_recover(_add(commands, "recover", "with the recovery officer's key").add_subparsers(metavar="ACTION", required=True))
    return parser


def _add(
    commands: "argparse._SubParsersAction[Any]",
    name: str,
    help_: str,
    action: Callable[[argparse.Namespace], int] | None = None,
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=help_, description=help_)
    if action:
        parser.set_defaults(action=action)
        parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser


def _fill_account_add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--role", required=True, choices=[role.value for role in Role])
    parser.add_argument("--email", required=True)
    parser.add_argument("--first-name", required=True)
    parser.add_argument("--last-name", default="")
    parser.add_argument("--locale", default="fr", choices=LANGUAGES)
    parser.add_argument("--password-stdin", action="store_true", help="read the password from standard input")


def _fill_thread_open(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--member", required=True, metavar="EMAIL")
    parser.add_argument("--professional", required=True, action="append", metavar="EMAIL")
    parser.add_argument("--companion", default=[], action="append", metavar="EMAIL")


def _fill_keys(actions: "argparse._SubParsersAction[Any]") -> None:
    _add(actions, "rotate", "turn to a fresh root key, and bring everything to it", _keys_rotate)
    _add(actions, "status", "what each root key still keeps", _keys_status)
    renew = _add(actions, "renew", "after an intrusion: sign out, and renew the keys at the next sign-in", _keys_renew)
    renew.add_argument("--account", metavar="EMAIL", help="of this account alone")
    drop = _add(actions, "drop", "remove an older root key that keeps nothing", _keys_drop)
    drop.add_argument("id", metavar="ID")


def _fill_recover(actions: "argparse._SubParsersAction[Any]") -> None:
    keyring = _add(actions, "keyring", "open the sealed copy of the root keyring, on a machine that is offline", _recover_keyring)
    keyring.add_argument("sealed", metavar="SEALED", type=Path)
    keyring.add_argument("out", metavar="OUT", type=Path)
    request = _add(actions, "request", "ask the recovery officer; writes the request file", _recover_request)
    request.add_argument("file", metavar="FILE", type=Path)
    what = request.add_mutually_exclusive_group(required=True)
    what.add_argument("--account", metavar="EMAIL", help="give this account access again, with a first password")
    what.add_argument("--new-officer", action="store_true", help="put another officer in the place of the present one")
    request.add_argument("--password-stdin", action="store_true", help="read the first password from standard input")
    answer = _add(actions, "answer", "answer a request, with the officer's key, on a machine that is offline", _recover_answer)
    answer.add_argument("request", metavar="REQUEST", type=Path)
    answer.add_argument("answer", metavar="ANSWER", type=Path)
    answer.add_argument("--fingerprint", metavar="F", help="of the request, as it was read out: another request is refused")
    apply = _add(actions, "apply", "carry out the officer's answer", _recover_apply)
    apply.add_argument("file", metavar="ANSWER", type=Path)


if __name__ == "__main__":
    main()
