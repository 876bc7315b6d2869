"""The lock of a data directory: one process at a time, and nothing to clean up after a `kill -9`."""

import subprocess
import sys
from pathlib import Path

import pytest

from storage.engine.lock import DirectoryLock
from storage.errors import DatabaseRefused

HOLDER = """
import pathlib, sys
from storage.engine.lock import DirectoryLock
lock = DirectoryLock(pathlib.Path(sys.argv[1]))
print("locked", flush=True)
input()
"""


def test_a_second_one_is_refused(tmp_path: Path) -> None:
    lock = DirectoryLock(tmp_path)
    with pytest.raises(DatabaseRefused, match="stop it first"):
        DirectoryLock(tmp_path)
    lock.release()


def test_a_released_lock_is_free(tmp_path: Path) -> None:
    DirectoryLock(tmp_path).release()
    DirectoryLock(tmp_path).release()


def test_a_killed_process_leaves_nothing_to_clear(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(DatabaseRefused):
            DirectoryLock(tmp_path)
        holder.kill()
    DirectoryLock(tmp_path).release()


def test_only_its_owner_may_touch_it(tmp_path: Path) -> None:
    DirectoryLock(tmp_path).release()
    assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o600
