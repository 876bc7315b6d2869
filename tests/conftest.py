"""What all tests share: a clock that stands still, and a house with the cast in it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.cast import House, StoppedClock, open_house


@pytest.fixture
def stopped_clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
async def house(tmp_path: Path, stopped_clock: StoppedClock) -> AsyncIterator[House]:
    async with open_house(tmp_path, stopped_clock) as house:
        yield house
