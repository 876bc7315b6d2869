"""The card of a suggestion: changed and sent by key, dismissed, gone once she has written; the reminder that went; the rules."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import (
    PHONE,
    Person,
    Service,
    Visitors,
    assert_accessible,
    assert_no_sideways_scroll,
    bubble,
    post,
    shoot,
    until_live,
)
from tests.flows.encouragements.suggesting import remind, suggest

pytestmark = pytest.mark.asyncio(loop_scope="session")


@dataclass
class Talk:
    """Léa, Claire and Sam, and their conversation, in which something is suggested to Sam."""

    lea: Person
    claire: Person
    sam: Person
    thread: str


@pytest_asyncio.fixture(loop_scope="session")
async def talk(service: Service, visitors: Visitors) -> Talk:
    people = [("member", "Léa"), ("professional", "Claire"), ("companion", "Sam")]
    lea, claire, sam = await asyncio.gather(*(service.add(role, name) for role, name in people))
    thread = await service.open(lea, claire, sam)
    for who, text in ((lea, "Bonjour à vous deux."), (sam, "Bonjour Léa.")):
        await post(await visitors.page_of(who), thread, [text])
    suggest(service.data, thread)
    return Talk(lea, claire, sam, thread)


async def dashboard(visitors: Visitors, talk: Talk, who: Person | None = None, **options: Any) -> Page:
    page = await visitors.page_of(who or talk.sam, f"/dashboard#{talk.thread}", **options)
    await expect(page.locator("[data-settled]")).to_have_count(1)
    return page


def card(page: Page) -> Locator:
    return page.get_by_role("region", name="Un mot à envoyer, si vous voulez")


def text_of(page: Page) -> Locator:
    return card(page).get_by_role("textbox")


WORDS = "Bonjour Léa, cela fait un mois que nous nous écrivons."


async def test_one_key_sends_it(visitors: Visitors, talk: Talk) -> None:
    sam, lea = await dashboard(visitors, talk), await visitors.page_of(talk.lea)
    await expect(card(sam)).to_contain_text("Cette conversation est ouverte depuis un mois")
    await shoot(sam, "suggestion-wide")
    await assert_accessible(sam)
    await sam.locator(".dashboard__main .bar__name").click()
    await sam.keyboard.press("e")
    for page in (sam, lea):
        await expect(bubble(page, WORDS)).to_be_visible()
    await expect(card(sam)).to_have_count(0)
    await expect(sam.locator("#composer")).to_be_focused()
    await expect(sam.locator(".suggestion__state")).to_have_text("Envoyé")


async def test_the_list_says_where_a_word_is_suggested(visitors: Visitors, talk: Talk) -> None:
    sam = await visitors.page_of(talk.sam, "/dashboard")
    person = sam.locator(f'[data-thread="{talk.thread}"]')
    await expect(person).to_contain_text("mot suggéré")
    await shoot(sam, "suggestion-list")
    await person.click()
    await card(sam).get_by_role("button", name="Écarter").click()
    await expect(person).not_to_contain_text("mot suggéré")


async def test_the_key_is_a_letter_where_one_writes(visitors: Visitors, talk: Talk) -> None:
    sam = await dashboard(visitors, talk)
    await sam.locator("#composer").focus()
    await sam.keyboard.press("e")
    await expect(sam.locator("#composer")).to_have_value("e")
    await text_of(sam).fill("")
    await text_of(sam).press("e")
    await expect(text_of(sam)).to_have_value("e")
    await expect(card(sam)).to_be_visible()


async def test_the_text_is_changed_kept_and_sent(visitors: Visitors, talk: Talk) -> None:
    sam = await dashboard(visitors, talk)
    await text_of(sam).fill("Un mois, déjà. Merci, Léa.")
    await sam.reload()
    await expect(text_of(sam)).to_have_value("Un mois, déjà. Merci, Léa.")
    await text_of(sam).press("Control+Enter")
    await expect(bubble(sam, "Un mois, déjà. Merci, Léa.")).to_be_visible()
    await expect(card(sam)).to_have_count(0)


async def test_dismissed_it_is_gone(visitors: Visitors, talk: Talk) -> None:
    sam = await dashboard(visitors, talk)
    await card(sam).get_by_role("button", name="Écarter").click()
    await expect(card(sam)).to_have_count(0)
    await expect(sam.locator(".suggestion__state")).to_have_text("Suggestion écartée")
    await sam.reload()
    await expect(sam.locator("[data-settled]")).to_have_count(1)
    await expect(card(sam)).to_have_count(0)


async def test_it_is_gone_once_she_has_written(visitors: Visitors, talk: Talk) -> None:
    sam, lea = await dashboard(visitors, talk), await visitors.page_of(talk.lea)
    await expect(card(sam)).to_be_visible()
    await until_live(sam)
    await post(lea, talk.thread, ["Justement, je voulais vous dire."])
    await expect(card(sam)).to_have_count(0)


async def test_who_was_too_slow_is_told(visitors: Visitors, talk: Talk) -> None:
    """Another of one's own pages was quicker, and this one has not heard of it."""
    sam = await dashboard(visitors, talk)
    visitors.tolerate("409")
    await sam.route("**/api/suggestions/*/send", lambda route: route.fulfill(status=409, json={"error": {"code": "moved_on"}}))
    await card(sam).get_by_role("button", name="Envoyer ce mot").click()
    await expect(sam.locator(".suggestion__state")).to_have_text("Cette suggestion n’est plus d’actualité.")
    await expect(card(sam)).to_have_count(0)


async def test_a_professional_sees_nothing_of_it(visitors: Visitors, talk: Talk) -> None:
    claire = await dashboard(visitors, talk, talk.claire)
    await expect(claire.locator("suggestion-card")).to_have_count(0)


async def test_a_reminder_that_went_is_told_in_the_side_panel(service: Service, visitors: Visitors, talk: Talk) -> None:
    remind(service.data, talk.thread)
    sam = await dashboard(visitors, talk)
    await expect(sam.locator("#side [data-part=reminder]")).to_contain_text("un rappel automatique est parti par e-mail.")
    await shoot(sam, "reminder-wide")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_fits_a_phone(visitors: Visitors, talk: Talk, scheme: str) -> None:
    sam = await dashboard(visitors, talk, viewport=PHONE, color_scheme=scheme)
    await expect(card(sam)).to_be_visible()
    await assert_no_sideways_scroll(sam)
    await assert_accessible(sam)
    await shoot(sam, f"suggestion-phone-{scheme}")
    await sam.set_viewport_size({"width": 360, "height": 420})  # a keyboard is open
    await sam.locator("#composer").focus()
    await expect(card(sam)).to_be_hidden()


async def test_it_is_dark_where_one_likes_that(visitors: Visitors, talk: Talk) -> None:
    sam = await dashboard(visitors, talk, color_scheme="dark")
    await expect(card(sam)).to_be_visible()
    await shoot(sam, "suggestion-wide-dark")


async def test_rules_are_switched_by_companions_and_administrators(service: Service, visitors: Visitors, talk: Talk) -> None:
    ada = await service.add("administrator", "Ada")
    for who in (talk.sam, ada):
        page = await visitors.page_of(who, "/dashboard")
        await page.get_by_role("button", name="Votre compte").first.click()
        await page.get_by_role("button", name="Encouragements").click()
        rule = page.get_by_role("checkbox", name="Un message écrit à la personne")
        await expect(rule).to_be_checked()
        await assert_accessible(page)
        await shoot(page, f"rules-{who.role}")
        async with page.expect_response("**/api/encouragements/silence"):
            await rule.uncheck()
        async with page.expect_response("**/api/encouragements/silence"):
            await rule.check()


async def test_others_have_no_rules_to_switch(visitors: Visitors, talk: Talk) -> None:
    claire = await dashboard(visitors, talk, talk.claire)
    await claire.get_by_role("button", name="Votre compte").first.click()
    await expect(claire.get_by_role("button", name="Mon compte")).to_be_visible()
    await expect(claire.get_by_role("button", name="Encouragements")).to_have_count(0)
