"""Programmes as people use them: begun, read, answered and paused by a member without a script, looked after by a companion."""

import asyncio
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from chat.programmes.commands import ProgrammeImport
from chat.programmes.folders import Folder
from tests.browser.conftest import (
    Person,
    Service,
    Visitors,
    assert_accessible,
    assert_no_sideways_scroll,
    bubble,
    shoot,
    sign_in_quietly,
)
from tests.browser.pages.test_looks import LOOKS
from tests.chat.programmes.directories import files, lesson

pytestmark = pytest.mark.asyncio(loop_scope="session")

# Light and dark, wide and on a phone: the other looks have nothing else that axe could read.
READ_BY_AXE = ("wide", "360-dark")

# At the first hour of the day: whatever the time is, the first lesson comes at once.
TEXT = "Respirez *une fois*.\n\n> **À essayer**\n>\n> Comptez jusqu’à dix.\n\nC’est tout."
COURSE = {
    "01-respirer.fr.md": lesson("Respirer", "day = 0", 'hour = "00:00"', text=TEXT),
    "01-respirer.en.md": lesson("Breathing", "day = 0", 'hour = "00:00"', text="Breathe *once*."),
}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def souffler(service: Service) -> str:
    """A programme, published; its address below the pages of its kind."""
    return await service._ask(ProgrammeImport(Folder(files(**COURSE), {}), is_draft=False))


@pytest_asyncio.fixture(loop_scope="session")
async def people(service: Service, souffler: str) -> tuple[Person, Person]:
    """A member and the companion they write with."""
    lea, claire, sam = await asyncio.gather(
        service.add("member", "Léa"), service.add("professional", "Claire"), service.add("companion", "Sam")
    )
    await service.open(lea, claire, sam)
    return lea, sam


async def open_page(visitors: Visitors, person: Person, path: str, **options: Any) -> Page:
    context = await visitors.context(storage_state=visitors.sessions.get(person.email), **options)
    if person.email not in visitors.sessions:
        await sign_in_quietly(context, visitors.url, person)
        visitors.sessions[person.email] = await context.storage_state()
    page = await context.new_page()
    await page.goto(path)
    return page


async def begun(visitors: Visitors, person: Person, **options: Any) -> Page:
    """The page of a programme that somebody has just begun, once its first lesson is there."""
    page = await open_page(visitors, person, "/programmes", **options)
    await page.get_by_role("button", name="Commencer « Souffler »").click()
    await expect(page.get_by_role("status")).to_contain_text("Le parcours commence.")
    async with asyncio.timeout(10):
        while not await page.get_by_role("link", name="Lire l’étape").is_visible():
            await page.reload()  # the page is the server's: only a new one tells what has come
    return page


async def test_a_member_begins_reads_and_answers_without_a_script(visitors: Visitors, people: tuple[Person, Person]) -> None:
    lea, sam = people
    page = await begun(visitors, lea, java_script_enabled=False)
    await page.get_by_role("link", name="Lire l’étape").click()
    await expect(page.get_by_role("heading", name="Respirer", level=1)).to_be_visible()
    await expect(page.locator("article.lesson em")).to_have_text("une fois")
    await page.get_by_label("Votre message").fill("J’ai compté jusqu’à sept.")
    await page.get_by_role("button", name="Envoyer à Sam").click()
    await expect(page.get_by_role("status")).to_contain_text("Votre message est parti.")
    companion = await visitors.page_of(sam)
    await companion.locator(".person").click()
    await expect(bubble(companion, "J’ai compté jusqu’à sept.")).to_contain_text("À propos de l’étape")


async def test_a_member_pauses_resumes_and_stops_by_the_keyboard(visitors: Visitors, people: tuple[Person, Person]) -> None:
    page = await begun(visitors, people[0])
    for button, said in (("Mettre en pause", "Le parcours est en pause."), ("Reprendre", "Le parcours reprend.")):
        await page.get_by_role("button", name=button).press("Enter")
        await expect(page.get_by_role("status")).to_contain_text(said)
    await page.get_by_role("link", name="Arrêter ce parcours…").press("Enter")
    await page.get_by_role("button", name="Arrêter « Souffler »").press("Enter")
    await expect(page.get_by_role("status")).to_contain_text("Le parcours est arrêté.")
    await expect(page.get_by_role("link", name="Relire l’étape 1 : Respirer")).to_be_visible()


async def test_a_companion_sees_numbers_and_the_letter(visitors: Visitors, people: tuple[Person, Person]) -> None:
    lea, sam = people
    await begun(visitors, lea)
    page = await open_page(visitors, sam, "/manage/programmes")
    await page.get_by_role("link", name="Souffler").click()
    await expect(page.get_by_role("main")).not_to_contain_text("Léa")
    await page.get_by_role("link", name="1. Respirer").click()
    letter = page.frame_locator("iframe").first
    await expect(letter.get_by_role("heading", name="Respirer")).to_be_visible()
    await page.get_by_role("link", name="English").click()
    await expect(page.frame_locator("iframe").first.get_by_role("heading", name="Breathing")).to_be_visible()


@pytest.mark.parametrize("look", LOOKS)
async def test_the_pages_look_well(visitors: Visitors, people: tuple[Person, Person], look: str) -> None:
    lea, sam = people
    visitors.tolerate("Failed to execute 'postMessage'")  # of axe, to the frame of the letter, which is no part of the site
    page = await begun(visitors, lea, **LOOKS[look])
    companion = await open_page(visitors, sam, "/manage/programmes", **LOOKS[look])
    shown = {
        "programme": (page, page.url),
        "programmes": (page, "/programmes"),
        "lesson": (page, f"{page.url}/lessons/respirer"),
        "programme-stop": (page, f"{page.url}/stop"),
        "manage-programmes": (companion, "/manage/programmes"),
        "manage-programme": (companion, "/manage/programmes/souffler"),
        "manage-lesson": (companion, "/manage/programmes/souffler/1/respirer"),
    }
    for name, (who, path) in shown.items():
        await who.goto(path)
        await assert_no_sideways_scroll(who)
        if look in READ_BY_AXE:
            await assert_accessible(who)
        await shoot(who, f"{name}-{look}", whole=True)
