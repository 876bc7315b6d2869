"""A process that dies at a chosen step: the store's reads and writes, and the sending of letters, are counted together."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from delivery.transports.transport import Message, Outcome
from storage.engine.database import Database
from storage.store import Store
from tests.delivery.transports.recording import RecordingTransport


class Dying:
    """Dies before the step ``at``, or, if ``when_done``, when that step is done and nobody has been told: no step follows."""

    def __init__(self, at: int, *, when_done: bool) -> None:
        self.at, self.when_done = at, when_done
        self.steps = 0
        self.died = asyncio.Event()

    async def step(self, do: Callable[[], Awaitable[Any]]) -> Any:
        self.steps += 1
        if self.steps == self.at:
            if self.when_done:
                await do()
            self.died.set()
        if self.died.is_set():
            await asyncio.Event().wait()
        return await do()

    def store(self, store: Store) -> Store:
        """The same store, as this process sees it."""
        database: Any = _Database(store.database, self)
        return replace(store, database=database)

    def post(self, post: RecordingTransport) -> "_Post":
        """The same transport, as this process sees it."""
        return _Post(post, self)


class _Database:
    def __init__(self, real: Database, process: Dying) -> None:
        self._real, self._process = real, process

    async def read(self, work: Any, /) -> Any:
        return await self._process.step(lambda: self._real.read(work))

    async def write(self, work: Any, /) -> Any:
        return await self._process.step(lambda: self._real.write(work))


class _Post:
    def __init__(self, real: RecordingTransport, process: Dying) -> None:
        self._real, self._process = real, process

    async def send(self, message: Message, recipient: str, /, sender: str | None = None) -> Outcome:
        outcome: Outcome = await self._process.step(lambda: self._real.send(message, recipient, sender))
        return outcome

    async def close(self) -> None:
        await self._real.close()
