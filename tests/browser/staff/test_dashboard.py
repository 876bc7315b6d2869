"""The Professional's dashboard: who needs an answer, in a list and by keyboard."""

import pytest
from playwright.async_api import Route, expect

from tests.browser.conftest import PHONE, Pair, Service, Visitors, bubble, post, shoot, write

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_unanswered_stand_first(service: Service, visitors: Visitors, pair: Pair) -> None:
    malik = await service.add("member", "Malik")
    thread = await service.open(malik, pair.professional)
    professional = await visitors.page_of(pair.professional)
    member = await visitors.page_of(malik)
    await post(member, thread, ["Je ne sais plus par quoi commencer…"])
    await expect(professional.locator("[data-part=waiting] .person")).to_contain_text("Malik")
    await expect(professional.locator("[data-part=silent] .person")).to_contain_text("Léa")
    await shoot(professional, "dashboard-list-wide")


async def test_an_answer_moves_the_conversation_down(visitors: Visitors, pair: Pair) -> None:
    member = await visitors.page_of(pair.member)
    await post(member, pair.thread, ["Une question."])
    professional = await visitors.page_of(pair.professional, f"/dashboard#{pair.thread}")
    await expect(professional.locator("[data-part=waiting] .person")).to_have_count(1)
    await write(professional, "Une réponse.")
    await expect(professional.locator("[data-part=answered] .person")).to_contain_text("Vous : Une réponse.")


async def test_j_and_k_walk_through_the_list(service: Service, visitors: Visitors, pair: Pair) -> None:
    await service.open(await service.add("member", "Inès"), pair.professional)
    professional = await visitors.page_of(pair.professional)
    await expect(professional.locator(".person")).to_have_count(2)
    await professional.keyboard.press("j")
    await expect(professional.locator("h2.bar__name")).not_to_be_empty()
    first = await professional.locator("h2.bar__name").inner_text()
    await professional.keyboard.press("j")
    await expect(professional.locator("h2.bar__name")).not_to_have_text(first)
    await professional.keyboard.press("k")
    await expect(professional.locator("h2.bar__name")).to_have_text(first)


async def test_the_filter_ignores_accents(service: Service, visitors: Visitors, pair: Pair) -> None:
    await service.open(await service.add("member", "Inès"), pair.professional)
    professional = await visitors.page_of(pair.professional)
    await professional.keyboard.press("/")
    await professional.keyboard.type("ines")
    await expect(professional.locator(".person")).to_have_count(1)
    await expect(professional.locator(".person")).to_contain_text("Inès")
    await professional.keyboard.press("Escape")
    await expect(professional.locator(".person")).to_have_count(2)


async def test_namesakes_are_told_apart(service: Service, visitors: Visitors, pair: Pair) -> None:
    for last_name in ("Bernard", "Roux"):
        await service.open(await service.add("member", "Paul", last_name=last_name), pair.professional)
    professional = await visitors.page_of(pair.professional)
    await expect(professional.get_by_text("Paul B.")).to_be_visible()
    await expect(professional.get_by_text("Paul R.")).to_be_visible()
    await expect(professional.get_by_text("Léa", exact=True)).to_be_visible()


async def test_a_phone_shows_one_thing_at_a_time(visitors: Visitors, pair: Pair) -> None:
    professional = await visitors.page_of(pair.professional, viewport=PHONE)
    await expect(professional.locator("#composer")).to_be_hidden()
    await professional.locator(".person").click()
    await expect(professional.locator("#composer")).to_be_visible()
    await expect(professional.locator(".person")).to_be_hidden()
    await professional.get_by_role("link", name="Retour aux conversations").click()
    await expect(professional.locator(".person")).to_be_visible()


async def test_a_conversation_opened_meanwhile_appears(service: Service, visitors: Visitors, pair: Pair) -> None:
    professional = await visitors.page_of(pair.professional)
    await expect(professional.get_by_text("En direct").first).to_be_visible()
    sofia = await service.add("member", "Sofia")
    thread = await service.open(sofia, pair.professional)
    await post(await visitors.page_of(sofia), thread, ["Bonjour."])
    await expect(professional.locator("[data-part=waiting] .person")).to_contain_text("Sofia")


async def test_a_companion_uses_the_dashboard(service: Service, visitors: Visitors) -> None:
    pair = await service.pair()
    sam = await service.add("companion", "Sam")
    thread = await service.open(pair.member, pair.professional, sam)
    companion = await visitors.page_of(sam, f"/#{thread}")
    assert companion.url.endswith(f"/dashboard#{thread}")
    member = await visitors.page_of(pair.member, f"/member#{thread}")
    await write(companion, "Bienvenue, Léa.")
    await expect(bubble(member, "Bienvenue, Léa.")).to_be_visible()
    await expect(member.locator("h1")).to_have_text("Claire et Sam")
    await shoot(member, "member-of-three-wide")


async def test_an_administrator_can_read_nothing(service: Service, visitors: Visitors) -> None:
    administrator = await visitors.page_of(await service.add("administrator", "Alix"), "/dashboard")
    await expect(administrator.get_by_text("Votre compte ne donne accès à aucune conversation")).to_be_visible()
    await shoot(administrator, "dashboard-administrator-wide")


async def test_a_member_is_sent_home(visitors: Visitors, pair: Pair) -> None:
    member = await visitors.page_of(pair.member, "/dashboard")
    await member.wait_for_url("**/member")


async def test_those_quiet_for_long_stand_apart(visitors: Visitors, pair: Pair) -> None:
    professional = await visitors.page_of(pair.professional)
    await post(professional, pair.thread, ["Comment allez-vous ?"])

    async def age(route: Route) -> None:
        answer = await (await route.fetch()).json()
        answer["threads"][0]["last"]["at"] = "2020-01-01T08:00:00Z"
        await route.fulfill(json=answer)

    await professional.route("**/api/threads?*", age)
    await professional.reload()
    await expect(professional.locator("[data-part=quiet] .person")).to_contain_text("Léa")
    await professional.unroute_all(behavior="ignoreErrors")  # No answer may still be under way when the page closes.
