"""A simulated year over both changes of the clock: the budget is never passed, no letter is in quiet hours, nothing is lost."""

from pathlib import Path

import pytest

from delivery.settings import DeliverySettings
from tests.delivery import more_kinds
from tests.delivery.year import YEARLY, Year
from tests.people import House, StoppedClock

MEMBERS = 20


@pytest.mark.timeout(600)
async def test_a_year_of_letters(house: House, stopped_clock: StoppedClock, settings: DeliverySettings, tmp_path: Path) -> None:
    with more_kinds.at_hand(tmp_path / "kinds"):
        year = Year.of(house, stopped_clock, settings, seed=10)
        await year.live(MEMBERS)
        assert year.ledger.faults == []
        assert await year.lost() == []
    sent = [kind for member in year.members for _, kind in member.sent]
    assert {"reply", "digest", *(kind for kind in YEARLY if kind.startswith("a"))} - {"answer"} <= set(sent)
    assert len(sent) > 40 * MEMBERS
