"""Brings the blind index of addresses to the present form of comparison (``guarding.normalised_address``), once.

Earlier versions case-folded addresses, and compared domains as they were written: ß was ss, and the two spellings of one
international domain were two addresses. Only accounts whose address is not all ASCII are affected.
"""

import logging

from storage import installation
from storage.crypto.guarding import Guard
from storage.engine import rows
from storage.engine.database import Database, Reader, Row, Transaction
from storage.errors import CannotOpen

NAME = "address form"
PRESENT = b"2"

log = logging.getLogger("ailo.storage")


async def bring_up(database: Database, guard: Guard) -> None:
    """Reindex all addresses, unless that was done. If two accounts turn out to share an address, the older keeps it."""
    if not await database.read(lambda reader: _is_done(reader, guard)):
        await database.write(lambda tx: _index_all(tx, guard))


async def _is_done(reader: Reader, guard: Guard) -> bool:
    try:
        return await installation.noted(reader, guard, NAME) == PRESENT
    except CannotOpen:
        return False


async def _index_all(tx: Transaction, guard: Guard) -> None:
    for row in await tx.rows("select id, email, address_index from accounts order by created_at, id"):
        index = _index_of(row, guard)
        if index not in {None, row["address_index"]}:
            await _move(tx, row, index)
    await installation.note(tx, guard, NAME, PRESENT)


def _index_of(row: Row, guard: Guard) -> bytes | None:
    try:
        return guard.address_index(guard.unguard(row["email"], "accounts", "email", rows.uuid(row, "id")).decode())
    except (CannotOpen, ValueError, TypeError):  # not as the service wrote it: whoever looks up the account gets the error
        return None


async def _move(tx: Transaction, row: Row, index: bytes | None) -> None:
    other = await tx.row("select id from accounts where address_index = :index", index=index)
    if other is None:
        await tx.run("update accounts set address_index = :index where id = :id", index=index, id=row["id"])
    else:
        log.error(
            "alert: account %s has the same address as account %s, spelled differently: only the latter can sign in with it",
            rows.uuid(row, "id"),
            next(iter(rows.sound("accounts", [other], lambda one: rows.uuid(one, "id"))), "(damaged)"),
        )


async def misplaced(reader: Reader, guard: Guard) -> list[str]:
    """Accounts that cannot be found by their address, a line each. Those whose address does not open are not among them."""
    listed = await reader.rows("select id, email, address_index from accounts order by created_at, id")
    return [
        f"account {rows.uuid(row, 'id')}: it cannot be found by its address"
        for row in listed
        if _index_of(row, guard) not in {None, row["address_index"]}
    ]
