"""A server whose loop is watched: `python -m tests.load.micro.watched late|turns FILE`. Whatever is long becomes a line of JSON.

Both measure CPU time, so that it does not matter what else the machine does.
`late`: the server as shipped; what all threads worked, in excess of a beat, until the loop came to its next beat.
`turns`: on asyncio's own loop, whose callbacks can be observed: what one of them worked, and its name.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvloop

from chat import serve
from chat.operations.metrics import Lag
from tests.flows.service import free_port

BEAT_S = 0.005
LONG_S = 0.002

Note = Callable[[float, str], None]


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


def _note_lateness(note: Note) -> None:
    async def measure(_: Lag) -> None:
        while True:
            began = time.process_time()
            await asyncio.sleep(BEAT_S)
            note(time.process_time() - began - BEAT_S, "")

    setattr(Lag, "measure", measure)  # noqa: B010


def _note_turns(note: Note) -> None:
    run = getattr(asyncio.Handle, "_run")  # noqa: B009 (what all callbacks go through; no type knows of it)

    def timed(handle: Any) -> None:
        began = time.thread_time()
        run(handle)
        note(time.thread_time() - began, repr(handle)[:400])

    setattr(asyncio.Handle, "_run", timed)  # noqa: B010
    setattr(uvloop, "run", asyncio.run)  # noqa: B010


if __name__ == "__main__":
    sys.exit(main())
