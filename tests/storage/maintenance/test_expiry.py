"""What has expired is removed, even if nobody signs in."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from storage.engine import sqlite_connections
from storage.maintenance import expiry
from tests.attacks.disk.test_thief import sign_in
from tests.attacks.disk.thief import steal
from tests.people import DAY, House, StoppedClock
from tests.storage.engine.test_checkpoints import until


async def test_a_session_that_has_ended_opens_nothing(house: House, stopped_clock: StoppedClock, tmp_path: Path) -> None:
    thread = await house.open_thread(house.lea, house.claire)
    await house.post(house.lea, thread, "secret de Léa")
    cookie = await sign_in(house, house.lea)
    stopped_clock.advance(30 * DAY)
    read = []
    for name in ("before", "after"):
        thief = steal(house.store.settings.data, house.store.settings.keys, tmp_path / name)
        thief.cookies = [cookie.secret]
        read.append(thief.try_everything().messages)
        await expiry.expire(house.store)
    assert read == [{"secret de Léa"}, set()]


async def test_a_pepper_that_no_session_needs_is_forgotten(house: House, stopped_clock: StoppedClock) -> None:
    await sign_in(house, house.lea)
    file = house.store.settings.peppers
    before = file.read_bytes()
    stopped_clock.advance(36 * DAY)
    await expiry.expire(house.store)
    assert file.read_bytes() == before
    stopped_clock.advance(2 * DAY)
    await expiry.expire(house.store)
    assert file.read_bytes() == b"{}"


async def test_it_goes_on_by_itself(house: House, stopped_clock: StoppedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    await sign_in(house, house.lea)
    stopped_clock.advance(40 * DAY)
    async with expiry.in_background(house.store):
        await until(lambda: house.store.settings.peppers.read_bytes() == b"{}")
    assert not await house.select("select 1 from sessions")


async def test_a_store_that_fails_ends_nothing(
    house: House, stopped_clock: StoppedClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await sign_in(house, house.lea)
    stopped_clock.advance(40 * DAY)
    monkeypatch.setattr(expiry, "EVERY_S", 0.01)
    with monkeypatch.context() as patch:
        patch.setattr(sqlite_connections.Connection, "_work", failing("SQLITE_FULL"))
        async with expiry.in_background(house.store):
            await until(lambda: "could not remove" in caplog.text)
            patch.undo()
            await until(lambda: house.store.settings.peppers.read_bytes() == b"{}")


def failing(name: str) -> Callable[..., None]:
    def work(*_: object) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorname = name
        raise error

    return work
