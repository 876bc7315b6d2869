"""A server whose loop is watched: `python -m tests.load.watched late|turns FILE`. A line of JSON for each of what is long.

`late`: as shipped, each time its loop was late (s). `turns`: on asyncio's own loop, whose callbacks can be seen: each that took
long (s of the loop's own core, so that others on the machine do not matter), and its name.
"""

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import uvloop

from chat import serve
from chat.metrics import Lag
from tests.flows.service import free_port

LONG_S = 0.002


def main() -> int:
    mode, file = sys.argv[1:]
    notes = Path(file).open("a", buffering=1)  # noqa: SIM115 (until the process ends)

    def note(took: float, name: str) -> None:
        if took > LONG_S:
            notes.write(json.dumps([took, name]) + "\n")

    if mode == "late":
        _note_lateness(note)
    else:
        _note_turns(note)
    environment = {**os.environ, "AILO_METRICS": f"127.0.0.1:{free_port()}"}
    return serve.main(environment)


def _note_lateness(note: Any) -> None:
    original = Lag.note

    def noted(self: Lag, late: float) -> None:
        note(late, "")
        original(self, late)

    Lag.note = noted  # type: ignore[method-assign]


def _note_turns(note: Any) -> None:
    run = getattr(asyncio.Handle, "_run")  # noqa: B009 (what all callbacks go through; no type knows of it)

    def timed(handle: Any) -> None:
        began = time.thread_time()
        run(handle)
        note(time.thread_time() - began, repr(handle)[:400])

    setattr(asyncio.Handle, "_run", timed)  # noqa: B010
    setattr(uvloop, "run", asyncio.run)  # noqa: B010


if __name__ == "__main__":
    sys.exit(main())
