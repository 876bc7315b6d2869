"""Fixtures shared by the tests of the live side."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import pytest

from chat.ailo import Ailo
from storage.store import wall_clock
from tests.chat.talk import Cast, opened_rooms


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A house in which the cast has accounts, built once and copied for each test."""

    async def furnish(folder: Path) -> None:
        async with opened_rooms(folder) as ailo:
            await Cast(ailo).arrive()

    folder = tmp_path_factory.mktemp("furnished")
    asyncio.run(furnish(folder))
    return folder


@pytest.fixture
async def ailo(furnished: Path, tmp_path: Path) -> AsyncIterator[Ailo]:
    """An open Ailo, with a clock that never shows the same time twice."""
    shutil.copytree(furnished, tmp_path, dirs_exist_ok=True)
    async with opened_rooms(tmp_path, count(wall_clock()).__next__) as ailo:
        yield ailo


@pytest.fixture
async def cast(ailo: Ailo) -> Cast:
    return Cast(ailo)
