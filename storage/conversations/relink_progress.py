"""Seams: where the new links of a thread that is being relinked meet the old ones.

Messages up to the seam are linked under the newest root key; the message after it still follows from the earlier link of
the seam's message. The proof binds both links to that message: even an old seam put back later can only join two chains of
links over the same messages, so it cannot hide a change.
"""

from dataclasses import dataclass

from storage.crypto.guarding import Guard, Guarded
from storage.crypto.primitives import Part
from storage.engine import rows
from storage.engine.database import Reader, Row, Transaction, Value
from storage.engine.rows import ID
from storage.errors import CannotOpen
from storage.families import OF_THREAD, Family, Table
from storage.ids import ThreadId


@dataclass(frozen=True)
class Seam:
    """Message ``seq`` and its two links."""

    seq: int
    old_link: bytes
    new_link: bytes


async def find(reader: Reader, guard: Guard, thread: ThreadId) -> Seam | None:
    """The seam of a thread. One that the service did not write counts as missing: what follows it is then seen as broken."""
    row = await reader.row("select * from relinking where thread = :thread", thread=thread.bytes)
    if row is None:
        return None
    try:
        seam = Seam(rows.number(row, "seq"), rows.blob(row, "old_link"), rows.blob(row, "new_link"))
        guard.check(row["proof"], *_proven(row))
    except CannotOpen:
        return None
    return seam


async def put(tx: Transaction, guard: Guard, thread: ThreadId, seam: Seam) -> None:
    """Move a thread's seam to here."""
    values: dict[str, Value] = {
        "thread": thread.bytes,
        "seq": seam.seq,
        "old_link": seam.old_link,
        "new_link": seam.new_link,
    }
    await tx.run(
        "insert into relinking (thread, seq, old_link, new_link, proof) values (:thread, :seq, :old_link, :new_link, :proof)"
        " on conflict (thread) do update set seq = excluded.seq, old_link = excluded.old_link, new_link = excluded.new_link,"
        " proof = excluded.proof",
        **values,
        proof=guard.authenticate(*_proven(values)),
    )


async def close(tx: Transaction, thread: ThreadId) -> None:
    """Remove the seam of a thread that is relinked to its end."""
    await tx.run("delete from relinking where thread = :thread", thread=thread.bytes)


def _proven(row: Row) -> tuple[Part, ...]:
    return ("relinking", row["thread"], row["seq"], row["old_link"], row["new_link"])


FAMILY = Family(
    tables=(Table("relinking", ("thread",), {"thread": ID}, (OF_THREAD,), covered=("seq", "old_link", "new_link")),),
    guarded=(Guarded("relinking", ("thread",), "proof", _proven, is_proof=True),),
)
