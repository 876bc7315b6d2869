"""The short form of `./dev chaos`: a handful of kills and the other quick faults, judged like the long run."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.nemesis import small_disk, take_down
from tests.chaos.run import Run

SLOW = frozenset({"slow syncs", "clock shift"})


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path | None]:
    has_disk = small_disk(tmp_path, 64)
    yield tmp_path if has_disk else None
    if has_disk:
        take_down(tmp_path)


async def test_whatever_happens_every_acknowledged_message_is_there_once(tmp_path: Path, disk: Path | None) -> None:
    run = Run(tmp_path, disk, seed=random.randrange(1 << 32), kills=4, pairs=3, others=1, without=SLOW)
    report = await run.carry_out()
    print("\n".join(report.lines()))
    assert report.faults == []
    assert report.kills >= 4
    assert report.acknowledged > 100
