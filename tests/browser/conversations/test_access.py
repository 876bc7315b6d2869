"""Who has access: shown in full, changes seen before the next message, colleagues brought in, notes kept to oneself."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Page, Route, expect

from tests.browser.conftest import PHONE, Pair, Person, Service, Visitors, assert_accessible, bubble, post, shoot, write

pytestmark = pytest.mark.asyncio(loop_scope="session")

NAMES = iter(["Thomas", "Yasmine", "Noé", "Aïcha", "Hugo"])


@pytest_asyncio.fixture(loop_scope="session")
async def thomas(service: Service) -> AsyncIterator[Person]:
    yield await service.add("professional", next(NAMES))


async def change_seats(page: Page, deed: str, person: Person, history: str = "") -> None:
    """Bring a colleague in or hand over, by using the page."""
    await page.get_by_role("button", name={"in": "Faire entrer un·e collègue", "over": "Transmettre"}[deed], exact=True).click()
    if await page.locator("colleagues-sheet input[type=search]").count():
        await page.locator("colleagues-sheet input[type=search]").fill(person.first_name)
    await page.locator(".colleagues .choice", has_text=person.first_name).last.click()
    if history:
        await page.get_by_text(history).click()
    await page.get_by_role("button", name={"in": "Faire entrer", "over": "Transmettre et quitter"}[deed], exact=True).click()
    await expect(page.locator("colleagues-sheet")).to_have_count(0)


async def test_access_is_told_in_full(visitors: Visitors, pair: Pair) -> None:
    member = await visitors.page_of(pair.member)
    await member.get_by_role("button", name="Qui y a accès").click()
    await expect(member.locator(".access__person", has_text="Claire")).to_contain_text("depuis le")
    await expect(member.locator("[data-part=recovery-name]")).not_to_be_empty()


async def test_a_recovery_key_shows_its_fingerprint(visitors: Visitors, pair: Pair) -> None:
    member = await visitors.page_of(pair.member)

    async def with_key(route: Route) -> None:
        answer = await (await route.fetch()).json()
        await route.fulfill(json={**answer, "recovery": {"fingerprint": "0123456789abcdef"}})

    await member.route("**/access", with_key)
    await member.get_by_role("button", name="Qui y a accès").click()
    await expect(member.locator(".fingerprint")).to_have_text("0123 4567 89ab cdef")
    await shoot(member, "member-access-key-wide")


async def test_a_newcomer_is_seen_before_the_next_message(visitors: Visitors, pair: Pair, thomas: Person) -> None:
    member = await visitors.page_of(pair.member, f"/member#{pair.thread}")
    await write(member, "Avant.")
    await expect(member.locator("message-row").last).to_contain_text("envoyé")
    claire = await visitors.page_of(pair.professional, f"/dashboard#{pair.thread}")
    await claire.get_by_role("button", name="Faire entrer un·e collègue").click()
    await expect(claire.get_by_text("Que pourra lire cette personne")).to_be_visible()
    await shoot(claire, "dashboard-colleagues-wide")
    await assert_accessible(claire)
    await claire.get_by_role("button", name="Annuler").click()
    await change_seats(claire, "in", thomas)
    await expect(member.locator(".composer__change")).to_contain_text("a rejoint la conversation")
    await expect(member.locator(".change")).to_be_visible()
    await shoot(member, "member-change-wide")
    await assert_accessible(member)
    await write(member, "Après.")
    await expect(member.get_by_role("button", name="J’ai compris")).to_be_focused()
    await expect(bubble(member, "Après.")).to_have_count(0)
    await member.keyboard.press("Enter")
    await member.keyboard.press("Control+Enter")
    await expect(bubble(claire, "Après.")).to_be_visible()
    await expect(claire.locator(".composer__change")).to_be_hidden()
    await expect(claire.locator(".access__person", has_text=thomas.first_name)).to_contain_text("ne lit rien d’avant")
    newcomer = await visitors.page_of(thomas, f"/dashboard#{pair.thread}")
    await expect(bubble(newcomer, "Après.")).to_be_visible()
    await expect(bubble(newcomer, "Avant.")).to_have_count(0)


async def test_a_change_while_away_is_seen_on_return(visitors: Visitors, pair: Pair, thomas: Person) -> None:
    visitors.tolerate("404")
    member = await visitors.page_of(pair.member)
    await member.wait_for_function("Object.keys(localStorage).some((key) => key.includes('people'))")
    await post(member, pair.thread, ["Bonjour Claire."])
    await member.goto("/sign-in")
    claire = await visitors.page_of(pair.professional, f"/dashboard#{pair.thread}")
    await change_seats(claire, "over", thomas, "Toute la conversation")
    await expect(claire.locator("#composer")).to_be_hidden()
    await member.goto("/member")
    await expect(member.locator(".composer__change")).to_contain_text("Claire a quitté la conversation")
    await member.get_by_role("button", name="J’ai compris").click()
    await expect(member.locator(".composer__change")).to_be_hidden()
    newcomer = await visitors.page_of(thomas, f"/dashboard#{pair.thread}")
    await expect(bubble(newcomer, "Bonjour Claire.")).to_be_visible()


async def test_leaving_is_asked_first(visitors: Visitors, pair: Pair) -> None:
    visitors.tolerate("404")
    claire = await visitors.page_of(pair.professional, f"/dashboard#{pair.thread}")
    await claire.get_by_role("button", name="Quitter", exact=True).click()
    await expect(claire.get_by_text("Vous êtes la seule personne à répondre")).to_be_visible()
    await shoot(claire, "dashboard-leave-wide")
    await claire.get_by_role("button", name="Quitter la conversation").click()
    await expect(claire.locator(".person")).to_have_count(0)


async def test_a_note_saves_itself(visitors: Visitors, pair: Pair) -> None:
    claire = await visitors.page_of(pair.professional, f"/dashboard#{pair.thread}")
    await claire.get_by_role("textbox", name="Mes notes").fill("Retient son souffle quand elle cède.")
    await expect(claire.locator("[data-part=note-state]")).to_have_text("Enregistré")
    await shoot(claire, "dashboard-note-wide")
    await claire.reload()
    await expect(claire.get_by_role("textbox", name="Mes notes")).to_have_value("Retient son souffle quand elle cède.")


async def test_a_note_that_is_not_saved_says_so_and_survives(visitors: Visitors, pair: Pair) -> None:
    visitors.tolerate("500")
    claire = await visitors.page_of(pair.professional, f"/dashboard#{pair.thread}")
    await expect(claire.locator("[data-part=note-text]:not([readonly])")).to_have_count(1)
    await claire.route(
        "**/note", lambda route: route.fulfill(status=500, body="oops") if route.request.method == "PUT" else route.continue_()
    )
    await claire.get_by_role("textbox", name="Mes notes").fill("À ne pas perdre.")
    await expect(claire.get_by_text("Pas encore enregistré")).to_be_visible()
    await claire.unroute_all()
    await claire.reload()
    await expect(claire.locator("[data-part=note-state]")).to_have_text("Enregistré")
    await expect(claire.get_by_role("textbox", name="Mes notes")).to_have_value("À ne pas perdre.")


async def test_on_a_phone_notes_open_above(visitors: Visitors, pair: Pair) -> None:
    claire = await visitors.page_of(pair.professional, f"/dashboard#{pair.thread}", viewport=PHONE)
    await expect(claire.get_by_role("textbox", name="Mes notes")).to_be_hidden()
    await claire.get_by_role("button", name="Notes et accès").click()
    await expect(claire.get_by_role("textbox", name="Mes notes")).to_be_visible()
    await shoot(claire, "dashboard-side-360")
    await assert_accessible(claire)
    await claire.keyboard.press("Escape")
    await expect(claire.get_by_role("textbox", name="Mes notes")).to_be_hidden()


async def test_a_broken_message_is_shown_as_such(visitors: Visitors, pair: Pair) -> None:
    member = await visitors.page_of(pair.member)
    await post(member, pair.thread, ["Un.", "Deux."])

    async def breaking(route: Route) -> None:
        answer = await (await route.fetch()).json()
        answer["messages"][0] |= {"kind": "broken", "text": ""}
        await route.fulfill(json=answer)

    await member.route("**/messages?*", breaking)
    await member.reload()
    await expect(member.get_by_text("Ce message a été altéré : il n’est pas affiché.")).to_be_visible()
    await shoot(member, "member-broken-wide")
