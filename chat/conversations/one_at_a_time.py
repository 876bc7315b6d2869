"""One at a time across the whole service, with waiting accounts admitted in rotation: each once, then each once more."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class OneAtATime:
    """Admits one caller at a time, round robin by account."""

    def __init__(self) -> None:
        self._is_taken = False
        self._waiting: dict[bytes, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def turn(self, account: bytes) -> AsyncIterator[None]:
        """Wait for one's turn, and pass it on at the end."""
        if self._is_taken:
            await self._line_up(account)
        self._is_taken = True
        try:
            yield
        finally:
            self._hand_on()

    async def _line_up(self, account: bytes) -> None:
        future = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(account, deque()).append(future)
        try:
            await future
        except asyncio.CancelledError:
            if not future.cancelled():  # the turn came in the same instant
                self._hand_on()
            raise

    def _hand_on(self) -> None:
        while self._waiting:
            account = next(iter(self._waiting))
            queue = self._waiting.pop(account)
            future = queue.popleft()
            if queue:
                self._waiting[account] = queue  # behind all others
            if not future.done():
                future.set_result(None)
                return
        self._is_taken = False
