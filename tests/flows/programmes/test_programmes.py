"""Programmes as an operator types them and a member receives them: a whole service, its commands, and a real relay."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chat.programmes.commands import ProgrammeEnrol, ProgrammeStop
from tests.attacks.operator.commands import Done, run_ailo
from tests.chat.programmes.directories import files, lesson, written
from tests.delivery.transports.relay import FakeRelay
from tests.delivery.transports.relay import running as running_relay
from tests.flows.service import Service, Visit, running

AT_MIDNIGHT = ("day = 0", 'hour = "00:00"')


@pytest.fixture
async def relay() -> AsyncIterator[FakeRelay]:
    async with running_relay() as relay:
        yield relay


@pytest.fixture
def souffler(tmp_path: Path) -> Path:
    """A programme whose first lesson is due as soon as somebody is enrolled."""
    first = {f"01-respirer.{language}.md": lesson("Respirer", *AT_MIDNIGHT) for language in ("fr", "en")}
    return written(tmp_path / "souffler", files(**first))


async def typed(folder: Path, *arguments: str) -> Done:
    return await asyncio.to_thread(run_ailo, folder, "programme", *arguments)


async def taken(relay: FakeRelay, count: int) -> None:
    """Wait until the relay has taken so many letters."""
    while len(relay.taken) < count:
        relay.took_one.clear()
        await relay.took_one.wait()


async def test_a_lesson_comes_by_e_mail_once_it_is_imported_and_somebody_enrolled(
    tmp_path: Path, relay: FakeRelay, souffler: Path
) -> None:
    sending = {"SMTP": f"smtp://127.0.0.1:{relay.port}", "MAIL_FROM": "ailo@ailo.test"}
    async with running(tmp_path, **sending) as service:
        done = await typed(tmp_path, "import", str(souffler))
        assert (done.returncode, done.stdout, done.stderr) == (0, "souffler\n", "")
        visit = Visit(service)
        await visit.arrive("lea")
        await service.command(ProgrammeEnrol("souffler", visit.address("lea")))
        await taken(relay, 1)
        assert await service.command(ProgrammeEnrol("souffler", visit.address("lea"))) == "Already enrolled: nothing was changed."
        (one,) = json.loads((await typed(tmp_path, "list", "--json")).stdout)["programmes"]
        assert (one["name"], one["version"], one["following"], one["lessons"]) == ("souffler", 1, 1, ["respirer", "marcher"])
        assert await service.command(ProgrammeStop("souffler", visit.address("lea"))) == "Stopped."
        await visit.close()
    ((recipient, message),) = relay.taken
    assert recipient == visit.address("lea")
    assert str(message["Subject"]) == "Votre étape de la semaine est arrivée"
    assert "Respirer" in message.get_body(("plain",)).get_content()  # type: ignore[union-attr]


async def test_an_enrolment_made_while_no_server_ran_is_served_by_the_next(
    tmp_path: Path, relay: FakeRelay, souffler: Path
) -> None:
    service = Service(tmp_path, SMTP=f"smtp://127.0.0.1:{relay.port}", MAIL_FROM="ailo@ailo.test")
    await service.build()
    assert (await typed(tmp_path, "import", str(souffler))).stdout == "souffler\n"
    added = await asyncio.to_thread(
        run_ailo, tmp_path, "account", "add", "--role", "member", "--email", "lea@ailo.test", "--first-name", "Léa", "--manages",
        "--password-stdin",
    )  # fmt: skip
    assert added.returncode == 0
    assert (await typed(tmp_path, "enrol", "souffler", "lea@ailo.test")).stdout == "Enrolled.\n"
    service.start()
    try:
        await taken(relay, 1)
    finally:
        service.close()
    assert [recipient for recipient, _ in relay.taken] == ["lea@ailo.test"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["import"], 2),
        (["import", "canari", "--force"], 2),
        (["enrol", "canari"], 2),
        (["enrol", "canari", "canari@ailo.test"], 1),
        (["stop", "canari", "canari@ailo.test"], 1),
        (["list", "canari"], 2),
    ],
)
async def test_a_misuse_or_refusal_is_one_line_that_repeats_nothing(tmp_path: Path, arguments: list[str], code: int) -> None:
    await Service(tmp_path).build()
    done = await typed(tmp_path, *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("ailo: ")
    assert "canari" not in line.lower()


async def test_what_is_wrong_with_a_directory_is_told_a_line_each(tmp_path: Path, souffler: Path) -> None:
    await Service(tmp_path).build()
    (souffler / "01-respirer.en.md").unlink()
    (souffler / "02-marcher.fr.md").write_text(lesson("Marcher", "day = 7", 'hour = "25:00"', text="<script>x</script>"))
    done = await typed(tmp_path, "import", str(souffler))
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 4
    for told in ("01-respirer.en.md is missing", "02-marcher.fr.md: `hour` must be", "02-marcher.fr.md: contains HTML"):
        assert told in done.stderr
    assert (await typed(tmp_path, "list")).stdout == ""
