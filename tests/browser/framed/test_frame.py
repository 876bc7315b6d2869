"""The frame in a real browser: navigation for each role and width, signing out, and what was typed when the session ends."""

from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.conftest import (
    PASSWORD,
    PHONE,
    WIDE,
    Pair,
    Service,
    Visitors,
    assert_accessible,
    assert_no_sideways_scroll,
    bubble,
    post,
    shoot,
    sign_in_quietly,
    until_live,
    write,
)
from tests.browser.mail.test_mail import write_letters

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_rail_counts_conversations_as_they_come_and_are_read(visitors: Visitors, pair: Pair) -> None:
    member, claire = await visitors.page_of(pair.member), await visitors.page_of(pair.professional)
    await until_live(member, claire)
    place = claire.get_by_role("navigation", name="Navigation").get_by_role("link", name="Conversations")
    await expect(place).to_have_accessible_name("Conversations")
    await write(member, "Bonjour Claire")
    await expect(place).to_have_accessible_name("Conversations en attente : 1")
    await claire.locator(".person").click()
    await expect(bubble(claire, "Bonjour Claire")).to_be_visible()
    await expect(place).to_have_accessible_name("Conversations")


async def test_each_role_has_its_own_places(service: Service, visitors: Visitors, pair: Pair) -> None:
    administrator = await service.add("administrator", "Alix")
    for person, path, places in (
        (pair.member, "/member", ["Conversations", "Parcours"]),
        (pair.professional, "/dashboard", ["Conversations", "Vue d’ensemble"]),
        (administrator, "/dashboard", ["Courrier", "Parcours"]),
    ):
        page = await visitors.page_of(person, path)
        await expect(page.get_by_role("navigation", name="Navigation").get_by_role("listitem")).to_have_text(
            places, use_inner_text=True
        )


async def test_on_a_phone_the_places_are_below_and_give_way_to_writing(visitors: Visitors, pair: Pair) -> None:
    options: dict[str, Any] = {"viewport": PHONE, "has_touch": True, "is_mobile": True}
    member = await visitors.page_of(pair.member, **options)
    await expect(member.get_by_role("navigation", name="Navigation")).to_be_in_viewport()
    await member.tap("#composer")
    await expect(member.get_by_role("navigation", name="Navigation")).to_be_hidden()
    claire = await visitors.page_of(pair.professional, f"/dashboard#{pair.thread}", **options)
    rail = claire.get_by_role("navigation", name="Navigation")
    await expect(rail).to_be_in_viewport()
    await expect(claire.get_by_role("textbox", name="Votre message")).to_be_in_viewport()
    await assert_no_sideways_scroll(claire)
    await shoot(claire, "frame-dashboard-360")
    await claire.tap("#composer")
    await expect(rail).to_be_hidden()
    await shoot(claire, "frame-writing-360")
    await claire.get_by_role("button", name="Réponses types").tap()
    await expect(claire.locator("replies-sheet").get_by_role("heading").first).to_be_visible()


async def test_in_a_low_window_nothing_sticks(visitors: Visitors, pair: Pair) -> None:
    claire = await visitors.page_of(pair.professional, viewport={"width": 320, "height": 256})
    await expect(claire.get_by_role("navigation", name="Navigation")).to_be_hidden()
    await claire.goto("/overview")
    await assert_no_sideways_scroll(claire)
    await claire.evaluate("scrollTo(0, 600)")
    await expect(claire.get_by_role("heading", name="Vue d’ensemble")).not_to_be_in_viewport()
    await expect(claire.get_by_role("navigation", name="Navigation")).not_to_be_in_viewport()


async def test_beside_the_rail_everything_of_a_conversation_has_room(visitors: Visitors, pair: Pair) -> None:
    for width in (740, 1000, 1216, 1280, 1600):
        claire = await visitors.page_of(pair.professional, f"/dashboard#{pair.thread}", viewport={**WIDE, "width": width})
        await expect(claire.get_by_role("textbox", name="Votre message")).to_be_visible()
        await assert_no_sideways_scroll(claire)
        box = await claire.locator(".dashboard__main").bounding_box()
        assert box
        assert box["width"] >= 300
        assert box["x"] + box["width"] <= width


async def test_signing_out_without_a_script_leaves_nothing_behind(visitors: Visitors, service: Service) -> None:
    claire = await service.add("professional", "Claire")
    context = await visitors.context()
    await sign_in_quietly(context, service.url, claire)
    page = await context.new_page()
    await page.goto("/overview")
    await page.evaluate("localStorage.setItem('ailo-draft', 'x')")
    await page.get_by_role("button", name="Votre compte").click()
    await page.get_by_role("link", name="Se déconnecter").click()
    await expect(page.get_by_role("heading", name="Se déconnecter de ce navigateur")).to_be_visible()
    await assert_accessible(page)
    await shoot(page, "sign-out-wide")
    await page.get_by_role("link", name="Rester").click()
    await expect(page).to_have_url(f"{service.url}/dashboard")
    assert await page.evaluate("localStorage.getItem('ailo-draft')") == "x"
    await page.goto("/sign-out")
    await page.get_by_role("button", name="Effacer et se déconnecter").click()
    await expect(page).to_have_url(f"{service.url}/sign-in")
    assert await page.evaluate("localStorage.getItem('ailo-draft')") is None
    assert (await context.request.get("/api/account")).status == 401


@pytest.mark.parametrize("has_script", [True, False])
async def test_what_was_typed_when_the_session_ends_is_sent_after_signing_in(
    visitors: Visitors, service: Service, *, has_script: bool
) -> None:
    """The form of the outbox stands for all: what it held is there again, and goes on with one button."""
    visitors.tolerate("401", "422")
    administrator = await service.add("administrator", "Alix")
    letter = write_letters(service, administrator)[0]
    context = await visitors.context(java_script_enabled=has_script)
    await sign_in_quietly(context, service.url, administrator)
    page = await context.new_page()
    await page.goto(f"/mail?give-up={letter}&back=%2Fmail%3Fstate%3Dfailed")
    await context.clear_cookies()
    await page.get_by_role("button", name="Abandonner").click()
    await expect(page.get_by_role("heading", name="Votre session est terminée")).to_be_visible()
    if has_script:
        await assert_accessible(page)
    await shoot(page, "session-ended-wide")
    await page.get_by_label("Adresse e-mail").fill(administrator.email)
    await page.get_by_label("Mot de passe").fill("ce n’est pas le bon")
    await page.get_by_role("button", name="Se connecter").click()
    await expect(page.get_by_text("Cette adresse et ce mot de passe ne vont pas ensemble.")).to_be_visible()
    await expect(page.get_by_label("Adresse e-mail")).to_have_value(administrator.email)
    if has_script:
        await assert_accessible(page)
    await shoot(page, "sign-in-form-refused-wide")
    await page.get_by_label("Mot de passe").fill(PASSWORD)
    await page.get_by_role("button", name="Se connecter").click()
    await expect(page.get_by_role("heading", name="Vous êtes de retour, Alix")).to_be_visible()
    await page.get_by_role("button", name="Envoyer maintenant").click()
    await expect(page.get_by_role("status")).to_contain_text("La lettre est abandonnée.")
    await expect(page.get_by_role("row").filter(has_text=letter)).to_contain_text("abandonnée sur cette page")


async def test_a_page_of_another_site_can_post_nothing(visitors: Visitors, pair: Pair) -> None:
    visitors.tolerate("403")
    claire = await visitors.page_of(pair.professional)
    await post(claire, pair.thread, ["Bonjour"])
    await claire.route("https://ailleurs.example/", lambda route: route.fulfill(
        content_type="text/html", body=f"<form method=post action='{visitors.url}/sign-out'><button>Gagner</button></form>",
    ))  # fmt: skip
    await claire.goto("https://ailleurs.example/")
    await claire.get_by_role("button", name="Gagner").click()
    await expect(claire.get_by_role("heading", name="Cette demande n’a pas été acceptée")).to_be_visible()
    assert (await claire.context.request.get("/api/account")).ok
