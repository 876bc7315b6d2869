"""The settings in the sheet « Mon compte »: saved, the same in every browser, and nothing typed is lost when they change."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route, expect

from tests.browser.conftest import (
    PHONE,
    WIDE,
    Pair,
    Service,
    Visitors,
    assert_accessible,
    assert_no_sideways_scroll,
    escape,
    shoot,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Mobile/15E148 Safari/604.1"
LOOKS: dict[str, dict[str, Any]] = {
    "wide": {"viewport": WIDE},
    "360-dark": {"viewport": PHONE, "color_scheme": "dark"},
    "320": {"viewport": {"width": 320, "height": 640}},
    "forced-colours": {"viewport": WIDE, "forced_colors": "active"},
}
SAVED = "C’est enregistré."
USUAL: dict[str, Any] = {"replies": True, "digest": False, "programmes": True, "encouragements": True, "offers": False}
USUAL |= {"texts": False, "push": False, "quiet_from": None, "quiet_to": None, "most_a_day": None}


async def open_view(page: Page, button: str | None = None) -> None:
    await page.click("[popovertarget=account-menu]")
    await page.get_by_role("button", name="Mon compte").click()
    await expect(page.get_by_role("heading", name="Mon compte")).to_be_focused()
    if button:
        await page.get_by_role("button", name=button).click()


async def settings(page: Page) -> dict[str, Any]:
    answer = await page.request.get("/api/account/settings")
    return dict((await answer.json())["settings"])


async def expect_saved(page: Page) -> None:
    await expect(page.locator("account-sheet .account__status")).to_have_text(SAVED)


# Managing people


async def test_a_member_may_say_whether_they_manage_people_and_take_it_back(visitors: Visitors, pair: Pair) -> None:
    here = await visitors.page_of(pair.member)
    await open_view(here)
    question = here.get_by_role("group", name="Encadrez-vous des personnes")
    await expect(question.get_by_label("Sans réponse")).to_be_checked()
    for answer, kept in (("Oui", True), ("Non", False), ("Sans réponse", None)):
        await question.get_by_label(answer).check()
        await expect_saved(here)
        assert (await settings(here))["manages"] is kept
    await assert_accessible(here)


async def test_those_who_answer_are_not_asked_whether_they_manage_people(visitors: Visitors, pair: Pair) -> None:
    here = await visitors.page_of(pair.professional)
    await open_view(here)
    await expect(here.get_by_role("group", name="Écrire")).to_be_visible()
    await expect(here.get_by_role("group", name="Encadrez-vous des personnes")).to_have_count(0)


# Writing


async def test_how_one_writes_follows_one_from_browser_to_browser(visitors: Visitors, pair: Pair) -> None:
    here = await visitors.page_of(pair.member)
    await open_view(here)
    await here.get_by_label("Entrée envoie le message").check()
    await expect_saved(here)
    there = await visitors.page_of(pair.member)
    await expect(there.locator("[data-part=control]")).to_be_hidden()
    await there.fill("#composer", "Une ligne")
    await there.keyboard.press("Enter")
    await expect(there.locator("message-row")).to_have_count(1)


async def test_it_is_known_at_once_when_the_page_opens_again(visitors: Visitors, pair: Pair) -> None:
    """From what this browser last knew: the first view does not wait for the service."""
    page = await visitors.page_of(pair.member)
    await open_view(page)
    await page.get_by_label("Entrée envoie le message").check()
    await expect_saved(page)
    visitors.tolerate("ERR_FAILED")
    await page.route("**/api/account/settings", lambda route: route.abort())
    await page.reload()
    await expect(page.locator("[data-state=ready]")).to_have_count(1)
    await expect(page.locator("[data-part=control]")).to_be_hidden()


async def test_what_one_browser_knows_of_somebody_is_nothing_to_the_next(
    visitors: Visitors, service: Service, pair: Pair
) -> None:
    page = await visitors.page_of(pair.member)
    await page.evaluate("localStorage.setItem('ailo-preferences', JSON.stringify({ enterSends: true, account: 'another' }))")
    visitors.tolerate("ERR_FAILED")
    await page.route("**/api/account/settings", lambda route: route.abort())
    await page.reload()
    await expect(page.locator("[data-state=ready]")).to_have_count(1)
    await page.fill("#composer", "Une ligne")
    await page.keyboard.press("Enter")
    await expect(page.locator("#composer")).to_have_value("Une ligne\n")


async def test_the_other_tabs_go_by_it_at_once(visitors: Visitors, pair: Pair) -> None:
    page = await visitors.page_of(pair.member)
    other = await visitors.another_page(page.context)
    await expect(other.locator("[data-part=control]")).to_be_visible()
    async with other.expect_response("**/api/account/settings"):
        await other.reload()
    await open_view(page)
    await page.get_by_label("Entrée envoie le message").check()
    await expect_saved(page)
    await expect(other.locator("[data-part=control]")).to_be_hidden()


async def test_where_storage_is_forbidden_it_works_all_the_same(visitors: Visitors, pair: Pair) -> None:
    context = (await visitors.page_of(pair.member)).context
    await context.add_init_script("Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no') } })")
    page = await visitors.another_page(context)
    await open_view(page)
    await page.get_by_label("Entrée envoie le message").check()
    await expect_saved(page)
    await escape(page)
    await page.fill("#composer", "Une ligne")
    await page.keyboard.press("Enter")
    await expect(page.locator("message-row")).to_have_count(1)


async def test_that_a_change_is_saved_is_not_said_of_the_next(visitors: Visitors, pair: Pair) -> None:
    page = await visitors.page_of(pair.professional)
    await open_view(page)
    await page.get_by_label("Entrée envoie le message").check()
    await expect_saved(page)
    free = asyncio.Event()

    async def hold(route: Route) -> None:
        await free.wait()
        await route.continue_()

    await page.route("**/api/account/settings", hold)
    await page.get_by_label("Raccourcis à une touche").uncheck()
    assert SAVED not in await page.locator("account-sheet .account__said").inner_text()
    free.set()
    await expect_saved(page)
    assert not (await settings(page))["single_keys"]


async def test_what_could_not_be_saved_stays_chosen_and_is_tried_again(visitors: Visitors, pair: Pair) -> None:
    visitors.tolerate("503")
    page = await visitors.page_of(pair.professional)
    await open_view(page)
    refused: list[bytes | None] = []

    async def refuse(route: Route) -> None:
        if route.request.method != "PATCH":
            return await route.continue_()
        refused.append(route.request.post_data_buffer)
        return await route.fulfill(status=503, json={"error": {"code": "busy", "message": ""}})

    await page.route("**/api/account/settings", refuse)
    await page.get_by_label("Entrée envoie le message").check()
    await expect(page.get_by_role("alert").get_by_text("Ce n’est pas encore enregistré. Le service a un souci")).to_be_visible()
    await page.get_by_label("Raccourcis à une touche").uncheck()
    await expect(page.get_by_label("Entrée envoie le message")).to_be_checked()
    await shoot(page, "account-not-saved-wide")
    await assert_accessible(page)
    await page.unroute_all()
    await page.get_by_role("button", name="Réessayer").last.click()
    await expect_saved(page)
    found = await settings(page)
    assert (found["enter_sends"], found["single_keys"], len(refused)) == (True, False, 2)


# E-mails


async def test_quiet_hours_are_chosen_by_keyboard_and_kept(visitors: Visitors, pair: Pair) -> None:
    page = await visitors.page_of(pair.member)
    await open_view(page)
    await page.get_by_role("button", name="E-mails : Choisir").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="E-mails")).to_be_focused()
    await page.keyboard.press("Tab")
    for label in (
        "M’écrire tout de suite",
        "Avec le texte de la réponse",
        "Les étapes de mes parcours",
        "Des encouragements",
        "Les nouveaux parcours",
        "E-mails par jour, au plus",
    ):
        await page.keyboard.press("Tab")
        await expect(page.get_by_label(label)).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(page.get_by_label("Des heures calmes")).to_be_focused()
    await page.keyboard.press("Space")
    await expect_saved(page)
    assert (await settings(page))["letters"] == {**USUAL, "quiet_from": "21:00", "quiet_to": "07:00"}
    await page.get_by_label("De", exact=True).fill("22:30")
    await expect_saved(page)
    await page.get_by_label("À", exact=True).fill("22:30")
    await expect(page.get_by_role("alert").get_by_text("Le début et la fin sont la même heure.")).to_be_visible()
    await expect(page.get_by_label("À", exact=True)).to_have_value("22:30")
    await shoot(page, "account-letters-equal-wide")
    assert (await settings(page))["letters"]["quiet_to"] == "07:00"
    await page.get_by_label("À", exact=True).fill("08:00")
    await expect_saved(page)
    await page.get_by_role("button", name="Retour à mon compte").click()
    await expect(page.get_by_text("sauf de 22:30 à 08:00")).to_be_visible()
    await expect(page.get_by_role("button", name="E-mails : Choisir")).to_be_focused()


async def test_what_is_typed_fast_is_saved_in_its_order(visitors: Visitors, pair: Pair) -> None:
    """Though the first answer is late, the last choice stands."""
    page = await visitors.page_of(pair.member)
    await open_view(page, "E-mails : Choisir")
    free, held = asyncio.Event(), list[bytes | None]()

    async def hold(route: Route) -> None:
        held.append(route.request.post_data_buffer)
        await free.wait()
        await route.continue_()

    await page.route("**/api/account/settings", hold)
    await page.get_by_label("Des heures calmes").check()
    for time in ("20:00", "20:30", "22:15"):
        await page.get_by_label("De", exact=True).fill(time)
    assert len(held) == 1
    free.set()
    await expect_saved(page)
    assert (await settings(page))["letters"]["quiet_from"] == "22:15"
    assert len(held) == 2


async def test_what_is_saved_late_does_not_hide_what_is_wrong(visitors: Visitors, pair: Pair) -> None:
    page = await visitors.page_of(pair.member)
    await open_view(page, "E-mails : Choisir")
    await page.get_by_label("Des heures calmes").check()
    await expect_saved(page)
    free = asyncio.Event()

    async def hold(route: Route) -> None:
        await free.wait()
        await route.continue_()

    await page.route("**/api/account/settings", hold)
    await page.get_by_label("De", exact=True).fill("22:30")
    await page.get_by_label("À", exact=True).fill("22:30")
    fault = page.get_by_role("alert").get_by_text("Le début et la fin sont la même heure.")
    await expect(fault).to_be_visible()
    async with page.expect_response("**/api/account/settings") as answer:
        free.set()
    await (await answer.value).finished()
    await page.evaluate("new Promise(requestAnimationFrame)")
    await expect(fault).to_be_visible()
    assert (await settings(page))["letters"] == {**USUAL, "quiet_from": "22:30", "quiet_to": "07:00"}


async def test_e_mails_can_be_turned_off_and_on_again(visitors: Visitors, pair: Pair) -> None:
    page = await visitors.page_of(pair.member)
    await open_view(page, "E-mails : Choisir")
    await page.get_by_label("Ne pas m’écrire").check()
    await expect_saved(page)
    assert not (await settings(page))["letters"]["replies"]
    await page.get_by_role("button", name="Retour à mon compte").click()
    await expect(page.get_by_text("Pas pour une réponse.")).to_be_visible()
    await page.get_by_role("button", name="E-mails : Choisir").click()
    for label in ("Les étapes de mes parcours", "Des encouragements"):
        await page.get_by_label(label).uncheck()
    await expect_saved(page)
    found = (await settings(page))["letters"]
    assert (found["programmes"], found["encouragements"]) == (False, False)
    await page.get_by_role("button", name="Retour à mon compte").click()
    await expect(page.get_by_text("Aucun e-mail.")).to_be_visible()
    await page.get_by_role("button", name="E-mails : Choisir").click()
    await page.get_by_label("M’écrire tout de suite").check()
    await expect_saved(page)
    assert (await settings(page))["letters"]["replies"]


async def test_the_text_of_replies_is_chosen_knowing_who_can_read_it(visitors: Visitors, pair: Pair) -> None:
    page = await visitors.page_of(pair.member)
    await open_view(page, "E-mails : Choisir")
    texts = page.get_by_label("Avec le texte de la réponse")
    await expect(texts).not_to_be_checked()
    await expect(texts).to_have_accessible_description(re.compile("votre employeur le peut aussi"))
    async with saving(page, "texts"):
        await texts.check()
    await expect(page.get_by_text("et rien de plus")).to_be_hidden()
    assert (await settings(page))["letters"]["texts"]
    await page.get_by_label("Ne pas m’écrire").check()
    await expect(texts).to_be_hidden()
    await page.get_by_label("M’écrire une fois par jour").check()
    await expect(texts).to_be_checked()
    await shoot(page, "letters-with-texts")


async def test_staff_are_offered_no_texts(visitors: Visitors, pair: Pair) -> None:
    page = await visitors.page_of(pair.professional)
    await open_view(page, "E-mails : Choisir")
    await expect(page.get_by_label("M’écrire tout de suite")).to_be_visible()
    await expect(page.get_by_label("Avec le texte de la réponse")).to_have_count(0)


@asynccontextmanager
async def saving(page: Page, name: str) -> AsyncIterator[None]:
    """Wait until the service has answered a change of this setting: "saved" is still said of the change before."""
    async with page.expect_response(lambda answer: name in (answer.request.post_data or "")):
        yield


async def test_one_e_mail_a_day_and_one_at_most(visitors: Visitors, pair: Pair) -> None:
    for look, options in LOOKS.items():
        page = await visitors.page_of(pair.member, **options)
        await open_view(page, "E-mails : Choisir")
        await page.get_by_label("M’écrire une fois par jour").check()
        async with saving(page, "most_a_day"):
            await page.get_by_label("E-mails par jour, au plus").select_option("1")
        await expect_saved(page)
        found = (await settings(page))["letters"]
        assert (found["replies"], found["digest"], found["most_a_day"]) == (True, True, 1)
        await shoot(page, f"account-letters-digest-{look}")
        await assert_no_sideways_scroll(page)
        if look != "forced-colours":
            await assert_accessible(page)
        async with saving(page, "most_a_day"):
            await page.get_by_label("E-mails par jour, au plus").select_option("2, comme le prévoit le service")
        await expect_saved(page)
        assert (await settings(page))["letters"]["most_a_day"] is None
        await page.get_by_role("button", name="Retour à mon compte").click()
        await expect(page.get_by_text("Une fois par jour, si une réponse vous attend.")).to_be_visible()


async def test_who_answers_members_is_offered_no_programmes(visitors: Visitors, pair: Pair) -> None:
    page = await visitors.page_of(pair.professional)
    await open_view(page, "E-mails : Choisir")
    await expect(page.get_by_label("M’écrire tout de suite")).to_be_checked()
    await expect(page.get_by_text("M’envoyer aussi")).to_have_count(0)


async def refuse_letters(page: Page, at: str, *, is_for_good: bool = False) -> None:
    """Pretend that the relay has refused the last letter; tests/delivery and tests/flows have real refusals."""

    async def told(route: Route) -> None:
        answer = await route.fetch()
        body = await answer.json()
        more = {"letters_refused_at": at, "letters_stopped_at": at if is_for_good else None}
        await route.fulfill(response=answer, json={**body, **more})

    await page.context.route("**/api/account/settings", told)


async def test_refused_letters_are_told_kindly_and_can_be_put_off(visitors: Visitors, pair: Pair) -> None:
    for look, options in LOOKS.items():
        page = await visitors.page_of(pair.member, **options)
        await refuse_letters(page, "2026-11-12T09:00:00Z")
        await page.reload()
        await expect(page.get_by_text("Nos e-mails n’arrivent plus à votre adresse")).to_be_visible()
        await shoot(page, f"member-refused-letters-{look}")
        await assert_no_sideways_scroll(page)
        await page.get_by_role("button", name="Que faire ?").click()
        await expect(page.get_by_role("heading", name="Nos e-mails ne vous parviennent pas")).to_be_visible()
        await shoot(page, f"account-refused-letters-{look}")
        if look != "forced-colours":
            await assert_accessible(page)
    await escape(page)
    staff = await visitors.page_of(pair.professional, viewport=PHONE)
    await refuse_letters(staff, "2026-11-12T09:00:00Z")
    await staff.reload()
    await staff.get_by_role("button", name="Que faire ?").click()
    await expect(staff.get_by_text("dites-le à la personne qui gère le service")).to_be_visible()
    await escape(staff)
    await check(staff, "dashboard-refused-letters-360")
    await page.get_by_role("button", name="Plus tard").click()
    async with page.expect_response("**/api/account/settings"):
        await page.reload()
    await expect(page.locator("[data-state=ready]")).to_have_count(1)
    await expect(page.get_by_text("Nos e-mails n’arrivent plus")).to_have_count(0)


async def test_who_has_no_mailbox_is_told_and_may_say_that_it_is_right(visitors: Visitors, pair: Pair) -> None:
    for look, options in LOOKS.items():
        page = await visitors.page_of(pair.member, **options)
        await refuse_letters(page, "2026-11-12T09:00:00Z", is_for_good=True)
        await page.reload()
        await page.get_by_role("button", name="Que faire ?").click()
        await expect(page.get_by_text("Votre messagerie répond que votre adresse n’existe pas")).to_be_visible()
        await shoot(page, f"account-no-mailbox-{look}")
        await assert_no_sideways_scroll(page)
        if look != "forced-colours":
            await assert_accessible(page)
    again = page.get_by_role("button", name="Mon adresse est bonne : réessayer")
    visitors.tolerate("503")
    await page.route("**/api/account/letters/resume", lambda route: route.fulfill(status=503, body=""))
    await again.click()
    await expect(page.locator("account-sheet .trouble")).not_to_be_empty()
    await page.unroute("**/api/account/letters/resume")
    await again.click()
    await expect(page.get_by_text("C’est noté : nos e-mails repartent.")).to_be_visible()
    await expect(again).to_have_count(0)
    await expect(page.get_by_role("heading", name="E-mails", exact=True)).to_be_focused()
    await shoot(page, "account-mailbox-resumed")


# Language and time zone


async def test_another_language_loads_the_page_anew_and_loses_no_draft(visitors: Visitors, pair: Pair) -> None:
    page = await visitors.page_of(pair.member)
    await page.fill("#composer", "Une phrase commencée")
    await open_view(page, "Langue et heure : Changer")
    await page.get_by_label("English").check()
    await shoot(page, "account-place-wide")
    await assert_accessible(page)
    async with page.expect_navigation():
        await page.get_by_role("button", name="Enregistrer").click()
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    await expect(page.locator("#composer")).to_have_value("Une phrase commencée")
    assert (await settings(page))["locale"] == "en"
    await page.click("[popovertarget=account-menu]")
    await page.get_by_role("button", name="My account").click()
    await page.get_by_role("button", name="E-mails : Choose").click()
    await expect(page.get_by_label("E-mail me at once")).to_be_checked()
    await shoot(page, "account-letters-english-wide")


async def test_where_a_draft_cannot_be_kept_the_page_is_not_loaded_anew(visitors: Visitors, pair: Pair) -> None:
    context = (await visitors.page_of(pair.member)).context
    await context.add_init_script("Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no') } })")
    async with context.expect_event("response", lambda answer: answer.url.endswith("/api/account/settings")):
        page = await visitors.another_page(context)
    await page.fill("#composer", "Une phrase commencée")
    await open_view(page, "Langue et heure : Changer")
    await page.get_by_label("English").check()
    await page.get_by_role("button", name="Enregistrer").click()
    await expect(page.locator("account-sheet .account__status")).to_contain_text("envoyez-le d’abord")
    await page.keyboard.press("Escape")
    await expect(page.locator("#composer")).to_have_value("Une phrase commencée")


async def test_the_time_zone_of_the_device_is_offered(visitors: Visitors, pair: Pair) -> None:
    page = await visitors.page_of(pair.member, timezone_id="America/Martinique")
    await open_view(page, "Langue et heure : Changer")
    await page.get_by_role("button", name="Prendre celui de cet appareil : Martinique").click()
    await page.get_by_role("button", name="Enregistrer").click()
    await expect_saved(page)
    assert (await settings(page))["time_zone"] == "America/Martinique"
    await page.get_by_role("button", name="Retour à mon compte").click()
    await expect(page.get_by_text("Français · Martinique")).to_be_visible()


async def test_what_the_service_does_not_know_is_told_and_not_asked_again(visitors: Visitors, pair: Pair) -> None:
    visitors.tolerate("400")
    page = await visitors.page_of(pair.member)
    await open_view(page, "Langue et heure : Changer")
    await page.locator("select").evaluate("one => one.append(new Option('Olympus', 'Mars/Olympus', true, true))")
    await page.get_by_role("button", name="Enregistrer").click()
    await expect(page.get_by_role("alert").get_by_text("Ce fuseau horaire n’existe pas\u202f: Mars/Olympus.")).to_be_visible()
    await expect(page.get_by_role("button", name="Réessayer").last).to_be_hidden()
    await page.get_by_role("button", name="Retour à mon compte").click()
    await page.get_by_label("Entrée envoie le message").check()
    await expect_saved(page)


# Sessions


async def test_a_session_is_ended_from_another_browser_and_keeps_its_text(
    visitors: Visitors, chromium: Browser, pair: Pair
) -> None:
    visitors.tolerate("401")
    laptop = await visitors.page_of(pair.member)
    del visitors.sessions[pair.member.email]
    phone = await visitors.page_of(pair.member, viewport=PHONE, user_agent=IPHONE)
    await phone.fill("#composer", "Ce que j’écrivais")
    await open_view(laptop, "Appareils : Voir")
    await expect(laptop.locator("account-sheet li")).to_have_count(2)
    await expect(laptop.locator("account-sheet li").first).to_contain_text("cet appareil")
    await laptop.get_by_role("button", name="Déconnecter : Safari, iPhone").click()
    await expect(laptop.locator("account-sheet .account__status")).to_have_text("Déconnecté\u202f: Safari, iPhone.")
    await expect(laptop.locator("account-sheet li")).to_have_count(1)
    again = phone.get_by_role("heading", name="Votre session est terminée")
    await expect(again).to_be_visible()
    await shoot(phone, "session-ended-elsewhere-360")
    await phone.fill("session-panel input[name=email]", pair.member.email)
    await phone.fill("session-panel input[name=password]", "une phrase pour entrer")
    await phone.keyboard.press("Enter")
    await expect(again).to_be_hidden()
    await expect(phone.locator("#composer")).to_have_value("Ce que j’écrivais")


async def test_all_others_are_ended_after_a_question(visitors: Visitors, pair: Pair) -> None:
    visitors.tolerate("401")
    pages = []
    for agent in (None, IPHONE, "curl/8.5.0"):
        visitors.sessions.pop(pair.member.email, None)
        pages.append(await visitors.page_of(pair.member, **({"user_agent": agent} if agent else {})))
    await open_view(pages[0], "Appareils : Voir")
    await expect(pages[0].get_by_text("Appareil inconnu")).to_be_visible()
    await pages[0].get_by_role("button", name="Déconnecter tous les autres").click()
    await expect(pages[0].get_by_text("2 autres appareils devront se reconnecter")).to_be_visible()
    await shoot(pages[0], "account-sessions-question-wide")
    await assert_accessible(pages[0])
    await pages[0].get_by_role("button", name="Annuler").click()
    await expect(pages[0].locator("account-sheet li")).to_have_count(3)
    await pages[0].get_by_role("button", name="Déconnecter tous les autres").click()
    await pages[0].get_by_role("button", name="Déconnecter", exact=True).click()
    await expect(pages[0].locator("account-sheet .account__status")).to_have_text("Les autres appareils sont déconnectés.")
    for page in pages[1:]:
        await expect(page.get_by_role("heading", name="Votre session est terminée")).to_be_visible()
    await pages[0].keyboard.press("Escape")
    await expect(pages[0].get_by_text("En direct")).to_be_visible()


# Looks


@pytest.mark.parametrize("look", LOOKS)
async def test_every_view_is_plain_to_see(visitors: Visitors, pair: Pair, look: str) -> None:
    page = await visitors.page_of(pair.professional, **LOOKS[look])
    visitors.sessions.pop(pair.professional.email)
    await visitors.page_of(pair.professional, user_agent=IPHONE)
    await open_view(page)
    await check(page, f"account-home-{look}")
    for button, view in (("E-mails : Choisir", "letters"), ("Langue et heure", "place"), ("Appareils", "sessions")):
        await page.get_by_role("button", name=button).click()
        await expect(page.get_by_role("button", name="Retour à mon compte")).to_be_visible()
        if view == "letters" and not await page.get_by_label("Des heures calmes").is_checked():
            await page.get_by_label("Des heures calmes").check()
            await expect_saved(page)
        await check(page, f"account-{view}-{look}")
        await page.get_by_role("button", name="Retour à mon compte").click()


async def check(page: Page, name: str) -> None:
    await assert_no_sideways_scroll(page)
    await shoot(page, name)
    if not name.endswith("forced-colours"):
        await assert_accessible(page)
