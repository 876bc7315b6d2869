"""The short form of `./dev chaos`: a handful of kills and the other quick faults, judged like the long run."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos import letters, mails
from tests.chaos.letters import Outcome, kill_at
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


@pytest.mark.parametrize(("at", "when_done"), [(2, True), (3, False), (4, True)])
async def test_a_worker_of_letters_that_is_killed_at_a_write_loses_none(tmp_path: Path, at: int, *, when_done: bool) -> None:
    """At the claim, and before and after the record of what was sent."""
    folder, outcome = tmp_path / "house", Outcome()
    await letters.prepare(folder)
    assert await kill_at(folder, at, when_done=when_done, outcome=outcome)
    assert (outcome.faults, outcome.kills) == ([], 1)
    assert outcome.twice if at == 3 else True


@pytest.mark.parametrize(("at", "when_done"), [(2, False), (2, True), (4, True)])
async def test_a_worker_that_is_killed_at_a_write_loses_no_lesson(tmp_path: Path, at: int, *, when_done: bool) -> None:
    """Before and after the enrolments, and after a later one."""
    folder, outcome = tmp_path / "house", Outcome()
    await letters.prepare_lessons(folder)
    assert await kill_at(folder, at, when_done=when_done, outcome=outcome)
    assert (outcome.faults, outcome.kills) == ([], 1)


async def test_a_receiver_that_is_killed_takes_each_mail_once_by_lmtp(tmp_path: Path) -> None:
    """At each step from the whole mail on."""
    outcome = await mails.kill_by_lmtp(await mails.prepare(tmp_path / "house"), begin=10)
    assert outcome.faults == []
    assert outcome.kills.total() > 20


async def test_a_receiver_that_is_killed_takes_each_mail_once_from_a_maildir(tmp_path: Path) -> None:
    outcome = await mails.kill_by_maildir(await mails.prepare(tmp_path / "house"))
    assert outcome.faults == []
    assert outcome.kills.total() > 15
