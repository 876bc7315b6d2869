"""A house to measure: pairs of people with a thread each, signed in beforehand, and the server process that serves it."""

import os
import subprocess
import sys
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from chat.ailo import open_ailo
from storage import installation
from storage.accounts import accounts, sessions
from storage.accounts.accounts import Account, NewAccount, Role
from storage.accounts.sessions import Session
from storage.conversations import participants
from storage.crypto import keyholes
from storage.crypto.keyholes import EXAMPLE_PROFILE, AccountKey, Cookie
from storage.ids import AccountId, ThreadId, new_id
from storage.settings import StorageSettings
from storage.store import SESSION_MS, Store
from tests.people import settings_in

ROOT = Path(__file__).parent.parent.parent
PASSWORD = "un mot de passe assez long"


@dataclass(frozen=True)
class Person:
    """An account with the cookie of its own session."""

    id: AccountId
    cookie: str
    key: AccountKey | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Pair:
    """A member, a Professional, and their thread."""

    thread: ThreadId
    member: Person
    professional: Person


@asynccontextmanager
async def furnished(folder: Path, pairs: int) -> AsyncIterator[tuple[StorageSettings, list[Pair]]]:
    """Build an example house with this many pairs."""
    settings = settings_in(folder)
    await installation.build(settings, is_example=True)
    async with open_ailo(settings) as ailo:
        made = [await _pair(ailo.store, number) for number in range(pairs)]
    yield settings, made


async def _pair(store: Store, number: int) -> Pair:
    member, member_key = await account(store, Role.MEMBER, f"m{number}@example.test")
    coach, coach_key = await account(store, Role.PROFESSIONAL, f"p{number}@example.test")
    now = store.clock()
    change = await store.database.write(
        lambda tx: participants.open_thread(tx, store.guard, store.officer, new_id(ThreadId), [member, coach], now)
    )
    return Pair(change.roster.thread, await _person(store, member_key), await _person(store, coach_key))


async def account(store: Store, role: Role, email: str) -> tuple[Account, AccountKey]:
    """Add an account like a real one, except that computing its password (``PASSWORD``) takes 3 ms instead of 240."""
    key = AccountKey.fresh(new_id(AccountId))
    body = keyholes.guard_password(store.guard, key, PASSWORD, EXAMPLE_PROFILE)
    new = NewAccount(key, role, email, "Prénom", "", "fr", "Europe/Paris", body, EXAMPLE_PROFILE)
    await store.database.write(lambda tx: accounts.add(tx, store.guard, new, store.clock()))
    found = await store.database.read(lambda reader: accounts.by_id(reader, store.guard, key.account))
    assert found
    return found, key


async def _person(store: Store, key: AccountKey) -> Person:
    cookie, now = Cookie.fresh(), store.clock()
    pepper_id, pepper = store.peppers.current(now)
    body = keyholes.guard_session(store.guard, cookie, pepper, key, now + SESSION_MS)
    session = Session(cookie.session, key.account, key.generation, pepper_id, body, now, now + SESSION_MS)
    await store.database.write(lambda tx: sessions.begin(tx, session))
    return Person(key.account, f"ailo={urlsafe_b64encode(cookie.secret).decode()}", key)


@contextmanager
def serving(
    settings: StorageSettings | None,
    core: int | None,
    command: tuple[str, ...] = ("-m", "chat", "serve"),
    rate: str = "off",
    more: Mapping[str, str] = MappingProxyType({}),
    log: int | None = None,
) -> Iterator[tuple[int, int]]:
    """Run a server on one core, with ``more`` in its environment; yields its port and process id. ``log`` is a descriptor."""
    places = {"AILO_DATA": str(settings.data), "AILO_KEYS": str(settings.keys)} if settings else {}
    environment = {
        **os.environ, **places, "AILO_PORT": "0", "AILO_RATE": rate, "AILO_NOTIFY_AFTER": "86400", "PYTHONUNBUFFERED": "1",
        **more,
    }  # fmt: skip
    with running([sys.executable, *command], core, environment, stdout=subprocess.PIPE, stderr=log) as process:
        assert process.stdout
        line = process.stdout.readline().decode()
        yield int(line.rsplit(":", 1)[1]), process.pid


@contextmanager
def running(
    command: list[str],
    core: int | None,
    environment: dict[str, str] | None = None,
    cwd: Path = ROOT,
    stdout: int | None = None,
    stderr: int | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process on one core; end it afterwards."""
    pin = (lambda: os.sched_setaffinity(0, {core})) if core is not None else None
    process = subprocess.Popen(command, cwd=cwd, env=environment, stdout=stdout, stderr=stderr, preexec_fn=pin)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()
