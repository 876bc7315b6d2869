"""The JSON shapes of one's own settings and sessions, as typed structs. No input or output here. See docs/protocol.md."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from storage.accounts.accounts import Account
from storage.ids import AccountId


class LetterSettings(msgspec.Struct, frozen=True):
    """Which e-mails somebody wants; quiet hours as "21:00", in their own time zone, both set or neither.

    ``most_a_day`` is how many a day at most, null for as many as the service sends.
    """

    replies: bool
    digest: bool
    programmes: bool
    encouragements: bool
    offers: bool
    texts: bool
    push: bool
    quiet_from: str | None
    quiet_to: str | None
    most_a_day: int | None


class Settings(msgspec.Struct, frozen=True):
    """What somebody can set for their account; ``manages`` is whether they manage people, null if they do not say."""

    locale: str
    time_zone: str
    enter_sends: bool
    single_keys: bool
    letters: LetterSettings
    manages: bool | None


class OwnSettings(msgspec.Struct, frozen=True):
    """One's settings, since when the service's e-mails to one's address have been refused, and since when none are sent because
    there is no such mailbox, both null if it is not so; how many a day the service sends to one person at most.
    """

    settings: Settings
    letters_refused_at: datetime | None
    letters_stopped_at: datetime | None
    letters_a_day: int


class OwnSession(msgspec.Struct, frozen=True):
    """One of one's own sessions; ``seen_at`` is the day only, ``device`` null if unknown."""

    id: UUID
    began_at: datetime
    seen_at: datetime
    device: str | None
    current: bool


class Profile(msgspec.Struct, frozen=True):
    """One's own account."""

    id: AccountId
    role: str
    first_name: str
    locale: str


class Credentials(msgspec.Struct, frozen=True):
    """What one signs in with."""

    email: Annotated[str, msgspec.Meta(max_length=400)]
    password: Annotated[str, msgspec.Meta(max_length=1_000)]


class ChangePassword(msgspec.Struct, frozen=True):
    """A change of one's own password."""

    old: Annotated[str, msgspec.Meta(max_length=1_000)]
    new: Annotated[str, msgspec.Meta(max_length=1_000)]
    may_be_known: bool


class Proof(msgspec.Struct, frozen=True):
    """The password again, before an important change."""

    password: Annotated[str, msgspec.Meta(max_length=1_000)]


class Recover(msgspec.Struct, frozen=True):
    """A recovery code, and the password to set."""

    email: Annotated[str, msgspec.Meta(max_length=400)]
    code: Annotated[str, msgspec.Meta(max_length=100)]
    password: Annotated[str, msgspec.Meta(max_length=1_000)]


def profile(account: Account) -> Profile:
    """What the owner of an account sees of it."""
    return Profile(account.id, account.role.value, account.first_name, account.locale)
