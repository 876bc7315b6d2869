"""Push subscriptions: the browsers in which somebody chose to be told. One for a session, a few for an account.

A subscription is tied to the session of its browser: it goes when somebody ends that, there or from elsewhere. It outlives a
session that ends by time, as who comes rarely is to be told, too. Nobody without the root key learns where it leads.
"""

from dataclasses import dataclass
from uuid import UUID

import msgspec

from storage.crypto.guarding import Guard, Guarded
from storage.crypto.primitives import Part, keyed_hash
from storage.engine import rows
from storage.engine.database import Reader, Row, Transaction
from storage.engine.rows import HASH, ID, KEY, NUMBER, TIME
from storage.errors import Damaged
from storage.families import OF_ACCOUNT, BelongsTo, Family, Table
from storage.ids import AccountId

# An account has at most this many: with another, the oldest goes.
MOST = 10


class Subscription(msgspec.Struct, frozen=True):
    """What a browser gives: the address of its push service for it, its public key (P-256, 65 bytes) and a secret (16 bytes)."""

    endpoint: str
    p256dh: bytes
    auth: bytes

    def __repr__(self) -> str:
        return "Subscription()"

    @property
    def id(self) -> bytes:
        """What its row is found by: a hash of the address, which nobody can guess."""
        return keyed_hash(b"", b"ailo.push.1", self.endpoint.encode())


@dataclass(frozen=True, repr=False)
class Pending:
    """A subscription that is to be told of a letter; ``attempts`` counts this one. Where it leads is still guarded."""

    row: Row
    account: AccountId
    letter: UUID
    attempts: int

    @property
    def id(self) -> bytes:
        """That of the subscription."""
        return bytes(self.row["id"])

    def subscription(self, guard: Guard) -> Subscription:
        """Where it leads. Raises CannotOpen."""
        return _opened(guard, self.row)


async def keep(tx: Transaction, guard: Guard, account: AccountId, session: bytes, given: Subscription, now: int) -> bool:
    """Keep the subscription of a session's browser, in place of what it had before; False if it is kept already.

    One that another account has is moved to this one: a browser gives the same address to whoever uses it.
    """
    if await _is_kept(tx, guard, account, session, given):
        return False
    await tx.run("delete from push_subscriptions where id = :id or session = :session", id=given.id, session=session)
    row: Row = {"id": given.id, "account": account.bytes, "session": session, "made_at": now}
    await tx.run(
        "insert into push_subscriptions (id, account, session, made_at, body, attempts)"
        " values (:id, :account, :session, :made_at, :body, 0)",
        **row, body=guard.guard(msgspec.json.encode(given), *_place(row)),
    )  # fmt: skip
    await tx.run(
        "delete from push_subscriptions where account = :account and id not in"
        " (select id from push_subscriptions where account = :account order by made_at desc, id limit :most)",
        account=account.bytes, most=MOST,
    )  # fmt: skip
    return True


async def _is_kept(reader: Reader, guard: Guard, account: AccountId, session: bytes, given: Subscription) -> bool:
    row = await reader.row(
        "select * from push_subscriptions where id = :id and account = :account and session = :session",
        id=given.id, account=account.bytes, session=session,
    )  # fmt: skip
    if row is None:
        return False
    return rows.unless_damaged("push_subscriptions", row, lambda: _opened(guard, row), None) == given


async def end_of_session(tx: Transaction, session: bytes) -> None:
    """Forget the subscription of a session that somebody ends."""
    await tx.run("delete from push_subscriptions where session = :session", session=session)


async def end_all(tx: Transaction, account: AccountId, except_for: bytes = b"") -> None:
    """Forget the subscriptions of an account, but for that of one session."""
    await tx.run(
        "delete from push_subscriptions where account = :account and session <> :except_for",
        account=account.bytes, except_for=except_for,
    )  # fmt: skip


async def has_any(reader: Reader, account: AccountId) -> bool:
    """Whether an account has chosen push in some browser."""
    row = await reader.row("select 1 from push_subscriptions where account = :account limit 1", account=account.bytes)
    return row is not None


# What they are still to be told


async def tell_all(tx: Transaction, account: AccountId, letter: UUID, now: int) -> None:
    """Have all browsers of an account told of a letter, once: what one of them still waits for is replaced by it."""
    marked = await tx.run(
        "update letters set pushed_at = :now where id = :letter and account = :account and pushed_at is null",
        now=now, letter=letter.bytes, account=account.bytes,
    )  # fmt: skip
    if marked:
        await tx.run(
            "update push_subscriptions set letter = :letter, due_at = :now, attempts = 0 where account = :account",
            letter=letter.bytes, now=now, account=account.bytes,
        )  # fmt: skip


async def is_due(reader: Reader, now: int) -> bool:
    """Whether some browser is to be told now; asked without involving the writer."""
    return await reader.row("select 1 from push_subscriptions where due_at <= :now limit 1", now=now) is not None


async def take(tx: Transaction, now: int, until: int, most: int) -> list[Pending]:
    """Take those that have been due the longest. They come up again ``until`` then if nobody says what became of them.

    The attempt is counted before it is made, and damaged rows are put off as well: neither can hold up the others.
    """
    found = await tx.rows(
        "update push_subscriptions set due_at = :until, attempts = attempts + 1 where id in"
        " (select id from push_subscriptions where due_at <= :now order by due_at limit :most) returning *",
        until=until, now=now, most=most,
    )  # fmt: skip
    return rows.sound("push_subscriptions", found, _pending)


def _pending(row: Row) -> Pending:
    if row["letter"] is None:
        raise Damaged("a push is about no letter")
    rows.key(row, "id")
    return Pending(row, rows.account_id(row, "account"), rows.uuid(row, "letter"), rows.number(row, "attempts"))


async def put_off(tx: Transaction, pending: Pending, due_at: int, *, counts: bool = True) -> None:
    """Try again then. Where nothing was attempted, the attempt does not count."""
    attempts = pending.attempts if counts else pending.attempts - 1
    await tx.run(
        f"update push_subscriptions set due_at = :due_at, attempts = :attempts where {_OURS}",  # noqa: S608 (a constant)
        due_at=due_at, attempts=attempts, **_ours(pending),
    )  # fmt: skip


async def settle(tx: Transaction, pending: Pending) -> None:
    """The browser was told, or is not to be told any more."""
    await tx.run(
        f"update push_subscriptions set letter = null, due_at = null, attempts = 0 where {_OURS}",  # noqa: S608 (a constant)
        **_ours(pending),
    )


async def forget(tx: Transaction, pending: Pending) -> None:
    """Forget a subscription that has ended: its browser takes no pushes any more."""
    await tx.run("delete from push_subscriptions where id = :id", id=pending.id)


# Only while a later letter has not taken the place of this one.
_OURS = "id = :id and letter = :letter and attempts = :ours"


def _ours(pending: Pending) -> dict[str, bytes | int]:
    return {"id": pending.id, "letter": pending.letter.bytes, "ours": pending.attempts}


def _opened(guard: Guard, row: Row) -> Subscription:
    raw = guard.unguard(rows.blob(row, "body"), *_place(row))
    try:
        return msgspec.json.decode(raw, type=Subscription)
    except msgspec.DecodeError:
        raise Damaged("a push subscription cannot be decoded") from None


def _place(row: Row) -> tuple[Part, ...]:
    return ("push_subscriptions", "body", row["id"], row["account"], row["session"], row["made_at"])


async def _erase(tx: Transaction, account: AccountId) -> None:
    await end_all(tx, account)


FAMILY = Family(
    tables=(
        Table(
            "push_subscriptions",
            ("id",),
            {
                "id": KEY,
                "account": ID,
                "session": HASH,
                "made_at": TIME,
                "letter": ID.or_null(),
                "due_at": TIME.or_null(),
                "attempts": NUMBER,
            },
            (OF_ACCOUNT, BelongsTo(("letter",), "letters", ("id",))),
        ),
    ),
    guarded=(Guarded("push_subscriptions", ("id",), "body", _place),),
    erase=_erase,
)
