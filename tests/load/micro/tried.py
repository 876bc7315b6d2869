"""What each mechanism gains: the saturated server with it and, right afterwards, without it."""

import itertools
import uuid
from collections.abc import Callable
from pathlib import Path

from tests.load import live
from tests.load.figures import Figures, Results
from tests.load.micro.without import MECHANISMS
from tests.load.population import Pair, furnished, serving
from tests.load.traffic import fresh_id, saturate

WINDOW = 8
SERVER = ("-m", "chat", "serve")


async def measure(folder: Path, core: int | None, pairs: int, seconds: float) -> Results:
    """Each mechanism in its own houses, with and without: the machine changes from one minute to the next."""
    results: Results = {}
    places = (folder / f"house-{number}" for number in itertools.count())
    runs: dict[str, tuple[tuple[str, ...], Callable[[], str]]] = {
        f"without {name}": (("-m", "tests.load.micro.without", name), fresh_id) for name in MECHANISMS
    }
    runs["ids of version 4 instead of 7"] = (SERVER, lambda: str(uuid.uuid4()))
    for name, (command, new_id) in runs.items():
        with_it = await _one(next(places), core, pairs, seconds, SERVER, fresh_id)
        without = await _one(next(places), core, pairs, seconds, command, new_id)
        results[name] = {
            "with": with_it["per_second"],
            "without": without["per_second"],
            "brings_percent": round(100 * (with_it["per_second"] / max(without["per_second"], 1) - 1)),
            "with_per_cpu_s": with_it["per_cpu_s"],
            "without_per_cpu_s": without["per_cpu_s"],
            "others_cpu": max(with_it["others_cpu"], without["others_cpu"]),
        }
    return results


async def _one(
    folder: Path, core: int | None, many: int, seconds: float, command: tuple[str, ...], new_id: Callable[[], str]
) -> Figures:
    bases: dict[Pair, int] = {}
    async with furnished(folder, many) as (settings, pairs):
        with serving(settings, core, command) as (port, pid):
            async with live.conversing(port, pairs, bases, new_id) as twos:
                return await saturate(pid, twos, WINDOW, seconds, 1.0)
