"""Scans the rows that nothing authenticates, once after the start, and raises the alarm about any planted in the meantime.

It takes half of a reader's time and changes nothing. Messages are left to their readers, and to `ailo check`.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from storage import background
from storage.conversations import threads
from storage.errors import StorageError
from storage.families import tables
from storage.maintenance import check, shapes
from storage.store import Store

log = logging.getLogger("ailo.storage")


async def look_over(store: Store) -> None:
    """Compare the listed participants with the seats, each thread's times with the clock, and every column with its shape."""
    began = time.monotonic()
    async for line in _faults(store):
        if line:
            log.error("alert: %s", line)
        await asyncio.sleep(time.monotonic() - began)
        began = time.monotonic()


async def _faults(store: Store) -> AsyncIterator[str]:
    """What is wrong, a line each; an empty line ends each piece of work."""
    for name in tables().keys() - {"messages"}:
        for line in await shapes.faults(store.database, name):
            yield line
        yield ""
    for id_ in await store.database.read(threads.all_ids):
        for line in await check.row_and_people(store, id_):
            yield line
        yield ""


@asynccontextmanager
async def in_background(store: Store) -> AsyncIterator[None]:
    """Look over the store while this lasts, once."""
    async with background.in_background(_until_done(store), "looking over"):
        yield


async def _until_done(store: Store) -> None:
    try:
        await look_over(store)
    except StorageError as error:
        log.error("could not finish the scan for planted rows: %s", type(error).__name__)
