"""Starts at most ``AT_A_TURN`` requests per event-loop iteration, round-robin by address: nobody waits behind a whole flood."""

import asyncio
from collections import deque

AT_A_TURN = 16


class Turns:
    """Under light load, a request proceeds at once. Otherwise each address has a queue, and the queues are served round-robin."""

    def __init__(self, maximum: int = AT_A_TURN) -> None:
        self._most = maximum
        self._begun = 0
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    async def passed(self, address: str) -> None:
        """Wait for the turn of a request from this address."""
        if not self._begun:
            asyncio.get_running_loop().call_soon(self._next)
        if self._begun < self._most and not self._waiting:
            self._begun += 1
            return
        one: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(address, deque()).append(one)
        await one

    def _next(self) -> None:
        self._begun = 0
        while self._waiting and self._begun < self._most:
            address, queue = next(iter(self._waiting.items()))
            del self._waiting[address]
            self._begin(queue.popleft())
            if queue:
                self._waiting[address] = queue
        if self._begun:
            asyncio.get_running_loop().call_soon(self._next)

    def _begin(self, one: asyncio.Future[None]) -> None:
        if not one.done():  # the client may have disconnected
            one.set_result(None)
            self._begun += 1
