"""Fixtures for the pages of programmes: the application with its pages, and who visits."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from chat.ailo import Ailo
from chat.auth.door import Door, application
from chat.auth.routing import mount
from chat.core import Web
from chat.framed.navigation import Navigation
from chat.framed.refusals import InWords
from chat.pages.assets import PAGES, Shelf
from chat.pages.words import static_folder
from chat.programmes.feature import ProgrammesCard
from chat.settings import ChatSettings
from delivery.letters.lesson.preview import preview
from delivery.settings import NOBODY
from tests.chat.programmes.pages.visiting import ORIGIN, Visitor
from tests.chat.talk import opened_rooms
from tests.people import StoppedClock

Visit = Callable[[str], Awaitable[Visitor]]


@pytest.fixture(scope="session")
def shelf() -> Shelf:
    """The templates and styles, read once."""
    return Shelf([static_folder()], PAGES)


@pytest.fixture
async def ailo(furnished: Path, tmp_path: Path, stopped_clock: StoppedClock) -> AsyncIterator[Ailo]:
    """An open Ailo at 10:00 of a Monday in Paris."""
    shutil.copytree(furnished, tmp_path, dirs_exist_ok=True)
    async with opened_rooms(tmp_path, stopped_clock) as ailo:
        yield ailo


@pytest.fixture
async def server(ailo: Ailo, shelf: Shelf) -> AsyncIterator[TestServer]:
    door = Door(ChatSettings("127.0.0.1", 8080, ORIGIN, 0), ailo.sign_ins)
    server = TestServer(built(ailo, door, shelf))
    async with server:
        yield server


def built(ailo: Ailo, door: Door, shelf: Shelf) -> web.Application:
    app, card = application(door), ailo.of(ProgrammesCard)
    places = Navigation((place, card) for place in card.navigation)
    parts = Web(door, shelf, {}, places, partial(preview, NOBODY, f"{ORIGIN}/"))
    app.middlewares.append(InWords(parts.pages.show_to_anybody).answer)
    mount(app, door, ailo.access, [*ailo.accounts.routes(parts), *card.routes(parts)])
    return app


@pytest.fixture
async def visit(server: TestServer) -> AsyncIterator[Visit]:
    """Signs somebody in, by name."""
    async with AsyncExitStack() as opened:

        async def enter(name: str) -> Visitor:
            client = await opened.enter_async_context(TestClient(server))
            return await Visitor(client).sign_in(name)

        yield enter
