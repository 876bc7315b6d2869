"""What people and their devices do to a page: it stays usable, and says what it knows."""

import asyncio
import json
from pathlib import Path

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.conftest import NARROW, Pair, Service, Visitors, assert_no_sideways_scroll, bubble, post, shoot, write

pytestmark = pytest.mark.asyncio(loop_scope="session")

NAMES = ["Wolfeschlegelsteinhausenbergerdorff" * 2 + "x" * 30, "🌱", "\u202eaéL\u202c", "<b>Léa</b>"]
MARKS_OF_DIRECTION = "\u202c\u202e"  # The server strips them from names.
TEXTS = ["x" * 8_000, "\n".join(f"ligne {number}" for number in range(500)), "Z" + "\u0301" * 1_000, "مرحبا " * 40]


async def texts_shown(page: Page) -> list[str]:
    found: list[str] = await page.locator(".message").evaluate_all("all => all.map((one) => one.textContent)")
    return found


@pytest.mark.parametrize("name", NAMES, ids=["long", "emoji", "right-to-left", "markup"])
async def test_a_strange_name_is_shown_whole(service: Service, visitors: Visitors, name: str) -> None:
    member, claire = await asyncio.gather(service.add("member", name), service.add("professional", name))
    thread = await service.open(member, claire)
    for person, path, part in ((member, "/member", "h1"), (claire, f"/dashboard#{thread}", ".person b")):
        page = await visitors.page_of(person, path, viewport=NARROW)
        await expect(page.locator(part).first).to_have_text(name.strip(MARKS_OF_DIRECTION))
        await assert_no_sideways_scroll(page)


async def test_strange_texts_stay_in_their_place(visitors: Visitors, pair: Pair) -> None:
    member = await visitors.page_of(pair.member, viewport=NARROW)
    await post(member, pair.thread, TEXTS)
    await expect(member.locator(".message")).to_have_count(len(TEXTS))
    assert await texts_shown(member) == TEXTS
    await assert_no_sideways_scroll(member)
    heights = await member.locator(".message").evaluate_all("all => all.map((one) => one.offsetHeight)")
    assert heights[2] < 120
    await shoot(member, "member-strange-texts-320")


@pytest.mark.parametrize(
    "spoiled",
    [
        "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError') } })",
        "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') }",
        "Object.defineProperty(window, 'sessionStorage', { get() { throw new DOMException('no', 'SecurityError') } })",
        "Object.defineProperty(window, 'crypto', { value: { getRandomValues: crypto.getRandomValues.bind(crypto) } })",
    ],
    ids=["forbidden", "full", "no-session", "no-crypto"],
)
async def test_without_storage_one_still_talks(visitors: Visitors, pair: Pair, spoiled: str) -> None:
    context = (await visitors.page_of(pair.member)).context
    page = await context.new_page()
    await page.add_init_script(spoiled)
    await page.goto("/member")
    await expect(page.get_by_text("En direct")).to_be_visible()
    await write(page, "Je peux quand même écrire.")
    await expect(page.locator("message-row").last).to_contain_text("envoyé")


async def test_two_tabs_send_a_draft_once(visitors: Visitors, pair: Pair) -> None:
    first = await visitors.page_of(pair.member)
    second = await visitors.another_page(first.context)
    await first.bring_to_front()
    await second.evaluate("Object.defineProperty(document, 'hasFocus', { value: () => false })")
    await first.fill("#composer", "Une seule fois")
    await expect(second.locator("#composer")).to_have_value("Une seule fois")
    await first.locator("#composer").press("Control+Enter")
    await expect(second.locator("#composer")).to_have_value("")
    await expect(bubble(second, "Une seule fois")).to_have_count(1)


async def test_a_late_answer_shows_that_something_comes(visitors: Visitors, pair: Pair) -> None:
    context = (await visitors.page_of(pair.member)).context
    page, is_late = await context.new_page(), asyncio.Event()

    async def wait(route: Route) -> None:
        await is_late.wait()
        await route.continue_()

    await page.route("**/messages?*", wait)
    await page.goto("/member")
    await expect(page.locator("[data-part=loading]")).to_be_visible()
    await page.fill("#composer", "J’écris déjà")
    is_late.set()
    await expect(page.get_by_text("Claire vous répondra ici")).to_be_visible()
    await expect(page.locator("#composer")).to_have_value("J’écris déjà")


async def test_half_an_answer_is_a_failure_that_says_so(visitors: Visitors, pair: Pair) -> None:
    context = (await visitors.page_of(pair.member)).context
    page = await context.new_page()
    await page.route("**/messages?*", lambda route: route.fulfill(content_type="application/json", body='{"messages": [{"id'))
    await page.goto("/member")
    await expect(page.get_by_text("Les messages n’ont pas pu être chargés")).to_be_visible()


@pytest.mark.parametrize("kind", ["Une page à lire", "Des données"])
async def test_a_copy_holds_the_conversation(visitors: Visitors, pair: Pair, kind: str) -> None:
    member = await visitors.page_of(pair.member)
    await post(member, pair.thread, [f"Message {number} <b>&" for number in range(1, 103)])
    await member.click("[popovertarget=account-menu]")
    await member.get_by_role("button", name="Garder une copie").click()
    async with member.expect_download() as download:
        await member.get_by_role("button", name=kind).click()
    text = Path(await (await download.value).path()).read_text()
    if kind == "Des données":
        assert [message["seq"] for message in json.loads(text)["messages"]] == list(range(1, 103))
    else:
        assert text.count("<article>") == 102
        assert "Message 102 &#60;b&#62;&#38;" in text
    await shoot(member, "member-copy-wide")
