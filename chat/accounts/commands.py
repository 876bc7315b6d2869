"""`ailo account add`."""

from argparse import ArgumentParser, Namespace
from typing import Protocol

import msgspec

from chat.accounts.new_accounts import Person, add_account
from chat.console import typed
from chat.core import Command, Core, Done
from chat.security_events import SecurityEvent, record
from storage.accounts.accounts import LANGUAGES, Role


class Card(Protocol):
    """What this command needs from the accounts card."""

    core: Core


class AccountAdd(msgspec.Struct, frozen=True, tag="account add"):
    """The arguments of `ailo account add`."""

    role: str
    email: str
    first_name: str
    last_name: str
    locale: str
    password: str
    manages: bool = False


def _fill(parser: ArgumentParser) -> None:
    parser.add_argument("--role", required=True, choices=[role.value for role in Role])
    parser.add_argument("--email", required=True)
    parser.add_argument("--first-name", required=True)
    parser.add_argument("--last-name", default="")
    parser.add_argument("--locale", default="fr", choices=LANGUAGES)
    parser.add_argument("--manages", action="store_true", help="this member manages people: for their programmes")
    parser.add_argument("--password-stdin", action="store_true", help="read the password from standard input")


def _read(given: Namespace) -> AccountAdd:
    password = typed.password(from_stdin=given.password_stdin)
    return AccountAdd(given.role, given.email, given.first_name, given.last_name, given.locale, password, given.manages)


async def _add(accounts: Card, new: AccountAdd) -> Done:
    person = Person(Role(new.role), new.email, new.first_name, new.last_name, new.locale, new.password, new.manages or None)
    account = await add_account(accounts.core.store, accounts.core.sign_ins.pool, person)
    record(SecurityEvent.ACCOUNT_ADDED, account, role=person.role.value)
    return Done(0, str(account))


COMMANDS = (Command("account add", "add an account and print its id", AccountAdd, _fill, _read, _add),)
