"""Runs the `ailo` command as a process of its own, in whatever surroundings an attack needs."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from storage import installation
from tests import warm_start
from tests.flows.service import ROOT, Service
from tests.people import PASSWORD, settings_in

Done = subprocess.CompletedProcess[str]
LONGEST_S = 110
ADD = ["account", "add", "--first-name", "Léa", "--last-name", "Rossi", "--password-stdin"]
LEA = [*ADD, "--role", "member", "--email", "lea@ailo.test"]


def run_ailo(
    folder: Path,
    *arguments: str,
    before: tuple[str, ...] = (),
    stdin: str = PASSWORD,
    settings: dict[str, str] | None = None,
    **options: Any,
) -> Done:
    """Run a command of the installation in ``folder``, under ``before`` if given."""
    environment = {**Service(folder).environment, **(settings or {})}
    if not before and not options and warm_start.fits(environment):
        return warm_start.run(arguments, environment, folder, stdin, LONGEST_S)
    environment = {**Service(folder).environment, "PYTHONPATH": str(ROOT), **(settings or {})}
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "cwd": folder, **options}
    command = [*before, sys.executable, "-m", "chat", *arguments]
    return subprocess.run(command, env=environment, input=stdin, text=True, timeout=LONGEST_S, check=False, **options)


def refused(done: Done, code: int = 1) -> str:
    """The one error line of a command that failed."""
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    (line,) = done.stderr.splitlines()
    assert line.startswith("ailo: ")
    return line


def told(done: Done) -> str:
    """The output of a command that succeeded."""
    assert done.returncode == 0, done.stderr
    return (done.stdout or "").rstrip("\n")


def sheet_of(done: Done) -> dict[str, str]:
    """The recovery officer's key as `init --json` prints it."""
    sheet: dict[str, str] = json.loads(told(done))["recovery"]
    return sheet


def begin(folder: Path) -> dict[str, str]:
    """Make an installation; return its sheet."""
    return sheet_of(run_ailo(folder, "init", "--json"))


async def begin_cheap(folder: Path) -> installation.Officer:
    """The same for an example installation, whose passwords are cheap to compute; return its officer."""
    made = await installation.build(settings_in(folder), is_example=True)
    assert made
    return made


def left(folder: Path) -> list[str]:
    """The paths of everything in a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def small_disk(folder: Path, size: str) -> None:
    """Mount a small file system of its own at a folder. Skips the test without the right to mount."""
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "ailo-test", str(folder)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("only who may mount a file system can do this")


def fill(path: Path) -> None:
    """Write to a file until its disk is full."""
    with path.open("wb", buffering=0) as file:
        for size in (4096, 1):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError:
                continue


def take_off(folder: Path) -> None:
    """Unmount what was mounted."""
    subprocess.run(["umount", "--lazy", str(folder)], check=False, capture_output=True)
