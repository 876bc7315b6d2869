"""The overview as people see it: reached from the menu, readable by all, complete without a script."""

import sqlite3
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Pair, Service, Visitors, assert_accessible, assert_no_sideways_scroll, post, shoot
from tests.browser.pages.test_looks import LOOKED_AT_ONLY, LOOKS

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOUR, DAY = 3_600_000, 86_400_000
# Days ago, and who wrote: P is the Professional. Within a day, messages are an hour and a half apart.
HISTORY = [
    (14, "M"),
    (14, "P"),
    (13, "MMP"),
    (11, "M"),
    (10, "P"),
    (9, "MPMP"),
    (8, "MMMPP"),
    (6, "M"),
    (4, "P"),
    (3, "MP"),
    (1, "MMP"),
]


def write_history(data: Path, thread: str) -> None:
    """Move the messages just posted to other days, as if they had been sent then; the last one stays today's."""
    database = sqlite3.connect(data / "ailo.sqlite", timeout=20)
    id_ = bytes.fromhex(thread.replace("-", ""))
    times = [(ago, at) for ago, by in HISTORY for at in range(len(by))]
    with database:
        (now,) = database.execute("select max(at) from messages where thread = ?", (id_,)).fetchone()
        today = datetime.fromtimestamp(now / 1000, ZoneInfo("Europe/Paris"))  # the reader's zone: near midnight UTC's day differs
        midday = round(today.replace(hour=9, minute=0, second=0, microsecond=0).timestamp() * 1000)
        for seq, (ago, at) in enumerate(times, 1):
            moment = midday - ago * DAY + at * 3 * HOUR // 2
            database.execute("update messages set at = ? where thread = ? and seq = ?", (moment, id_, seq))
    database.close()


async def told(service: Service, visitors: Visitors, pair: Pair) -> None:
    """Two weeks of a conversation; the member is waiting today."""
    pages = {"M": await visitors.page_of(pair.member), "P": await visitors.page_of(pair.professional)}
    for by in "".join(by for _, by in HISTORY) + "M":
        await post(pages[by], pair.thread, ["Bonjour"])
    write_history(service.data, pair.thread)


async def open_overview(visitors: Visitors, pair: Pair, **options: Any) -> Page:
    context = await visitors.context(storage_state=visitors.sessions.get(pair.professional.email), **options)
    page = await context.new_page()
    await page.goto("/overview")
    return page


async def test_it_is_for_everybody_to_read(service: Service, visitors: Visitors, pair: Pair) -> None:
    await told(service, visitors, pair)
    for look, options in LOOKS.items():
        page = await open_overview(visitors, pair, **options)
        await expect(page.get_by_role("heading", name="Vue d’ensemble")).to_be_visible()
        await assert_no_sideways_scroll(page)
        await shoot(page, f"overview-{look}", whole=True)
        if look not in LOOKED_AT_ONLY:
            await assert_accessible(page)


async def test_a_chart_has_its_words_and_its_table(service: Service, visitors: Visitors, pair: Pair) -> None:
    await told(service, visitors, pair)
    page = await open_overview(visitors, pair, java_script_enabled=False)
    chart = page.get_by_role("img", name="Messages par jour")
    await expect(chart).to_have_count(1)
    rows = page.get_by_role("table", name="Messages par jour").get_by_role("row")
    await expect(rows).to_have_count(17)
    await expect(rows.last).to_have_text("En tout1410")
    await expect(page.get_by_role("table", name="Attente").get_by_role("row")).to_have_count(17)


async def test_it_is_printed_with_its_tables(service: Service, visitors: Visitors, pair: Pair) -> None:
    await told(service, visitors, pair)
    page = await open_overview(visitors, pair)
    await page.emulate_media(media="print")
    await page.set_viewport_size({"width": 720, "height": 1000})
    await expect(page.get_by_role("link")).to_have_count(0)
    await expect(page.get_by_role("table")).to_have_count(2)
    await shoot(page, "overview-printed", whole=True)


async def test_the_rail_leads_there_and_it_leads_back(visitors: Visitors, pair: Pair) -> None:
    member = await visitors.page_of(pair.member)
    await post(member, pair.thread, ["J’ai une question."])
    claire = await visitors.page_of(pair.professional)
    await claire.get_by_role("link", name="Vue d’ensemble").click()
    await expect(claire).to_have_url(f"{visitors.url}/overview")
    await claire.get_by_role("link", name="Ouvrir cette conversation").click()
    await expect(claire).to_have_url(f"{visitors.url}/dashboard#{pair.thread}")
    await expect(claire.get_by_role("textbox", name="Votre message")).to_be_visible()


async def test_a_member_is_led_nowhere(visitors: Visitors, pair: Pair) -> None:
    visitors.tolerate("404")
    member = await visitors.page_of(pair.member)
    await member.click("[popovertarget=account-menu]")
    await expect(member.get_by_role("link", name="Vue d’ensemble")).to_have_count(0)
    await member.goto("/overview")
    await expect(member.get_by_role("heading", name="Cette page n’existe pas")).to_be_visible()
