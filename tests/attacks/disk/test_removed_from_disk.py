"""Once a removal is acknowledged, the files of a service, running or killed then, no longer contain what was removed.

The thief has the root keyring, copies every file while the service stands still, and examines each state in the log. Each
test first shows that the same thief could open it all before.
"""

import signal
import subprocess
import sys
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from chat.client.remote import Client, sign_in
from storage.crypto.keyholes import Cookie
from tests.attacks.disk.thief import Thief, steal
from tests.flows.service import Service, Visit, running
from tests.people import PASSWORD

NEW = "cinq autres mots sans suite"
CHANGE = {"old": PASSWORD, "new": NEW, "may_be_known": False}
# Deletes a session, and exits before the log is checkpointed into the database.
REMOVE = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("pragma wal_autocheckpoint = 0")
assert connection.execute("delete from sessions where id = ?", (bytes.fromhex(sys.argv[2]),)).rowcount == 1
os._exit(0)
"""


@pytest.fixture
async def visit(tmp_path: Path) -> AsyncIterator[Visit]:
    async with running(tmp_path) as service:
        visit = Visit(service)
        yield visit
        await visit.close()


def copied(service: Service) -> Thief:
    """Steal all files, and the keys."""
    return steal(service.data, service.folder / "keys" / "root.json", service.folder / f"stolen-{uuid4()}")


def stolen(service: Service) -> Thief:
    """Steal all files as they are at this instant, with the process paused: a kill would leave the same."""
    service.signal(signal.SIGSTOP)
    try:
        return copied(service)
    finally:
        service.signal(signal.SIGCONT)


def texts(service: Service, *, password: str = "", cookie: bytes = b"") -> set[str]:
    """The messages and notes read by a thief who copies everything now and knows one secret."""
    thief = stolen(service)
    thief.passwords, thief.cookies = [password] if password else [], [cookie] if cookie else []
    found = thief.try_everything()
    notes = {plain.rstrip(b"\0")[:-1].decode() for plain in found.opened.get("note", set())}
    return found.messages | notes


def cookie_of(client: Client) -> bytes:
    """The secret in the session's cookie."""
    value = dict(part.split("=", 1) for part in client.cookie.split("; "))["ailo"]
    return urlsafe_b64decode(value + "==")


async def said(visit: Visit, text: str) -> str:
    """Open a thread of Léa, Claire and Sam with one message; return its id."""
    thread = await visit.thread("lea", "claire", "sam")
    wire = await visit.wire("lea")
    await wire.send(thread, text)
    return thread


async def test_an_old_password_opens_nothing_after_an_ordinary_change(visit: Visit) -> None:
    await said(visit, "secret de Léa")
    lea = await visit.client("lea")
    assert texts(visit.service, password=PASSWORD) == {"secret de Léa"}
    for client in (await visit.client("claire"), await visit.client("sam"), lea):
        await client.ask("POST", "/api/account/password", CHANGE)
    assert texts(visit.service, password=PASSWORD) == set()
    assert texts(visit.service, password=NEW) == {"secret de Léa"}


async def test_a_leavers_grants_are_gone(visit: Visit) -> None:
    thread = await said(visit, "secret de Léa")
    for name in ("lea", "claire"):  # so that only Sam still has the known password
        await (await visit.client(name)).ask("POST", "/api/account/password", CHANGE)
    assert texts(visit.service, password=PASSWORD) == {"secret de Léa"}
    await visit.leave(thread, "sam")
    assert texts(visit.service, password=PASSWORD) == set()


async def test_a_cookie_opens_nothing_after_signing_out(visit: Visit) -> None:
    await said(visit, "secret de Léa")
    async with sign_in(visit.service.origin, visit.address("lea"), PASSWORD) as lea:
        cookie = cookie_of(lea)
        assert len(cookie) == len(Cookie.fresh().secret)
        assert texts(visit.service, cookie=cookie) == {"secret de Léa"}
        await lea.sign_out()
    assert texts(visit.service, cookie=cookie) == set()


async def test_a_session_ended_from_elsewhere_opens_nothing(visit: Visit) -> None:
    await said(visit, "secret de Léa")
    async with sign_in(visit.service.origin, visit.address("lea"), PASSWORD) as phone:
        assert texts(visit.service, cookie=cookie_of(phone)) == {"secret de Léa"}
        await (await visit.client("lea")).ask("DELETE", "/api/account/sessions")
        assert texts(visit.service, cookie=cookie_of(phone)) == set()


async def test_a_forgotten_and_a_changed_note_open_to_nobody(visit: Visit) -> None:
    thread = await visit.thread("lea", "claire")
    claire = await visit.client("claire")
    await claire.ask("PUT", f"/api/threads/{thread}/note", {"text": "première note"})
    assert texts(visit.service, password=PASSWORD) == {"première note"}
    await claire.ask("PUT", f"/api/threads/{thread}/note", {"text": "deuxième note"})
    assert texts(visit.service, password=PASSWORD) == {"deuxième note"}
    await claire.ask("PUT", f"/api/threads/{thread}/note", {"text": ""})
    assert texts(visit.service, password=PASSWORD) == set()


async def test_killed_after_the_acknowledgement_nothing_is_left(visit: Visit) -> None:
    await said(visit, "secret de Léa")
    async with sign_in(visit.service.origin, visit.address("lea"), PASSWORD) as lea:
        cookie = cookie_of(lea)
        await lea.sign_out()
        await visit.service.kill()
    assert texts_of_files(visit.service, cookie) == set()


async def test_what_a_killed_service_left_in_the_log_is_gone_after_the_next_start(visit: Visit) -> None:
    """The files are as a kill between the commit and the truncation of the log leaves them."""
    service = visit.service
    await said(visit, "secret de Léa")
    async with sign_in(service.origin, visit.address("lea"), PASSWORD) as lea:
        cookie = cookie_of(lea)
    await service.kill()
    remove_in_the_log(service.data / "ailo.sqlite", Cookie(cookie).session)
    assert texts_of_files(service, cookie) == {"secret de Léa"}
    service.start()
    assert texts(service, cookie=cookie) == set()


def remove_in_the_log(database: Path, session: bytes) -> None:
    subprocess.run([sys.executable, "-c", REMOVE, str(database), session.hex()], check=True)


def texts_of_files(service: Service, cookie: bytes) -> set[str]:
    thief = copied(service)
    thief.cookies = [cookie]
    return thief.try_everything().messages
