"""What a command prints arrives, or the command fails and says so: above all the recovery key, which is shown only once."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage import installation
from storage.errors import StorageError
from tests.attacks.operator.commands import LEA, begin, begin_cheap, fill, left, refused, run_ailo, small_disk, take_off, told
from tests.flows.service import ROOT, Service
from tests.people import settings_in


def through(redirection: str) -> tuple[str, ...]:
    """A shell that runs the command with its standard streams redirected."""
    return ("/bin/sh", "-c", f'exec "$@" {redirection}', "sh")


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """A full disk."""
    folder = tmp_path / "full"
    small_disk(folder, "64k")
    fill(folder / "ballast")
    yield folder
    take_off(folder)


# The recovery key


@pytest.mark.parametrize(
    ("redirection", "options"), [(">/dev/full", []), (">&-", ["--json"]), ("| true", []), (">/dev/full", ["--without-recovery"])]
)
def test_an_installation_whose_key_was_not_shown_is_undone(tmp_path: Path, redirection: str, options: list[str]) -> None:
    if redirection == "| true":
        reader, writer = os.pipe()
        os.close(reader)
        done = run_ailo(tmp_path, "init", *options, stdout=writer)
        os.close(writer)
    else:
        done = run_ailo(tmp_path, "init", *options, before=through(redirection))
    assert "standard output" in refused(done)
    assert left(tmp_path) == []
    told(run_ailo(tmp_path, "init", *options))
    assert told(run_ailo(tmp_path, "check")) == "All is well."


def test_a_full_disk_under_standard_output_undoes_it(tmp_path: Path, full: Path) -> None:
    place = tmp_path / "here"
    place.mkdir()
    with (full / "sheet").open("w") as out:
        assert "standard output" in refused(run_ailo(place, "init", stdout=out))
    assert left(place) == []
    begin(place)


@pytest.mark.parametrize("sheet", ["missing/folder/sheet.html", "file/sheet.html", "/proc/sheet.html"])
def test_a_sheet_that_cannot_be_written_undoes_it(tmp_path: Path, sheet: str) -> None:
    (tmp_path / "file").touch()
    assert "cannot be written" in refused(run_ailo(tmp_path, "init", "--sheet", sheet))
    assert left(tmp_path) == ["file"]
    told(run_ailo(tmp_path, "init", "--sheet", "sheet.html"))
    assert "recovery key" in (tmp_path / "sheet.html").read_text()


def test_a_sheet_on_a_full_disk_undoes_it(tmp_path: Path, full: Path) -> None:
    place = tmp_path / "here"
    place.mkdir()
    assert "cannot be written" in refused(run_ailo(place, "init", "--sheet", str(full / "sheet.html")))
    assert (left(place), left(full)) == ([], ["ballast"])
    begin(place)


def test_a_sheet_goes_with_its_installation(tmp_path: Path) -> None:
    """Otherwise, a sheet that opens nothing would be kept in the safe."""
    refused(run_ailo(tmp_path, "init", "--sheet", "sheet.html", before=through(">/dev/full")))
    assert left(tmp_path) == []


def test_a_sheet_is_kept_out_of_the_data(tmp_path: Path) -> None:
    assert "AILO_DATA" in refused(run_ailo(tmp_path, "init", "--sheet", "data/sheet.html"), 2)
    assert left(tmp_path) == []


def test_a_sheet_in_an_encoding_that_lacks_its_letters_is_printed(tmp_path: Path) -> None:
    done = run_ailo(tmp_path, "init", settings={"PYTHONIOENCODING": "ascii"})
    assert "fingerprint" in told(done)


def test_the_key_that_was_shown_is_the_one_that_opens(tmp_path: Path) -> None:
    sheet = begin(tmp_path)
    out = tmp_path / "out.json"
    told(run_ailo(tmp_path, "recover", "keyring", str(tmp_path / "data" / "root.sealed"), str(out), stdin=sheet["key"]))
    assert out.read_bytes() == (tmp_path / "keys" / "root.json").read_bytes()


def test_a_new_officers_key_is_shown_before_its_answer_exists(tmp_path: Path) -> None:
    sheet = begin(tmp_path)
    told(run_ailo(tmp_path, "recover", "request", "request", "--new-officer"))
    refused_answer = run_ailo(
        tmp_path, "recover", "answer", "request", "answer", stdin=sheet["key"], before=through(">/dev/full")
    )
    assert "standard output" in refused_answer.stderr
    assert (refused_answer.returncode, (tmp_path / "answer").exists()) == (1, False)
    told(run_ailo(tmp_path, "recover", "answer", "request", "answer", stdin=sheet["key"]))


async def test_a_keyring_that_was_found_outlives_an_installation_undone(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    await installation.build(settings)
    settings.database.rename(settings.database.with_suffix(".new"))  # as a kill just before the end leaves it
    before = settings.keys.read_bytes()

    def fail(_: installation.Officer | None) -> None:
        raise StorageError

    with pytest.raises(StorageError):
        await installation.build(settings, show=fail)
    assert settings.keys.read_bytes() == before
    assert await installation.build(settings)


# Everything else that is printed


@pytest.mark.parametrize("has_server", [True, False])
async def test_what_cannot_be_printed_is_one_line(tmp_path: Path, *, has_server: bool) -> None:
    await begin_cheap(tmp_path)
    service = Service(tmp_path)
    if has_server:
        service.start()
    try:
        for command in (LEA, ["keys", "rotate"], ["recover", "request", "y", "--new-officer"]):
            assert "standard output" in refused(run_ailo(tmp_path, *command, before=through(">/dev/full")))
    finally:
        service.close()


@pytest.mark.parametrize("arguments", [["--version"]])
def test_help_that_cannot_be_printed_is_one_line(tmp_path: Path, arguments: list[str]) -> None:
    assert "standard output" in refused(run_ailo(tmp_path, *arguments, before=through(">/dev/full")))


def test_an_error_that_cannot_be_printed_is_still_an_error(tmp_path: Path) -> None:
    assert run_ailo(tmp_path, "check", before=through("2>/dev/full")).returncode == 1
    assert run_ailo(tmp_path, "check", before=through("2>&-")).returncode == 1


def test_a_command_without_standard_streams_writes_into_no_file(tmp_path: Path) -> None:
    """Otherwise, the first files opened would get the numbers of the standard streams, and be written to by what is printed."""
    begin(tmp_path)
    run_ailo(tmp_path, "check", before=through("<&- >&- 2>&-"))
    assert told(run_ailo(tmp_path, "check")) == "All is well."


def test_a_password_from_a_closed_standard_input_is_a_misuse(tmp_path: Path) -> None:
    begin(tmp_path)
    refused(run_ailo(tmp_path, *LEA, before=through("<&-")), 2)


def test_a_service_that_nobody_listens_to_serves(tmp_path: Path) -> None:
    asyncio.run(begin_cheap(tmp_path))
    service = Service(tmp_path)
    command = [*through(">&-"), sys.executable, "-m", "chat", "serve"]
    process = subprocess.Popen(command, cwd=ROOT, env=service.environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    assert "could not print the startup message" in process.stderr.readline()
    assert json.loads(told(run_ailo(tmp_path, "keys", "status", "--json")))["keys"]
    process.terminate()
    assert process.wait(20) == 0
    process.stderr.close()
