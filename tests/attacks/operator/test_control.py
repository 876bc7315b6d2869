"""The socket between a command and the running service: every command gets an answer, and no path is sent over it."""

import asyncio
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from chat.accounts.commands import AccountAdd
from chat.ailo import Ailo
from chat.core import Done
from chat.operations import control
from chat.operations.commands import Backup, Check, KeysRotate
from chat.operations.officer_sheet import sheet
from storage.crypto import keyring
from storage.errors import KeyringRefused
from storage.installation import Officer
from storage.maintenance import backup
from storage.rekeying.rotation import Rotation
from tests.attacks.operator.commands import LEA, begin_cheap, fill, left, refused, run_ailo, small_disk, take_off, told
from tests.chat.talk import opened_rooms
from tests.flows.service import ROOT, Service, Visit, running
from tests.people import House

SAID = "canari-secret"


@pytest.fixture
async def ailo(tmp_path: Path) -> AsyncIterator[Ailo]:
    await begin_cheap(tmp_path)
    async with opened_rooms(tmp_path) as ailo:
        yield ailo


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


# Every command is answered


def in_the_way(path: Path) -> None:
    """Put a folder where a file would be written: nobody can write there then, not even root."""
    path.unlink(missing_ok=True)
    path.mkdir()
    (path / "full").touch()


@pytest.mark.parametrize("blocked", ["keys/root.json", "data/root.sealed"])
async def test_a_rotation_that_cannot_be_written_is_answered(tmp_path: Path, blocked: str) -> None:
    async with running(tmp_path) as service:
        visit = Visit(service)
        thread = await visit.thread("lea", "claire")
        await (await visit.wire("lea")).send(thread, "un")
        kept = (tmp_path / blocked).read_bytes()
        in_the_way(tmp_path / blocked)
        line = refused(run_ailo(tmp_path, "keys", "rotate"))
        assert blocked in line or "cannot be" in line
        assert "Traceback" not in service.log
        shutil.rmtree(tmp_path / blocked)
        (tmp_path / blocked).write_bytes(kept)
        (tmp_path / blocked).chmod(0o600)
        assert len(json.loads(told(run_ailo(tmp_path, "keys", "status", "--json")))["keys"]) == 1
        assert json.loads(told(run_ailo(tmp_path, "keys", "rotate", "--json")))["added"]
        assert told(run_ailo(tmp_path, "check")) == "All is well."
        await visit.close()


async def test_a_rotation_on_a_full_disk_is_answered_and_repeated(tmp_path: Path) -> None:
    await begin_cheap(tmp_path)
    kept = (tmp_path / "keys" / "root.json").read_bytes()
    small_disk(tmp_path / "keys", "64k")
    service = Service(tmp_path)
    try:
        (tmp_path / "keys" / "root.json").write_bytes(kept)
        (tmp_path / "keys" / "root.json").chmod(0o600)
        service.start()
        fill(tmp_path / "keys" / "ballast")
        line = refused(run_ailo(tmp_path, "keys", "rotate"))
        assert "No space left" in line
        assert (tmp_path / "keys" / "root.json").read_bytes() == kept
        assert left(tmp_path / "keys") == ["ballast", "root.json"]
        (tmp_path / "keys" / "ballast").unlink()
        assert json.loads(told(run_ailo(tmp_path, "keys", "rotate", "--json")))["added"]
        assert await service.stop() == 0
        assert "No space" not in service.log
    finally:
        service.close()
        take_off(tmp_path / "keys")


async def test_a_key_whose_drop_was_not_written_can_be_dropped_again(house: House) -> None:
    rotation, old = Rotation(house.store), house.store.guard.keyring.newest.id
    assert await rotation.turn()
    await rotation.finish()
    sealed = house.store.settings.sealed_keyring
    in_the_way(sealed)
    with pytest.raises(KeyringRefused, match="cannot be written"):
        await rotation.drop(old)
    shutil.rmtree(sealed)
    await rotation.drop(old)
    assert keyring.load(house.store.settings.keys).by_id.keys() == {house.store.guard.keyring.newest.id}


async def test_what_nobody_foresaw_is_answered_by_its_kind_alone(
    ailo: Ailo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: object) -> None:
        raise LookupError(SAID)

    add = AccountAdd("member", "zoe@ailo.test", "Zoé", "", "fr", "quatre mots sans suite")
    async with control.listening(tmp_path, ailo):
        monkeypatch.setattr(ailo.store.database, "write", fail)
        monkeypatch.setattr(ailo.rotation, "turn", fail)
        monkeypatch.setattr(ailo.store.database, "copy_to", fail)
        for command in (add, KeysRotate(), Backup(str(tmp_path / "backup"))):
            async with asyncio.timeout(20):
                done = await control.ask(tmp_path, command)
            assert done
            assert (done.code, "LookupError" in done.line, SAID in done.line) == (1, True, False)
        assert await control.ask(tmp_path, Check()) == Done(0, "All is well.")
    assert "LookupError at" in caplog.text
    assert SAID not in caplog.text
    assert left(tmp_path / "backup") == []


async def test_a_command_under_way_ends_with_the_server(ailo: Ailo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = asyncio.Event()

    async def hang(*_: object) -> None:
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(ailo.rotation, "turn", hang)
    async with control.listening(tmp_path, ailo):
        asking = asyncio.create_task(control.ask(tmp_path, KeysRotate()))
        await begun.wait()
    assert (await asking or Done(9)).line == control.CUT_OFF


# A server that is not as it should be


@asynccontextmanager
async def false_server(folder: Path, answer: Handler) -> AsyncIterator[None]:
    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        await answer(reader, writer)
        writer.close()

    server = await asyncio.start_unix_server(take, folder / control.NAME)
    try:
        yield
    finally:
        server.close()
        await server.wait_closed()


async def say_nothing(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    pass


async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def half_a_line(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b'{"code":0')


async def something_else(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\n")


async def half_a_copy(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b'{"database":100000,"sealed":10}\n' + bytes(5000))


@pytest.mark.parametrize("answer", [say_nothing, reset, half_a_line, something_else, half_a_copy])
async def test_a_server_that_goes_away_is_told(tmp_path: Path, answer: Handler) -> None:
    async with false_server(tmp_path, answer):
        for command in (Check(), Backup(str(tmp_path / "backup"))):
            done = await control.ask(tmp_path, command)
            assert done
            assert (done.code, done.line.count("\n")) == (1, 0)
            assert done.line in {control.CUT_OFF, control.OTHER_VERSION}
    assert left(tmp_path / "backup") == []


async def test_a_reset_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    async with false_server(tmp_path / "data", reset):
        assert "stopped before it answered" in refused(await asyncio.to_thread(run_ailo, tmp_path, "backup", "backup"))


async def test_whoever_asks_and_goes_leaves_nothing_behind(ailo: Ailo, tmp_path: Path) -> None:
    """A copy whose reader has gone is abandoned, its files are removed, and the next copy succeeds."""
    path = tmp_path / "data"
    async with control.listening(path, ailo):
        with socket.socket(socket.AF_UNIX) as asking:
            await asyncio.to_thread(asking.connect, str(path / control.NAME))
            asking.sendall(b'{"type":"copy"}\n')
        async with asyncio.timeout(60):
            while list(path.glob(".*")):
                assert (await control.ask(path, Check()) or Done(9)).code == 0
        assert (await control.ask(path, Backup(str(tmp_path / "backup"))) or Done(9)).code == 0
    assert left(tmp_path / "backup") == ["ailo.sqlite", "root.sealed"]


async def test_a_copy_larger_than_what_a_socket_holds_is_whole(ailo: Ailo, tmp_path: Path) -> None:
    ballast = "insert into house (name, body) values ('ballast', randomblob(20000000))"
    await ailo.store.database.write(lambda tx: tx.run(ballast))
    async with control.listening(tmp_path, ailo):
        assert (await control.ask(tmp_path, Backup(str(tmp_path / "backup"))) or Done(9)).code == 0
    made = tmp_path / "backup" / "ailo.sqlite"
    assert made.stat().st_size > 20_000_000
    async with backup.copied(ailo.store) as again:
        assert made.read_bytes() == again.database.read()


# Files are the business of whoever typed the command


def under_the_units_rules(tmp_path: Path) -> tuple[str, ...]:
    """The prefix that restricts the service as the manual's unit does: its own /tmp, and no writing outside its two folders."""
    if os.geteuid() or shutil.which("unshare") is None:
        pytest.skip("only root can make the service's own view of the file system")
    rules = f"""
        mount --make-rprivate / && mkdir -p {tmp_path}/private && mount -t tmpfs none {tmp_path}/private &&
        mount --bind {tmp_path}/private {tmp_path}/tmp && mount -t tmpfs -o ro none {tmp_path}/backups && exec "$@"
    """
    return ("unshare", "--mount", "/bin/sh", "-c", rules, "sh")


async def test_under_the_manuals_unit_files_are_where_they_were_asked_for(tmp_path: Path) -> None:
    officer = await begin_cheap(tmp_path)
    for name in ("tmp", "backups", "private"):
        (tmp_path / name).mkdir()
    service = Service(tmp_path)
    service.start(*under_the_units_rules(tmp_path))
    try:
        told(run_ailo(tmp_path, *LEA))
        told(run_ailo(tmp_path, "backup", str(tmp_path / "backups" / "a" / "b")))
        assert left(tmp_path / "backups" / "a" / "b") == ["ailo.sqlite", "root.sealed"]
        request = ["recover", "request", "request", "--account", "lea@ailo.test", "--password-stdin"]
        printed = told(run_ailo(tmp_path, *request, cwd=tmp_path / "tmp"))
        assert printed.splitlines()[0] == str(tmp_path / "tmp" / "request")
        assert stat.S_IMODE((tmp_path / "tmp" / "request").stat().st_mode) == 0o600
        key = read_from_sheet(officer)
        answered = run_ailo(tmp_path, "recover", "answer", "request", "answer", stdin=key, cwd=tmp_path / "tmp")
        assert answered.returncode == 0, answered.stderr
        assert "was restored" in told(run_ailo(tmp_path, "recover", "apply", "answer", cwd=tmp_path / "tmp"))
        assert told(run_ailo(tmp_path, "check")) == "All is well."
    finally:
        service.close()


def read_from_sheet(officer: Officer) -> str:
    key: str = json.loads(sheet(officer, as_json=True))["recovery"]["key"]
    return key


async def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    await begin_cheap(tmp_path)
    assert "No such file" in refused(run_ailo(tmp_path, "recover", "apply", "nothing"))
    assert "cannot be written" in refused(run_ailo(tmp_path, "recover", "request", "no/folder/request", "--new-officer"))


@pytest.mark.parametrize(
    "said",
    [
        b'{"type":"backup","folder":"/tmp/x"}\n',
        b'{"type":"recover request","file":"/tmp/x","email":null,"password":""}\n',
        b'{"type":"recover apply","file":"/tmp/x"}\n',
    ],
)
async def test_a_path_over_the_socket_is_refused(ailo: Ailo, tmp_path: Path, said: bytes) -> None:
    """As an earlier version sent it: to refuse it is better than to report that it was done."""
    async with control.listening(tmp_path, ailo):
        reader, writer = await asyncio.open_unix_connection(tmp_path / control.NAME)
        writer.write(said)
        assert json.loads(await reader.readline())["code"] == 2
        writer.close()
        await writer.wait_closed()


# Memory


AS_A_USER = """
import ctypes, os, sys
from chat.cli import main
if os.geteuid() == 0:
    os.setuid(65534)
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # as any process is that did not change its user
print(os.geteuid(), flush=True)
sys.stdin.readline()
sys.argv[1:] = ["chat", "--email", "x"]  # which waits for the password
main()
"""


def test_no_other_process_of_the_same_user_looks_into_a_commands_memory() -> None:
    """The /proc files of a process that may not be dumped belong to root, whoever asks (proc(5))."""
    command = [sys.executable, "-u", "-c", AS_A_USER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True) as process:
        assert process.stdin
        assert process.stdout
        environ, user = Path(f"/proc/{process.pid}/environ"), int(process.stdout.readline())
        assert environ.stat().st_uid == user != 0
        process.stdin.write("\n")
        process.stdin.flush()
        deadline = time.monotonic() + 60
        while environ.stat().st_uid == user:
            assert time.monotonic() < deadline, "its memory can still be read"
            os.sched_yield()
        process.kill()
