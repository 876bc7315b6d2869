"""Shared by the tests of the root key's rotation: a filled house, a check that all of it opens, and a crash at any write."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar
from uuid import uuid4

import pytest
from msgspec import structs

from storage.accounts import preferences, sessions
from storage.accounts.preferences import Preferences
from storage.accounts.sessions import About, Session, guard_about
from storage.conversations import messages, threads
from storage.conversations.messages import SealedMessage
from storage.crypto.guarding import Guarded
from storage.crypto.keyholes import Cookie, guard_session
from storage.crypto.sealing import link
from storage.engine.database import Database, Reader, Transaction
from storage.families import guarded
from storage.files import write_private
from storage.ids import MessageId, ThreadId, new_id
from storage.mail import letters
from storage.mail.letters import Letter
from storage.maintenance.check import check_all
from storage.rekeying.rotation import Rotation
from storage.staff import practices
from storage.staff.practices import Practice
from storage.store import Store
from tests.people import DAY, House

T = TypeVar("T")


async def fill(house: House) -> list[ThreadId]:
    """Two conversations with messages and one without, a letter and a session; return the threads."""
    said = [await house.open_thread(house.lea, house.claire), await house.open_thread(house.karim, house.claire, house.sam)]
    for number in range(5):
        await house.post(house.lea, said[0], f"un {number}")
    await house.post(house.karim, said[1], "deux")
    await house.leave(said[1], house.sam)
    await house.store.database.write(lambda tx: _write_more(tx, house))
    return [*said, await house.open_thread(house.lea, house.thomas)]


async def _write_more(tx: Transaction, house: House) -> None:
    store, now = house.store, house.store.clock()
    letter = Letter(uuid4(), house.lea.id, "reply", "one", {"link": "https://ailo.test"}, "<one@ailo.test>", now)
    await letters.write(tx, store.guard, letter, now)
    cookie, (name, pepper) = Cookie(b"c" * 32), store.peppers.current(now)
    body = guard_session(store.guard, cookie, pepper, house.lea.key, now + DAY)
    about = guard_about(store.guard, cookie.session, house.lea.id, now, About("Firefox, Linux", now))
    await sessions.begin(tx, Session(cookie.session, house.lea.id, 1, name, body, now, now + DAY, about))
    await preferences.keep(tx, store.guard, house.lea.id, Preferences(enter_sends=True))
    await practices.keep(tx, store.guard, house.claire.id, Practice(48))


async def add_by_service(house: House, thread: ThreadId, *, misplaced: bool = False) -> SealedMessage:
    """Append a message by the service to a thread, its sealed body guarded as well (for another place, if ``misplaced``)."""
    store, stands = house.store, await house.thread(thread)
    sealed = await house.sealed(house.claire, thread, "Une leçon")
    bare = SealedMessage(
        thread, stands.last_seq + 1, new_id(MessageId), stands.epoch, house.claire.id, "lesson", store.clock(), sealed.body, b""
    )
    place = messages.values(structs.replace(bare, seq=0, kind="welcome") if misplaced else bare)
    body = store.guard.guard(sealed.body, *messages.GUARDED_BODY.parts(place))
    key = store.guard.keyring.newest
    kept = structs.replace(bare, body=body)
    kept = structs.replace(kept, link=link(key.id, key.linking, stands.last_link, kept))

    async def write(tx: Transaction) -> None:
        await messages.add(tx, kept)
        await _move_end(tx, house, thread, kept)

    await store.database.write(write)
    return kept


async def _move_end(tx: Transaction, house: House, thread: ThreadId, last: SealedMessage) -> None:
    stands = await threads.find(tx, house.store.guard, thread)
    assert stands
    await threads.save(tx, house.store.guard, structs.replace(stands, last_seq=last.seq, last_link=last.link))


async def assert_all_opens(store: Store) -> None:
    """Assert that every value opens in its place, every proof is valid, and `ailo check` finds nothing."""
    for column in guarded():
        await store.database.read(lambda reader, column=column: _assert_opens(reader, store, column))  # type: ignore[misc]
    assert await check_all(store) == []


async def _assert_opens(reader: Reader, store: Store, column: Guarded) -> None:
    for row in await reader.rows(f"select * from {column.table}"):
        if column.is_proof:
            store.guard.check(row[column.column], *column.parts(row))
        else:
            store.guard.unguard(row[column.column], *column.parts(row))


class Crash(Exception):
    """Raised where the process ends."""


class Countdown:
    """Lets a number of writes through, to the database or to a file, and then ends the process before or after the next one."""

    def __init__(self, writes: int, *, is_after: bool) -> None:
        self.left = writes
        self.is_after = is_after

    def tick(self) -> None:
        if self.left == 0:
            raise Crash
        self.left -= 1

    def file(self, write: Callable[..., None]) -> Callable[..., None]:
        def counted(*arguments: Any, **options: Any) -> None:
            if not self.is_after:
                self.tick()
            write(*arguments, **options)
            if self.is_after:
                self.tick()

        return counted


class Doomed:
    """A database whose writes are counted down."""

    def __init__(self, database: Database, countdown: Countdown) -> None:
        self._database = database
        self._countdown = countdown

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def write(self, work: Callable[[Transaction], Awaitable[T]], /) -> T:
        async def doomed(tx: Transaction) -> T:
            result = await work(tx)
            if not self._countdown.is_after:
                self._countdown.tick()  # all was written, nothing is committed
            return result

        result = await self._database.write(doomed)
        if self._countdown.is_after:
            self._countdown.tick()
        return result


async def rotate_until_crash(house: House, monkeypatch: pytest.MonkeyPatch, countdown: Countdown) -> bool:
    """Rotate until the crash; return whether there was one."""
    store = replace(house.store, database=Doomed(house.store.database, countdown))
    with monkeypatch.context() as patched:
        patched.setattr("storage.rekeying.rotation.write_private", countdown.file(write_private))
        patched.setattr("storage.crypto.keyring_copy.write_private", countdown.file(write_private))
        try:
            doomed = Rotation(store)
            await doomed.turn()
            await doomed.finish()
        except Crash:
            return True
    return False
