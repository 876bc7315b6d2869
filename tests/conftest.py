"""Fixtures of all tests: a stopped clock, and a house with the cast in it."""

import asyncio
import logging
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from chat.logs import OneLine
from storage.engine import rows
from tests.people import House, StoppedClock, open_house, opened_again

pytest_plugins = ["tests.budgets"]

MEMORY = Path("/dev/shm")
ROOM = 4 * 2**30

# A machine under load is slow, which is not the fault of what is tested; pytest's own timeout still applies.
settings.register_profile("ailo", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ailo")


def pytest_configure() -> None:
    """Put the tests' folders in memory where there is room: a third of a rule's time is waiting for the disk.

    What must reach a disk is tested by the calls that bring it there, not by a disk's own slowness.
    """
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """Undo what a test changes in the process's logging: the next test would log more, or write to a closed stream."""
    root = logging.getLogger()
    loggers = [root, *map(logging.getLogger, ("ailo", "aiohttp", "asyncio"))]
    levels = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    for handler in [handler for handler in root.handlers if isinstance(handler.formatter, OneLine)]:
        root.removeHandler(handler)


@pytest.fixture(autouse=True)
def alarms_told_anew() -> None:
    """Let an alert that was raised in one test be raised again in the next."""
    rows.forget_alerts()


@pytest.fixture
def stopped_clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture(scope="session")
def first_house(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, House]:
    """The folder of a house with the cast in it, made once and copied for each test: making it mostly waits for the disk."""

    async def build(folder: Path) -> House:
        async with open_house(folder, StoppedClock()) as house:
            return house

    folder = tmp_path_factory.mktemp("house")
    return folder, asyncio.run(build(folder))


@pytest.fixture
async def house(first_house: tuple[Path, House], tmp_path: Path, stopped_clock: StoppedClock) -> AsyncIterator[House]:
    folder, first = first_house
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    async with opened_again(tmp_path, stopped_clock, first) as house:
        yield house
