"""Every check of `./dev test`, one after the other: all of them run, and any failure fails the whole.

The test files are a queue that all cores work through, one file at a time (`tests/budgets.py` sets the order).
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tests.budgets import BROWSER, FLOW

# The environment's own commands first; the JavaScript compiler is the system's.
PATH = f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}"

TESTS = ["pytest", "--numprocesses=auto", "--dist=loadfile", "--no-loadscope-reorder", "tests"]
STEPS = {
    "format": ["ruff", "format", "--check", "."],
    "lint": ["ruff", "check", "."],
    "types": ["mypy"],
    "import contracts": ["lint-imports"],
    "dependencies": ["deptry", "."],
    "JavaScript": ["biome", "ci", "--error-on-warnings", "static"],
    "types of JavaScript": ["tsc", "--project", "jsconfig.json"],
    "tests": TESTS,
}
# For running every few minutes: no test that starts a browser or a service.
FAST = {**STEPS, "tests": [*TESTS, *(f"--ignore={folder}" for kind in (BROWSER, FLOW) for folder in kind.folders)]}


def run(name: str, command: list[str]) -> bool:
    """Run a step's command, show its output and how long it took; return whether it passed."""
    started = time.monotonic()
    print(f"— {name}: {' '.join(command)}", flush=True)
    code = subprocess.run([shutil.which(command[0], path=PATH) or command[0], *command[1:]], check=False).returncode
    print(f"  {name}: {'FAILED' if code else 'passed'} in {time.monotonic() - started:.1f} s", flush=True)
    return not code


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev test", description=__doc__)
    parser.add_argument("--fast", action="store_true", help="none that starts a browser or a service")
    steps = FAST if parser.parse_args().fast else STEPS
    failed = [name for name, command in steps.items() if not run(name, command)]
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
