"""Every page and state: no axe violations, no sideways scroll, a screenshot to look at, and text that stays text."""

from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page, Route, expect

from tests.browser.conftest import (
    NARROW,
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
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

LOOKS: dict[str, dict[str, Any]] = {
    "wide": {"viewport": WIDE},
    "wide-dark": {"viewport": WIDE, "color_scheme": "dark"},
    "360": {"viewport": PHONE, "has_touch": True},
    "360-dark": {"viewport": PHONE, "has_touch": True, "color_scheme": "dark"},
    "320": {"viewport": NARROW},
    "forced-colours": {"viewport": WIDE, "forced_colors": "active"},
}

# The narrowest looks like the phone's, and axe does not see the system's own colours.
LOOKED_AT_ONLY = ("320", "forced-colours")

TALK = [
    "Bonjour Claire, je me permets de vous écrire après une réunion difficile.",
    "J’ai l’impression de ne plus savoir dire non à mon équipe.",
    "Anticonstitutionnellement" * 12,
]

HARMFUL = [
    "<script>document.title='pris'</script>",
    "<img src=x onerror=\"document.title='pris'\">",
    "<svg/onload=\"document.title='pris'\">",
    "javascript:document.title='pris'",
    '"><iframe srcdoc="<script>parent.document.title=1</script>">',
    "{{constructor.constructor('document.title=1')()}}${document.title=1}",
    "<style>*{display:none}</style><base href=//x.example>",
    "\u202eetnellivreuqap\u202c \u0000\ufeff",
]


@pytest_asyncio.fixture(loop_scope="session")
async def talk(service: Service, visitors: Visitors, pair: Pair) -> Pair:
    """A conversation with some messages in it."""
    member = await visitors.page_of(pair.member)
    await post(member, pair.thread, TALK)
    professional = await visitors.page_of(pair.professional)
    await post(professional, pair.thread, ["Bonjour Léa, merci de votre confiance.\nQu’est-ce qui s’est passé, juste avant ?"])
    await post(member, pair.thread, ["J’ai retenu mon souffle."])
    return pair


async def check(page: Page, name: str) -> None:
    await assert_no_sideways_scroll(page)
    await shoot(page, name)
    if not name.endswith(LOOKED_AT_ONLY):
        await assert_accessible(page)


@pytest.mark.parametrize("look", LOOKS)
async def test_the_door_is_open_to_all(visitors: Visitors, look: str) -> None:
    page = await (await visitors.context(**LOOKS[look])).new_page()
    await page.goto("/sign-in")
    await check(page, f"sign-in-{look}")
    await page.get_by_role("button", name="Aide urgente").click()
    await expect(page.get_by_role("link", name="3114")).to_be_in_viewport()
    await check(page, f"urgent-help-{look}")


async def test_the_conversation_is_open_to_all(visitors: Visitors, talk: Pair) -> None:
    for look, options in LOOKS.items():
        member = await visitors.page_of(talk.member, **options)
        await expect(bubble(member, "retenu mon souffle")).to_be_in_viewport()
        await check(member, f"member-{look}")
        await member.get_by_role("button", name="Qui y a accès").click()
        await expect(member.get_by_text("Chaque message est chiffré pour ces personnes")).to_be_visible()
        await check(member, f"member-access-{look}")


async def test_the_dashboard_is_open_to_all(visitors: Visitors, talk: Pair) -> None:
    for look, options in LOOKS.items():
        professional = await visitors.page_of(talk.professional, **options)
        await expect(professional.locator(".person")).to_be_visible()
        await check(professional, f"dashboard-{look}")
        await professional.locator(".person").click()
        await expect(bubble(professional, "retenu mon souffle")).to_be_in_viewport()
        await check(professional, f"dashboard-open-{look}")


async def test_an_empty_conversation_says_what_follows(visitors: Visitors, pair: Pair) -> None:
    for look in ("wide", "360-dark"):
        member = await visitors.page_of(pair.member, **LOOKS[look])
        await expect(member.get_by_text("Claire vous répondra ici")).to_be_visible()
        await check(member, f"member-empty-{look}")


async def test_somebody_without_conversation_is_welcomed(service: Service, visitors: Visitors) -> None:
    member = await visitors.page_of(await service.add("member", "Nour"))
    await expect(member.get_by_text("Votre première conversation s’ouvrira ici")).to_be_visible()
    await check(member, "member-welcome-wide")
    professional = await visitors.page_of(await service.add("professional", "Thomas"))
    await expect(professional.get_by_text("Vos conversations apparaîtront ici")).to_be_visible()
    await check(professional, "dashboard-welcome-wide")


async def test_a_service_that_fails_is_told_and_tried_again(visitors: Visitors, talk: Pair) -> None:
    visitors.tolerate("500", "ERR_FAILED")
    context = (await visitors.page_of(talk.member)).context
    page = await context.new_page()

    async def fail_until_clicked(route: Route) -> None:
        """The page tries again by itself, too, which must not be faster than the click."""
        await (route.continue_() if await page.evaluate("window.wasClicked") else route.fulfill(status=500, body="oops"))

    await page.add_init_script("addEventListener('click', () => { window.wasClicked = true }, true)")
    await page.route("**/api/threads?", fail_until_clicked)
    await page.goto("/member")
    await expect(page.get_by_text("Le service ne répond pas")).to_be_visible()
    await check(page, "member-away-wide")
    await page.get_by_role("button", name="Réessayer maintenant").click()
    await expect(bubble(page, "retenu mon souffle")).to_be_visible()


async def test_messages_that_do_not_load_say_so(visitors: Visitors, talk: Pair) -> None:
    visitors.tolerate("ERR_FAILED")
    context = (await visitors.page_of(talk.member)).context
    page = await context.new_page()
    await page.route("**/messages?*", lambda route: route.abort())
    await page.goto("/member")
    await expect(page.get_by_text("Les messages n’ont pas pu être chargés")).to_be_visible()
    await check(page, "member-trouble-wide")
    await page.unroute_all()
    await page.get_by_role("button", name="Réessayer").first.click()
    await expect(bubble(page, "retenu mon souffle")).to_be_visible()


async def test_an_unknown_page_is_kind(visitors: Visitors) -> None:
    visitors.tolerate("404")
    page = await (await visitors.context()).new_page()
    await page.goto("/nulle-part")
    await expect(page.get_by_role("heading")).to_have_text("Cette page n’existe pas")
    await check(page, "not-found-wide")


async def test_what_the_service_wrote_is_shown_as_that(visitors: Visitors, talk: Pair) -> None:
    context = (await visitors.page_of(talk.member)).context

    async def relabel(route: Route) -> None:
        answer = await (await route.fetch()).json()
        for message, kind in zip(answer["messages"], ["welcome", "lesson", "email"], strict=False):
            message["kind"] = kind
        answer["messages"][1]["text"] = "Le oui automatique\n\nCette semaine, repérez une seule fois où vous dites oui."
        await route.fulfill(json=answer)

    page = await context.new_page()
    await page.route("**/messages?*", relabel)
    await page.goto("/member")
    await expect(page.get_by_text("Un mot d’accueil, envoyé par Ailo")).to_be_attached()
    await expect(page.locator(".letter__title")).to_have_text("Le oui automatique")
    await check(page, "member-letters-wide")


async def test_written_text_stays_text(visitors: Visitors, pair: Pair) -> None:
    member = await visitors.page_of(pair.member)
    await post(member, pair.thread, HARMFUL)
    professional = await visitors.page_of(pair.professional, f"/dashboard#{pair.thread}")
    await expect(professional.locator(".message")).to_have_count(len(HARMFUL))
    shown = await professional.locator(".message").evaluate_all("all => all.map((one) => one.textContent)")
    assert shown == HARMFUL
    assert await professional.locator(".message *").count() == 0
    await expect(professional).to_have_title("Conversations — Ailo")


async def test_a_long_text_counts_near_the_limit(visitors: Visitors, pair: Pair) -> None:
    member = await visitors.page_of(pair.member)
    await member.fill("#composer", "é" * 7_400)
    await expect(member.locator("#composer-count")).to_be_empty()
    await member.fill("#composer", "🌱" * 7_990)
    await expect(member.locator("#composer-count")).to_contain_text("7 990 / 8 000")
    await member.fill("#composer", "é" * 8_002)
    await expect(member.locator("#composer-count")).to_contain_text("2 caractères de trop")
    await member.keyboard.press("Control+Enter")
    await expect(member.locator("message-row")).to_have_count(0)


async def test_touch_targets_are_large_enough(visitors: Visitors, talk: Pair) -> None:
    member = await visitors.page_of(talk.member, **LOOKS["360"])
    small = await member.evaluate("""[...document.querySelectorAll("a, button, textarea, input")]
        .filter((one) => one.checkVisibility() && !one.matches(".skip"))
        .map((one) => [one.textContent.trim(), one.getBoundingClientRect()])
        .filter(([, { width, height }]) => width < 43.5 || height < 43.5).map(([text]) => text)""")
    assert small == []


async def test_twice_the_zoom_hides_nothing(visitors: Visitors, talk: Pair) -> None:
    member = await visitors.page_of(talk.member, viewport={"width": 640, "height": 400}, device_scale_factor=2)
    await assert_no_sideways_scroll(member)
    await expect(member.get_by_role("button", name="Envoyer")).to_be_in_viewport()
    await expect(member.get_by_role("button", name="Aide urgente")).to_be_in_viewport()
    await shoot(member, "member-zoom-200")
