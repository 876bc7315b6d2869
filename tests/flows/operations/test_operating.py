"""The `ailo` command as an operator types it, with and without a server; the limits of an account; and the letters."""

import asyncio
import ctypes
import io
import json
import os
import select
import stat
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from uuid import UUID

import pytest

from chat import __version__, cli
from chat.client.remote import Json
from storage.ids import MessageId, new_id
from tests.flows.service import ROOT, Service, Visit, running, settled
from tests.people import PASSWORD

ADD = ["account", "add", "--role", "member", "--first-name", "Canari", "--last-name", "Rossi", "--password-stdin", "--email"]
IN_CREATE, IN_MOVED_TO = 0x100, 0x80

Done = subprocess.CompletedProcess[str]


def ailo(folder: Path, *arguments: str, stdin: str = PASSWORD, **settings: str) -> Done:
    environment = {**Service(folder).environment, **{f"AILO_{name}": value for name, value in settings.items()}}
    command = [sys.executable, "-m", "chat", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment, input=stdin, capture_output=True, text=True, timeout=60, check=False
    )


async def typed(folder: Path, *arguments: str) -> Done:
    """The same as `ailo`, but within this process, which is faster."""
    return await asyncio.to_thread(_run, folder, arguments)


def _run(folder: Path, arguments: tuple[str, ...]) -> Done:
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "stdin", io.StringIO(PASSWORD))
        for name, value in Service(folder).environment.items():
            patch.setenv(name, value)
        try:
            code = cli.run(arguments)
        except SystemExit as end:
            code = int(end.code or 0)
    return Done(arguments, code, out.getvalue(), err.getvalue())


def test_the_version_is_told(tmp_path: Path) -> None:
    done = ailo(tmp_path, "--version")
    assert (done.returncode, done.stdout) == (0, f"ailo {__version__}\n")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["canari"],
        ["account"],
        ["account", "canari@ailo.test"],
        ["account", "add", "--role", "canari"],
        [*ADD],
        [*ADD, "canari@ailo.test", "canari"],
        [*ADD, "canari"],
        ["account", "add", "--role", "member", "--email", "canari@ailo.test", "--first-name", "Canari"],
        ["thread", "open", "--member", "canari@ailo.test"],
        ["thread", "leave", "x"],
        ["backup"],
        ["serve", "canari"],
        ["check", "--canari=canari@ailo.test"],
    ],
)
async def test_a_misuse_is_one_line_that_repeats_nothing(tmp_path: Path, arguments: list[str]) -> None:
    await Service(tmp_path).build()
    done = await typed(tmp_path, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("ailo: ")
    assert "canari" not in line.lower()


def test_a_house_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    old = os.umask(0o000)
    try:
        done = ailo(tmp_path / "a" / "b", "init", "--json")
    finally:
        os.umask(old)
    assert done.returncode == 0
    assert json.loads(done.stdout)["recovery"]["key"]
    files = [path for path in (tmp_path / "a" / "b").rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    before = {path: path.read_bytes() for path in files}
    again = ailo(tmp_path / "a" / "b", "init")
    assert (again.returncode, again.stdout, len(again.stderr.splitlines())) == (1, "", 1)
    assert {path: path.read_bytes() for path in before} == before


def test_keys_inside_the_data_are_refused(tmp_path: Path) -> None:
    done = ailo(tmp_path, "init", KEYS=str(tmp_path / "data" / "root.json"))
    assert done.returncode == 1
    assert "AILO_KEYS" in done.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("has_server", [True, False])
async def test_commands_are_the_same_with_a_server_and_without(tmp_path: Path, has_server: bool) -> None:
    service = Service(tmp_path)
    await service.build()
    if has_server:
        service.start()
    try:
        await everything(tmp_path)
    finally:
        service.close()


async def everything(folder: Path) -> None:
    added = await typed(folder, *ADD, "canari@ailo.test")
    again = await typed(folder, *ADD, " CANARI@ailo.test")
    other = await typed(folder, *ADD[:3], "professional", *ADD[4:], "claire@ailo.test", "--json")
    opened = await typed(folder, "thread", "open", "--member", "canari@ailo.test", "--professional", "claire@ailo.test")
    same = await typed(folder, "thread", "open", "--member", "Canari@Ailo.test", "--professional", "claire@ailo.test")
    unknown = await typed(folder, "thread", "open", "--member", "nobody@ailo.test", "--professional", "claire@ailo.test")
    left = await typed(folder, "thread", "leave", opened.stdout.strip(), "claire@ailo.test")
    gone = await typed(folder, "thread", "leave", opened.stdout.strip(), "claire@ailo.test")
    checked = await typed(folder, "check")

    assert UUID(added.stdout.strip())
    assert UUID(json.loads(other.stdout)["result"])
    assert UUID(opened.stdout.strip())
    assert same.stdout == opened.stdout
    codes = [done.returncode for done in (added, again, other, opened, same, unknown, left, gone, checked)]
    assert codes == [0, 1, 0, 0, 0, 1, 0, 1, 0]
    for refusal in (again, unknown, gone):
        assert len(refusal.stderr.splitlines()) == 1
    for done in (added, again, other, opened, same, unknown, left, gone, checked):
        for word in ("canari", "Rossi", "nobody", "@ailo"):
            assert word not in done.stdout + done.stderr


async def test_a_backup_is_taken_while_it_runs_and_can_be_served(tmp_path: Path) -> None:
    async with running(tmp_path) as service:
        visit = Visit(service)
        thread = await visit.thread("lea", "claire")
        await (await visit.wire("lea")).send(thread, "un")
        done = await typed(tmp_path, "backup", str(tmp_path / "backup"))
        assert done.returncode == 0, done.stderr
        again = await typed(tmp_path, "backup", str(tmp_path / "backup"))
        assert (again.returncode, len(again.stderr.splitlines())) == (1, 1)
        assert not list((tmp_path / "backup").rglob("root.json"))
        await visit.close()
        assert await service.stop() == 0
        service.data.rename(tmp_path / "lost")
        (tmp_path / "backup").rename(service.data)
        service.start()
        found = await (await visit.client("claire")).get(f"/api/threads/{thread}/messages")
        assert [message["text"] for message in found["messages"]] == ["un"]
        await visit.close()


# The limits of an account


async def test_a_flood_is_slowed_and_loses_nothing_acknowledged(tmp_path: Path) -> None:
    async with running(tmp_path, RATE="5") as service:
        visit = Visit(service)
        thread, count = await visit.thread("lea", "claire"), 600
        lea, claire = await visit.wire("lea"), await visit.wire("claire")
        ids = [str(new_id(MessageId)) for _ in range(count)]
        for id_ in ids:
            await lea.put({"type": "send", "id": id_, "thread": thread, "text": "…"})
        answers: dict[str, Json] = {}
        while len(answers) < count:
            frame = await lea.next()
            if frame["type"] in {"sent", "error"}:
                answers[frame["id"]] = frame
        sent = [id_ for id_ in ids if answers[id_]["type"] == "sent"]
        assert {answer["code"] for answer in answers.values() if answer["type"] == "error"} == {"slow_down"}
        assert 20 <= len(sent) < count // 2
        heard = [(await claire.wait_for("message"))["id"] for _ in sent]
        assert heard == sent
        await visit.close()


async def test_a_rate_of_off_lifts_it(visit: Visit) -> None:
    thread = await visit.thread("lea", "claire")
    lea = await visit.wire("lea")
    for _ in range(600):
        await lea.put({"type": "send", "id": str(new_id(MessageId)), "thread": thread, "text": "…"})
    for seq in range(1, 601):
        await lea.wait_for("sent", seq=seq)
    assert [frame for frame in await settled(lea) if frame["type"] == "error"] == []


# Letters


async def letters(service: Service, count: int) -> list[str]:
    """The letters in the mailbox, once there are at least ``count``."""
    new = service.data / "mail" / "new"
    deadline = time.monotonic() + 20
    while not new.exists() or len(list(new.iterdir())) < count:
        assert time.monotonic() < deadline, "no letter came"
        await asyncio.to_thread(_wait_for_a_change, new if new.exists() else service.data)
    return [path.read_text() for path in new.iterdir()]


def _wait_for_a_change(folder: Path) -> None:
    """Wait until something appears in a folder, but at most a second, in case it was already there."""
    library = ctypes.CDLL(None)
    watch = library.inotify_init1(0)
    library.inotify_add_watch(watch, os.fsencode(folder), IN_CREATE | IN_MOVED_TO)
    select.select([watch], [], [], 1.0)
    os.close(watch)


async def test_who_is_away_gets_one_letter_and_who_has_read_none(tmp_path: Path) -> None:
    async with running(tmp_path, NOTIFY_AFTER="2") as service:
        visit = Visit(service)
        thread, other = await visit.thread("lea", "claire"), await visit.thread("karim", "claire")
        claire, karim = await visit.wire("claire"), await visit.wire("karim")
        await claire.send(other, "Vous l’avez lu.")
        await karim.put({"type": "read", "thread": other, "seq": 1})
        await claire.wait_for("read", thread=other)
        for text in ("Un mot-canari.", "Un autre mot-canari."):
            await claire.send(thread, text)
        (letter,) = await letters(service, 1)
        assert visit.address("lea") in letter
        assert "canari" not in letter
        assert "Claire" not in letter
        assert "Rossi" not in letter
        # A letter about another thread comes after any that the first two could still have caused.
        await claire.put({"type": "typing", "thread": thread})
        third = await visit.thread("lea", "thomas")
        await (await visit.wire("thomas")).send(third, "…")
        assert len([letter for letter in await letters(service, 2) if visit.address("karim") in letter]) == 0
        await visit.close()
