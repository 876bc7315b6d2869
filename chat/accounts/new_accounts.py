"""Making an account. Addresses, names and passwords are checked here."""

import unicodedata
from dataclasses import dataclass

from email_validator import EmailNotValidError, validate_email

from chat.auth.limits import SlowDown
from chat.auth.passwords.stretching import OPERATOR, Stretching
from chat.protocol import shown_text
from chat.protocol.refusals import CannotDo, Misuse
from storage.accounts import accounts, preferences
from storage.accounts.accounts import DEFAULT_ZONE, LANGUAGES, Keyhole, NewAccount, Role
from storage.accounts.preferences import Preferences
from storage.crypto.keyholes import AccountKey, guard_password
from storage.engine.database import Transaction
from storage.ids import AccountId, new_id
from storage.store import Store, profile_of

SHORTEST_PASSWORD = 8
LONGEST_NAME = 100


@dataclass(frozen=True, repr=False)
class Person:
    """Somebody to make an account for; ``manages``: whether they manage people, None if that is not known."""

    role: Role
    email: str
    first_name: str
    last_name: str
    locale: str
    password: str
    manages: bool | None = None


async def add_account(store: Store, pool: Stretching, person: Person) -> AccountId:
    """Make an account, confirmed and ready.

    Raises Misuse if something about it is invalid, CannotDo if its address is taken.
    """
    email = checked_address(person.email)
    first_name, last_name = checked_name(person.first_name, minimum=1), checked_name(person.last_name, minimum=0)
    check_password(person.password)
    if person.locale not in LANGUAGES:
        raise Misuse(f"The locale must be one of: {', '.join(LANGUAGES)}.")
    if person.manages and person.role is not Role.MEMBER:
        raise Misuse("Only a member can be said to manage people: leave out --manages.")
    key = AccountKey.fresh(new_id(AccountId))
    keyhole = await first_keyhole(store, pool, key, person.password)
    new = NewAccount(key, person.role, email, first_name, last_name, person.locale, DEFAULT_ZONE, keyhole.body, keyhole.profile)
    if not await store.database.write(lambda tx: _add(tx, store, new, person)):
        raise CannotDo("An account with this address already exists.")
    return key.account


async def _add(tx: Transaction, store: Store, new: NewAccount, person: Person) -> bool:
    if not await accounts.add(tx, store.guard, new, store.clock()):
        return False
    if person.manages is not None:
        await preferences.keep(tx, store.guard, new.key.account, Preferences(manages=person.manages))
    return True


async def first_keyhole(store: Store, pool: Stretching, key: AccountKey, password: str) -> Keyhole:
    """The keyhole of a password that the operator sets. Raises CannotDo while too many are being computed."""
    profile = profile_of(store)
    try:
        body = await pool.compute(OPERATOR, lambda: guard_password(store.guard, key, password, profile, by_owner=False))
    except SlowDown:
        raise CannotDo("Too many passwords are being processed at the moment: try again shortly.") from None
    return Keyhole(profile, key.generation, body)


def checked_address(raw: str) -> str:
    """A valid e-mail address: trimmed and NFC, otherwise as given, since that is where letters go. Raises Misuse.

    Only its domain, whose case never matters, is mapped (by UTS 46) to what it stands for.
    """
    try:
        found = validate_email(raw.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise Misuse("The e-mail address is not valid.") from None
    if found.domain.endswith((".invalid", ".localhost")):
        raise Misuse("The e-mail address is not valid.")
    return found.normalized


def checked_name(raw: str, *, minimum: int) -> str:
    """A name as people write it, in NFC: at least one letter, number or pictograph, nothing invisible. Raises Misuse."""
    name = shown_text.without_hidden(raw).strip()
    if not minimum <= len(name) <= LONGEST_NAME or any(unicodedata.category(one) in {"Cc", "Cs", "Zl", "Zp"} for one in name):
        raise Misuse(f"A name must have {minimum} to {LONGEST_NAME} characters, on one line.")
    if raw.strip() and not shown_text.is_name(name):
        raise Misuse("A name must begin with a visible character and contain a letter, a number or a pictograph.")
    return name


def check_password(password: str) -> None:
    """Raise Misuse unless this is acceptable as a password."""
    if not SHORTEST_PASSWORD <= len(password) <= 1_000:
        raise Misuse(f"A password must have {SHORTEST_PASSWORD} to 1000 characters.")
