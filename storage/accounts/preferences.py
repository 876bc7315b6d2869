"""Personal preferences: one guarded value per account, so that another choice is no change of the schema.

Language and time zone are columns of `accounts`. An account that has chosen nothing has no row, and the defaults.
"""

import msgspec

from storage.accounts.accounts import Role
from storage.crypto.guarding import Guard, Guarded
from storage.crypto.primitives import Part
from storage.engine import rows
from storage.engine.database import Reader, Transaction
from storage.engine.rows import ID
from storage.errors import Damaged
from storage.families import OF_ACCOUNT, Family, Table, resettled
from storage.ids import AccountId


class Letters(msgspec.Struct, frozen=True):
    """Which e-mails somebody wants, and when.

    ``replies``: letters about replies at all; ``digest``: those once a day in one letter, instead of at once. ``texts``:
    with the text of the replies, which only members get. ``push`` is kept for what will use it. Quiet hours in minutes after
    midnight, in their own time zone; both None or neither. ``most_a_day`` lowers the service's own number; None does not.
    """

    replies: bool = True
    digest: bool = False
    programmes: bool = True
    encouragements: bool = True
    offers: bool = False
    texts: bool = False
    push: bool = False
    quiet_from: int | None = None
    quiet_to: int | None = None
    most_a_day: int | None = None


def gets_texts(role: Role, *, replies: bool, texts: bool) -> bool:
    """Whether somebody who chose this gets the texts of replies: members alone, whose own words go to no mailbox of others."""
    return role is Role.MEMBER and replies and texts


class Preferences(msgspec.Struct, frozen=True):
    """What somebody chose; ``manages``: whether they manage people, None if they did not say.

    What a newer program added is ignored; what an older one did not write has its default.
    """

    enter_sends: bool = False
    single_keys: bool = True
    letters: Letters = Letters()
    manages: bool | None = None


USUAL = Preferences()


async def find(reader: Reader, guard: Guard, account: AccountId) -> Preferences:
    """What somebody chose. Raises CannotOpen when it is not as the service wrote it."""
    row = await reader.row("select body from preferences where account = :account", account=account.bytes)
    return _decoded(guard.unguard(row["body"], *_place(account))) if row else USUAL


def _decoded(body: bytes) -> Preferences:
    try:
        return msgspec.json.decode(body, type=Preferences)
    except msgspec.DecodeError:
        raise Damaged("an account's preferences cannot be decoded") from None


async def keep(tx: Transaction, guard: Guard, account: AccountId, chosen: Preferences) -> None:
    """Store what somebody chose, replacing what was there before."""
    await tx.run(
        "insert into preferences (account, body) values (:account, :body)"
        " on conflict (account) do update set body = excluded.body",
        account=account.bytes, body=guard.guard(msgspec.json.encode(chosen), *_place(account)),
    )  # fmt: skip
    await resettled(tx, account)


def _place(account: AccountId) -> tuple[Part, ...]:
    return ("preferences", "body", account)


FAMILY = Family(
    tables=(Table("preferences", ("account",), {"account": ID}, (OF_ACCOUNT,)),),
    guarded=(Guarded("preferences", ("account",), "body", lambda row: _place(rows.account_id(row, "account"))),),
)
