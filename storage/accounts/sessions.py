"""Sessions: who is signed in. A row is found by a hash of its cookie and opens only with the cookie.

Next to it, guarded, is what its owner is shown about it: the kind of device, and the day when it was last seen.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import msgspec

from storage.crypto.guarding import Guard, Guarded
from storage.crypto.keyholes import session_parts
from storage.crypto.primitives import Part, keyed_hash
from storage.engine import rows
from storage.engine.database import Reader, Row, Transaction
from storage.engine.rows import BYTES, HASH, ID, NUMBER, TIME
from storage.errors import CannotOpen
from storage.families import OF_ACCOUNT, Family, Table
from storage.ids import AccountId
from storage.push import subscriptions

DAY_MS = timedelta(days=1) // timedelta(milliseconds=1)
# A session that was not seen for this long has ended; sightings are recorded by the day (UTC).
MOST_UNSEEN_MS = 14 * DAY_MS
# An account has at most this many sessions at once: when another begins, the oldest end.
MOST_SESSIONS = 50

log = logging.getLogger("ailo.storage")


class About(msgspec.Struct, frozen=True):
    """What is stored about a session for its owner: "Firefox, Linux" (or empty), and the start of a UTC day in ms since 1970."""

    device: str
    seen_at: int


@dataclass(frozen=True, repr=False)
class Session:
    """A session's row. Times in ms since 1970. ``about`` is guarded; None in rows that predate it."""

    id: bytes
    account: AccountId
    generation: int
    pepper: bytes
    body: bytes
    began_at: int
    expires_at: int
    about: bytes | None = None


@dataclass(frozen=True, repr=False)
class Known:
    """A session as its owner is shown it. ``device`` is empty if unknown."""

    id: bytes
    began_at: int
    seen_at: int
    device: str

    @property
    def handle(self) -> UUID:
        """Its name for its owner. A hash of the row's id, itself a hash of the cookie: nothing can be found or opened with it."""
        return UUID(bytes=keyed_hash(b"", b"ailo.handle.1", self.id, 16))


def day_of(now: int) -> int:
    """The start of the day in UTC."""
    return now - now % DAY_MS


def guard_about(guard: Guard, session: bytes, account: AccountId, began_at: int, about: About) -> bytes:
    """Guard what is stored about a session for its owner."""
    return guard.guard(msgspec.json.encode(about), *_about_place(session, account, began_at))


def _about_place(session: bytes, account: AccountId, began_at: int) -> tuple[Part, ...]:
    return ("sessions", "about", session, account, began_at)


async def begin(tx: Transaction, session: Session) -> list[bytes]:
    """Store a session. Ended ones are removed, and the account's oldest if it has too many: return the ids of these."""
    await tx.run("delete from sessions where expires_at <= :now", now=session.began_at)
    crowded_out = await _make_room(tx, session.account)
    await tx.run(
        "insert into sessions (id, account, generation, pepper, body, began_at, expires_at, about)"
        " values (:id, :account, :generation, :pepper, :body, :began_at, :expires_at, :about)",
        id=session.id,
        account=session.account.bytes,
        generation=session.generation,
        pepper=session.pepper,
        body=session.body,
        began_at=session.began_at,
        expires_at=session.expires_at,
        about=session.about,
    )
    return crowded_out


async def _make_room(tx: Transaction, account: AccountId) -> list[bytes]:
    sql = "select id from sessions where account = :account order by began_at desc, id"
    ids = [row["id"] for row in await tx.rows(sql, account=account.bytes)]
    for id_ in ids[MOST_SESSIONS - 1 :]:
        await end(tx, id_)
    return ids[MOST_SESSIONS - 1 :]


async def end(tx: Transaction, session: bytes) -> bool:
    """Sign out one session; return whether it existed. Its browser is told by push no more."""
    await subscriptions.end_of_session(tx, session)
    return bool(await tx.run("delete from sessions where id = :id", id=session))


async def end_all(tx: Transaction, account: AccountId, except_for: bytes = b"") -> None:
    """Sign out every session of an account, one excepted; their browsers, and those of sessions of before, are told no more."""
    await subscriptions.end_all(tx, account, except_for)
    await tx.run(
        "delete from sessions where account = :account and id <> :except_for", account=account.bytes, except_for=except_for
    )


async def turn_to_key(tx: Transaction, session: bytes, generation: int, pepper: bytes, body: bytes) -> None:
    """Store the new keyhole of a session whose account has another key pair now."""
    await tx.run(
        "update sessions set generation = :generation, pepper = :pepper, body = :body where id = :id",
        generation=generation, pepper=pepper, body=body, id=session,
    )  # fmt: skip


async def find(reader: Reader, session: bytes, now: int) -> Session | None:
    """The session with this id, unless it has ended. A damaged one opens nothing: it counts as missing."""
    row = await reader.row("select * from sessions where id = :id and expires_at > :now", id=session, now=now)
    return next(iter(rows.sound("sessions", [row], _session)), None) if row else None


async def standing(reader: Reader, ids: Sequence[bytes], now: int) -> set[bytes]:
    """Which of these are valid: not ended, of an active account that still has the key that they open.

    For those who were admitted earlier: what it trusts without proof can end what they do, but admit nobody.
    """
    found = await reader.rows_in(
        "select s.id from sessions s join accounts a on a.id = s.account"
        " where s.id in :values and s.expires_at > :now and a.status = 'active' and a.generation = s.generation",
        ids, now=now,
    )  # fmt: skip
    return {row["id"] for row in found}


async def find_all(reader: Reader, ids: Sequence[bytes]) -> list[Session]:
    """The sessions with these ids, ended or not."""
    found = await reader.rows_in("select * from sessions where id in :values", ids)
    return rows.sound("sessions", found, _session)


def is_unseen(guard: Guard, session: Session, now: int) -> bool:
    """Whether a session has ended because nobody used it. One without a valid day was last seen when it began."""
    try:
        return _is_long_ago(_about(guard, session).seen_at, now)
    except TypeError:
        log.error("alert: a session of %s failed verification", session.account)
        return True


def _is_long_ago(seen_at: int, now: int) -> bool:
    return day_of(now) - seen_at > MOST_UNSEEN_MS


# What their owners are shown


async def of_account(reader: Reader, guard: Guard, account: AccountId, generation: int, now: int) -> list[Known]:
    """The sessions that open an account, newest first. One that the service did not write opens nothing, and is left out."""
    found = await reader.rows(
        "select * from sessions where account = :account and generation = :generation and expires_at > :now"
        " order by began_at desc, id",
        account=account.bytes, generation=generation, now=now,
    )  # fmt: skip
    known = rows.sound("sessions", [row for row in found if _opens(guard, row)], lambda row: _known(guard, row))
    return [one for one in known if not _is_long_ago(one.seen_at, now)]


def _opens(guard: Guard, row: Row) -> bool:
    try:
        guard.unguard(row["body"], *session_parts(row))
    except (CannotOpen, TypeError, ValueError):
        log.error("alert: a session of %s failed verification", rows.name(row))
        return False
    return True


def _known(guard: Guard, row: Row) -> Known:
    session = _session(row)
    about = _about(guard, session)
    return Known(session.id, session.began_at, about.seen_at, about.device)


def _about(guard: Guard, session: Session) -> About:
    """What is stored about a session. If it was tampered with, the session is listed all the same: it opens the account."""
    usual = About("", day_of(session.began_at))
    if session.about is None:
        return usual
    try:
        raw = guard.unguard(session.about, *_about_place(session.id, session.account, session.began_at))
        return msgspec.json.decode(raw, type=About)
    except (CannotOpen, msgspec.DecodeError, TypeError):
        log.error("alert: the details of a session of %s failed verification", session.account)
        return usual


async def see(tx: Transaction, guard: Guard, seen: Iterable[bytes], now: int) -> None:
    """Record that these sessions were seen today. One already recorded today is not written again."""
    for id_ in seen:
        session = await find(tx, id_, now)
        about = _about(guard, session) if session else None
        if session is None or about is None or (session.about is not None and about.seen_at >= day_of(now)):
            continue
        body = guard_about(guard, id_, session.account, session.began_at, About(about.device, day_of(now)))
        await tx.run("update sessions set about = :about where id = :id", about=body, id=id_)


def _session(row: Row) -> Session:
    return Session(
        rows.blob(row, "id"),
        rows.account_id(row, "account"),
        rows.number(row, "generation"),
        rows.blob(row, "pepper"),
        rows.blob(row, "body"),
        rows.time(row, "began_at"),
        rows.time(row, "expires_at"),
        row["about"],
    )


FAMILY = Family(
    tables=(
        Table(
            "sessions",
            ("id",),
            {"id": HASH, "account": ID, "generation": NUMBER, "pepper": BYTES, "began_at": TIME, "expires_at": TIME},
            (OF_ACCOUNT,),
        ),
    ),
    guarded=(
        Guarded("sessions", ("id",), "body", session_parts),
        Guarded(
            "sessions",
            ("id",),
            "about",
            lambda row: _about_place(row["id"], rows.account_id(row, "account"), row["began_at"]),
        ),
    ),
    faults={
        "sessions of a key that their account no longer has": "select count(*) as count from sessions s"
        " join accounts a on a.id = s.account where a.generation <> s.generation",
    },
)
