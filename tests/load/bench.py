"""`./dev bench`: measures the whole path of a message: sealed, on disk, acknowledged, and received by the other side.

The server has one core, the load generator another. A run that lost or duplicated a message reports no figures.
`--quick` is the short form for every day. `--reconnect`, `--growth`, `--loop`, `--neighbour`, `--letters`,
`--mails`, `--parts`, `--planning`, `--reaches`, `--tried` and `--peers` measure other things.
"""

import argparse
import json
import os
import resource
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import uvloop

from chat.ailo import open_ailo
from tests.load import growth, letters, live, mails, neighbour
from tests.load.figures import Results, machine, middle, table, warnings
from tests.load.fill import Filler
from tests.load.micro import loop, parts, planning, reaches, tried
from tests.load.peers import peers
from tests.load.picture import Point, picture
from tests.load.population import Pair, furnished, serving
from tests.load.traffic import pace, patience, saturate

WINDOW = 8
RATES = (250, 500, 1000, 2000, 4000, 6000, 8000, 10_000, 12_000)
MISSED = 20


@dataclass(frozen=True)
class Plan:
    """The size of a run. ``times`` is how often whatever is cheap to repeat is measured; the middle result is reported."""

    seconds: float
    pairs: int
    times: int
    rates: tuple[int, ...]
    idle: int
    warm: float
    server_core: int | None
    folder: Path


async def whole_way(plan: Plan) -> Results:
    """The bare echo server, then one house: saturated, at fixed rates, reading pages, and idle."""
    results: Results = {}
    with serving(None, plan.server_core, ("-m", "tests.load.peers.echo")) as (port, pid):
        for name, window in (("echo, 1 under way", 1), (f"echo, {WINDOW} under way", WINDOW)):
            runs = [await live.echoes(port, pid, 2 * plan.pairs, window, min(plan.seconds, 5.0)) for _ in range(plan.times)]
            results[name] = middle(runs, "frames_per_second")
    with serving(None, plan.server_core, ("-m", "tests.load.peers.echo")) as (port, pid):
        results["idle, bare echo"] = await live.idle_echo(port, pid, plan.idle)
    async with furnished(plan.folder, plan.pairs) as (settings, pairs):
        results["fsync of 8 kB, before"] = parts.syncs(plan.folder)
        with serving(settings, plan.server_core) as (port, pid):
            results |= await _loads(plan, port, pid, pairs)
            results["fsync of 8 kB, after"] = parts.syncs(plan.folder)
            results["page of 50"] = await live.pages(port, pid, [live.newest_page(pairs[n % len(pairs)]) for n in range(200)])
        with serving(settings, plan.server_core) as (port, pid):
            results["idle"] = await live.idle(port, pid, pairs, plan.idle)
    full, echo = results["saturated"], "echo, "
    yardsticks = {name.removeprefix(echo): figures for name, figures in results.items() if name.startswith(echo)}
    results["share of echo"] = {name: round(full["per_second"] / one["frames_per_second"], 2) for name, one in yardsticks.items()}
    # Relative to CPU time, which is comparable even on a machine that others use.
    results["share by CPU time"] = {name: round(full["per_cpu_s"] / one["per_cpu_s"], 2) for name, one in yardsticks.items()}
    return results


async def _loads(plan: Plan, port: int, pid: int, pairs: list[Pair]) -> Results:
    results: Results = {}
    async with live.conversing(port, pairs, {}) as twos:
        runs = [await saturate(pid, twos, WINDOW, plan.seconds, plan.warm) for _ in range(plan.times)]
        results["saturated"] = middle(runs, "per_second")
        for rate in plan.rates:
            if rate > 0.9 * results["saturated"]["per_second"]:
                break
            paced = [await pace(pid, twos, rate, min(plan.seconds, 10.0), plan.warm) for _ in range(plan.times)]
            results[f"at {rate}/s"] = middle(paced, "p99_ms")
            if results[f"at {rate}/s"]["refused"]:
                break  # it gets `busy`: beyond this rate the machine is measured, not the service
    return results


async def coming_back(plan: Plan) -> Results:
    """1,000 clients reconnect at once and resume."""
    async with furnished(plan.folder, 500) as (settings, pairs):
        async with open_ailo(settings) as ailo:
            await Filler(ailo.store).fill(pairs, 2 * MISSED * len(pairs))
        results: Results = {}
        with serving(settings, plan.server_core) as (port, pid):
            for name in ("1000 come back, server just started", "1000 come back, once more"):
                results[name] = await live.reconnect(port, pid, pairs, MISSED, MISSED)
    return results


def _plan(arguments: argparse.Namespace, folder: Path) -> Plan:
    """The server gets the first core that we may use, the generator the last."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    quick = arguments.quick
    return Plan(
        seconds=arguments.seconds or (3.0 if quick else 30.0),
        pairs=arguments.pairs,
        times=arguments.times,
        rates=(1000,) if quick else RATES,
        idle=500 if quick else 10_000,
        warm=0.5 if quick else 2.0,
        server_core=cores[0] if len(cores) > 1 else None,
        folder=folder,
    )


def _svg(results: Results, file: Path) -> None:
    points = [
        Point(figures["per_second"], figures["p50_ms"], figures["p99_ms"])
        for name, figures in results.items()
        if name.startswith("at ") and not figures["refused"]
    ]
    full = results["saturated"]["per_second"]
    file.write_text(picture(points, f"sealed, synced, received; saturated at {full:.0f}/s"))


async def _measure(arguments: argparse.Namespace, plan: Plan) -> Results:
    others: dict[str, Callable[[], Awaitable[Results]]] = {
        "reconnect": lambda: coming_back(plan),
        "growth": lambda: growth.measure(plan.folder, plan.server_core, arguments.most),
        "loop": lambda: loop.measure(plan.folder, plan.server_core),
        "neighbour": lambda: neighbour.measure(
            plan.folder / "neighbour", plan.server_core, min(plan.seconds, 10.0), max(5, plan.times)
        ),
        "letters": lambda: letters.measure(plan.folder, plan.server_core, arguments.count, arguments.workers, max(3, plan.times)),
        "mails": lambda: mails.measure(plan.folder, plan.server_core, min(plan.seconds, 10.0)),
        "parts": lambda: parts.measure(plan.folder),
        "planning": lambda: planning.measure(plan.folder / "planning", arguments.people),
        "reaches": lambda: reaches.measure(plan.folder, plan.server_core, min(plan.idle, 2_000)),
        "tried": lambda: tried.measure(plan.folder, plan.server_core, plan.pairs, plan.seconds),
        "peers": lambda: peers.measure(plan.folder, plan.server_core, plan.seconds),
    }
    results: Results = {}
    asked = [name for name in others if getattr(arguments, name)]
    for name in asked:
        results |= await others[name]()
    return results if asked else await whole_way(plan)


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under 30 s")
    parser.add_argument("--seconds", type=float, help="of each load (30; quick: 3)")
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument("--times", type=int, default=1, help="measure so often, and tell the middle run")
    parser.add_argument("--calm", type=float, default=0.0, metavar="S", help="wait up to S s before each load for others to rest")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="write the picture of latency against rate")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--reconnect", action="store_true", help="1,000 clients come back at once")
    parser.add_argument("--growth", action="store_true", help="pages and sign-ins as history and threads grow; some minutes")
    parser.add_argument("--most", type=int, default=1_000_000, help="messages in the largest table of --growth")
    parser.add_argument("--loop", action="store_true", help="how long all that is large holds the event loop up")
    parser.add_argument("--neighbour", action="store_true", help="what an account that floods costs the others")
    parser.add_argument("--letters", action="store_true", help="how fast letters leave and are claimed, beside smtp-source")
    parser.add_argument("--count", type=int, default=10_000, help="letters in a turn of --letters")
    parser.add_argument("--workers", type=int, default=16, help="of --letters, and connections of smtp-source")
    parser.add_argument("--mails", action="store_true", help="how fast mails that come in are in their threads")
    parser.add_argument("--parts", action="store_true", help="what the parts alone can do: SQLite, encryption, the wire")
    parser.add_argument("--planning", action="store_true", help="what a day of lessons costs for --people; some minutes")
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--reaches", action="store_true", help="what each reach into aiohttp saves of an idle connection")
    parser.add_argument("--tried", action="store_true", help="switch each mechanism off and see what it brought")
    parser.add_argument(
        "--peers", action="store_true", help="Prosody and Synapse with the same traffic, where they are installed"
    )
    arguments = parser.parse_args()
    patience.seconds = arguments.calm
    about = machine()
    with tempfile.TemporaryDirectory(prefix="ailo-bench-") as folder:
        results = uvloop.run(_measure(arguments, _plan(arguments, Path(folder))))
    if arguments.svg:
        _svg(results, arguments.svg)
    print(json.dumps({"machine": about, **results}, indent=1) if arguments.json else f"{about}\n\n{table(results)}")
    for warning in warnings(results):
        print(warning, file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
