"""Sessions: who is signed in. A row is found by a hash of its cookie and opens with the cookie alone."""

from dataclasses import dataclass
from uuid import UUID

from storage.database import Reader, Row, Transaction


@dataclass(frozen=True, repr=False)
class Session:
    """A session's row. Times in ms since 1970."""

    id: bytes
    account: UUID
    generation: int
    pepper: bytes
    body: bytes
    began_at: int
    expires_at: int


async def begin(tx: Transaction, session: Session) -> None:
    """Keep a session; those that have ended go."""
    await tx.run("delete from sessions where expires_at <= :now", now=session.began_at)
    await tx.run(
        "insert into sessions (id, account, generation, pepper, body, began_at, expires_at)"
        " values (:id, :account, :generation, :pepper, :body, :began_at, :expires_at)",
        id=session.id,
        account=session.account.bytes,
        generation=session.generation,
        pepper=session.pepper,
        body=session.body,
        began_at=session.began_at,
        expires_at=session.expires_at,
    )


async def end(tx: Transaction, session: bytes) -> bool:
    """Sign out one session; whether there was one."""
    return bool(await tx.run("delete from sessions where id = :id", id=session))


async def end_all(tx: Transaction, account: UUID, but: bytes = b"") -> None:
    """Sign out every session of an account ``but`` one."""
    await tx.run("delete from sessions where account = :account and id <> :but", account=account.bytes, but=but)


async def turn_to_key(tx: Transaction, session: bytes, generation: int, pepper: bytes, body: bytes) -> None:
    """Keep a session whose account has another key pair now, with the keyhole to it."""
    await tx.run(
        "update sessions set generation = :generation, pepper = :pepper, body = :body where id = :id",
        generation=generation, pepper=pepper, body=body, id=session,
    )  # fmt: skip


async def find(reader: Reader, session: bytes, now: int) -> Session | None:
    """The session with this id, unless it has ended."""
    row = await reader.row("select * from sessions where id = :id and expires_at > :now", id=session, now=now)
    return _session(row) if row else None


def _session(row: Row) -> Session:
    account = UUID(bytes=row["account"])
    return Session(row["id"], account, row["generation"], row["pepper"], row["body"], row["began_at"], row["expires_at"])
