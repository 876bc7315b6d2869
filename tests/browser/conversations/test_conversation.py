"""Two people talk, each in a browser of their own."""

import asyncio
import re
from uuid import UUID

import pytest
from playwright.async_api import Page, Route, WebSocketRoute, expect

from tests.browser.conftest import (
    PASSWORD,
    Pair,
    Service,
    Visitors,
    bubble,
    post,
    shoot,
    sign_in_quietly,
    until_live,
    until_sent,
    write,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def both(visitors: Visitors, pair: Pair) -> tuple[Page, Page]:
    """The member's page and the Professional's, with their conversation open and connected."""
    member = await visitors.page_of(pair.member, "/member")
    professional = await visitors.page_of(pair.professional, f"/dashboard#{pair.thread}")
    await until_live(member, professional)
    return member, professional


async def test_what_one_sends_the_other_receives(visitors: Visitors, pair: Pair) -> None:
    member, professional = await both(visitors, pair)
    await write(member, "Bonjour Claire, j’ai essayé ce matin.")
    await expect(bubble(professional, "j’ai essayé ce matin")).to_be_visible()


async def test_what_is_seen_says_so(visitors: Visitors, pair: Pair) -> None:
    member, professional = await both(visitors, pair)
    await write(member, "Êtes-vous là ?")
    await expect(bubble(professional, "Êtes-vous là ?")).to_be_visible()
    await expect(member.locator("message-row").last).to_contain_text("vu")


async def test_what_nobody_saw_is_only_sent(visitors: Visitors, pair: Pair) -> None:
    member = await visitors.page_of(pair.member)
    await write(member, "Je vous écris le soir.")
    await expect(member.locator("message-row").last).to_contain_text("envoyé")


async def test_a_hidden_page_reads_nothing(visitors: Visitors, pair: Pair) -> None:
    member = await visitors.page_of(pair.member)
    professional = await visitors.page_of(pair.professional)
    await write(member, "Personne n’a ouvert la conversation.")
    await expect(professional.locator(".person .count")).to_contain_text("1")
    await expect(professional).to_have_title(re.compile(r"^\(1\) "))
    await expect(member.locator("message-row").last).to_contain_text("envoyé")


async def test_typing_is_shown_until_the_message(visitors: Visitors, pair: Pair) -> None:
    member, professional = await both(visitors, pair)
    await professional.locator("#composer").press_sequentially("Bien")
    await expect(member.get_by_text("Claire écrit")).to_be_visible()
    await shoot(member, "member-typing-wide")
    await professional.keyboard.press("Control+Enter")
    await expect(bubble(member, "Bien")).to_be_visible()
    await expect(member.get_by_text("Claire écrit")).to_be_hidden()


async def test_presence_comes_and_goes(visitors: Visitors, pair: Pair) -> None:
    member, professional = await both(visitors, pair)
    await expect(member.locator(".bar .face--here")).to_have_count(1)
    await professional.context.close()
    await expect(member.locator(".bar .face--here")).to_have_count(0)


async def test_a_reload_keeps_history_and_draft(visitors: Visitors, pair: Pair) -> None:
    member = await visitors.page_of(pair.member)
    await write(member, "Le premier message.")
    await expect(member.locator("message-row").last).to_contain_text("envoyé")
    await member.fill("#composer", "Une phrase commencée")
    await member.reload()
    await expect(bubble(member, "Le premier message.")).to_be_visible()
    await expect(member.locator("#composer")).to_have_value("Une phrase commencée")


async def test_a_draft_in_storage_is_unreadable(visitors: Visitors, pair: Pair) -> None:
    member = await visitors.page_of(pair.member)
    await member.fill("#composer", "Une phrase commencée")
    await member.wait_for_function("Object.keys(localStorage).some((key) => key.includes('draft'))")
    assert "phrase" not in await member.evaluate("JSON.stringify(localStorage)")


async def test_sign_out_asks_before_losing_a_draft(visitors: Visitors, pair: Pair) -> None:
    member = await visitors.page_of(pair.member)
    await member.fill("#composer", "Une phrase commencée")
    await member.click("[popovertarget=account-menu]")
    await member.get_by_role("button", name="Se déconnecter").click()
    await expect(member.get_by_text("Un texte n’est pas encore parti")).to_be_visible()
    await shoot(member, "member-sign-out-question-wide")
    await member.get_by_role("button", name="Effacer et se déconnecter").click()
    await member.wait_for_url("**/sign-in")
    assert await member.evaluate("localStorage.length") == 0


async def test_sign_out_in_one_tab_ends_the_other(visitors: Visitors, pair: Pair) -> None:
    first = await visitors.page_of(pair.member)
    second = await visitors.another_page(first.context)
    visitors.tolerate("401")  # Its connection may close before the other tab has told it why.
    await until_live(first, second)  # The browser complains of a connection that is closed before it is open.
    await first.bring_to_front()
    await first.click("[popovertarget=account-menu]")
    await first.get_by_role("button", name="Se déconnecter").click()
    await first.wait_for_url("**/sign-in")
    await second.wait_for_url("**/sign-in")


async def test_the_way_back_after_sign_out_shows_nothing(visitors: Visitors, pair: Pair) -> None:
    member = await visitors.page_of(pair.member)
    await write(member, "Un secret.")
    await until_sent(member, "Un secret.")
    await member.click("[popovertarget=account-menu]")
    await member.get_by_role("button", name="Se déconnecter").click()
    await member.wait_for_url("**/sign-in")
    visitors.tolerate("401")
    await member.go_back()
    await expect(member.get_by_text("Un secret.")).to_have_count(0)


async def test_an_ended_session_begins_again_in_place(visitors: Visitors, pair: Pair) -> None:
    member = await visitors.page_of(pair.member)
    visitors.tolerate("401")  # Requests that follow the first view may still be under way.
    await member.fill("#composer", "Une phrase commencée")
    await member.context.request.delete("/api/session", headers={"Origin": visitors.url})
    await expect(member.get_by_text("Votre session est terminée")).to_be_visible()
    await expect(member.locator("member-page")).to_be_hidden()
    await shoot(member, "member-session-ended-wide")
    await member.fill("input[name=email]", pair.member.email)
    await member.fill("input[name=password]", PASSWORD)
    await member.keyboard.press("Enter")
    await expect(member.locator("#composer")).to_be_focused()
    await expect(member.locator("#composer")).to_have_value("Une phrase commencée")
    await member.keyboard.press("Control+Enter")
    await expect(member.locator("message-row").last).to_contain_text("envoyé")


async def test_a_message_typed_while_the_server_is_down_arrives_once(service: Service, visitors: Visitors, pair: Pair) -> None:
    visitors.tolerate("WebSocket connection", "Failed to load resource", "ERR_CONNECTION")
    member, professional = await both(visitors, pair)
    await write(member, "Avant la panne.")
    await expect(bubble(professional, "Avant la panne.")).to_be_visible()
    service.kill()
    await write(member, "Pendant la panne.")
    await expect(member.locator(".row--pending")).to_have_count(1)
    await expect(member.get_by_text("Reconnexion…")).to_be_visible()
    await shoot(member, "member-reconnecting-wide")
    service.start()
    await expect(member.locator("message-row").last).to_contain_text("vu", timeout=20_000)
    await expect(bubble(professional, "Pendant la panne.")).to_have_count(1)
    await member.reload()
    await expect(bubble(member, "la panne.")).to_have_count(2)


async def test_a_message_without_answer_says_so(visitors: Visitors, pair: Pair) -> None:
    await unanswered(visitors, member := await visitors.page_of(pair.member))
    await member.clock.install()
    await write(member, "Est-ce que c’est normal ?")
    await expect(member.locator(".row--pending")).to_have_count(1)
    await shoot(member, "member-pending-wide")
    await member.clock.fast_forward(9_000)
    await expect(member.get_by_text("Non envoyé, votre texte est gardé")).to_be_visible()
    await expect(member.get_by_role("button", name="Réessayer")).to_be_visible()
    await shoot(member, "member-failed-wide")


async def unanswered(visitors: Visitors, page: Page) -> None:
    """Drop every message that the page sends."""

    def swallow(line: WebSocketRoute) -> None:
        server = line.connect_to_server()
        line.on_message(lambda frame: None if '"send"' in str(frame) else server.send(frame))

    visitors.tolerate("WebSocket")
    await page.route_web_socket("**/ws", swallow)
    await page.reload()
    await expect(page.get_by_text("En direct").first).to_be_visible()


async def test_an_unanswered_message_survives_a_reload(visitors: Visitors, pair: Pair) -> None:
    first = await visitors.page_of(pair.member)
    await unanswered(visitors, first)
    await write(first, "Gardé pour plus tard.")
    await first.wait_for_function("Object.keys(localStorage).some((key) => key.includes('outgoing'))")
    await first.close()
    second = await visitors.another_page(first.context)
    await expect(second.locator("message-row").last).to_contain_text("envoyé")
    await expect(bubble(second, "Gardé pour plus tard.")).to_have_count(1)


async def test_without_network_the_page_says_so(visitors: Visitors, pair: Pair) -> None:
    visitors.tolerate("WebSocket", "Failed to load", "ERR_INTERNET_DISCONNECTED")
    member = await visitors.page_of(pair.member)
    await expect(member.get_by_text("En direct")).to_be_visible()
    await member.context.set_offline(True)
    await expect(member.get_by_role("status").get_by_text("Hors ligne")).to_be_visible()
    await write(member, "Écrit dans le train.")
    await shoot(member, "member-offline-wide")
    await member.context.set_offline(False)
    await expect(member.locator("message-row").last).to_contain_text("envoyé")


async def test_a_draft_follows_to_another_tab(visitors: Visitors, pair: Pair) -> None:
    first = await visitors.page_of(pair.member)
    second = await visitors.another_page(first.context)
    await first.bring_to_front()
    await second.evaluate("Object.defineProperty(document, 'hasFocus', { value: () => false })")
    await first.fill("#composer", "Commencé ici")
    await expect(second.locator("#composer")).to_have_value("Commencé ici")


async def test_a_removed_participant_keeps_the_text(service: Service, visitors: Visitors, pair: Pair) -> None:
    visitors.tolerate("404")  # late requests of the page may be under way just then
    member = await visitors.page_of(pair.member)
    await write(member, "Premier.")
    await expect(member.locator("message-row").last).to_contain_text("envoyé")
    await service.leave(pair.thread, pair.member)
    await expect(member.get_by_text("Bienvenue")).to_be_visible()


async def test_english_people_read_english(service: Service, visitors: Visitors) -> None:
    member = await visitors.page_of(await service.add("member", "Emma", locale="en"))
    await expect(member.get_by_role("heading", name="Welcome")).to_be_visible()


async def test_what_others_write_is_announced(visitors: Visitors, pair: Pair) -> None:
    member, professional = await both(visitors, pair)
    await write(member, "Mon propre message.")
    await write(professional, "Une réponse.")
    await expect(member.locator("[aria-live=polite]", has_text="Claire : Une réponse.")).to_have_count(1)
    await expect(member.locator("[data-part=announce]", has_text="Mon propre message")).to_have_count(0)


async def test_times_are_told_exactly_too(visitors: Visitors, pair: Pair) -> None:
    member = await visitors.page_of(pair.member)
    await write(member, "Maintenant.")
    await expect(member.locator(".day time")).to_have_text("aujourd’hui")
    assert re.search(r"\d{4} à \d\d:\d\d$", await member.locator(".state time").last.get_attribute("title") or "")


async def test_a_clock_wrong_by_a_day_changes_nothing(visitors: Visitors, pair: Pair) -> None:
    member = await visitors.page_of(pair.member)
    await post(member, pair.thread, ["Aujourd’hui, vraiment."])
    context = await visitors.context()
    await sign_in_quietly(context, visitors.url, pair.professional)
    await context.clock.install(time="2031-03-03T10:00:00")
    professional = await visitors.another_page(context, f"/dashboard#{pair.thread}")
    await expect(professional.locator(".person .wait")).to_contain_text("1 min")
    await expect(professional.locator(".day time")).to_have_text("aujourd’hui")


async def test_a_failed_sign_out_is_told(visitors: Visitors, pair: Pair) -> None:
    visitors.tolerate("ERR_FAILED")
    member = await visitors.page_of(pair.member)
    await member.route("**/api/session", lambda route: route.abort())
    await member.click("[popovertarget=account-menu]")
    await member.get_by_role("button", name="Se déconnecter").click()
    await expect(member.get_by_role("alert").get_by_text("Vous n’êtes pas déconnecté·e")).to_be_visible()


async def test_signing_in_again_is_enough_for_all_tabs(visitors: Visitors, pair: Pair) -> None:
    visitors.tolerate("401")
    first = await visitors.page_of(pair.member)
    second = await visitors.another_page(first.context)
    await first.context.request.delete("/api/session", headers={"Origin": visitors.url})
    await expect(first.get_by_text("Votre session est terminée")).to_be_visible()
    await expect(second.get_by_text("Votre session est terminée")).to_be_visible()
    await second.fill("input[name=email]", pair.member.email)
    await second.fill("input[name=password]", PASSWORD)
    await second.get_by_role("button", name="Se connecter").click()
    await expect(first.locator("member-page")).to_be_visible()
    await expect(first.get_by_text("En direct")).to_be_visible()


async def test_who_is_faster_than_the_form_sends_nothing_by_the_browser_itself(visitors: Visitors, pair: Pair) -> None:
    """On a slow line, the form appears before its module: the page stays, with what was typed, until it can be sent."""
    visitors.tolerate("401")
    page, come = await visitors.page_of(pair.member), asyncio.Event()

    async def late(route: Route) -> None:
        await come.wait()
        await route.continue_()

    await page.context.route("**/sign-in-form.js", late)
    await page.context.request.delete("/api/session", headers={"Origin": visitors.url})
    await page.fill("input[name=email]", pair.member.email)
    await page.fill("input[name=password]", PASSWORD)
    await page.keyboard.press("Enter")
    button = page.get_by_role("button", name="Se connecter")
    await expect(button).to_be_disabled()
    await expect(page.locator("input[name=password]")).to_have_value(PASSWORD)
    come.set()
    await expect(button).to_be_enabled()
    await expect(page.locator("input[name=password]")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("member-page")).to_be_visible()


async def test_ids_of_messages_are_ordered_by_time(visitors: Visitors, pair: Pair) -> None:
    member = await visitors.page_of(pair.member)
    ids = await member.evaluate("""async () => {
      const { uuid7 } = await import("/static/helpers/uuid.js")
      const ids = []
      for (let n = 0; n < 5; n += 1) { ids.push(uuid7()); await new Promise((done) => setTimeout(done, 3)) }
      return ids
    }""")
    assert ids == sorted(ids)
    assert {UUID(each).version for each in ids} == {7}
