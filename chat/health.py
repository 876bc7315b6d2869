"""Whether the service lives, and whether it can do its work."""

import asyncio

from aiohttp import web

from storage.errors import StorageError
from storage.store import Store

PATIENCE_S = 2.0
NO_STORE = {"Cache-Control": "no-store"}


def add_health(app: web.Application, store: Store) -> None:
    """Add `/health/live` and `/health/ready`. A mail relay that is away is not asked about: the chat does not need it."""

    async def live(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"}, headers=NO_STORE)

    async def ready(_: web.Request) -> web.Response:
        try:
            async with asyncio.timeout(PATIENCE_S):
                await store.database.probe()
        except (StorageError, TimeoutError):
            return web.json_response({"status": "down", "part": "database"}, status=503, headers=NO_STORE)
        return web.json_response({"status": "ok"}, headers=NO_STORE)

    app.router.add_get("/health/live", live)
    app.router.add_get("/health/ready", ready)
