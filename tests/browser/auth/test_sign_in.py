"""Signing in: by keyboard alone, and with honest messages when it does not work."""

import json

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.conftest import PASSWORD, Pair, Visitors, bubble, shoot

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def door(visitors: Visitors) -> Page:
    page = await (await visitors.context()).new_page()
    await page.goto("/")
    await page.wait_for_url("**/sign-in")
    return page


async def try_to_enter(page: Page, email: str, password: str) -> None:
    await page.fill("input[name=email]", email)
    await page.fill("input[name=password]", password)
    await page.keyboard.press("Enter")


async def test_the_keyboard_alone_signs_in_and_sends(visitors: Visitors, pair: Pair) -> None:
    page = await door(visitors)
    await page.keyboard.press("Tab")
    await page.keyboard.type(pair.member.email)
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/member")
    await expect(page.get_by_text("En direct")).to_be_visible()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.keyboard.type("Bonjour,")
    await page.keyboard.press("Enter")
    await page.keyboard.type("ceci est ma première lettre.")
    await page.keyboard.press("Control+Enter")
    await expect(bubble(page, "ma première lettre")).to_have_text("Bonjour,\nceci est ma première lettre.")


async def test_wrong_credentials_are_told_kindly(visitors: Visitors, pair: Pair) -> None:
    visitors.tolerate("401")
    page = await door(visitors)
    await try_to_enter(page, pair.member.email, "autre chose")
    await expect(page.get_by_role("alert")).to_contain_text("ne correspondent pas")
    await expect(page.locator("input[name=password]")).to_be_focused()
    await shoot(page, "sign-in-refused-wide")


async def test_too_many_attempts_say_how_long(visitors: Visitors) -> None:
    visitors.tolerate("429")
    page = await door(visitors)
    body = json.dumps({"error": {"code": "slow_down", "message": ""}})

    async def refuse(route: Route) -> None:
        await route.fulfill(status=429, headers={"Retry-After": "240"}, content_type="application/json", body=body)

    await page.route("**/api/session", refuse)
    await try_to_enter(page, "lea@example.test", "autre chose")
    await expect(page.get_by_role("alert")).to_contain_text("réessayez dans 4 minutes")


async def test_a_service_that_is_away_is_told(visitors: Visitors) -> None:
    visitors.tolerate("ERR_FAILED")
    page = await door(visitors)
    await page.route("**/api/session", lambda route: route.abort())
    await try_to_enter(page, "lea@example.test", "autre chose")
    await expect(page.get_by_role("alert")).to_contain_text("Le service ne répond pas")


async def test_an_empty_form_says_what_is_missing(visitors: Visitors) -> None:
    page = await door(visitors)
    await page.get_by_role("button", name="Se connecter").click()
    await expect(page.get_by_role("alert")).to_contain_text("Il manque")


async def test_signed_out_people_are_sent_to_the_door(visitors: Visitors) -> None:
    visitors.tolerate("401")
    page = await (await visitors.context()).new_page()
    await page.goto("/member")
    await page.wait_for_url("**/sign-in")


async def test_the_browser_chooses_the_language(visitors: Visitors) -> None:
    page = await (await visitors.context(locale="en-GB")).new_page()
    await page.goto("/sign-in")
    await expect(page.get_by_role("heading")).to_have_text("Good to see you again")
    await page.get_by_role("button", name="Show").click()
    await expect(page.get_by_role("button", name="Hide")).to_be_visible()
