"""The `ailo` command: parses what was typed, has the running server do it or does it here, and prints one clear line."""

import argparse
import asyncio
import getpass
import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from chat import __version__, logs
from chat.ailo import open_ailo
from chat.console import output, typed
from chat.console.output import OutputFailed, complain, say
from chat.console.printable import printable_lines
from chat.core import Command, Done
from chat.operations import control, hardening, recovering
from chat.operations.commands import carry_out, every_command
from chat.operations.officer_sheet import Mistyped, fingerprint, is_spoken, page, read_key, sheet, spoken
from chat.protocol.refusals import Misuse
from storage import installation
from storage.crypto import keyring_copy
from storage.crypto.primitives import public_key_of
from storage.errors import StorageError, WrongKey
from storage.files import write_private
from storage.installation import Officer
from storage.rekeying.officer import read_request, request_hash
from storage.settings import Environment, StorageSettings

GROUPS = {
    "account": "manage accounts",
    "encouragement": "manage what members are encouraged about",
    "keys": "manage the root keyring",
    "mail": "look after letters",
    "programme": "manage programmes",
    "recover": "recover access with the recovery officer's key",
    "thread": "manage conversations",
}
MISUSE = 2
FAILURE = 1


def main() -> None:
    """The entry point of the `ailo` command."""
    hardening.have_standard_streams()
    if not hardening.keep_memory_private():
        complain("could not protect this process's memory from other processes (prctl was refused).")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # no line is lost to a character that the terminal's encoding lacks
    try:
        code = run(sys.argv[1:])
    except SystemExit as end:
        code = int(end.code or 0)
    sys.exit(output.finished(code))


def run(argv: Sequence[str]) -> int:
    """Run one command; return its exit code: 2 for misuse, 1 for failure."""
    try:
        arguments = _parser().parse_args(argv)
        action: Callable[[argparse.Namespace], int] = arguments.action
        return action(arguments)
    except Misuse as error:
        return _fail(str(error), MISUSE)
    except (StorageError, OutputFailed, CannotWrite) as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror or type(error).__name__}.")
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # noqa: BLE001 (one line, with nothing of what a traceback shows)
        return _fail(f"unexpected error: {type(error).__name__} at {logs.place(error.__traceback__)}.")


def _fail(line: str, code: int = FAILURE) -> int:
    complain(printable_lines(line))
    return code


# Commands


def _init(arguments: argparse.Namespace) -> int:
    settings = _settings()
    if arguments.sheet and (arguments.without_recovery or os.path.lexists(arguments.sheet)):
        return _fail("--sheet must name a new file, and cannot be combined with --without-recovery.", MISUSE)
    if arguments.sheet and arguments.sheet.resolve().is_relative_to(settings.data.resolve()):
        return _fail("--sheet must be outside AILO_DATA: the key must not end up in a backup.", MISUSE)

    def show(officer: Officer | None) -> None:
        with _kept(arguments.sheet if officer else None, page(officer) if officer else ""):
            say(sheet(officer, as_json=arguments.json))

    asyncio.run(installation.build(settings, with_recovery=not arguments.without_recovery, show=show))
    return 0


@contextmanager
def _kept(path: Path | None, content: str) -> Iterator[None]:
    """Write a file and read it back; remove it again if what follows fails."""
    if path is None:
        yield
        return
    _write(path, content.encode())
    try:
        if path.read_bytes() != content.encode():
            raise CannotWrite(f"{path} does not contain what was written to it.")
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise


class CannotWrite(Exception):
    """A file named on the command line could not be written; says why."""


def _write(path: Path, content: bytes) -> None:
    """Write a file named on the command line, never over an existing one. Raises CannotWrite."""
    try:
        write_private(path.absolute(), content, replace=False)
    except FileExistsError:
        raise CannotWrite(f"{path} already exists: choose another name.") from None
    except OSError as error:
        raise CannotWrite(f"{path} cannot be written: {error.strerror}.") from None


def _serve(arguments: argparse.Namespace) -> int:
    from chat import serve  # noqa: PLC0415 (imported here: no other command waits for it)

    return serve.main(os.environ)


def _demo(arguments: argparse.Namespace) -> int:
    from chat import demo  # noqa: PLC0415

    return demo.main(os.environ)


def _chat(arguments: argparse.Namespace) -> int:
    from chat.client import talk  # noqa: PLC0415
    from chat.client.remote import is_private_way  # noqa: PLC0415

    origin = arguments.origin.rstrip("/")
    if not (arguments.plain_http or is_private_way(origin)):
        return _fail("--origin is not https: the password would cross the network unencrypted (see --plain-http).", MISUSE)
    password = getpass.getpass("Password: ") if typed.is_terminal() else typed.first_line()
    return asyncio.run(talk.chat(origin, arguments.email, password, arguments.conversation))


def _mail_check(arguments: argparse.Namespace) -> int:
    from chat.operations import mail_check  # noqa: PLC0415

    way = mail_check.Way(arguments.to, arguments.wait, arguments.nameserver)
    return mail_check.main(os.environ, _settings().data, way, as_json=arguments.json)


def _carried(command: Command[Any], arguments: argparse.Namespace) -> int:
    """Carry out a command that goes to the running server. Its file, if it makes one, must not exist."""
    carried, out = command.read(arguments), command.out(arguments) if command.out else None
    if out and os.path.lexists(out):
        return _fail(f"{out} already exists: choose another name.")
    return _carry_out(carried, arguments, out)


def _recover_keyring(arguments: argparse.Namespace) -> int:
    try:
        key = _officer_key()
        keyring_copy.recover(arguments.sealed, key, arguments.out)
    except Mistyped as error:
        return _fail(str(error))
    except WrongKey as error:
        return _fail(f"{error} (the key typed has the fingerprint {fingerprint(public_key_of(key))}: compare it with the sheet).")
    except FileExistsError:
        return _fail("a file already exists where the keyring was to be written; it was left unchanged.")
    _say_result(str(arguments.out), arguments)
    return 0


def _recover_answer(arguments: argparse.Namespace) -> int:
    """Answer a request. A new officer's sheet is shown before the answer exists: a key that nobody saw must never be applied."""
    if os.path.lexists(arguments.answer):
        return _fail(f"{arguments.answer} already exists: choose another name.")
    try:
        raw = arguments.request.read_bytes()
        if not _is_as_read_out(raw, arguments.fingerprint):
            return _fail("this is not the request whose fingerprint was read out: it was replaced on its way. Do not answer it.")
        answered, successor = recovering.answer(raw, _officer_key())
    except (Mistyped, EOFError) as error:
        return _fail(str(error) or "nothing was entered.")
    if successor:
        return _hand_over(arguments, answered, successor)
    _write(arguments.answer, answered)
    told = recovering.Told(spoken(request_hash(raw)))
    _say_result(f"{arguments.answer}\n{told}", arguments, {"result": str(arguments.answer), "fingerprint": told.fingerprint})
    return 0


def _hand_over(arguments: argparse.Namespace, answered: bytes, successor: Officer) -> int:
    """Show the new officer's key, then write the answer: once applied, that key is the only one, and is stored nowhere else."""
    try:
        say(sheet(successor, as_json=arguments.json))
    except OutputFailed as error:
        return _fail(f"the new officer's key could not be shown, so no answer was written ({error}).")
    try:
        _write(arguments.answer, answered)
    except CannotWrite as error:
        return _fail(f"{error} The key shown above is useless: start again.")
    return 0


def _is_as_read_out(raw: bytes, read_out: str | None) -> bool:
    """Show what is requested. On a terminal, prompt for the fingerprint before showing it, so that it really is compared."""
    print(recovering.told(read_request(raw)), file=sys.stderr)
    if read_out is None and sys.stdin.isatty():
        print("Fingerprint of the request, as it was read out to you: ", end="", file=sys.stderr, flush=True)
        read_out = sys.stdin.readline()
    print(f"    fingerprint  {spoken(request_hash(raw))}", file=sys.stderr)
    return read_out is None or is_spoken(read_out, request_hash(raw))


def _officer_key() -> bytes:
    """Read the key from the sheet. On a terminal, prompt for it without echo."""
    return read_key(getpass.getpass("Recovery key and check: ") if typed.is_terminal() else typed.everything())


def _carry_out(command: msgspec.Struct, arguments: argparse.Namespace, out: Path | None = None) -> int:
    """Carry out a command. ``out`` is the file for what it made; its name is printed."""
    done = asyncio.run(_done(_settings(), command))
    if done.code:
        return _fail(done.line, done.code)
    if out:
        _write(out, done.content)
    facts = {"result": str(out), **done.facts} if out and done.facts else done.facts
    if line := "\n".join(filter(None, (str(out or ""), done.line))):
        _say_result(printable_lines(line), arguments, facts)
    return 0


def _say_result(line: str, arguments: argparse.Namespace, facts: dict[str, Any] | None = None) -> None:
    say(json.dumps(facts or {"result": line}) if arguments.json else line)


async def _done(settings: StorageSettings, command: msgspec.Struct) -> Done:
    """Have the running server carry out a command; without one, do it here."""
    answer = await control.ask(settings.data, command)
    if answer is not None:
        return answer
    async with open_ailo(settings) as ailo:
        return await carry_out(ailo, command)


def _settings() -> StorageSettings:
    environment = Environment(os.environ)
    settings = StorageSettings.from_environment(environment)
    environment.check_secret_files()
    if environment.faults:
        sys.exit(_fail("\n      ".join(environment.faults)))
    return settings


# The command line


class _Parser(argparse.ArgumentParser):
    """Reports errors in one line, without what was typed: it may be a name or an address. Misuse exits with 2."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, allow_abbrev=False)

    def _print_message(self, message: str, file: Any = None) -> None:
        """Print help and version; the library's own method ignores failed writes."""
        if file is sys.stdout:
            say(message.rstrip("\n"))
        else:
            super()._print_message(message, file)

    def error(self, message: str) -> NoReturn:
        said = re.sub(r"(unrecognized arguments|ignored explicit argument|invalid choice).*?(?= \(choose from|$)", r"\1", message)
        sys.exit(_fail(f"{said} (see `{self.prog} --help`)", MISUSE))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="ailo", description="Confidential correspondence, on your own server.")
    parser.add_argument("--version", action="version", version=f"ailo {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add(commands, "serve", "run the service: pages, conversations and letters", _serve)
    _add(commands, "demo", "run an example with invented people, on this machine only", _demo)
    init = _add(commands, "init", "create the keyring and an empty data directory, and print the recovery sheet once", _init)
    init.add_argument("--without-recovery", action="store_true", help="create no recovery key")
    init.add_argument("--sheet", type=Path, metavar="FILE", help="also write the sheet to a file, as a page to print")
    talk = _add(
        commands, "chat", "chat in the terminal; the password is prompted for, or is the first line of standard input", _chat
    )
    talk.add_argument("--email", required=True)
    talk.add_argument(
        "--origin", default=f"http://127.0.0.1:{os.environ.get('AILO_PORT') or 8080}", help="address of the service"
    )
    talk.add_argument("--plain-http", action="store_true", help="allow sending the password unencrypted to another machine")
    talk.add_argument("--conversation", type=int, default=1, metavar="N", help="the Nth conversation in your list, newest first")
    groups = _add_carried(commands)
    _fill_recover(groups["recover"])
    _fill_mail_check(
        _add(_add_group(commands, "mail"), "check", "try the relay and the way back, and say what is missing", _mail_check)
    )
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


def _add_carried(commands: "argparse._SubParsersAction[Any]") -> "dict[str, argparse._SubParsersAction[Any]]":
    """Add the commands that go to the running server: of one word, or as the action "open" of the group "thread".

    Returns the groups by name.
    """
    groups: dict[str, argparse._SubParsersAction[Any]] = {}
    for command in (command for command, _ in every_command().values() if not command.is_part):
        group, _, action = command.name.rpartition(" ")
        if group and group not in groups:
            groups[group] = _add_group(commands, group)
        command.fill(_add(groups.get(group, commands), action, command.help, partial(_carried, command)))
    return groups


def _add_group(commands: "argparse._SubParsersAction[Any]", group: str) -> "argparse._SubParsersAction[Any]":
    return _add(commands, group, GROUPS.get(group, group)).add_subparsers(metavar="ACTION", required=True)


def _fill_mail_check(check: argparse.ArgumentParser) -> None:
    check.add_argument("to", nargs="?", metavar="ADDRESS", help="who gets a letter on trial (by default the sender itself)")
    check.add_argument("--wait", type=float, default=60.0, metavar="SECONDS", help="how long a letter may take to come back")
    check.add_argument("--nameserver", type=_nameserver, metavar="IP[:PORT]", help="ask this one instead of the system's")


def _nameserver(text: str) -> tuple[str, int]:
    """`192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1` or `[2001:db8::1]:5353`."""
    found = re.fullmatch(r"\[([^\]]+)\](?::(\d+))?|([^:]+):(\d+)|(.+)", text)
    host, port = (found[1] or found[3] or found[5], int(found[2] or found[4] or 53)) if found else ("", 0)
    try:
        if 0 < port < 65_536:
            return str(ip_address(host)), port
    except ValueError:
        pass
    raise argparse.ArgumentTypeError("must be the address of a name server, such as 192.0.2.1 or 192.0.2.1:53")


def _fill_recover(actions: "argparse._SubParsersAction[Any]") -> None:
    keyring = _add(actions, "keyring", "open the sealed copy of the root keyring, on an offline machine", _recover_keyring)
    keyring.add_argument("sealed", metavar="SEALED", type=Path)
    keyring.add_argument("out", metavar="OUT", type=Path)
    answer = _add(actions, "answer", "answer a request with the officer's key, on an offline machine", _recover_answer)
    answer.add_argument("request", metavar="REQUEST", type=Path)
    answer.add_argument("answer", metavar="ANSWER", type=Path)
    answer.add_argument(
        "--fingerprint", metavar="F", help="the request's fingerprint, as it was read out: any other request is refused"
    )


if __name__ == "__main__":
    main()
