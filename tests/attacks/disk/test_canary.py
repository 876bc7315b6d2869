"""A canary as message, name, address or password is in no file, in no form; with encryption off, the same search finds it."""

import gzip
import logging
import os
import tempfile
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from nacl import bindings

from chat.accounts import new_accounts
from chat.accounts.new_accounts import Person as Applicant
from chat.ailo import Ailo, open_ailo
from chat.auth.sign_in import Attempt, WrongCredentials
from chat.staff.shapes import OwnPractice
from delivery.jobs.unread import announce_one
from delivery.outbox.outbox import Outbox, send_one_letter
from delivery.settings import DeliverySettings
from delivery.transports.maildir import MaildirTransport
from storage import installation
from storage.accounts import accounts
from storage.accounts.accounts import Role
from storage.conversations import participants
from storage.crypto import keyholes, primitives
from storage.engine.database import Transaction
from storage.errors import Stalled
from storage.ids import AccountId, MessageId, ThreadId, new_id
from storage.maintenance import backup
from tests.attacks.disk.search import files_with, forms, traces
from tests.people import HOUR, StoppedClock, settings_in

CANARIES = {
    "message": "le canari-é-message s'est envolé 7f3k9",
    "first name": "Canarélie-Xq",
    "last name": "Serinéaux-Zw",
    "address": "canari.adresse.8h2m@ailo.test",
    "password": "canari-é-mot-de-passe 4d",
    "absence": "le canari-é-absent revient lundi 6m2x",
}


@dataclass
class Life:
    """Everything that a service leaves behind."""

    folder: Path
    log: pytest.LogCaptureFixture
    streams: pytest.CaptureFixture[str]

    def traces(self, what: str) -> set[str]:
        """The places with a trace of a canary: the first folder in the path of each file."""
        (self.folder / "logs").mkdir(exist_ok=True)
        with (self.folder / "logs" / "all").open("a") as file:
            file.write(self.log.text + "".join(self.streams.readouterr()))
        return {name.partition("/")[0] for name in files_with(CANARIES[what], self.folder)}


@pytest.fixture
def life(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Life:
    """Python and SQLite create their temporary files where the search looks."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("SQLITE_TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    caplog.set_level(logging.DEBUG)
    return Life(tmp_path, caplog, capfd)


async def live(life: Life) -> None:
    """A day of two people: signing in, messages, letters, a failed sign-in; a backup, and the files that a kill would leave."""
    clock, settings = StoppedClock(), settings_in(life.folder)
    await installation.build(settings, is_example=True)
    async with open_ailo(settings, clock) as ailo:
        await converse(ailo)
        await deliver(ailo, clock, life)
        await backup.copy(ailo.store, life.folder / "backup")
        await go_wrong(ailo)
        copy_as_killed(settings.data, life.folder / "killed")


async def converse(ailo: Ailo) -> None:
    member = Applicant(
        Role.MEMBER, CANARIES["address"], CANARIES["first name"], CANARIES["last name"], "fr", CANARIES["password"]
    )
    staff = Applicant(Role.PROFESSIONAL, "claire@ailo.test", "Claire", "Dubois", "fr", "un mot de passe de Claire")
    found = [await new_accounts.add_account(ailo.store, ailo.sign_ins.pool, one) for one in (member, staff)]
    thread = await open_thread(ailo, found)
    for one in (member, staff):
        granted = await ailo.sign_ins.sign_in(Attempt(one.email, one.password, "", "127.0.0.1"))
        signed_in = await ailo.sign_ins.find(granted.cookie)
        assert signed_in is not None
        if one.role.is_staff:
            await ailo.staff.practices.write(signed_in.unlocked, OwnPractice(48, None, CANARIES["absence"]))
        await ailo.conversations.conversation.post_and_wait(signed_in.unlocked, thread, new_id(MessageId), CANARIES["message"])
        assert CANARIES["message"] in {
            message.text for message in await ailo.conversations.conversation.before(signed_in.unlocked, thread, None, 50)
        }


async def deliver(ailo: Ailo, clock: StoppedClock, life: Life) -> None:
    clock.advance(HOUR)
    settings = DeliverySettings("https://ailo.example", life.folder / "maildir")
    while await announce_one(ailo.store, settings):
        pass
    outbox = Outbox(ailo.store, MaildirTransport(settings.maildir), settings)
    while await send_one_letter(outbox):
        pass
    assert list((settings.maildir / "new").iterdir())


async def go_wrong(ailo: Ailo) -> None:
    """Refusals and failures that have the canary in hand must not repeat it."""
    attempt = Attempt(CANARIES["address"], CANARIES["password"] + "?", "", CANARIES["address"])
    with pytest.raises(WrongCredentials):
        await ailo.sign_ins.sign_in(attempt)

    async def fail(_: Any) -> None:
        raise Stalled(str(len(CANARIES["message"])))

    with pytest.raises(Stalled):
        await ailo.store.database.write(fail)


def copy_as_killed(data: Path, to: Path) -> None:
    """Copy the database with its WAL, as `kill -9` would leave them."""
    to.mkdir()
    for path in data.iterdir():
        if path.is_file():
            (to / path.name).write_bytes(path.read_bytes())
    assert {"ailo.sqlite", "ailo.sqlite-wal", "ailo.sqlite-shm"} <= {path.name for path in to.iterdir()}


async def open_thread(ailo: Ailo, people: list[AccountId]) -> ThreadId:
    store, id_ = ailo.store, new_id(ThreadId)

    async def work(tx: Transaction) -> None:
        seated = [found for found in [await accounts.by_id(tx, store.guard, one) for one in people] if found]
        await participants.open_thread(tx, store.guard, store.officer, id_, seated, store.clock())

    await store.database.write(work)
    return id_


async def test_no_canary_is_in_any_file(life: Life) -> None:
    """Except the letter in the Maildir, which names its reader."""
    await live(life)
    found = {what: life.traces(what) for what in CANARIES}
    assert found == {
        "message": set(),
        "first name": {"maildir"},
        "last name": set(),
        "address": {"maildir"},
        "password": set(),
        "absence": set(),
    }


@pytest.mark.parametrize("what", CANARIES)
async def test_with_encryption_off_the_search_finds_it(life: Life, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the database, in its backup, and in what a killed server leaves."""
    turn_encryption_off(monkeypatch)
    await live(life)
    assert {"data", "backup", "killed"} <= life.traces(what)


def turn_encryption_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Encryption returns the plaintext with a tag's length appended; a password is its own hash."""
    cipher = "crypto_aead_xchacha20poly1305_ietf"
    monkeypatch.setattr(bindings, f"{cipher}_encrypt", lambda plain, *_: plain + bytes(primitives.TAG_BYTES))
    monkeypatch.setattr(bindings, f"{cipher}_decrypt", lambda value, *_: value[: -primitives.TAG_BYTES])
    monkeypatch.setattr(keyholes, "argon2id", lambda password, *_, **__: password.ljust(64, b"\0"))
    monkeypatch.setattr(keyholes, "_verifier_hash", lambda stretched: stretched.verifier)


async def test_in_the_logs_the_search_finds_it(life: Life) -> None:
    logging.getLogger("ailo.test").warning("said aloud: %s", CANARIES["message"])
    assert life.traces("message") == {"logs"}


@pytest.mark.parametrize("what", CANARIES)
@pytest.mark.parametrize("form", forms("x"))
def test_the_search_knows_each_form(what: str, form: str) -> None:
    content = b"before" + forms(CANARIES[what])[form] + b"behind"
    assert form in traces(CANARIES[what], content)
    assert form in traces(CANARIES[what], b"before" + gzip.compress(content) + b"behind")


@pytest.mark.parametrize("before", ["", "a", "ab", "abc"])
def test_the_search_knows_each_alignment_of_base64(before: str) -> None:
    encoded = b64encode((before + CANARIES["message"] + "behind").encode())
    broken = b"\r\n".join(encoded[at : at + 20] for at in range(0, len(encoded), 20))
    assert traces(CANARIES["message"], encoded)
    assert traces(CANARIES["message"], broken)


def test_the_search_finds_nothing_in_noise() -> None:
    assert not any(traces(canary, os.urandom(100_000)) for canary in CANARIES.values())


def test_a_files_name_is_searched(tmp_path: Path) -> None:
    (tmp_path / CANARIES["address"]).touch()
    assert files_with(CANARIES["address"], tmp_path)
