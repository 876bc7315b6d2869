"""How many passwords are computed at once, derived from the files of a machine and of its control groups."""

import os
from pathlib import Path

import pytest

from chat.auth.passwords import machine

MB = 1 << 20
GROUP_2, GROUP_1 = "0::/system.slice/ailo.service\n", "4:memory:/docker/ab12\n3:cpu,cpuacct:/docker/ab12\n0::/\n"
CPU_1 = "sys/fs/cgroup/cpu/docker/ab12"


def made(root: Path, files: dict[str, str | int]) -> Path:
    """A machine with 64 GB and these additional files."""
    for name, content in {"proc/meminfo": f"MemTotal: 99 kB\nMemAvailable: {64 << 20} kB\n", **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(content))
    return root


@pytest.mark.parametrize(
    ("files", "memory"),
    [
        ({}, 64 << 30),
        ({"proc/self/cgroup": GROUP_2}, 64 << 30),
        ({"proc/self/cgroup": GROUP_2, "sys/fs/cgroup/system.slice/ailo.service/memory.max": "max\n"}, 64 << 30),
        ({"proc/self/cgroup": GROUP_2, "sys/fs/cgroup/system.slice/ailo.service/memory.max": 512 * MB}, 512 * MB),
        ({"proc/self/cgroup": GROUP_2, "sys/fs/cgroup/system.slice/memory.max": 300 * MB}, 300 * MB),
        ({"proc/self/cgroup": GROUP_2, "sys/fs/cgroup/system.slice/ailo.service/memory.high": 200 * MB}, 200 * MB),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": 256 * MB}, 256 * MB),
        ({"proc/self/cgroup": GROUP_1, "sys/fs/cgroup/memory/docker/ab12/memory.limit_in_bytes": 400 * MB}, 400 * MB),
        ({"proc/self/cgroup": GROUP_1, "sys/fs/cgroup/memory/memory.limit_in_bytes": 350 * MB}, 350 * MB),
        ({"proc/self/cgroup": GROUP_1, "sys/fs/cgroup/memory/memory.limit_in_bytes": 9223372036854771712}, 64 << 30),
    ],
)
def test_the_tightest_limit_of_memory_holds(tmp_path: Path, files: dict[str, str | int], memory: int) -> None:
    assert machine.memory(made(tmp_path, files)) == memory


@pytest.mark.parametrize(
    "files",
    [
        {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "100000 100000\n"},
        {"proc/self/cgroup": GROUP_1, f"{CPU_1}/cpu.cfs_quota_us": "50000\n", f"{CPU_1}/cpu.cfs_period_us": "100000\n"},
        {"proc/self/cgroup": GROUP_1, f"{CPU_1},cpuacct/cpu.cfs_quota_us": "-1\n", "sys/fs/cgroup/cpu.max": "1000 100000\n"},
    ],
)
def test_a_quota_of_one_core_is_one_core(tmp_path: Path, files: dict[str, str | int]) -> None:
    assert machine.cores(made(tmp_path, files)) == 1


def test_without_quotas_all_cores_that_it_may_use_count(tmp_path: Path) -> None:
    files: dict[str, str | int] = {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}
    assert machine.cores(made(tmp_path, files)) == len(os.sched_getaffinity(0))


@pytest.mark.parametrize(("limit", "maximum"), [(64, 1), (256, 1), (511, 1), (512, 2), (1_024, 4)])
def test_computations_take_half_of_the_memory_at_most(
    tmp_path: Path, limit: int, maximum: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    root = made(tmp_path, {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": limit * MB})
    assert machine.computations(root) == maximum


def test_a_machine_that_tells_nothing_computes_one(tmp_path: Path) -> None:
    assert machine.computations(tmp_path) == 1


def test_this_machine_computes_some() -> None:
    assert 1 <= machine.computations() <= machine.cores()
