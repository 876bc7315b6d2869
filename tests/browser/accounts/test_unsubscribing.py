"""The page that a letter's link leads to, without a script: it says where one stands, and one button changes it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, Page, expect

from chat.ailo import Ailo
from chat.auth.door import Door, application
from chat.auth.routing import mount
from chat.core import Web
from chat.pages.assets import add_pages
from chat.settings import ChatSettings
from storage.accounts import accounts
from tests.browser.conftest import PHONE, WIDE, assert_accessible, assert_no_sideways_scroll, shoot
from tests.chat.accounts.test_unsubscribe_page import path_for
from tests.chat.talk import Cast, opened_rooms

pytestmark = pytest.mark.asyncio(loop_scope="session")

LOOKS: dict[str, dict[str, Any]] = {
    "wide": {"viewport": WIDE},
    "360-dark": {"viewport": PHONE, "color_scheme": "dark"},
    "320": {"viewport": {"width": 320, "height": 640}},
}


@pytest_asyncio.fixture(loop_scope="session")
async def ailo(tmp_path: Path) -> AsyncIterator[Ailo]:
    async with opened_rooms(tmp_path) as ailo:
        await Cast(ailo).add("lea")
        yield ailo


@pytest_asyncio.fixture(loop_scope="session")
async def server(ailo: Ailo) -> AsyncIterator[TestServer]:
    """The pages in this process: no letter of a list can be asked of a service from outside."""
    door = Door(ChatSettings("127.0.0.1", 0, "http://127.0.0.1", 0), ailo.sign_ins)
    app = application(door)
    shelf = add_pages(app, {}, door.role_of)
    mount(app, door, ailo.access, ailo.accounts.routes(Web(door, shelf, {})))
    server = TestServer(app)
    async with server:
        yield server


async def opened(chromium: Browser, server: TestServer, path: str, look: str) -> Page:
    context = await chromium.new_context(locale="fr-FR", java_script_enabled=False, **LOOKS[look])
    page = await context.new_page()
    await page.goto(str(server.make_url(path)))
    return page


@pytest.mark.parametrize("look", LOOKS)
async def test_one_leaves_a_list_and_joins_it_again(chromium: Browser, server: TestServer, ailo: Ailo, look: str) -> None:
    page = await opened(chromium, server, await path_for(ailo, "lea", "programmes"), look)
    await expect(page.get_by_role("heading", name="Ne plus recevoir ces e-mails")).to_be_visible()
    await shoot(page, f"unsubscribe-{look}", whole=True)
    await assert_no_sideways_scroll(page)
    await page.get_by_role("button", name="Ne plus les recevoir").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_have_text("Les étapes de vos parcours ne vous arrivent plus par e-mail.")
    await shoot(page, f"unsubscribe-done-{look}", whole=True)
    await page.get_by_role("button", name="Les recevoir de nouveau").click()
    await expect(page.get_by_role("status")).to_have_text("Les étapes de vos parcours vous arrivent par e-mail.")
    await page.context.close()


async def test_axe_is_silent_in_both_languages(chromium: Browser, server: TestServer, ailo: Ailo) -> None:
    path, lea = await path_for(ailo, "lea", "offers"), (await Cast(ailo).account("lea")).id
    for locale, heading in (("fr", "Vos e-mails"), ("en", "Your e-mails")):
        await ailo.store.database.write(lambda tx, locale=locale: accounts.settle(tx, lea, locale, "UTC"))  # type: ignore[misc]
        page = await chromium.new_page()
        await page.goto(str(server.make_url(path)))
        await expect(page.get_by_role("heading", name=heading)).to_be_visible()
        await assert_accessible(page)
        await page.close()


async def test_an_unknown_link_says_what_to_do(chromium: Browser, server: TestServer) -> None:
    page = await opened(chromium, server, "/unsubscribe/nothing", "360-dark")
    await expect(page.get_by_role("heading", name="Ce lien n’est pas reconnu")).to_be_visible()
    await shoot(page, "unsubscribe-unknown-360-dark", whole=True)
    await page.context.close()
