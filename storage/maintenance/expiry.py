"""Removes what has expired even if nobody signs in: sessions and their peppers, texts that waited, reply addresses, mails."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from storage import background
from storage.engine.database import Transaction
from storage.errors import StorageError
from storage.inbound import quarantine, reply_addresses
from storage.mail import texts
from storage.store import Store

EVERY_S = 3600.0

log = logging.getLogger("ailo.storage")


@asynccontextmanager
async def in_background(store: Store) -> AsyncIterator[None]:
    """While this lasts, remove what has expired: now, and every hour."""
    async with background.in_background(_run(store), "expiry"):
        yield


async def _run(store: Store) -> None:
    while True:
        try:
            await expire(store)
        except (StorageError, OSError) as error:
            log.warning("could not remove what has expired: %s", type(error).__name__)
        await asyncio.sleep(EVERY_S)


async def expire(store: Store) -> None:
    """Remove the sessions that have ended by now and the peppers that none can need; texts that waited too long for their
    letter, reply addresses that ended long ago, and mails in quarantine that nobody looked at. Raises StorageError, OSError."""
    now = store.clock()
    if await store.database.read(lambda reader: reader.row("select 1 from sessions where expires_at <= :now limit 1", now=now)):
        await store.database.write(lambda tx: tx.run("delete from sessions where expires_at <= :now", now=now))
    if await store.database.read(texts.any_waits):
        await store.database.write(lambda tx: texts.forget_expired(tx, now))
    await store.database.write(lambda tx: _forget_old(tx, now))
    await asyncio.to_thread(store.peppers.forget, now)


async def _forget_old(tx: Transaction, now: int) -> None:
    await reply_addresses.forget_old(tx, now)
    await quarantine.forget_old(tx, now)
