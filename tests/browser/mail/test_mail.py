"""The outbox on its administrator's screen: where they land, for everybody to read, and complete without a script."""

import sqlite3
from contextlib import closing
from typing import Any
from uuid import uuid4

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import (
    Person,
    Service,
    Visitors,
    assert_accessible,
    assert_no_sideways_scroll,
    shoot,
    sign_in_quietly,
)
from tests.browser.pages.test_looks import LOOKED_AT_ONLY, LOOKS

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOUR, DAY = 3_600_000, 86_400_000
# State, reason, how many days ago it was written, and for how many days from now it is of use. None goes out meanwhile.
LETTERS = [
    ("waiting", "smtp 451", 0, 3),
    ("waiting", "quiet hours", 0, 3),
    ("sent", None, 0, 3),
    ("refused", "smtp 550", 1, 3),
    ("refused", "address", 2, 3),
    ("dropped", "too late", 3, -1),
    *[("sent", None, ago, 3) for ago in (0, 1, 1, 2, 4, 4, 4, 5, 7, 8, 8, 9, 11, 12, 13)],
]


def write_letters(service: Service, person: Person) -> list[str]:
    """Put letters into the outbox, as rows: their facts open for nobody, so nothing of them could leave. Return their ids."""
    ids = []
    with closing(sqlite3.connect(service.data / "ailo.sqlite", timeout=20)) as database, database:
        (account, now) = database.execute(
            "select id, cast(unixepoch() as integer) * 1000 from accounts where role = ? order by created_at desc", (person.role,)
        ).fetchone()
        for at, (state, reason, ago, useful) in enumerate(LETTERS):
            id_, written = uuid4(), now - ago * DAY - at * 60_000
            ids.append(str(id_))
            database.execute(
                "insert into letters (id, account, kind, cause, facts, message_id, state, due_at, not_after, attempts, reason,"
                " written_at, ended_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (id_.bytes, account, "reply" if at % 3 else "lesson", str(id_), b"", f"{id_}@ailo.test", state, now + DAY,
                 now + useful * DAY, 1, reason, written, None if state == "waiting" else written + 9_000),
            )  # fmt: skip
    return ids


async def open_mail(service: Service, visitors: Visitors, administrator: Person, path: str = "/mail", **options: Any) -> Page:
    context = await visitors.context(**options)
    await sign_in_quietly(context, service.url, administrator)
    page = await context.new_page()
    await page.goto(path)
    return page


async def test_an_administrator_is_at_home_there(service: Service, visitors: Visitors) -> None:
    page = await open_mail(service, visitors, await service.add("administrator", "Dominique"), "/")
    await expect(page).to_have_url(f"{service.url}/mail")
    await expect(page.get_by_role("navigation", name="Navigation").get_by_role("link", name="Courrier")).to_have_attribute(
        "aria-current", "page"
    )
    await page.get_by_role("button", name="Votre compte").click()
    await page.get_by_role("link", name="Mon compte").click()
    await expect(page.get_by_role("dialog").get_by_role("heading", name="Mon compte")).to_be_visible()
    await expect(page).to_have_url(f"{service.url}/dashboard")


async def test_it_is_for_everybody_to_read(service: Service, visitors: Visitors) -> None:
    administrator, member = await service.add("administrator", "Dominique"), await service.add("member", "Nour")
    ids = write_letters(service, member)
    for look, options in LOOKS.items():
        page = await open_mail(service, visitors, administrator, **options)
        await expect(page.get_by_text(ids[0])).to_be_visible()
        await assert_no_sideways_scroll(page)
        await shoot(page, f"mail-{look}", whole=True)
        if look not in LOOKED_AT_ONLY:
            await assert_accessible(page)


async def test_it_is_complete_without_a_script(service: Service, visitors: Visitors) -> None:
    administrator, member = await service.add("administrator", "Dominique"), await service.add("member", "Nour")
    ids = write_letters(service, member)
    page = await open_mail(service, visitors, administrator, java_script_enabled=False)
    await page.get_by_role("link", name="Échouées").click()
    await page.get_by_label("Sorte").select_option("reply")
    await page.get_by_role("button", name="Afficher").click()
    await expect(page.get_by_role("row").filter(has_text=ids[4])).to_contain_text("on ne peut pas écrire à cette adresse")
    await page.get_by_role("link", name="Enlever le filtre Sorte").click()
    await page.get_by_role("button", name=f"Renvoyer la lettre {ids[3][:8]}").click()
    await expect(page.get_by_role("status")).to_contain_text("La lettre attend de nouveau.")
    await page.get_by_role("link", name="En attente").click()
    await expect(page.get_by_role("status")).to_have_count(0)
    await page.get_by_role("link", name=f"Ne pas envoyer la lettre {ids[0][:8]}").click()
    await page.get_by_role("link", name="La laisser partir").click()
    await expect(page).to_have_url(f"{service.url}/mail?state=waiting")
    await page.get_by_role("link", name=f"Ne pas envoyer la lettre {ids[0][:8]}").click()
    await page.get_by_role("button", name=f"Abandonner la lettre {ids[0][:8]}").click()
    await expect(page.get_by_role("status")).to_contain_text("La lettre est abandonnée.")
    await expect(page.get_by_text(ids[0])).to_have_count(0)


async def test_its_confirmation_and_its_emptiness_are_for_everybody(service: Service, visitors: Visitors) -> None:
    administrator, member = await service.add("administrator", "Dominique"), await service.add("member", "Nour")
    letter = write_letters(service, member)[1]
    for look in ("wide", "360-dark"):
        page = await open_mail(service, visitors, administrator, f"/mail?give-up={letter}", **LOOKS[look])
        await expect(page.get_by_role("heading", name="Abandonner cette lettre")).to_be_visible()
        await shoot(page, f"mail-give-up-{look}")
        await assert_accessible(page)
        await page.goto("/mail?state=refused&kind=digest")
        await expect(page.get_by_role("heading", name="Aucune lettre n’est ainsi")).to_be_visible()
        await shoot(page, f"mail-none-{look}")
        await assert_accessible(page)


async def test_a_head_sorts_and_a_page_follows(service: Service, visitors: Visitors) -> None:
    administrator, member = await service.add("administrator", "Dominique"), await service.add("member", "Nour")
    write_letters(service, member)
    write_letters(service, member)
    page = await open_mail(service, visitors, administrator)
    await page.get_by_role("link", name="Écrite").click()
    await expect(page.get_by_role("columnheader", name="Écrite")).to_have_attribute("aria-sort", "ascending")
    await page.get_by_role("link", name="Suivants").click()
    await expect(page.get_by_role("columnheader", name="Écrite")).to_have_attribute("aria-sort", "ascending")
    await expect(page.get_by_role("navigation", name="Pages")).to_contain_text("26 à")
    async with page.expect_download() as download:
        await page.get_by_role("link", name="CSV").click()
    assert (await download.value).suggested_filename == "courrier.csv"
