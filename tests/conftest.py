"""What all tests share: a clock that stands still, and a house with the cast in it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.cast import House, StoppedClock, open_house

# A machine under load is slow, which is no fault of what is tested; pytest's own time-out stands.
settings.register_profile("ailo", deadline=None)
settings.load_profile("ailo")


@pytest.fixture
def stopped_clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
async def house(tmp_path: Path, stopped_clock: StoppedClock) -> AsyncIterator[House]:
    async with open_house(tmp_path, stopped_clock) as house:
        yield house
