"""Fixtures shared by the tests of the mail's rows."""

from collections.abc import AsyncIterator

import pytest

from tests.people import House, assert_sound


@pytest.fixture
async def house(house: House) -> AsyncIterator[House]:
    """The house of all tests, checked to be sound at the end."""
    yield house
    await assert_sound(house)
