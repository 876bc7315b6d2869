"""Makes sure that what was removed is gone from the write-ahead log: the log is truncated soon after, and every minute anyway.

SQLite appends each change of a page to its log, and overwrites the log only once it has grown large: until then every row that
was removed or replaced is still in it, whole. A truncating checkpoint copies the log's pages to the database and empties the
log. It costs a few syncs on the connection that writes, so many removals share one.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from storage.errors import StorageError

# How long a removal waits for the truncation before it is acknowledged anyway; and from when it counts as held up.
PATIENCE_S = 2.0
HELD_UP_S = 0.8
EVERY_S = 60.0
# Truncations take at most a fifth of the writer's time; after a long one, of a log that had grown large, the next are short.
REST, LONGEST_REST_S = 4.0, 0.5
FIRST_RETRY_S, LAST_RETRY_S = 0.01, 1.0
TELL_AFTER_S = 10.0

log = logging.getLogger("ailo.storage")


class Forgetting:
    """Truncates the log on request, and on a timer. ``cut`` returns whether the log is empty; it may raise StorageError."""

    def __init__(self, cut: Callable[[], Awaitable[bool]]) -> None:
        self._cut = cut
        self._is_asked = False
        self._waiting: list[asyncio.Future[None]] = []
        self._since: float | None = None
        self._is_held_up = False
        self._is_told = False
        self._is_resting = False
        self._task: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(EVERY_S, self._begin)

    @property
    def overdue_s(self) -> float:
        """For how many seconds removed content has been in the log; 0 when there is none."""
        return time.monotonic() - self._since if self._since is not None else 0.0

    def ask(self) -> None:
        """Have the log truncated soon: something was removed."""
        if self._since is None:
            self._since = time.monotonic()
        self._is_asked = True
        if not self._is_resting:
            self._begin()

    async def done(self) -> None:
        """Wait until nothing removed before now is in the log, but two seconds at most: attempts then go on in the background."""
        self.ask()
        if self._is_held_up:
            return
        self._waiting.append(gone := asyncio.get_running_loop().create_future())
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                await gone

    async def close(self) -> None:
        """Stop; release whoever is waiting."""
        self._timer.cancel()
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._timer.cancel()
        self._release(self._waiting)

    def _begin(self) -> None:
        """Start the task, which exists only while there is something to do."""
        self._is_resting = False
        if self._task is None or self._task.done():
            self._timer.cancel()
            self._task = asyncio.create_task(self._until_cut(), name="forgetting")

    async def _until_cut(self) -> None:
        pause = FIRST_RETRY_S
        while not await self._try(began := time.monotonic()):
            if self.overdue_s + pause > HELD_UP_S:
                self._is_held_up = True
                self._release(self._waiting)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LAST_RETRY_S)
        self._rest(min(REST * (time.monotonic() - began), LONGEST_REST_S))

    def _rest(self, seconds: float) -> None:
        self._is_resting = True
        self._timer = asyncio.get_running_loop().call_later(seconds, self._rested)

    def _rested(self) -> None:
        self._is_resting = False
        if self._is_asked:
            self._begin()
        else:
            self._timer = asyncio.get_running_loop().call_later(EVERY_S, self._begin)

    async def _try(self, began: float) -> bool:
        self._is_asked = False
        waiting = list(self._waiting)
        try:
            reason = "" if await self._cut() else "an earlier read is still running"
        except StorageError as error:
            reason = str(error)
        if reason:
            self._tell(reason)
            return False
        self._release(waiting)
        self._since = began if self._is_asked else None
        self._is_held_up = self._is_told = False
        return True

    def _release(self, waiting: list[asyncio.Future[None]]) -> None:
        self._waiting = [one for one in self._waiting if one not in waiting]
        for one in waiting:
            if not one.done():
                one.set_result(None)

    def _tell(self, reason: str) -> None:
        """Warn once for each long delay; a read that takes a few seconds is not worth a warning."""
        if self.overdue_s > TELL_AFTER_S and not self._is_told:
            self._is_told = True
            log.warning(
                "could not truncate the database's write-ahead log (%s): it keeps removed content until that succeeds", reason
            )
