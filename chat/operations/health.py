"""Whether the service is alive, and whether it can do its work."""

import asyncio
import time

from aiohttp import web

from storage.errors import StorageError
from storage.store import Store

PATIENCE_S = 2.0
SOUND_FOR_S = 1.0


class Disk:
    """Probes whether the disk still accepts writes: one probe at a time, however many callers ask."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._asking: asyncio.Task[bool] | None = None
        self._sound_until = 0.0

    async def is_sound(self) -> bool:
        """Whether the disk accepts writes; a yes is cached for a second."""
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
    """Add `/health/live` and `/health/ready`. An unreachable mail relay does not count: the chat does not need it."""
    disk = Disk(store)

    async def live(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def ready(_: web.Request) -> web.Response:
        if not await disk.is_sound():
            return web.json_response({"status": "down", "part": "database"}, status=503)
        return web.json_response({"status": "ok"})

    app.router.add_get("/health/live", live)
    app.router.add_get("/health/ready", ready)
