"""A simulated year over both changes of the clock: the budget is never passed, no letter is in quiet hours, nothing is lost."""

from pathlib import Path

import pytest

from tests.delivery.year_of_letters import YEARLY, live_a_year

MEMBERS, SEED = 20, 10


@pytest.mark.timeout(600)  # ten seconds of a processor, of which a loaded machine has few
async def test_a_year_of_letters(tmp_path: Path) -> None:
    year = await live_a_year(tmp_path, MEMBERS, SEED)
    assert year.faults == []
    sent = [kind for member in year.members for _, kind in member.sent]
    assert {"reply", "digest", *(kind for kind in YEARLY if kind.startswith(("a_", "an_")))} <= set(sent)
    assert len(sent) > 40 * MEMBERS
