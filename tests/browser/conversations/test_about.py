"""A conversation beyond its messages: promised times, absences, closing and reopening, what to expect, and who has left."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.conftest import Pair, Person, Service, Visitors, bubble, escape, post, shoot, until_live, write
from tests.browser.pages.test_looks import LOOKS, check

pytestmark = pytest.mark.asyncio(loop_scope="session")

UNTIL = (datetime.now(UTC) + timedelta(days=9)).replace(hour=23, minute=0, second=0, microsecond=0).isoformat()
WORDS = "En congé. Sam vous répond entre-temps, et le 3114 à toute heure."


async def say_practice(page: Page, **said: Any) -> None:
    """Set how one answers, without using the page."""
    origin = "/".join(page.url.split("/", 3)[:3])
    answer = await page.context.request.put("/api/account/practice", data=said, headers={"Origin": origin})
    assert answer.status == 204


def line(page: Page) -> Any:
    return page.locator("[data-part=about]")


async def both(visitors: Visitors, pair: Pair) -> tuple[Page, Page]:
    member = await visitors.page_of(pair.member)
    professional = await visitors.page_of(pair.professional, f"/dashboard#{pair.thread}")
    await until_live(member, professional)
    return member, professional


# Promises and absences


async def test_a_promise_is_read_where_one_writes(visitors: Visitors, pair: Pair) -> None:
    member, professional = await both(visitors, pair)
    await say_practice(professional, reply_within_hours=48)
    await expect(line(member)).to_have_text("Claire répond d’habitude en deux jours au plus.")
    await expect(line(member)).to_have_attribute("role", "status")
    await member.reload()
    await expect(line(member)).to_have_text("Claire répond d’habitude en deux jours au plus.")


async def test_it_is_said_in_the_readers_language(service: Service, visitors: Visitors) -> None:
    member, professional = await service.add("member", "Ann", locale="en"), await service.add("professional", "Claire")
    await service.open(member, professional)
    await say_practice(await visitors.page_of(professional), reply_within_hours=48, away_until=UNTIL)
    page = await visitors.page_of(member, locale="en-GB")
    await expect(line(page)).to_have_text(re.compile(r"^Claire is away until \w+,? \d+ \w+\.$"))
    await say_practice(await visitors.page_of(professional), reply_within_hours=48)
    await expect(line(page)).to_have_text("Claire usually replies within two days.")


async def test_an_absence_says_until_when_and_in_ones_own_words(visitors: Visitors, pair: Pair) -> None:
    member, professional = await both(visitors, pair)
    await say_practice(professional, reply_within_hours=48, away_until=UNTIL, away_words=f"{WORDS} <b>gras</b>")
    await expect(line(member)).to_contain_text(re.compile(r"Claire s’absente jusqu’au \w+ \d+ \w+"))
    await expect(line(member)).to_contain_text("<b>gras</b>")
    await expect(line(member)).not_to_contain_text("répond d’habitude")
    await expect(line(professional)).to_contain_text("Votre absence est affichée jusqu’au")
    await say_practice(professional, reply_within_hours=48)
    await expect(line(member)).to_have_text("Claire répond d’habitude en deux jours au plus.")


async def test_who_comes_in_promises_too(service: Service, visitors: Visitors) -> None:
    pair, sam = await service.pair(), await service.add("companion", "Sam")
    await say_practice(await visitors.page_of(sam), reply_within_hours=24)
    member, professional = await both(visitors, pair)
    await say_practice(professional, reply_within_hours=48)
    await bring_in(professional, sam)
    both_say = "Sam répond d’habitude en un jour au plus. Claire répond d’habitude en deux jours au plus."
    await expect(line(member)).to_have_text(both_say)


async def bring_in(professional: Page, colleague: Person) -> None:
    """Bring in a colleague, who can read from now on."""
    await professional.get_by_role("button", name="Faire entrer un·e collègue").click()
    sheet = professional.get_by_role("dialog")
    if await sheet.get_by_label("Filtrer par prénom").count():
        await sheet.get_by_label("Filtrer par prénom").fill(colleague.first_name)
    await sheet.get_by_text(colleague.first_name, exact=True).last.click()
    await sheet.get_by_role("button", name="Faire entrer", exact=True).click()
    await expect(sheet).to_be_hidden()


async def test_the_sheet_is_reached_and_filled_by_keyboard_alone(visitors: Visitors, pair: Pair) -> None:
    member, professional = await both(visitors, pair)
    await professional.keyboard.press("a")
    sheet = professional.get_by_role("dialog", name="Quand vous répondez")
    await expect(sheet).to_be_visible()
    await professional.keyboard.press("Tab")
    await professional.keyboard.press("Tab")
    await expect(sheet.get_by_label("Vous répondez d’habitude")).to_be_focused()
    await professional.keyboard.type("en un jour")
    await professional.keyboard.press("Enter")
    await sheet.get_by_label("Dernier jour d’absence").fill((datetime.now(UTC) + timedelta(days=3)).date().isoformat())
    await sheet.get_by_label("Un mot pour les membres").focus()
    await professional.keyboard.type("À bientôt.")
    await professional.keyboard.press("Tab")
    await professional.keyboard.press("Enter")
    await expect(sheet).to_be_hidden()
    await expect(line(member)).to_contain_text("À bientôt.")


async def test_the_sheet_is_in_the_menu_and_says_what_was_said(visitors: Visitors, pair: Pair) -> None:
    member, professional = await both(visitors, pair)
    await say_practice(professional, reply_within_hours=36, away_until=UNTIL, away_words="À bientôt.")
    await professional.get_by_role("button", name="Votre compte").click()
    await professional.get_by_role("button", name="Délai et absence").click()
    sheet = professional.get_by_role("dialog", name="Quand vous répondez")
    await expect(sheet.get_by_label("Vous répondez d’habitude")).to_have_value("36")
    await expect(sheet.get_by_label("Un mot pour les membres")).to_have_value("À bientôt.")
    await sheet.get_by_role("button", name="Je suis de retour").click()
    await expect(line(member)).to_have_text("Claire répond d’habitude en 36 heures au plus.")
    await expect(member.get_by_role("button", name="Délai et absence")).to_have_count(0)


async def test_what_is_not_kept_stays_in_the_sheet(visitors: Visitors, pair: Pair) -> None:
    visitors.tolerate("503")
    professional = await visitors.page_of(pair.professional, f"/dashboard#{pair.thread}")
    await professional.keyboard.press("a")
    sheet = professional.get_by_role("dialog", name="Quand vous répondez")
    await sheet.get_by_label("Un mot pour les membres").fill("À bientôt.")
    await professional.route("**/practice", lambda route: route.fulfill(status=503, json={"error": {"code": "busy"}}))
    await sheet.get_by_role("button", name="Enregistrer").click()
    await expect(sheet.get_by_role("alert")).to_have_text("Le service a un souci. Réessayez dans un instant.")
    await expect(sheet.get_by_label("Un mot pour les membres")).to_have_value("À bientôt.")


async def waiting_since(page: Page, hours: float) -> None:
    """Make the list say that the member has waited this long."""
    since = (datetime.now(UTC) - timedelta(hours=hours)).isoformat()

    async def age(route: Route) -> None:
        answer = await (await route.fetch()).json()
        for told in answer.get("threads", [answer]):
            told["waiting_since"] = since
        await route.fulfill(json=answer)

    await page.route(re.compile(r"/api/threads\?|/about$"), age)
    await page.reload()


@pytest.mark.parametrize(("hours", "says"), [(2, "2 h"), (20, "20 h · bientôt"), (30, "30 h · délai passé")])
async def test_a_wait_stands_against_ones_own_promise(visitors: Visitors, pair: Pair, hours: float, says: str) -> None:
    """In words, not only by colour."""
    await post(await visitors.page_of(pair.member), pair.thread, ["Une question."])
    professional = await visitors.page_of(pair.professional)
    await say_practice(professional, reply_within_hours=24)
    await waiting_since(professional, hours)
    pill = professional.locator("[data-part=waiting] .wait")
    await expect(pill).to_have_text(f"attend depuis {says}")
    await expect(pill).to_have_class("wait wait--long" if hours > 24 else "wait")
    await professional.unroute_all(behavior="ignoreErrors")


# Closing


async def test_closing_asks_first_and_the_member_is_told_kindly(visitors: Visitors, pair: Pair) -> None:
    member, professional = await both(visitors, pair)
    await post(member, pair.thread, ["Merci pour tout."])
    await expect(bubble(professional, "Merci pour tout.")).to_be_visible()
    await professional.keyboard.press("c")
    sheet = professional.get_by_role("dialog", name="Clore cette conversation ?")
    await expect(sheet).to_contain_text("Léa attend encore une réponse.")
    await sheet.get_by_role("button", name="Annuler").click()
    await expect(professional.locator("[data-part=waiting] .person")).to_be_visible()
    await professional.get_by_role("button", name="Clore", exact=True).click()
    await sheet.get_by_role("button", name="Clore la conversation").click()
    await expect(sheet).to_be_hidden()
    await expect(line(member)).to_have_text("Claire a mis fin à cette conversation. Écrire la rouvre.")
    await expect(professional.locator("[data-part=closed]")).to_contain_text("Conversations closes")
    await expect(professional.locator("[data-part=closed] .person")).to_be_hidden()
    await expect(professional.locator("[data-part=waiting] .person")).to_have_count(0)
    await professional.get_by_text("Conversations closes").click()
    await expect(professional.locator("[data-part=closed] .person")).to_be_visible()


async def close(professional: Page) -> None:
    await professional.keyboard.press("c")
    await professional.get_by_role("button", name="Clore la conversation").click()
    await expect(line(professional)).to_contain_text("Conversation close le")


async def test_the_members_next_words_open_it_again(visitors: Visitors, pair: Pair) -> None:
    member, professional = await both(visitors, pair)
    await close(professional)
    await expect(line(member)).to_contain_text("Écrire la rouvre")
    await write(member, "Encore une chose.")
    await expect(professional.locator("[data-part=waiting] .person")).to_contain_text("Encore une chose.")
    for page in (member, professional):
        await expect(line(page)).to_be_empty()


async def test_a_closed_one_is_opened_by_button_and_by_key(visitors: Visitors, pair: Pair) -> None:
    member, professional = await both(visitors, pair)
    await close(professional)
    await line(professional).get_by_role("button", name="Rouvrir").click()
    await expect(line(member)).to_be_empty()
    await expect(line(professional)).to_be_empty()
    await close(professional)
    await professional.keyboard.press("c")
    await expect(line(professional)).to_be_empty()


async def test_a_word_that_was_not_read_is_not_closed_over(visitors: Visitors, pair: Pair) -> None:
    visitors.tolerate("409")
    member, professional = await both(visitors, pair)
    await post(member, pair.thread, ["Un."])
    await expect(bubble(professional, "Un.")).to_be_visible()
    await professional.keyboard.press("c")
    await professional.route_web_socket("**/ws", lambda _: None)
    await professional.evaluate("document.querySelector('dashboard-page').correspondence.connection.sleep()")
    await post(member, pair.thread, ["Au secours."])
    await professional.get_by_role("button", name="Clore la conversation").click()
    await expect(professional.get_by_role("alert").filter(has_text="Un message vient d’arriver")).to_be_visible()


async def test_a_colleague_sees_it_close_and_open(service: Service, visitors: Visitors) -> None:
    pair, sam = await service.pair(), await service.add("companion", "Sam")
    thread = await service.open(pair.member, pair.professional, sam)
    professional = await visitors.page_of(pair.professional, f"/dashboard#{thread}")
    companion = await visitors.page_of(sam)
    await expect(companion.locator("[data-part=silent] .person")).to_be_visible()
    await expect(companion.get_by_text("En direct").first).to_be_visible()
    await close(professional)
    await expect(companion.locator("[data-part=closed-note]")).to_have_text("1")
    await professional.keyboard.press("c")
    await expect(companion.locator("[data-part=silent] .person")).to_be_visible()


async def test_j_passes_by_what_is_closed_and_a_filter_finds_it(service: Service, visitors: Visitors, pair: Pair) -> None:
    await service.open(await service.add("member", "Inès"), pair.professional)
    professional = await visitors.page_of(pair.professional, f"/dashboard#{pair.thread}")
    await close(professional)
    for _ in range(3):
        await professional.keyboard.press("j")
    await expect(professional.locator("h2.bar__name")).to_have_text("Inès")
    await professional.keyboard.press("/")
    await professional.keyboard.type("lea")
    await expect(professional.locator("[data-part=closed] .person")).to_be_visible()
    await professional.keyboard.press("Escape")
    await expect(professional.locator("[data-part=closed] .person")).to_be_hidden()


# What to expect, and who has left


async def test_what_to_expect_is_there_later_too(visitors: Visitors, pair: Pair) -> None:
    member, professional = await both(visitors, pair)
    await say_practice(professional, reply_within_hours=48)
    await post(professional, pair.thread, ["Bonjour Léa."])
    await member.get_by_role("button", name="À quoi s’attendre").click()
    sheet = member.get_by_role("dialog", name="À quoi s’attendre")
    for words in ("Claire répond d’habitude en deux jours au plus.", "ni un mot de ce qui est écrit", "Claire et vous"):
        await expect(sheet).to_contain_text(words)
    await sheet.get_by_role("button", name="Aide urgente").click()
    await expect(member.get_by_role("link", name="3114")).to_be_in_viewport()
    await escape(member)
    await member.get_by_role("button", name="À quoi s’attendre").click()
    await sheet.get_by_role("button", name="Qui y a accès ?").click()
    await expect(member.get_by_role("heading", name="Qui a accès à cette conversation ?")).to_be_visible()


async def test_who_left_bears_their_name_after_a_reload(service: Service, visitors: Visitors) -> None:
    """In a browser that has never seen them."""
    pair, sam = await service.pair(), await service.add("companion", "Sam")
    thread = await service.open(pair.member, pair.professional, sam)
    await post(await visitors.page_of(sam), thread, ["Bienvenue."])
    await service.leave(thread, sam)
    member = await visitors.page_of(pair.member, f"/member#{thread}")
    row = member.locator("message-row").filter(has_text="Bienvenue.")
    await expect(row).to_contain_text("Sam")
    await expect(row).not_to_contain_text("Une personne qui a quitté")


async def test_a_newcomer_has_not_seen_what_was_written_before(service: Service, visitors: Visitors) -> None:
    """In a browser that did not see them join."""
    pair, sam = await service.pair(), await service.add("companion", "Sam")
    member = await visitors.page_of(pair.member)
    await post(member, pair.thread, ["Entre nous."])
    professional = await visitors.page_of(pair.professional, f"/dashboard#{pair.thread}")
    await expect(bubble(professional, "Entre nous.")).to_be_visible()
    await bring_in(professional, sam)
    fresh = await visitors.page_of(pair.member)
    row = fresh.locator("message-row").filter(has_text="Entre nous.")
    await expect(row).to_contain_text("vu par Claire")
    await expect(row).not_to_contain_text("Sam")


# Messages do not wait for it


async def test_the_messages_come_before_what_is_known_beside_them(visitors: Visitors, pair: Pair) -> None:
    """Even if the rest never arrives; and nothing moves when it does."""
    professional = await visitors.page_of(pair.professional)
    await say_practice(professional, reply_within_hours=48)
    await post(professional, pair.thread, ["Bonjour Léa."])
    member = await visitors.page_of(pair.member)
    let_through = asyncio.Event()

    async def hold(route: Route) -> None:
        await let_through.wait()
        await route.continue_()

    await member.route("**/about", hold)
    await member.reload()
    await expect(bubble(member, "Bonjour Léa.")).to_be_visible()
    await expect(line(member)).to_be_empty()
    before = await bubble(member, "Bonjour Léa.").bounding_box()
    let_through.set()
    await expect(line(member)).to_have_text("Claire répond d’habitude en deux jours au plus.")
    assert await bubble(member, "Bonjour Léa.").bounding_box() == before


async def test_an_unanswered_question_for_it_is_asked_again_when_the_line_is_back(visitors: Visitors, pair: Pair) -> None:
    visitors.tolerate("ERR_FAILED", "ERR_INTERNET_DISCONNECTED")
    professional = await visitors.page_of(pair.professional)
    await say_practice(professional, reply_within_hours=48)
    member = await visitors.page_of(pair.member)
    await member.route("**/about", lambda route: route.abort())
    await member.reload()
    await expect(member.get_by_text("En direct").first).to_be_attached()
    await expect(line(member)).to_be_empty()
    await member.unroute("**/about")
    await member.context.set_offline(True)
    await member.context.set_offline(False)
    await expect(line(member)).to_have_text("Claire répond d’habitude en deux jours au plus.")


# Looks


async def rest(page: Page) -> None:
    """Wait until a sheet is open and its animations have ended."""
    await expect(page.locator("dialog[open]")).to_be_visible()  # One that is closing is still to be seen, too.
    await page.evaluate("Promise.all(document.querySelector('dialog[open]').getAnimations().map(({ finished }) => finished))")


async def test_what_a_member_is_told_is_open_to_all(visitors: Visitors, pair: Pair) -> None:
    setting = await visitors.page_of(pair.professional)
    await post(await visitors.page_of(pair.member), pair.thread, ["Bonjour Claire, je me permets de vous écrire."])
    for look, options in LOOKS.items():
        await say_practice(setting, reply_within_hours=48)
        member = await visitors.page_of(pair.member, **options)
        await expect(line(member)).not_to_be_empty()
        await check(member, f"member-promise-{look}")
        await member.get_by_role("button", name="À quoi s’attendre").click()
        await rest(member)
        await check(member, f"member-expect-{look}")
        await say_practice(setting, reply_within_hours=48, away_until=UNTIL, away_words=WORDS)
        await member.reload()
        await expect(line(member)).to_contain_text("3114")
        await check(member, f"member-away-until-{look}")


async def test_what_a_professional_says_is_open_to_all(service: Service, visitors: Visitors, pair: Pair) -> None:
    for name in ("Malik", "Inès"):
        thread = await service.open(await service.add("member", name), pair.professional)
        await post(await visitors.page_of(pair.professional), thread, ["À très bientôt, alors."])
    await post(await visitors.page_of(pair.member), pair.thread, ["Bonjour Claire, je me permets de vous écrire."])
    setting = await visitors.page_of(pair.professional, f"/dashboard#{thread}")
    await close(setting)
    await say_practice(setting, reply_within_hours=48, away_until=UNTIL, away_words=WORDS)
    for look, options in LOOKS.items():
        professional = await visitors.page_of(pair.professional, f"/dashboard#{thread}", **options)
        await expect(line(professional)).to_contain_text("Conversation close le")
        await check(professional, f"dashboard-closed-{look}")
        await professional.keyboard.press("a")
        await rest(professional)
        await check(professional, f"practice-{look}")
        await escape(professional)
        await professional.goto(f"/dashboard#{pair.thread}")
        await professional.keyboard.press("c")
        await rest(professional)
        await check(professional, f"closing-{look}")


async def test_waits_are_looked_at(visitors: Visitors, pair: Pair) -> None:
    await post(await visitors.page_of(pair.member), pair.thread, ["Une question."])
    for look in ("wide", "360-dark"):
        professional = await visitors.page_of(pair.professional, **LOOKS[look])
        await say_practice(professional, reply_within_hours=24)
        await waiting_since(professional, 30)
        await expect(professional.locator("[data-part=waiting] .wait")).to_contain_text("délai passé")
        await shoot(professional, f"dashboard-overdue-{look}")
        await professional.locator(".person").click()
        await expect(professional.locator("h2.bar__name")).to_have_text("Léa")
        await expect(professional.locator(".bar .wait")).to_contain_text("délai passé")
        name = await professional.locator("h2.bar__name").bounding_box()
        assert name
        assert name["width"] > 25
        await check(professional, f"dashboard-overdue-open-{look}")
        await professional.unroute_all(behavior="ignoreErrors")
