"""Ailo, Prosody and Synapse with the same traffic in the same run: pairs who write to each other, both ways.

Every server gets the same core; the generator gets the other. Prosody is Debian's package
(`apt-get install prosody lua-dbi-sqlite3`); Synapse is installed into its own virtual environment in the user's cache folder.
Neither is part of the project.
"""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from tests.load import live
from tests.load.figures import Results
from tests.load.peers.matrix import synapse
from tests.load.peers.xmpp import ARCHIVES, prosody
from tests.load.population import ROOT, furnished, serving
from tests.load.traffic import Two, pace, saturate

PAIRS = 20
WINDOW = 4
RATES = (20, 200)
SYNAPSE = "matrix-synapse==1.163.2"

Server = AbstractAsyncContextManager[tuple[int, list[Two]]]


async def measure(folder: Path, core: int | None, seconds: float) -> Results:
    """Measure every server that can be installed, and how much faster Ailo is than each."""
    seconds = min(seconds, 10.0)
    results: Results = {}
    for name, server in _servers(folder, core):
        async with server as (pid, twos):
            results[f"{name}, saturated"] = await saturate(pid, twos, WINDOW, seconds, 1.0)
            carried = results[f"{name}, saturated"]["per_second"]
            for rate in RATES:
                if rate < 0.8 * carried:
                    results[f"{name}, {rate}/s"] = await pace(pid, twos, rate, seconds, 1.0)
    return results | _ratios(results)


def _servers(folder: Path, core: int | None) -> list[tuple[str, Server]]:
    found: list[tuple[str, Server]] = [("Ailo", _ailo(folder / "ailo", core))]
    if shutil.which("prosody"):
        for number, (name, tune) in enumerate(ARCHIVES.items()):
            place = folder / f"prosody-{number}"
            place.mkdir()
            found.append((f"Prosody, {name}", prosody(place, _free_port(), core, tune, PAIRS)))
    else:
        print("Prosody is not installed: apt-get install prosody lua-dbi-sqlite3", file=sys.stderr)
    if python := _synapse_python():
        (folder / "synapse").mkdir()
        found.append(("Synapse", synapse(python, folder / "synapse", _free_port(), core, PAIRS)))
    return found


@asynccontextmanager
async def _ailo(folder: Path, core: int | None) -> AsyncIterator[tuple[int, list[Two]]]:
    async with furnished(folder, PAIRS) as (settings, pairs):
        with serving(settings, core) as (port, pid):
            async with live.conversing(port, pairs, {}) as twos:
                yield pid, twos


def _synapse_python() -> Path | None:
    """The Python of Synapse's own environment, which is created if missing; None, after printing why, if that fails."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ailo-bench" / "synapse"
    python = cache / "bin" / "python"
    if not python.exists() or subprocess.run([str(python), "-c", "import synapse"], check=False, capture_output=True).returncode:
        uv = ROOT / ".venv" / "bin" / "uv"
        made = subprocess.run([str(uv), "venv", "-q", str(cache), "--python", sys.executable, "--clear"], check=False)
        install = [str(uv), "pip", "install", "-q", "--python", str(python), SYNAPSE]
        if made.returncode or subprocess.run(install, check=False, timeout=600).returncode:
            print(f"Synapse cannot be installed ({SYNAPSE})", file=sys.stderr)
            return None
    return python


def _free_port() -> int:
    with socket.create_server((live.HOST, 0)) as listening:
        return int(listening.getsockname()[1])


def _ratios(results: Results) -> Results:
    """By elapsed time and by CPU time: the second is comparable even on a machine that others use."""
    ours = results["Ailo, saturated"]
    return {
        f"Ailo to {name.removesuffix(', saturated')}": {
            "times_as_many": round(ours["per_second"] / max(figures["per_second"], 1), 1),
            "by_cpu_time": round(ours["per_cpu_s"] / max(figures["per_cpu_s"], 1), 1),
        }
        for name, figures in results.items()
        if name.endswith("saturated") and not name.startswith("Ailo")
    }
