"""`./dev chaos`: people write to one another while the service is killed, paused and cut off, and its disk fails or fills up.

At the end every acknowledged message must be there once, in one order, for both sides. Then the worker of letters is killed at
each of its writes, with letters that wait and with lessons that are due (see `letters`), and the receiver of mails at each of
its steps (see `mails`). The seed decides which faults come in
which order (not the instant at which they strike). `--kills N` (200), `--seed N`, `--pairs N`, `--tmpfs`: on a separate small
file system, which is then really filled up.

Then a year of programmes is simulated for `--members N` (1000; 0: none): every lesson once, at its time, to whom it is due;
and a year of all letters: never more than the budget, none in quiet hours, none that nobody wants.
"""

import argparse
import asyncio
import random
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.chaos.letters import kill_at_every_write
from tests.chaos.mails import Mails, Outcome, kill_by_lmtp, kill_by_maildir, prepare
from tests.chaos.nemesis import small_disk, take_down
from tests.chaos.run import Run
from tests.delivery.year_of_lessons import live_a_year
from tests.delivery.year_of_letters import live_a_year as letters_of_a_year


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev chaos", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--others", type=int, default=None, help="of each other fault (default: a twentieth of the kills)")
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--members", type=int, default=1000)
    parser.add_argument("--tmpfs", action="store_true")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    others = max(1, arguments.kills // 20) if arguments.others is None else arguments.others
    with tempfile.TemporaryDirectory(prefix="ailo-chaos-") as name:
        folder = Path(name)
        has_disk = arguments.tmpfs and small_disk(folder, 512)
        if arguments.tmpfs and not has_disk:
            print("skipped: a small disk of its own, which only who may mount can have", flush=True)
        run = Run(folder, folder if has_disk else None, arguments.seed, arguments.kills, arguments.pairs, others, tell=_tell)
        try:
            report = asyncio.run(run.carry_out())
        finally:
            if has_disk:
                take_down(folder)
    print("\n".join(report.lines()), flush=True)
    faults = report.faults
    for of_lessons in (False, True):
        with tempfile.TemporaryDirectory(prefix="ailo-chaos-letters-") as name:
            outcome = asyncio.run(kill_at_every_write(Path(name) / "house", _tell, of_lessons=of_lessons))
        print(outcome.line(), flush=True)
        faults = [*faults, *outcome.faults]
    faults = [*faults, *_mails()]
    if arguments.members:
        faults = [
            *faults,
            *_year_of_lessons(arguments.members, arguments.seed),
            *_year_of_letters(arguments.members, arguments.seed),
        ]
    return bool(faults)


def _mails() -> list[str]:
    """Kill the receiver at every step of mails; return what should not have been."""
    faults: list[str] = []
    for kill in (kill_by_lmtp, kill_by_maildir):
        with tempfile.TemporaryDirectory(prefix="ailo-chaos-mails-") as name:
            outcome = asyncio.run(_killed(kill, Path(name) / "house"))
        print(outcome.line(), flush=True)
        faults += outcome.faults
    return faults


async def _killed(kill: Callable[[Mails, Callable[[str], None]], Awaitable[Outcome]], folder: Path) -> Outcome:
    return await kill(await prepare(folder), _tell)


def _year_of_letters(members: int, seed: int) -> list[str]:
    """Simulate a year of all letters; return what should not have been."""
    with tempfile.TemporaryDirectory(prefix="ailo-year-") as name:
        year = asyncio.run(letters_of_a_year(Path(name), members, seed))
    sent = sum(len(one.sent) for one in year.members)
    print(
        "\n".join([f"a year of letters to {members} members: {sent} sent; faults {len(year.faults)}", *year.faults[:20]]),
        flush=True,
    )
    return year.faults


def _year_of_lessons(members: int, seed: int) -> list[str]:
    """Simulate a year; return what should not have been."""
    with tempfile.TemporaryDirectory(prefix="ailo-year-") as name:
        year = asyncio.run(live_a_year(Path(name), members, seed))
    came = sum(len(one.came) for one in year.members)
    print(
        "\n".join([f"a year of {members} members: {came} lessons came; faults {len(year.faults)}", *year.faults[:20]]), flush=True
    )
    return year.faults


def _tell(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
