"""Every check of `./dev test`, one after the other; all are run, and any failure fails the whole."""

import subprocess
import sys
import time
from pathlib import Path

BIN = Path(sys.executable).parent

STEPS = {
    "format": ["ruff", "format", "--check", "."],
    "lint": ["ruff", "check", "."],
    "types": ["mypy"],
    "import contracts": ["lint-imports"],
    "dependencies": ["deptry", "."],
    # A file at a time in each of two processes: most tests wait for a disk, a socket or a browser.
    "tests": ["pytest", "-n", "2", "--dist", "loadfile"],
}


def run(name: str, command: list[str]) -> bool:
    """Run one step; say how long it took."""
    started = time.monotonic()
    print(f"— {name}: {' '.join(command)}", flush=True)
    passed = subprocess.run([str(BIN / command[0]), *command[1:]], check=False).returncode == 0
    print(f"  {name}: {'passed' if passed else 'FAILED'} in {time.monotonic() - started:.1f} s", flush=True)
    return passed


def main() -> int:
    failed = [name for name, command in STEPS.items() if not run(name, command)]
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
