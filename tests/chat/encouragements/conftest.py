"""A service with a clock that can be advanced, and a suggestion that waits for Sam, Léa's companion."""

import shutil
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from uuid import UUID

import pytest

from chat.ailo import Ailo
from chat.encouragements.feature import Encouragements
from chat.encouragements.suggestions import Suggestions
from storage.encouragements import planning
from storage.encouragements.planning import Planned
from storage.ids import ThreadId
from tests.chat.talk import Cast, opened_rooms
from tests.people import DAY, StoppedClock


class Clock:
    """Never shows the same time twice, and can be advanced. It begins by day: nothing is due at night."""

    def __init__(self) -> None:
        self._counted, self._ahead = count(StoppedClock().now), 0

    def __call__(self) -> int:
        return next(self._counted) + self._ahead

    def advance(self, ms: int) -> None:
        self._ahead += ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def ailo(furnished: Path, tmp_path: Path, clock: Clock) -> AsyncIterator[Ailo]:
    shutil.copytree(furnished, tmp_path, dirs_exist_ok=True)
    async with opened_rooms(tmp_path, clock) as ailo:
        yield ailo


@pytest.fixture
def suggestions(ailo: Ailo) -> Suggestions:
    return ailo.of(Encouragements).suggestions


@pytest.fixture
async def thread(cast: Cast) -> ThreadId:
    """Léa's thread with Sam and Claire."""
    return await cast.open_thread("lea", "claire", "sam")


@pytest.fixture
async def suggested(ailo: Ailo, cast: Cast, thread: ThreadId, clock: Clock) -> UUID:
    """What is suggested two days after Léa's first words and Sam's answer."""
    await cast.say(await cast.unlock("lea"), thread, "Bonjour")
    await cast.say(await cast.unlock("sam"), thread, "Bonjour Léa")
    clock.advance(2 * DAY)
    (planned,) = await plan(ailo)
    assert planned.due.rule.name == "first-answer"
    return planned.id


async def plan(ailo: Ailo) -> list[Planned]:
    """Look at everybody who is due."""
    planned, store = [], ailo.store
    while (looked := await store.database.read(lambda reader: planning.look(reader, store.clock()))) is not None:
        planned += await store.database.write(lambda tx, it=looked: planning.keep(tx, store.guard, it, store.clock()))  # type: ignore[misc]
    return planned
