"""The recovery officer's terminal: what a hostile request or a full disk does to it; and other terminals that show names."""

import asyncio
import io
import json
import os
import pty
import shutil
import sqlite3
import subprocess
import sys
from base64 import b32encode, b64decode
from collections.abc import Callable, Iterator
from contextlib import closing, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import structs

from chat import cli
from chat.client.remote import ClientRefused, sign_in
from chat.console.printable import printable, printable_lines
from chat.operations.officer_sheet import is_spoken, read_key, sheet, spoken
from storage import installation
from storage.crypto.primitives import shared_key
from storage.rekeying import officer
from storage.rekeying.officer import Named, Request, request_hash
from tests.flows.service import ROOT, Service
from tests.people import PASSWORD, settings_in

HOSTILE = "Claire\x1b[2J\x1b]0;x\x07\r\n    fingerprint  AAAA\u202e\u2066\u200b\u2028\x9b1A" + " " * 500 + "\u3164"
ADD = ("account", "add", "--password-stdin", "--role")

Done = subprocess.CompletedProcess[str]


@dataclass
class Desk:
    """An installation and its officer, each with a terminal. Commands run within this process, which is faster."""

    folder: Path
    key: str

    def run(self, *arguments: str | Path, stdin: str = PASSWORD) -> Done:
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.setattr(sys, "stdin", io.StringIO(stdin))
            for name, value in Service(self.folder).environment.items():
                patch.setenv(name, value)
            code = cli.run([str(one) for one in arguments])
        return Done(arguments, code, out.getvalue(), err.getvalue())

    def answer(self, *arguments: str | Path) -> Done:
        return self.run("recover", "answer", *arguments, stdin=self.key)

    def answer_into(self, stdout: Any) -> Done:
        """Answer in a process of its own, whose output goes to ``stdout``."""
        command = [sys.executable, "-m", "chat", "recover", "answer", str(self.request), str(self.answered), "--json"]
        return self.run_process(command, stdout=stdout)

    def run_process(self, command: list[str], **options: Any) -> Done:
        options = {"input": self.key, "stderr": subprocess.PIPE, **options}
        environment = Service(self.folder).environment
        return subprocess.run(command, cwd=ROOT, env=environment, text=True, timeout=120, check=False, **options)

    @property
    def request(self) -> Path:
        return self.folder / "request"

    @property
    def answered(self) -> Path:
        return self.folder / "answer"

    def exchange(self, change: Callable[[Request], Request]) -> None:
        """Replace the request on its way."""
        read = officer.read_request(self.request.read_bytes())
        self.request.write_bytes(msgspec.json.encode(change(read)))


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A member and a Professional in a conversation; created once and copied for each test."""
    folder = tmp_path_factory.mktemp("desk")
    settings = settings_in(folder)
    made = asyncio.run(installation.build(settings, is_example=True))
    desk = Desk(folder, json.loads(sheet(made, as_json=True))["recovery"]["key"])
    desk.run(*ADD, "member", "--email", "lea@ailo.test", "--first-name", "Léa")
    desk.run(*ADD, "professional", "--email", "claire@ailo.test", "--first-name", "Claire")
    desk.run("thread", "open", "--member", "lea@ailo.test", "--professional", "claire@ailo.test")
    return desk


@pytest.fixture
def desk(furnished: Desk, tmp_path: Path) -> Desk:
    shutil.copytree(furnished.folder, tmp_path, dirs_exist_ok=True)
    return Desk(tmp_path, furnished.key)


def asked_for_lea(desk: Desk) -> Done:
    return desk.run("recover", "request", desk.request, "--account", "lea@ailo.test", "--password-stdin")


# What the officer sees


def test_request_answer_and_application_print_the_same_fingerprint(desk: Desk) -> None:
    done = [asked_for_lea(desk), desk.answer(desk.request, desk.answered), desk.run("recover", "apply", desk.answered)]
    assert [one.returncode for one in done] == [0, 0, 0]
    expected = spoken(request_hash(desk.request.read_bytes()))
    assert [expected in one.stdout for one in done] == [True, True, True]
    assert expected in done[1].stderr  # before the key is asked for


def test_the_officer_is_told_the_account_and_the_people_of_its_conversations(desk: Desk) -> None:
    asked_for_lea(desk)
    account = officer.read_request(desk.request.read_bytes()).account
    told = desk.answer(desk.request, desk.answered).stderr
    for expected in (str(account), "Léa", "lea@ailo.test", "Claire (professional)"):
        assert expected in told


def hostile(request: Request) -> Request:
    people = [Named(one.account, HOSTILE, HOSTILE) for one in request.people]
    return structs.replace(request, first_name=HOSTILE, address=HOSTILE, people=people, began_at=2**62)


def test_a_request_prints_nothing_but_printable_characters(desk: Desk) -> None:
    asked_for_lea(desk)
    before = desk.answer(desk.request, desk.folder / "sound").stderr
    desk.exchange(hostile)
    done = desk.answer(desk.request, desk.answered)
    assert done.returncode == 0
    assert all(one.isprintable() for one in done.stderr.replace("\n", "") + done.stdout.replace("\n", ""))
    assert len(done.stderr.splitlines()) == len(before.splitlines())
    assert max(map(len, done.stderr.splitlines())) < 400
    assert [line for line in done.stderr.splitlines() if line.startswith("    fingerprint")] == [
        f"    fingerprint  {spoken(request_hash(desk.request.read_bytes()))}"
    ]


def test_a_request_whose_fingerprint_is_another_is_not_answered(desk: Desk) -> None:
    asked_for_lea(desk)
    read_out = spoken(request_hash(desk.request.read_bytes()))
    desk.exchange(lambda request: structs.replace(request, public_key=bytes(31) + b"\x09"))
    done = desk.answer(desk.request, desk.answered, "--fingerprint", read_out)
    assert (done.returncode, "replaced on its way" in done.stderr, desk.answered.exists()) == (1, True, False)


def test_on_a_terminal_the_fingerprint_is_asked_for_before_it_is_shown(desk: Desk) -> None:
    asked_for_lea(desk)
    ours, theirs = pty.openpty()
    os.write(ours, b"AAAA-BBBB-CCCC-DDDD-EEEE\n")
    command = [sys.executable, "-m", "chat", "recover", "answer", str(desk.request), str(desk.answered)]
    done = desk.run_process(command, stdin=theirs, input=None)
    os.close(ours)
    os.close(theirs)
    asked, _, shown = done.stderr.partition("as it was read out to you: ")
    assert (done.returncode, desk.answered.exists()) == (1, False)
    expected = spoken(request_hash(desk.request.read_bytes()))
    assert (expected in asked, expected in shown, "Do not answer it" in shown) == (False, True, True)


@pytest.mark.parametrize(
    "file",
    [b"", b"{}", b"\x1b[2J", b'{"format": "ailo recovery request 1"}', b'{"x": ' + b"[" * 100_000],
)
def test_what_is_no_request_is_one_line(desk: Desk, file: bytes) -> None:
    desk.request.write_bytes(file)
    done = desk.answer(desk.request, desk.answered)
    assert (done.returncode, len(done.stderr.splitlines()), desk.answered.exists()) == (1, 1, False)


@pytest.mark.parametrize(
    "change",
    [
        lambda request: structs.replace(request, public_key=b"short"),
        lambda request: structs.replace(request, public_key=bytes(32)),
        lambda request: structs.replace(request, asker=bytes(32)),
        lambda request: structs.replace(request, generation=-1),
        lambda request: structs.replace(request, began_at=-1),
        lambda request: structs.replace(request, threads=[structs.replace(request.threads[0], rosters=[b"x"])]),
        lambda request: structs.replace(request, threads=[structs.replace(request.threads[0], rosters=[])]),
        lambda request: structs.replace(request, threads=[structs.replace(request.threads[0], last_seq=-2)]),
    ],
)
def test_a_request_of_strange_values_ends_in_a_sentence(desk: Desk, change: Callable[[Request], Request]) -> None:
    asked_for_lea(desk)
    desk.exchange(change)
    done = desk.answer(desk.request, desk.answered)
    assert (done.returncode, "Traceback" in done.stderr, desk.answered.exists()) == (1, False, False)
    assert done.stderr.splitlines()[-1].startswith("ailo: ")


def test_fingerprint_and_proof_are_as_documented(desk: Desk) -> None:
    """Recomputed from the description in docs/security.md alone."""
    asked_for_lea(desk)
    desk.answer(desk.request, desk.answered)
    request, answer = json.loads(desk.request.read_bytes()), json.loads(desk.answered.read_bytes())
    digest = blake2b(desk.request.read_bytes(), digest_size=32, person=b"ailo.request.1").digest()
    assert b64decode(answer["request"]) == digest
    assert spoken(digest).replace("-", "") == b32encode(digest).decode()[:20]
    shared = shared_key(read_key(desk.key), b64decode(request["asker"]))
    bare = json.dumps({**answer, "proof": ""}, separators=(",", ":"), ensure_ascii=False).encode()
    assert b64decode(answer["proof"]) == blake2b(bare, digest_size=32, key=shared, person=b"ailo.answer.1").digest()


# The new officer's key


def assert_nothing_was_made(desk: Desk, done: Done) -> None:
    assert (done.returncode, desk.answered.exists(), "Traceback" in done.stderr) == (1, False, False)
    assert done.stderr.splitlines()[-1].startswith("ailo: the new officer's key could not be shown")


def test_a_new_officers_key_that_cannot_be_shown_makes_no_answer(desk: Desk) -> None:
    desk.run("recover", "request", desk.request, "--new-officer")
    with Path("/dev/full").open("w") as full:
        assert_nothing_was_made(desk, desk.answer_into(full))


def test_nor_does_one_whose_reader_has_gone(desk: Desk) -> None:
    desk.run("recover", "request", desk.request, "--new-officer")
    reading, writing = os.pipe()
    os.close(reading)
    assert_nothing_was_made(desk, desk.answer_into(writing))
    os.close(writing)


def test_nor_does_one_without_any_output(desk: Desk) -> None:
    desk.run("recover", "request", desk.request, "--new-officer")
    line = f"exec '{sys.executable}' -m chat recover answer '{desk.request}' '{desk.answered}' >&-"
    assert_nothing_was_made(desk, desk.run_process(["/bin/sh", "-c", line]))


def test_an_answer_that_cannot_be_written_voids_the_key_that_was_shown(desk: Desk) -> None:
    desk.run("recover", "request", desk.request, "--new-officer")
    done = desk.answer(desk.request, desk.folder / "nowhere" / "answer")
    assert done.returncode == 1
    assert "The key shown above is useless" in done.stderr


def test_where_there_is_an_answer_already_nothing_is_shown(desk: Desk) -> None:
    desk.run("recover", "request", desk.request, "--new-officer")
    desk.answered.write_text("kept")
    done = desk.answer(desk.request, desk.answered)
    assert (done.returncode, done.stdout, desk.answered.read_text()) == (1, "", "kept")


def test_a_new_officers_key_is_in_the_file_to_which_it_was_printed(desk: Desk) -> None:
    desk.run("recover", "request", desk.request, "--new-officer")
    with (desk.folder / "sheet").open("w") as file:
        assert desk.answer_into(file).returncode == 0
    successor = json.loads((desk.folder / "sheet").read_text())["recovery"]["key"]
    assert desk.run("recover", "apply", desk.answered).returncode == 0
    desk.answered.unlink()
    desk.request.unlink()
    asked_for_lea(desk)
    assert desk.answer(desk.request, desk.answered).returncode == 1  # the former officer's key
    assert Desk(desk.folder, successor).answer(desk.request, desk.answered).returncode == 0


# With a server that runs


@pytest.fixture
def served(desk: Desk) -> Iterator[Service]:
    service = Service(desk.folder)
    service.start()
    yield service
    service.close()


def test_a_running_service_passes_no_conversation_over(desk: Desk, served: Service) -> None:
    """Otherwise, a conversation opened while the officer is being replaced would keep the former officer."""
    desk.run("recover", "request", desk.request, "--new-officer")
    assert desk.answer(desk.request, desk.answered).returncode == 0
    desk.run(*ADD, "professional", "--email", "thomas@ailo.test", "--first-name", "Thomas")
    desk.run("thread", "open", "--member", "lea@ailo.test", "--professional", "thomas@ailo.test")
    stale = desk.run("recover", "apply", desk.answered)
    assert (stale.returncode, "make another" in stale.stderr) == (1, True)
    desk.answered.unlink()
    desk.request.unlink()
    desk.run("recover", "request", desk.request, "--new-officer")
    desk.answer(desk.request, desk.answered)
    applied = desk.run("recover", "apply", desk.answered)
    assert (applied.returncode, applied.stdout.startswith("2 conversations now have the new recovery officer")) == (0, True)
    assert desk.run("check").stdout == "All is well.\n"


def test_the_first_password_of_a_recovery_signs_in(desk: Desk, served: Service) -> None:
    desk.run("recover", "request", desk.request, "--account", "lea@ailo.test", "--password-stdin", stdin="un premier mot")
    desk.answer(desk.request, desk.answered)
    assert desk.run("recover", "apply", desk.answered).returncode == 0
    assert asyncio.run(_signs_in(served.origin, "un premier mot")) == 1
    with pytest.raises(ClientRefused):
        asyncio.run(_signs_in(served.origin, PASSWORD))


async def _signs_in(origin: str, password: str) -> int:
    """Sign in; return the number of one's conversations."""
    async with sign_in(origin, "lea@ailo.test", password) as client:
        return len((await client.get("/api/threads"))["threads"])


def test_a_planted_request_raises_the_alarm_at_the_next_start(desk: Desk) -> None:
    asked_for_lea(desk)
    with closing(sqlite3.connect(desk.folder / "data" / "ailo.sqlite")) as database, database:
        database.execute("update recoveries set public_key = zeroblob(32)")
    service = Service(desk.folder)
    service.start()
    service.close()
    assert "alert: 1 open recovery requests failed verification" in service.log
    assert "recoveries.proof: 1 failed verification" in desk.run("check").stderr


# Other terminals


def test_a_check_prints_no_control_of_what_was_planted(desk: Desk) -> None:
    """Whoever can write to the database can name things in it, and the check prints what the database says of them."""
    with closing(sqlite3.connect(desk.folder / "data" / "ailo.sqlite")) as database, database:
        database.execute('create table planted (one text constraint "\x1b[2J\nAll is well." check (one = 1))')
        database.execute("pragma ignore_check_constraints = 1")
        database.execute("insert into planted values (2)")
    done = desk.run("check")
    assert done.returncode == 1
    assert done.stderr.replace("\n", "").isprintable()
    assert "All is well." not in done.stderr.splitlines()


def test_a_fingerprint_is_typed_in_any_way_that_it_is_read() -> None:
    digest = bytes(range(32))
    assert is_spoken(spoken(digest).lower().replace("-", " "), digest)
    assert not is_spoken("", digest)
    assert not is_spoken(spoken(digest)[:-1], digest)


@pytest.mark.parametrize(
    "one", ["\x1b", "\x07", "\x9b", "\u202e", "\u2066", "\u200b", "\u2028", "\u2029", "\ue000", "\ud800", "\U000e0041"]
)
def test_what_is_no_visible_character_is_not_printed(one: str) -> None:
    assert all(shown.isprintable() for shown in printable(f"a{one}b"))
    assert printable_lines(f"a{one}b").replace("\n", "").isprintable()


def test_what_people_write_is_printed_as_it_is() -> None:
    assert printable("Zoé « d’accord » 日本 שלום 👋") == "Zoé « d’accord » 日本 שלום 👋"


def test_no_line_of_a_message_looks_like_the_next_message() -> None:
    assert printable_lines("un\n12.01. 10:00 Claire: deux\u2028trois", "   ") == "un\n   12.01. 10:00 Claire: deux\n   trois"
