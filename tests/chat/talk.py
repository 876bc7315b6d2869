"""The cast of these tests, in its own house, and helpers to talk without a socket."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from itertools import chain
from pathlib import Path
from typing import Any, cast

import msgspec
from aiohttp import web

from chat.accounts.new_accounts import Person, add_account
from chat.ailo import Ailo, open_ailo
from chat.auth.door import Door, application
from chat.auth.limits import AccountLimits
from chat.auth.passwords.stretching import OPERATOR, Stretching
from chat.auth.routing import mount
from chat.auth.sign_in import Attempt
from chat.connections.dialogue import Dialogue
from chat.conversations.conversation import Conversation
from chat.core import Feature, Web
from chat.pages.assets import Shelf
from storage import installation
from storage.accounts import accounts
from storage.accounts.accounts import Account, Role
from storage.conversations.unlocked import Unlocked
from storage.ids import AccountId, MessageId, ThreadId, new_id
from storage.store import Clock, wall_clock
from tests.people import PASSWORD, ROLES, address, settings_in

Json = dict[str, Any]


@asynccontextmanager
async def opened_rooms(folder: Path, clock: Clock = wall_clock) -> AsyncIterator[Ailo]:
    """An open house like the example's, whose passwords are cheap to compute."""
    settings = settings_in(folder)
    if not settings.database.exists():
        await installation.build(settings, is_example=True)
    async with open_ailo(settings, clock) as ailo:
        yield ailo


def serving(ailo: Ailo, door: Door, *features: Feature) -> web.Application:
    """An application with the routes of these features, which must not need the pages."""
    app = application(door)
    parts = Web(door, cast("Shelf", None), {})
    mount(app, door, ailo.access, chain.from_iterable(feature.routes(parts) for feature in features))
    return app


class Cast:
    """Léa and Karim (members), Claire and Thomas (Professionals), Sam (companion), Ada (administrator)."""

    def __init__(self, ailo: Ailo) -> None:
        self.ailo = ailo

    async def arrive(self) -> None:
        for name in ROLES:
            await self.add(name)

    async def add(self, name: str, locale: str = "fr") -> AccountId:
        person = Person(ROLES.get(name, Role.MEMBER), address(name), name.title(), "Rossi", locale, PASSWORD)
        return await add_account(self.ailo.store, self.ailo.sign_ins.pool, person)

    async def account(self, name: str) -> Account:
        guard = self.ailo.store.guard
        found = await self.ailo.store.database.read(lambda reader: accounts.by_address(reader, guard, address(name)))
        assert found
        return found

    async def unlock(self, name: str) -> Unlocked:
        """The unlocked account of somebody who has just signed in."""
        granted = await self.ailo.sign_ins.sign_in(Attempt(address(name), PASSWORD, "", "192.0.2.1"))
        signed_in = await self.ailo.sign_ins.find(granted.cookie)
        assert signed_in
        return signed_in.unlocked

    async def open_thread(self, *names: str) -> ThreadId:
        people = [await self.account(name) for name in names]
        return await self.ailo.conversations.participants.open_thread(new_id(ThreadId), people)

    async def leave(self, thread: ThreadId, name: str) -> None:
        await self.ailo.conversations.participants.leave(thread, (await self.account(name)).id)

    async def say(self, who: Unlocked, thread: ThreadId, *texts: str) -> list[int]:
        """Post texts one after the other; return their numbers."""
        conversation = self.ailo.conversations.conversation
        return [(await conversation.post_and_wait(who, thread, new_id(MessageId), text)).message.seq for text in texts]


@asynccontextmanager
async def held(pool: Stretching) -> AsyncIterator[None]:
    """Keep every thread that computes passwords busy, so that whoever comes has to wait."""
    release = threading.Event()
    busy = [asyncio.create_task(pool.compute(OPERATOR, release.wait)) for _ in range(pool.workers)]
    await asyncio.sleep(0)
    assert not pool.waiting
    try:
        yield
    finally:
        release.set()
        await asyncio.gather(*busy)


async def waiting(pool: Stretching, count: int) -> None:
    """Wait until this many computations are queued."""
    async with asyncio.timeout(20):
        while pool.waiting < count:  # noqa: ASYNC110 (nothing tells of it, and nothing else should)
            await asyncio.sleep(0.001)


class Outlet:
    """Receives the frames that a session sends: a list, and events to wait for."""

    def __init__(self, *, is_short: bool = True) -> None:
        self.raw: list[bytes] = []
        self.gave_up = False
        self.short = asyncio.Event()
        self._arrived = asyncio.Event()
        if is_short:
            self.short.set()

    @property
    def frames(self) -> list[Json]:
        return [msgspec.json.decode(frame) for frame in self.raw]

    def of(self, kind: str) -> list[Json]:
        return [frame for frame in self.frames if frame["type"] == kind]

    def offer(self, frame: bytes) -> None:
        if not self.gave_up:  # as the real one does
            self.raw.append(frame)
            self._arrived.set()

    async def room(self) -> None:
        await self.short.wait()

    def give_up(self) -> None:
        self.gave_up = True
        self._arrived.set()

    async def until_given_up(self) -> None:
        """Wait until the connection was told to end."""
        while not self.gave_up:
            self._arrived.clear()
            async with asyncio.timeout(10):
                await self._arrived.wait()

    async def until(self, kind: str, count: int = 1) -> list[Json]:
        """Wait for this many frames of one type; return them."""
        while len(self.of(kind)) < count:
            self._arrived.clear()
            async with asyncio.timeout(10):
                await self._arrived.wait()
        return self.of(kind)


class Talk:
    """A session without a socket: frames go in as dictionaries, and come out in ``outlet``."""

    def __init__(self, conversation: Conversation, who: Unlocked, limits: AccountLimits | None = None) -> None:
        self.outlet = Outlet()
        self.who = who
        self.session = Dialogue(b"session", who, conversation, limits or AccountLimits(0), self.outlet)

    async def put(self, *frames: Json) -> None:
        for frame in frames:
            await self.session.take(msgspec.json.encode(frame).decode())

    async def send(self, thread: ThreadId, text: str, id_: MessageId | None = None) -> Json:
        """Post a text and wait for its answer."""
        id_, before = id_ or new_id(MessageId), len(self.answers())
        await self.put({"type": "send", "id": id_, "thread": thread, "text": text})
        while len(self.answers()) == before:
            self.outlet._arrived.clear()
            async with asyncio.timeout(10):
                await self.outlet._arrived.wait()
        return self.answers()[-1]

    def answers(self) -> list[Json]:
        return [frame for frame in self.outlet.frames if frame["type"] in {"sent", "error"}]

    async def join(self, hub: Any, correspondents: Iterable[AccountId] = ()) -> "Talk":
        """Receive what is sent live from now on."""
        await self.session.release()
        await self.session._after_resume()
        hub.join(self.who.account.id, self.session, set(correspondents))
        return self
