"""Canned replies: found, filled in and inserted; created, changed and deleted; by keyboard, and in two tabs at once."""

import asyncio
import re
from typing import Any
from uuid import uuid4

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import PHONE, Pair, Service, Visitors, assert_accessible, assert_no_sideways_scroll, bubble, shoot

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROUTE = "/api/account/replies"
KEPT = [
    ("Proposer un rendez-vous", "Bonjour {prénom}, je vous propose {jour et heure}, à {lieu}.\n{moi}"),
    ("Merci", "Merci de votre confiance, {first name}."),
    ("Été", "Je suis absente jusqu’au {date de retour}."),
]


def reply(title: str, text: str) -> dict[str, str]:
    return {"id": str(uuid4()), "title": title, "text": text}


async def keep(page: Page, *replies: dict[str, str], version: int = 0) -> None:
    """Save replies without using the page, as another device would."""
    origin = "/".join(page.url.split("/", 3)[:3])
    answer = await page.context.request.put(
        ROUTE, data={"replies": list(replies), "version": version}, headers={"Origin": origin}
    )
    assert answer.ok, await answer.text()


async def kept(page: Page) -> list[tuple[str, str]]:
    found = await (await page.context.request.get(ROUTE)).json()
    return [(one["title"], one["text"]) for one in found["replies"]]


async def dashboard(visitors: Visitors, pair: Pair, **options: Any) -> Page:
    """The Professional's page, with three replies saved and the cursor in the composer."""
    page = await visitors.page_of(pair.professional, f"/dashboard#{pair.thread}", **options)
    await keep(page, *(reply(*each) for each in KEPT))
    await text_of(page).focus()
    return page


def text_of(page: Page) -> Locator:
    return page.locator("#composer")


def sheet(page: Page) -> Locator:
    return page.locator("replies-sheet")


def state(page: Page) -> Locator:
    return sheet(page).get_by_role("status")


async def selected(page: Page) -> str:
    return str(
        await page.evaluate("(([t]) => t.value.slice(t.selectionStart, t.selectionEnd))([document.querySelector('#composer')])")
    )


async def test_a_reply_is_found_and_filled_in_by_keyboard_alone(visitors: Visitors, pair: Pair) -> None:
    claire = await dashboard(visitors, pair)
    await claire.keyboard.press(";")
    await expect(sheet(claire).get_by_role("searchbox")).to_be_focused()
    await expect(sheet(claire).locator(".replies__use")).to_have_count(3)
    await shoot(claire, "replies-wide")
    await assert_accessible(claire)
    await claire.keyboard.type("RENDEZ vous")
    await expect(state(claire)).to_have_text("1 réponse")
    await claire.keyboard.press("Enter")
    await expect(text_of(claire)).to_have_value("Bonjour Léa, je vous propose {jour et heure}, à {lieu}.\nClaire")
    await expect(text_of(claire)).to_be_focused()
    assert await selected(claire) == "{jour et heure}"
    await expect(claire.locator(".composer__fields [role=status]")).to_have_text(
        "2 champs à remplir. Tab : le suivant ; Échap rend la touche Tab."
    )
    await shoot(claire, "replies-fields-wide")
    await assert_accessible(claire)
    await claire.keyboard.type("mardi à 10 h")
    await claire.keyboard.press("Tab")
    assert await selected(claire) == "{lieu}"
    await claire.keyboard.type("Lyon")
    await expect(claire.locator(".composer__fields")).to_have_count(0)
    await claire.keyboard.press("Control+Enter")
    await expect(bubble(claire, "Bonjour Léa, je vous propose mardi à 10 h, à Lyon.")).to_be_visible()


async def test_accents_do_not_count_and_arrows_choose(visitors: Visitors, pair: Pair) -> None:
    claire = await dashboard(visitors, pair)
    await claire.keyboard.press("Alt+r")
    await expect(sheet(claire).get_by_role("searchbox")).to_be_focused()
    await claire.keyboard.type("ete")
    await expect(sheet(claire).locator(".replies__use b")).to_have_text(["Été"])
    await claire.keyboard.press("Control+a")
    await claire.keyboard.press("Backspace")
    await expect(sheet(claire).locator(".replies__use")).to_have_count(3)
    for _ in range(2):
        await claire.keyboard.press("ArrowDown")
    await expect(sheet(claire).get_by_role("button", name="Merci Merci")).to_be_focused()
    await claire.keyboard.press("Enter")
    await expect(text_of(claire)).to_have_value("Merci de votre confiance, Léa.")


SAID = [("fr", r"Léa, Claire, \d{1,2} \S+ 20\d\d"), ("en", r"Léa, Claire, \d{1,2} \S+ 20\d\d")]


@pytest.mark.parametrize(("locale", "expected"), SAID)
async def test_fields_have_names_in_both_languages(service: Service, visitors: Visitors, locale: str, expected: str) -> None:
    """Case and accents do not matter, and every field with a known name is filled in."""
    member = await service.add("member", "Léa")
    claire_ = await service.add("professional", "Claire", locale=locale)
    thread = await service.open(member, claire_)
    claire = await visitors.page_of(claire_, f"/dashboard#{thread}", locale=locale)
    await keep(claire, reply("A", "{PRENOM}, {Moi}, {date}"), reply("B", "{first name}, {me}, {today}"))
    for name in ("A", "B"):
        await text_of(claire).fill("")
        await text_of(claire).press("Alt+r")
        await sheet(claire).locator(".replies__use", has=claire.get_by_text(name, exact=True)).click()
        await expect(text_of(claire)).to_have_value(re.compile(f"^{expected}$"))
        await expect(claire.locator(".composer__fields")).to_have_count(0)


async def test_nothing_that_is_written_is_replaced(visitors: Visitors, pair: Pair) -> None:
    claire = await dashboard(visitors, pair)
    await claire.keyboard.type("Avant. Après.")
    await claire.evaluate("document.querySelector('#composer').setSelectionRange(0, 7)")
    await claire.keyboard.press("Alt+r")
    await expect(sheet(claire).get_by_role("searchbox")).to_be_focused()
    await claire.keyboard.type("merci")
    await expect(sheet(claire).locator(".replies__use")).to_have_count(1)
    await claire.keyboard.press("Enter")
    await expect(text_of(claire)).to_have_value("Avant. Merci de votre confiance, Léa.Après.")
    await claire.keyboard.press("Control+z")
    await expect(text_of(claire)).to_have_value("Avant. Après.")


async def test_who_chooses_nothing_is_back_where_they_were(visitors: Visitors, pair: Pair) -> None:
    claire = await dashboard(visitors, pair)
    await claire.keyboard.type("Avant. Après.")
    await claire.evaluate("document.querySelector('#composer').setSelectionRange(0, 5)")
    await claire.keyboard.press("Alt+r")
    await expect(sheet(claire).get_by_role("searchbox")).to_be_focused()
    await claire.keyboard.press("Escape")
    await expect(sheet(claire)).to_have_count(0)
    await expect(text_of(claire)).to_be_focused()
    assert await selected(claire) == "Avant"


async def test_tab_is_no_trap(visitors: Visitors, pair: Pair) -> None:
    """Tab cycles through the fields; after Escape, it leaves the text as usual."""
    claire = await dashboard(visitors, pair)
    await insert_first(claire)
    await claire.keyboard.press("Tab")
    assert await selected(claire) == "{lieu}"
    await claire.keyboard.press("Tab")
    assert await selected(claire) == "{jour et heure}"
    await claire.keyboard.press("Shift+Tab")
    assert await selected(claire) == "{lieu}"
    await claire.keyboard.press("Escape")
    await expect(text_of(claire)).to_be_focused()
    await expect(claire.locator(".composer__fields")).to_have_count(0)
    await claire.keyboard.press("Tab")
    await expect(text_of(claire)).not_to_be_focused()


async def test_tab_leaves_where_one_field_is_left_as_it_is(visitors: Visitors, pair: Pair) -> None:
    claire = await dashboard(visitors, pair)
    await insert_first(claire)
    await claire.keyboard.type("mardi")
    await claire.keyboard.press("Tab")
    await claire.keyboard.press("Tab")
    await expect(text_of(claire)).not_to_be_focused()


async def insert_first(claire: Page) -> None:
    await claire.keyboard.press(";")
    await expect(sheet(claire).locator(".replies__use")).to_have_count(3)
    await claire.keyboard.press("Enter")
    await expect(text_of(claire)).to_be_focused()


async def test_a_semicolon_can_still_be_written(visitors: Visitors, pair: Pair) -> None:
    claire = await dashboard(visitors, pair)
    await claire.keyboard.press(";")
    await expect(sheet(claire).get_by_role("searchbox")).to_be_focused()
    await claire.keyboard.press(";")
    await expect(text_of(claire)).to_have_value(";")
    await claire.keyboard.press(";")
    await expect(text_of(claire)).to_have_value(";;")


async def test_one_is_made_changed_deleted_and_brought_back(visitors: Visitors, pair: Pair) -> None:
    claire = await visitors.page_of(pair.professional, f"/dashboard#{pair.thread}")
    await text_of(claire).fill("Prenez le temps qu’il vous faut.")
    await claire.get_by_role("button", name="Réponses types").click()
    await expect(state(claire)).to_contain_text("vous seul·e pouvez les lire")
    await shoot(claire, "replies-none-wide")
    await claire.get_by_role("button", name="Nouvelle réponse").click()
    await expect(sheet(claire).get_by_label("Texte")).to_have_value("Prenez le temps qu’il vous faut.")
    await claire.keyboard.type("Du temps")
    await shoot(claire, "replies-form-wide")
    await assert_accessible(claire)
    await claire.keyboard.press("Control+Enter")
    await expect(state(claire)).to_have_text("« Du temps » est enregistrée.")
    assert await kept(claire) == [("Du temps", "Prenez le temps qu’il vous faut.")]
    await claire.get_by_role("button", name="Modifier « Du temps »").click()
    await claire.keyboard.press("Control+a")
    await claire.keyboard.type("Patience")
    await claire.keyboard.press("Enter")
    await expect(state(claire)).to_have_text("« Patience » est enregistrée.")
    await claire.keyboard.press("Delete")
    await expect(state(claire)).to_have_text("« Patience » est supprimée.")
    assert await kept(claire) == []
    await expect(claire.get_by_role("button", name="Annuler la suppression")).to_be_focused()
    await claire.keyboard.press("Enter")
    await expect(state(claire)).to_have_text("« Patience » est de retour.")
    assert await kept(claire) == [("Patience", "Prenez le temps qu’il vous faut.")]


async def test_what_two_tabs_add_is_all_kept(visitors: Visitors, pair: Pair) -> None:
    visitors.tolerate("409")
    one = await visitors.page_of(pair.professional, f"/dashboard#{pair.thread}")
    other = await visitors.another_page(one.context, f"/dashboard#{pair.thread}")
    for page, name in ((one, "Une"), (other, "Autre")):
        await page.get_by_role("button", name="Réponses types").click()
        await expect(state(page)).to_contain_text("Gardez ici")
        await page.get_by_role("button", name="Nouvelle réponse").click()
        await page.keyboard.type(name)
        await sheet(page).get_by_label("Texte").fill(f"{name} !")
    await asyncio.gather(*(page.get_by_role("button", name="Enregistrer").click() for page in (one, other)))
    for page, name in ((one, "Une"), (other, "Autre")):
        await expect(state(page)).to_have_text(f"« {name} » est enregistrée.")
    assert sorted(await kept(one)) == [("Autre", "Autre !"), ("Une", "Une !")]


CHOICES = [
    ("Garder la mienne", ["Ici."]),
    ("Garder l’autre", ["Ailleurs."]),
    ("Garder les deux", ["Ailleurs.", "Ici."]),
]


@pytest.mark.parametrize(("choice", "texts"), CHOICES)
async def test_where_two_tabs_change_the_same_both_are_shown(
    visitors: Visitors, pair: Pair, choice: str, texts: list[str]
) -> None:
    visitors.tolerate("409")
    claire = await visitors.page_of(pair.professional, f"/dashboard#{pair.thread}")
    first = reply("Accueil", "Bonjour.")
    await keep(claire, first)
    await open_form(claire, "Accueil")
    await keep(claire, {**first, "text": "Ailleurs."}, version=1)
    await sheet(claire).get_by_label("Texte").fill("Ici.")
    await claire.get_by_role("button", name="Enregistrer").click()
    await expect(sheet(claire).get_by_role("region", name="La vôtre, ici")).to_contain_text("Ici.")
    await expect(sheet(claire).get_by_role("region", name="Celle de l’autre onglet")).to_contain_text("Ailleurs.")
    await shoot(claire, "replies-both-wide")
    await assert_accessible(claire)
    await claire.get_by_role("button", name=choice).click()
    await expect(sheet(claire).locator(".replies__use")).to_have_count(len(texts))
    assert [text for _, text in await kept(claire)] == texts


async def test_what_was_deleted_elsewhere_is_not_lost(visitors: Visitors, pair: Pair) -> None:
    visitors.tolerate("409")
    claire = await visitors.page_of(pair.professional, f"/dashboard#{pair.thread}")
    await keep(claire, reply("Accueil", "Bonjour."))
    await open_form(claire, "Accueil")
    await keep(claire, version=1)
    await sheet(claire).get_by_label("Texte").fill("Ici.")
    await claire.get_by_role("button", name="Enregistrer").click()
    await claire.get_by_role("button", name="Garder la mienne").click()
    await expect(state(claire)).to_have_text("« Accueil » est enregistrée.")
    assert await kept(claire) == [("Accueil", "Ici.")]


async def open_form(claire: Page, title: str) -> None:
    await claire.get_by_role("button", name="Réponses types").click()
    await claire.get_by_role("button", name=f"Modifier « {title} »").click()
    await expect(sheet(claire).get_by_label("Titre")).to_be_focused()


async def test_what_is_not_saved_waits_for_the_next_opening(visitors: Visitors, pair: Pair) -> None:
    claire = await dashboard(visitors, pair)
    await open_form(claire, "Merci")
    await sheet(claire).get_by_label("Texte").fill("À demi écrit")
    await sheet(claire).get_by_label("Texte").press("Escape")
    await expect(state(claire)).to_contain_text("Ce n’est pas enregistré")
    await sheet(claire).get_by_role("button", name="Fermer").click()
    await claire.get_by_role("button", name="Réponses types").click()
    await expect(sheet(claire).get_by_label("Texte")).to_have_value("À demi écrit")
    await claire.get_by_role("button", name="Abandonner").click()
    await expect(sheet(claire).locator(".replies__use")).to_have_count(3)


async def test_a_service_that_fails_loses_nothing(visitors: Visitors, pair: Pair) -> None:
    visitors.tolerate("503")
    claire = await dashboard(visitors, pair)
    await open_form(claire, "Merci")
    await sheet(claire).get_by_label("Texte").fill("Merci encore")
    await claire.route(f"**{ROUTE}", lambda route: route.fulfill(status=503, json={"error": {"code": "busy", "message": ""}}))
    await claire.get_by_role("button", name="Enregistrer").click()
    await expect(state(claire)).to_have_text("Le service a un souci. Réessayez dans un instant.")
    await expect(sheet(claire).get_by_label("Texte")).to_have_value("Merci encore")
    await claire.unroute(f"**{ROUTE}")
    await claire.get_by_role("button", name="Enregistrer").click()
    await expect(state(claire)).to_have_text("« Merci » est enregistrée.")


async def test_it_fits_a_phone_in_the_dark(visitors: Visitors, pair: Pair) -> None:
    claire = await dashboard(visitors, pair, viewport=PHONE, color_scheme="dark")
    await claire.get_by_role("button", name="Réponses types").click()
    await expect(sheet(claire).locator(".replies__use")).to_have_count(3)
    await assert_no_sideways_scroll(claire)
    await shoot(claire, "replies-360-dark")
    await assert_accessible(claire)
    await claire.get_by_role("button", name="Modifier « Merci »").click()
    await shoot(claire, "replies-form-360-dark")
    await assert_accessible(claire)


async def test_fields_are_reached_without_a_keyboard(visitors: Visitors, pair: Pair) -> None:
    claire = await dashboard(visitors, pair, viewport=PHONE, has_touch=True)
    await claire.get_by_role("button", name="Réponses types").tap()
    await sheet(claire).get_by_role("button", name="Proposer un rendez-vous").first.tap()
    await assert_no_sideways_scroll(claire)
    await shoot(claire, "replies-fields-360")
    await claire.get_by_role("button", name="Champ suivant").tap()
    await expect(text_of(claire)).to_be_focused()
    assert await selected(claire) == "{lieu}"


async def test_members_have_none(visitors: Visitors, pair: Pair) -> None:
    member = await visitors.page_of(pair.member)
    await member.locator("#composer").focus()
    await expect(member.get_by_role("button", name="Réponses types")).to_have_count(0)
    await member.keyboard.press("Alt+r")
    await member.keyboard.press(";")
    await expect(member.locator("#composer")).to_have_value(";")
