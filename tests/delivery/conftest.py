"""Fixtures shared by the tests of delivery."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from delivery.outbox.outbox import Outbox
from delivery.settings import DeliverySettings
from storage.ids import ThreadId
from storage.store import Store
from tests.delivery.transports.recording import RecordingTransport
from tests.people import House, assert_sound


@pytest.fixture
async def house(house: House) -> AsyncIterator[House]:
    """The house of all tests, checked to be sound at the end."""
    yield house
    await assert_sound(house)


@pytest.fixture
def store(house: House) -> Store:
    return house.store


@pytest.fixture
async def thread(house: House) -> ThreadId:
    """A thread of Léa's with Claire."""
    return await house.open_thread(house.lea, house.claire)


@pytest.fixture
def settings(tmp_path: Path) -> DeliverySettings:
    return DeliverySettings("https://ailo.example", tmp_path / "data" / "mail")


@pytest.fixture
def post() -> RecordingTransport:
    return RecordingTransport()


@pytest.fixture
def outbox(store: Store, post: RecordingTransport, settings: DeliverySettings) -> Outbox:
    return Outbox(store, post, settings, chance=lambda: 0.0)
