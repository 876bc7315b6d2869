"""Brings together what several workers ask of the store at the same time: one transaction, and one sync, for all of them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar, cast

from storage.engine.database import Reader

T = TypeVar("T")
Side = TypeVar("Side", bound=Reader)
Run = Callable[[Callable[[Side], Awaitable[list[Any]]]], Awaitable[list[Any]]]


class Together(Generic[Side]):
    """``run`` is the ``read`` or the ``write`` of a database. Whatever is asked while it runs goes into the next one."""

    def __init__(self, run: "Run[Side]") -> None:
        self._run = run
        self._asked: list[tuple[Callable[[Side], Awaitable[Any]], asyncio.Future[Any]]] = []
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, work: Callable[[Side], Awaitable[T]], /) -> T:
        """As the ``read`` or ``write`` itself: returns what ``work`` returns, raises what it raises."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._asked.append((work, answer))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run_all(), name="together")
        return await answer

    async def close(self) -> None:
        """Wait until all that was asked is answered; nobody asks any more."""
        if self._running:
            await asyncio.wait([self._running])

    async def _run_all(self) -> None:
        while self._asked:
            asked, self._asked = self._asked, []
            await self._answer(asked)

    async def _answer(self, asked: list[tuple[Callable[[Side], Awaitable[Any]], asyncio.Future[Any]]]) -> None:
        """Run these in one transaction; each by itself if that fails, so that it fails for its own reasons only."""

        async def all_of_them(side: Side) -> list[Any]:
            return [await work(side) for work, _ in asked]

        try:
            found = await self._run(all_of_them)
        except Exception as error:  # noqa: BLE001 (whoever asked is told)
            if len(asked) > 1:
                for one in asked:
                    await self._answer([one])
            elif not (answer := asked[0][1]).done():
                answer.set_exception(error)
            return
        for (_, answer), result in zip(asked, found, strict=True):
            if not answer.done():
                answer.set_result(cast("object", result))
