"""`ailo programme`: what it prints, what it refuses, and that it repeats nobody's address."""

from pathlib import Path

import pytest
from msgspec import Struct

from chat.ailo import Ailo
from chat.core import Done
from chat.operations.commands import carry_out
from chat.programmes.commands import ProgrammeEnrol, ProgrammeImport, ProgrammeList, ProgrammeStop
from chat.programmes.folders import read_folder
from tests.chat.programmes.directories import files, written
from tests.chat.talk import Cast
from tests.people import address

NOBODY = "nobody@ailo.test"
ENROL = ProgrammeEnrol("souffler", address("lea"))
STOP = ProgrammeStop("souffler", address("lea"))


@pytest.fixture
def imported(tmp_path: Path) -> ProgrammeImport:
    return ProgrammeImport(read_folder(written(tmp_path / "souffler", files())), False)


async def listed(ailo: Ailo) -> dict[str, object]:
    done = await carry_out(ailo, ProgrammeList())
    assert done.facts
    (one,) = done.facts["programmes"]
    return dict(one)


async def test_an_import_prints_the_name(ailo: Ailo, imported: ProgrammeImport) -> None:
    done = await carry_out(ailo, imported)
    assert (done.code, done.line) == (0, "souffler")
    assert done.facts == {"result": "souffler", "version": 1, "published": 1, "new": True}


async def test_faults_are_told_a_line_each_and_nothing_is_kept(ailo: Ailo, tmp_path: Path) -> None:
    folder = written(tmp_path / "x", {**files(), "photo.png": "", "01-respirer.fr.md": "Bonjour."})
    done = await carry_out(ailo, ProgrammeImport(read_folder(folder), False))
    assert (done.code, len(done.line.splitlines())) == (1, 3)
    assert done.line.startswith("Nothing was imported:")
    assert await carry_out(ailo, ProgrammeList()) == Done(0, "", {"programmes": []})


async def test_somebody_is_enrolled_and_stopped_and_the_list_counts_them(
    ailo: Ailo, cast: Cast, imported: ProgrammeImport
) -> None:
    await carry_out(ailo, imported)
    assert (await listed(ailo))["following"] == 0
    lines = [(await carry_out(ailo, command)).line for command in (ENROL, ENROL)]
    assert lines == ["Enrolled.", "Already enrolled: nothing was changed."]
    assert (await listed(ailo))["following"] == 1
    lines = [(await carry_out(ailo, command)).line for command in (STOP, STOP)]
    assert lines == ["Stopped.", "It had ended before: nothing was changed."]
    assert (await listed(ailo))["stopped"] == 1
    line = (await carry_out(ailo, ProgrammeList())).line
    assert line == "souffler  version 1, published, 2 lessons; 1 stopped"


@pytest.mark.parametrize(
    "command",
    [
        ProgrammeEnrol("autre", address("lea")),
        ProgrammeEnrol("souffler", NOBODY),
        ProgrammeEnrol("souffler", address("claire")),
        ProgrammeStop("souffler", NOBODY),
        ProgrammeStop("autre", address("lea")),
        ProgrammeStop("souffler", address("karim")),
    ],
)
async def test_a_refusal_is_one_line_that_repeats_nothing(
    ailo: Ailo, cast: Cast, imported: ProgrammeImport, command: Struct
) -> None:
    await carry_out(ailo, imported)
    done = await carry_out(ailo, command)
    assert done.code == 1
    assert done.line
    for word in ("lea", "nobody", "claire", "karim", "ailo.test", "souffler", "autre", "\n"):
        assert word not in done.line


async def test_a_draft_takes_nobody_and_says_so(ailo: Ailo, cast: Cast, imported: ProgrammeImport) -> None:
    await carry_out(ailo, ProgrammeImport(imported.folder, True))
    assert (await listed(ailo))["published"] is None
    done = await carry_out(ailo, ENROL)
    assert (done.code, "not published" in done.line) == (1, True)
