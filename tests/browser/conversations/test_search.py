"""Search: accents do not matter, and a hit leads to its place in the conversation."""

import pytest
from playwright.async_api import expect

from tests.browser.conftest import PHONE, Pair, Visitors, assert_accessible, bubble, escape, post, shoot

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_find_leads_to_its_place(visitors: Visitors, pair: Pair) -> None:
    member = await visitors.page_of(pair.member)
    await post(member, pair.thread, ["L’hôpital m’a répondu, enfin."])
    await post(member, pair.thread, [f"Message {number}." for number in range(1, 130)])
    await member.reload()
    await member.click("[popovertarget=account-menu]")
    await member.get_by_role("button", name="Rechercher").click()
    await member.fill("search-sheet input", "hopital enfin")
    await expect(member.locator(".search__find mark")).to_have_text(["hôpital", "enfin"])
    await shoot(member, "member-search-wide")
    await assert_accessible(member)
    await member.locator(".search__find").click()
    await expect(bubble(member, "L’hôpital m’a répondu")).to_be_in_viewport()
    await expect(member.locator("message-row")).not_to_have_count(0)
    await member.evaluate("document.querySelector('.log__scroll').scrollTop = 1e9")
    await expect(bubble(member, "Message 60.")).to_be_attached()


async def test_what_is_nowhere_is_said(visitors: Visitors, pair: Pair) -> None:
    claire = await visitors.page_of(pair.professional, viewport=PHONE, color_scheme="dark")
    await claire.keyboard.press("s")
    await claire.fill("search-sheet input", "introuvable")
    await expect(claire.get_by_text("Rien de tel dans vos conversations.")).to_be_visible()
    await shoot(claire, "dashboard-search-360-dark")


async def test_the_keys_are_told(visitors: Visitors, pair: Pair) -> None:
    claire = await visitors.page_of(pair.professional, f"/dashboard#{pair.thread}")
    await claire.keyboard.press("?")
    await expect(claire.get_by_role("heading", name="Au clavier")).to_be_visible()
    await shoot(claire, "dashboard-keys-wide")
    await assert_accessible(claire)
    await escape(claire)
    await claire.keyboard.press("n")
    await expect(claire.get_by_role("textbox", name="Mes notes")).to_be_focused()
