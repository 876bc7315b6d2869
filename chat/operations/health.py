"""Whether the service lives, and whether it can do its work."""

import asyncio
import time

from aiohttp import web

from storage.errors import StorageError
from storage.store import Store

PATIENCE_S = 2.0
SOUND_FOR_S = 1.0


class Disk:
    """Asks the disk whether it still takes what is written: one question at a time, however many want to know."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._asking: asyncio.Task[bool] | None = None
        self._sound_until = 0.0

    async def is_sound(self) -> bool:
        """Whether it does; believed for a second."""
        if time.monotonic() < self._sound_until:
            return True
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        return await asyncio.shield(self._asking)

    async def _ask(self) -> bool:
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._store.database.probe()
        except (StorageError, TimeoutError):
            return False
        self._sound_until = time.monotonic() + SOUND_FOR_S
        return True


def add_health(app: web.Application, store: Store) -> None:
    """Add `/health/live` and `/health/ready`. A mail relay that is away is not asked about: the chat does not need it."""
    disk = Disk(store)

    async def live(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def ready(_: web.Request) -> web.Response:
        if not await disk.is_sound():
            return web.json_response({"status": "down", "part": "database"}, status=503)
        return web.json_response({"status": "ok"})

    app.router.add_get("/health/live", live)
    app.router.add_get("/health/ready", ready)
