"""What the tests of delivery share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings

from delivery.outbox.outbox import Outbox
from delivery.settings import DeliverySettings
from storage.store import Store
from tests.delivery.cast import Cast, Clock, opened_store, settings_of
from tests.delivery.transports.recording import RecordingTransport

# A busy machine is no fault of the code: time-outs are pytest's.
hypothesis_settings.register_profile("ailo", deadline=None)
hypothesis_settings.load_profile("ailo")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(tmp_path: Path, clock: Clock) -> AsyncIterator[Store]:
    async with opened_store(tmp_path, clock) as store:
        yield store


@pytest.fixture
async def cast(store: Store) -> Cast:
    return await Cast(store).arrive()


@pytest.fixture
def settings(tmp_path: Path) -> DeliverySettings:
    return settings_of(tmp_path)


@pytest.fixture
def post() -> RecordingTransport:
    return RecordingTransport()


@pytest.fixture
def outbox(store: Store, post: RecordingTransport, settings: DeliverySettings) -> Outbox:
    return Outbox(store, post, settings, chance=lambda: 0.0)
