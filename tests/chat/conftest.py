"""What the tests of the live side share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chat.rooms import Rooms
from tests.chat.cast import Cast, opened_rooms


@pytest.fixture
async def rooms(tmp_path: Path) -> AsyncIterator[Rooms]:
    async with opened_rooms(tmp_path) as rooms:
        yield rooms


@pytest.fixture
async def cast(rooms: Rooms) -> Cast:
    return await Cast(rooms).arrive()
