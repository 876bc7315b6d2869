"""So many requests are begun in one turn of the event loop, by turns of their addresses: nobody waits for a whole flood."""

import asyncio
from collections import deque

AT_A_TURN = 16


class Turns:
    """Who comes when few do goes on at once. Else each address has a queue, and the queues are served one after the other."""

    def __init__(self, maximum: int = AT_A_TURN) -> None:
        self._most = maximum
        self._begun = 0
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    async def passed(self, address: str) -> None:
        """Wait for one's turn."""
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
        if not one.done():  # who asked may have gone
            one.set_result(None)
            self._begun += 1
