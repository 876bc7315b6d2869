"""A Professional with a long list of conversations: little of it is in the page, all of it can be found."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from storage.settings import Environment, StorageSettings
from tests.browser.conftest import PHONE, Service, Visitors, assert_accessible, assert_no_sideways_scroll, shoot
from tests.browser.conversations import crowd
from tests.browser.conversations.crowd import Crowd, name_of, waiting_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

SIZE = 320
WAITING = waiting_of(SIZE)
MOST_ROWS = 60

SHOWN = "[...document.querySelectorAll('thread-list .person b')].map(({ textContent }) => textContent)"
CHANGES = """() => {
  globalThis.changed = 0
  const watcher = new MutationObserver((changes) => { changed += changes.length })
  watcher.observe(document.querySelector("thread-list"), { subtree: true, childList: true, attributes: true })
}"""


@dataclass
class Busy:
    """The service, and the people in it."""

    service: Service
    crowd: Crowd


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def busy(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Busy]:
    service = Service(tmp_path_factory.mktemp("busy"))
    await service.build()
    found = await crowd.gather(StorageSettings.from_environment(Environment(service._environment)), SIZE)
    service.start()
    yield Busy(service, found)
    service.stop()


async def open_list(visitors: Visitors, busy: Busy, **options: Any) -> Page:
    visitors.url = busy.service.url
    context = await visitors.context(**options)
    name, value = busy.crowd.professional
    await context.add_cookies([{"name": name, "value": value, "url": visitors.url}])
    page = await visitors.another_page(context, "/dashboard")
    await expect(page.locator("dashboard-page")).to_have_js_property("correspondence.hasMore", False)
    return page


def one_of(*numbers: int) -> re.Pattern[str]:
    """Matches one of these numbers: one test adds to those who wait, and the tests run in any order."""
    return re.compile(f"^({'|'.join(str(number) for number in numbers)})$")


async def test_little_of_a_long_list_is_in_the_page(visitors: Visitors, busy: Busy) -> None:
    page = await open_list(visitors, busy)
    assert await page.locator(".person").count() < MOST_ROWS
    await expect(page.locator(".person").first).to_contain_text(name_of(0))
    await expect(page.locator("thread-list li").first).to_have_attribute("aria-setsize", one_of(WAITING, WAITING + 1))
    heights = await page.evaluate("[...document.querySelectorAll('thread-list li')].map((row) => row.offsetHeight)")
    assert len(set(heights)) == 1
    await page.evaluate("document.querySelector('thread-list').scrollTop = 1e9")
    await expect(page.locator("[data-part=answered] .person").last).to_be_in_viewport()
    answered = SIZE - WAITING
    last = page.locator("[data-part=answered] li").last
    await expect(last).to_have_attribute("aria-posinset", one_of(answered, answered - 1))
    assert await page.locator(".person").count() < MOST_ROWS
    await shoot(page, "dashboard-crowd-wide")
    await assert_accessible(page)


async def test_the_filter_finds_anybody(visitors: Visitors, busy: Busy) -> None:
    page = await open_list(visitors, busy, viewport=PHONE)
    for number in (100, SIZE // 2, SIZE - 1):
        await page.fill("#filter", name_of(number).lower())
        await expect(page.locator(".person b")).to_have_text([name_of(number)])
    await page.fill("#filter", "inès")
    assert {name.split()[0] for name in await page.evaluate(SHOWN)} == {"Inès"}
    await page.fill("#filter", "")
    await expect(page.locator(".person b").first).to_have_text(name_of(0))
    await assert_no_sideways_scroll(page)


async def test_j_and_k_walk_beyond_what_is_in_the_page(visitors: Visitors, busy: Busy) -> None:
    page = await open_list(visitors, busy)
    for number in range(30):
        await page.keyboard.press("j")
        await expect(page.locator(".person[aria-current]")).to_contain_text(name_of(number))
        await expect(page.locator(".person[aria-current]")).to_be_in_viewport(ratio=0.9)
    await page.evaluate("document.querySelector('thread-list').scrollTop = 1e9")
    await expect(page.locator(".person[aria-current]")).to_have_count(0)
    await page.keyboard.press("k")
    await expect(page.locator(".person[aria-current]")).to_contain_text(name_of(28))
    await expect(page.locator(".person[aria-current]")).to_be_in_viewport(ratio=0.9)


async def test_tab_goes_on_beyond_what_is_in_the_page(visitors: Visitors, busy: Busy) -> None:
    page = await open_list(visitors, busy)
    await page.locator(".person").first.focus()
    for number in range(1, 40):
        await page.keyboard.press("Tab")
        await expect(page.locator(".person:focus b")).to_have_text(name_of(number))


async def test_a_message_costs_little_however_long_the_list(visitors: Visitors, busy: Busy) -> None:
    page = await open_list(visitors, busy)
    await page.evaluate(CHANGES)
    name, value = busy.crowd.last_member
    member = await visitors.context()
    await member.add_cookies([{"name": name, "value": value, "url": visitors.url}])
    sent = await member.request.post(
        f"/api/threads/{busy.crowd.threads[-1]}/messages",
        data={"id": str(uuid4()), "text": "Encore une question."},
        headers={"Origin": visitors.url},
    )
    assert sent.ok
    await expect(page.locator("thread-list li").first).to_have_attribute("aria-setsize", str(WAITING + 1))
    assert await page.evaluate("changed") < 5 * MOST_ROWS
    await page.fill("#filter", name_of(SIZE - 1))
    await expect(page.locator("[data-part=waiting] .person")).to_contain_text("Encore une question.")
