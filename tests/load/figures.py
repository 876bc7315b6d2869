"""Figures: percentiles, the resources of a process, a description of the machine, and the tables to print."""

import asyncio
import os
import platform
import sqlite3
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

Figures = dict[str, float]
Results = dict[str, Figures]

BUSY = 0.95
AT_REST = 0.25


def percentile(ordered: Sequence[float], part: float) -> float:
    """A percentile, in ms, of sorted latencies in s; 0 if there are none."""
    return round(ordered[min(len(ordered) - 1, int(part * len(ordered)))] * 1000, 2) if ordered else 0.0


def of_times(seconds: Sequence[float]) -> Figures:
    """The usual percentiles."""
    ordered = sorted(seconds)
    return {
        "times": len(ordered), "p50_ms": percentile(ordered, 0.5), "p99_ms": percentile(ordered, 0.99),
        "max_ms": percentile(ordered, 1.0),
    }  # fmt: skip


def middle(runs: Sequence[Figures], by: str) -> Figures:
    """The middle run as a whole: its figures are never mixed with another run's."""
    return sorted(runs, key=lambda run: run[by])[len(runs) // 2]


def cpu_seconds(pid: int) -> float:
    """The user and system time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def busy_seconds() -> float:
    """The time that all cores together have been busy, for any process."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


async def at_rest(patience: float) -> None:
    """Wait until nobody else uses this machine, for at most this many seconds; ``others_cpu`` reports whoever still does."""
    deadline = time.perf_counter() + patience
    while time.perf_counter() < deadline:
        before, started = busy_seconds(), time.perf_counter()
        await asyncio.sleep(2)
        if (busy_seconds() - before) / (time.perf_counter() - started) < AT_REST:
            return


def memory_kb(pid: int) -> int:
    """The resident memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1])


def machine() -> str:
    """The machine and the versions of the software, in two lines."""
    models = [line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    packages = ", ".join(f"{name} {version(name)}" for name in ("aiohttp", "uvloop", "pynacl", "msgspec", "aiosqlite"))
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{len(models)} cores ({models[0] if models else platform.processor()}), {platform.system()} {platform.release()},"
        f" load before {load}\nPython {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {packages}"
    )


def table(results: Mapping[str, Figures]) -> str:
    """Results as tables: one for each set of columns, in the order of their first results."""
    groups: dict[tuple[str, ...], dict[str, Figures]] = {}
    for name, figures in results.items():
        groups.setdefault(tuple(figures), {})[name] = figures
    return "\n\n".join(_one_table(columns, rows) for columns, rows in groups.items())


def _one_table(columns: Sequence[str], rows: Mapping[str, Figures]) -> str:
    cells = [["", *columns], *([name, *(f"{value:g}" if value < 1e5 else f"{value:.0f}" for value in figures.values())]
             for name, figures in rows.items())]  # fmt: skip
    widths = [max(len(row[at]) for row in cells) for at in range(len(cells[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) if at == 0 else cell.rjust(width) for at, (cell, width) in enumerate(zip(row, widths)))  # noqa: B905
        for row in cells
    )


def warnings(results: Mapping[str, Figures]) -> list[str]:
    """Warnings where the generator itself may have been the bottleneck."""
    return [
        f"{name}: the generator was busy {figures['generator_cpu']:.2f} of its core: the figure may be its own limit"
        for name, figures in results.items()
        if figures.get("generator_cpu", 0) > BUSY
    ]
