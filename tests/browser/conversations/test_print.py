"""A conversation on paper: all of it, and nothing of the page around it."""

import re

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Pair, Visitors, post, shoot

pytestmark = pytest.mark.asyncio(loop_scope="session")

# Printing opens a window of the system, which no test can close: the tests look at what would be printed instead.
PREVIEW = "() => { globalThis.print = () => { globalThis.printed = document.title } }"

LENGTH = 260


async def print_all(page: Page) -> None:
    await page.evaluate(PREVIEW)
    await page.get_by_role("button", name="Votre compte").click()
    await page.get_by_role("button", name="Garder une copie").click()
    await page.get_by_role("button", name="Imprimer").click()
    await expect(page.locator(".paper")).to_have_count(1)
    await page.evaluate("new Promise(requestAnimationFrame)")
    assert await page.evaluate("globalThis.printed") == "Conversation avec Claire"  # The name of the file, when printing to one.


async def test_all_of_a_conversation_is_printed(visitors: Visitors, pair: Pair) -> None:
    member = await visitors.page_of(pair.member)
    await post(member, pair.thread, [f"Message {number}.\n<b>Sur deux lignes.</b>" for number in range(1, LENGTH)])
    professional = await visitors.page_of(pair.professional, f"/dashboard#{pair.thread}")
    await post(professional, pair.thread, ["Une réponse."])
    await member.reload()
    await expect(member.get_by_text("Une réponse.")).to_be_visible()
    assert await member.locator("message-row").count() < LENGTH
    await print_all(member)
    await expect(member.locator(".paper")).to_be_hidden()
    await member.emulate_media(media="print")
    await shoot(member, "paper-wide")
    said = await member.locator("body").inner_text()
    assert re.findall(r"^Message (\d+)\.$", said, re.MULTILINE) == [str(number) for number in range(1, LENGTH)]
    assert said.count("<b>Sur deux lignes.</b>") == LENGTH - 1
    assert said.startswith("Conversation avec Claire")
    assert f"{LENGTH} messages" in said
    assert re.search(r"Léa · \d\d:\d\d", said)
    assert re.search(r"Claire · \d\d:\d\d\s+Une réponse\.", said)
    assert len(re.findall(r"^\w+ \d+ \w+ 20\d\d$", said, re.MULTILINE)) in (1, 2)  # The test may run past midnight.
    for chrome in ("Envoyer", "Aide urgente", "En direct", "Garder une copie"):
        assert chrome not in said
    pages = (await member.pdf(format="A4")).count(b"/Type /Page\n")
    assert pages > 8
    await member.emulate_media(media="screen")
    await member.evaluate("dispatchEvent(new Event('afterprint'))")
    await expect(member.locator(".paper")).to_have_count(0)
    await expect(member).to_have_title("Claire — Ailo")


async def test_a_very_long_one_says_what_is_left_out(visitors: Visitors, pair: Pair) -> None:
    member = await visitors.page_of(pair.member)
    await post(member, pair.thread, [f"Message {number}." for number in range(1, 4)])
    await expect(member.locator("message-row")).to_have_count(3)
    # As if there were one message more than the 10,000 that are printed: the oldest is left out.
    await member.evaluate("document.querySelector('conversation-view').thread.lastSeq = 10_001")
    await print_all(member)
    await member.emulate_media(media="print")
    said = await member.locator("body").inner_text()
    assert "1 message plus ancien n’est pas imprimé." in said
    assert re.findall(r"^Message (\d+)\.$", said, re.MULTILINE) == ["2", "3"]


async def test_closing_the_sheet_ends_the_reading(visitors: Visitors, pair: Pair) -> None:
    member = await visitors.page_of(pair.member)
    await post(member, pair.thread, [f"Message {number}." for number in range(1, LENGTH)])
    await member.reload()
    await expect(member.locator("message-row").last).to_be_visible()
    await member.evaluate(PREVIEW)
    asked = []
    member.on("request", lambda request: asked.append(request.url) if "/messages?after=" in request.url else None)
    await member.get_by_role("button", name="Votre compte").click()
    await member.get_by_role("button", name="Garder une copie").click()
    await expect(member.get_by_role("button", name="Imprimer")).to_be_visible()
    await member.evaluate("""() => {
      const [print] = [...document.querySelectorAll("dialog button")].filter(({ textContent }) => textContent === "Imprimer")
      print.click()
      document.querySelector("dialog[open]").close()
    }""")
    await member.wait_for_load_state("networkidle")
    assert len(asked) == 1
    assert await member.evaluate("globalThis.printed ?? null") is None
