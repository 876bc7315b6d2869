"""How many password computations this machine or container can run at once.

The machine's own figures do not reflect a container's limits: these are read from its control groups, version 2 and 1
(Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst of the Linux kernel).
"""

import os
from collections.abc import Iterator
from pathlib import Path

from storage.crypto.keyholes import PROFILE, PROFILES

SHARE = 2  # computations may use half of the memory; the other half is for everything else


def computations(root: Path = Path("/")) -> int:
    """How many Argon2id computations may run at once: one per core, no more than fit into half of the memory, at least 1."""
    by_memory = memory(root) // SHARE // PROFILES[PROFILE].memory
    return max(1, min(cores(root), by_memory))


def cores(root: Path = Path("/")) -> int:
    """The cores that this process may use, given its affinity and its groups' quotas; at least 1."""
    allowed = len(os.sched_getaffinity(0))
    return max(1, min([allowed, *(int(quota) for quota in _quotas(root))]))


def memory(root: Path = Path("/")) -> int:
    """The bytes of memory that this process may use: what is available now, or its groups' limits if lower."""
    return min([_available(root), *_limits(root)])


def _available(root: Path) -> int:
    for line in _read(root / "proc/meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return PROFILES[PROFILE].memory


def _limits(root: Path) -> Iterator[int]:
    for folder in _groups(root, "memory"):
        for name in ("memory.max", "memory.high", "memory.limit_in_bytes"):
            raw = _read(folder / name).strip()
            if raw.isdigit():
                yield int(raw)


def _quotas(root: Path) -> Iterator[float]:
    for folder in _groups(root, "cpu"):
        version_1 = f"{_read(folder / 'cpu.cfs_quota_us')} {_read(folder / 'cpu.cfs_period_us')}"
        for raw in (_read(folder / "cpu.max"), version_1):
            quota, _, period = " ".join(raw.split()).partition(" ")
            if quota.isdigit() and period.isdigit() and int(period):
                yield int(quota) / int(period)


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """The folders of this process's groups and of all their parents: the tightest limit among them applies."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers or controller in controllers.split(","):
            base = root / "sys/fs/cgroup" / (controller if controllers else "")
            inside = base / path.strip("/")
            yield from (inside, *(folder for folder in inside.parents if folder.is_relative_to(base)))


def _read(path: Path) -> str:
    """The contents of a file; empty if it is missing: a container does not see its parent groups."""
    try:
        return path.read_text()
    except OSError:
        return ""
