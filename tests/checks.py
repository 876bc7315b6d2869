"""Every check of `./dev test`, one after the other; all are run, and any failure fails the whole.

The tests run in two processes side by side: most of them wait for a disk, a socket or a browser. What fails there in
a browser is run once more, alone, and named: on a busy machine it may be too slow for a test. All else fails the whole at once.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

BIN = Path(sys.executable).parent
ROOT = Path(__file__).parent.parent

STEPS = {
    "format": [["ruff", "format", "--check", "."]],
    "lint": [["ruff", "check", "."]],
    "types": [["mypy"]],
    "import contracts": [["lint-imports"]],
    "dependencies": [["deptry", "."]],
    "JavaScript": [["biome", "ci", "--error-on-warnings", "static"]],
    "tests": [
        ["pytest", "-o", "cache_dir=.pytest_cache/one", "tests/browser", "tests/flows"],
        [
            "pytest",
            "-o",
            "cache_dir=.pytest_cache/other",
            "tests/attacks",
            "tests/chaos",
            "tests/chat",
            "tests/delivery",
            "tests/load",
            "tests/storage",
        ],
    ],
}
AGAIN = ["--last-failed", "--last-failed-no-failures=none", "-p", "no:randomly"]
SOME_FAILED = 1  # pytest's exit code; any other than 0 says that it could not do its work
MOST_AGAIN = 5


def run(name: str, commands: list[list[str]]) -> bool:
    """Run the commands of a step side by side; show what each prints, and how long it took."""
    started = time.monotonic()
    for command in commands:
        print(f"— {name}: {' '.join(command)}", flush=True)
    running = [start(command, shown=command is commands[0]) for command in commands]
    codes = [finish(process, output) for process, output in running]
    codes = [
        alone(command) if name == "tests" and code == SOME_FAILED else code for command, code in zip(commands, codes, strict=True)
    ]
    print(f"  {name}: {'FAILED' if any(codes) else 'passed'} in {time.monotonic() - started:.1f} s", flush=True)
    return not any(codes)


def alone(command: list[str]) -> int:
    """Run again what a command of tests has just failed, if it is little; its exit code."""
    failed = json.loads((ROOT / command[2].partition("=")[2] / "v/cache/lastfailed").read_text())
    if len(failed) > MOST_AGAIN or not all(name.startswith("tests/browser/") for name in failed):
        return SOME_FAILED
    print("  failed beside the others, run once more alone:", *sorted(failed), sep="\n    ", flush=True)
    process, output = start([*command, *AGAIN], shown=True)
    return finish(process, output)


def start(command: list[str], *, shown: bool) -> tuple[subprocess.Popen[bytes], IO[bytes] | None]:
    """Start a command; what it prints is shown at once, or kept until ``finish``."""
    output = None if shown else tempfile.TemporaryFile()  # noqa: SIM115 (closed by `finish`)
    return subprocess.Popen([str(BIN / command[0]), *command[1:]], stdout=output, stderr=output), output


def finish(process: subprocess.Popen[bytes], output: IO[bytes] | None) -> int:
    """Wait for a command, and show what was kept; its exit code."""
    code = process.wait()
    if output:
        with output:
            output.seek(0)
            sys.stdout.buffer.write(output.read())
            sys.stdout.flush()
    return code


def main() -> int:
    failed = [name for name, commands in STEPS.items() if not run(name, commands)]
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
