"""Nothing waits for the disk on the event loop's thread: a sync, however long it takes, delays nobody else."""

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from chat.auth.access import Access
from chat.auth.sign_in import Attempt, SignIns
from chat.protocol.hub import Hub
from storage.maintenance import backup
from storage.rekeying.rotation import Rotation
from tests.people import House, StoppedClock

Deed = Callable[[House, StoppedClock, Path], Awaitable[object]]


async def back_up(house: House, _: StoppedClock, folder: Path) -> None:
    await backup.copy(house.store, folder / "backup")


async def turn(house: House, _: StoppedClock, __: Path) -> None:
    assert await Rotation(house.store).turn()


async def turn_and_drop(house: House, _: StoppedClock, __: Path) -> None:
    rotation, old = Rotation(house.store), house.store.guard.keyring.newest.id
    assert await rotation.turn()
    await rotation.finish()
    await rotation.drop(old)


async def sign_in_a_week_later(house: House, clock: StoppedClock, _: Path) -> None:
    """The first sign-in of the week makes the week's pepper."""
    sign_ins = SignIns(house.store, Access(house.store), Hub())
    clock.advance(8 * 86_400_000)
    await sign_ins.sign_in(Attempt(house.lea.email, house.lea.password, "", "127.0.0.1"))
    sign_ins.close()


@pytest.mark.parametrize("deed", [back_up, turn, turn_and_drop, sign_in_a_week_later])
async def test_no_sync_holds_the_loop_up(
    house: House, stopped_clock: StoppedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deed: Deed
) -> None:
    fsync, threads = os.fsync, set[threading.Thread]()

    def noted(descriptor: int) -> None:
        threads.add(threading.current_thread())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    await deed(house, stopped_clock, tmp_path)
    assert threads
    assert threading.current_thread() not in threads


async def test_the_first_sessions_of_a_week_share_its_pepper(house: House, stopped_clock: StoppedClock) -> None:
    stopped_clock.advance(8 * 86_400_000)
    now, peppers = stopped_clock(), house.store.peppers
    found = await asyncio.gather(*(asyncio.to_thread(peppers.current, now) for _ in range(8)))
    assert len(set(found)) == 1
