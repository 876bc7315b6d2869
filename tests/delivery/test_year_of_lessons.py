"""A simulated year for 20 members: every lesson once and at its time, nothing after a stop, nothing in quiet hours.

`./dev chaos` does the same for 1,000.
"""

from pathlib import Path

from tests.delivery.year_of_lessons import live_a_year

MEMBERS, SEED = 20, 2027


async def test_a_year_of_lessons(tmp_path: Path) -> None:
    year = await live_a_year(tmp_path, MEMBERS, SEED)
    assert year.faults == []
    assert len(year.plan.seen_by(True)) == 26
    steady = [one for one in year.members if one.is_steady]
    assert len(steady) >= 5
    assert all(len(one.came) >= 22 for one in steady)
    assert sum(len(one.came) for one in year.members) > 20 * MEMBERS
