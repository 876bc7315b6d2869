"""A warm start gives the same process as a cold one."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests import warm_start
from tests.flows.service import ROOT, Service


def cold(arguments: list[str], environment: Mapping[str, str], cwd: Path, stdin: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "chat", *arguments]
    environment = {**environment, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=cwd, env=environment, input=stdin, capture_output=True, text=True, check=False)


def result(done: "subprocess.CompletedProcess[str]") -> tuple[int, str, str]:
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("line", ["--version", "check", "account add --role nobody", "nothing"])
def test_a_command_ends_and_prints_as_after_a_cold_start(tmp_path: Path, line: str) -> None:
    environment = Service(tmp_path).environment
    warm = warm_start.run(line.split(), environment, tmp_path, "", 60)
    assert result(warm) == result(cold(line.split(), environment, tmp_path, ""))


def test_folder_environment_and_input_are_the_tests_own(tmp_path: Path) -> None:
    places = {"AILO_DATA": "here/data", "AILO_KEYS": "there/root.json"}
    assert warm_start.run(["init"], {**os.environ, **places}, tmp_path, "", 60).returncode == 0
    assert (tmp_path / "there" / "root.json").is_file()
    add = ["account", "add", "--role", "member", "--email", "lea@ailo.test", "--first-name", "Léa", "--last-name", "Rossi"]
    done = warm_start.run([*add, "--password-stdin"], {**os.environ, **places}, tmp_path, "une phrase pour entrer", 60)
    assert (done.returncode, len(done.stdout.strip())) == (0, 36), done.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 0)])
async def test_a_service_ends_as_it_is_told_to(tmp_path: Path, number: signal.Signals, code: int) -> None:
    service = Service(tmp_path)
    await service.build()
    service.start()
    assert isinstance(service.process, warm_start.WarmProcess)
    assert service.process.poll() is None
    service.signal(number)
    assert await service.ended() == code
    assert not Path(f"/proc/{service.process.pid}").exists()
    service.close()


@pytest.mark.parametrize("name", ["PYTHONPATH", "LC_ALL"])
def test_what_changes_the_interpreter_does_not_fit(tmp_path: Path, name: str) -> None:
    environment = Service(tmp_path).environment
    assert warm_start.fits(environment)
    assert not warm_start.fits({**environment, name: "else"})
