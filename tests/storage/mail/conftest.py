"""What the tests of the mail's rows share."""

from collections.abc import AsyncIterator

import pytest

from tests.people import House, assert_sound


@pytest.fixture
async def house(house: House) -> AsyncIterator[House]:
    """The house of all tests, which is sound in the end."""
    yield house
    await assert_sound(house)
