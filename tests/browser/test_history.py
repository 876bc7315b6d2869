"""Long conversations: they load upwards, and nothing that is being read moves."""

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Pair, Visitors, bubble, post, shoot, write

pytestmark = pytest.mark.asyncio(loop_scope="session")

WATCH_ONE_MESSAGE = """async () => {
  const scroll = document.querySelector(".log__scroll")
  scroll.scrollTop = 400
  await new Promise(requestAnimationFrame)
  const watched = [...document.querySelectorAll(".message")].find((one) => one.getBoundingClientRect().top > 250)
  const count = document.querySelectorAll("message-row").length
  const before = watched.getBoundingClientRect().top
  const moves = []
  while (document.querySelectorAll("message-row").length === count) {
    await new Promise(requestAnimationFrame)
    moves.push(Math.abs(watched.getBoundingClientRect().top - before))
  }
  return Math.max(...moves)
}"""


async def long_conversation(visitors: Visitors, pair: Pair, length: int) -> Page:
    member = await visitors.page_of(pair.member)
    await post(member, pair.thread, [f"Message {number}. {'Encore un mot. ' * (number % 9)}" for number in range(1, length + 1)])
    await member.reload()
    await expect(bubble(member, f"Message {length}.")).to_be_visible()
    return member


async def test_history_grows_upwards_without_a_jump(visitors: Visitors, pair: Pair) -> None:
    member = await long_conversation(visitors, pair, 320)
    for _ in range(5):
        assert await member.evaluate(WATCH_ONE_MESSAGE) < 2


async def test_the_beginning_is_said_to_be_one(visitors: Visitors, pair: Pair) -> None:
    member = await long_conversation(visitors, pair, 60)
    await member.evaluate("document.querySelector('.log__scroll').scrollTop = 0")
    await expect(bubble(member, "Message 1.")).to_have_count(1)
    await expect(member.get_by_text("Le début de votre conversation avec Claire")).to_have_count(1)


async def test_new_messages_below_are_counted(visitors: Visitors, pair: Pair) -> None:
    member = await long_conversation(visitors, pair, 60)
    professional = await visitors.page_of(pair.professional, f"/dashboard#{pair.thread}")
    await member.evaluate("document.querySelector('.log__scroll').scrollTop = 500")
    await expect(professional.get_by_text("En direct").first).to_be_visible()
    await write(professional, "Je vous réponds.")
    await expect(member.get_by_role("button", name="1 nouveau message")).to_be_visible()
    await shoot(member, "member-new-below-wide")
    await member.get_by_role("button", name="1 nouveau message").click()
    await expect(bubble(member, "Je vous réponds.")).to_be_in_viewport()
    await expect(professional.locator("message-row").last).to_contain_text("vu")


async def test_the_first_unread_message_is_marked(visitors: Visitors, pair: Pair) -> None:
    professional = await visitors.page_of(pair.professional)
    await post(professional, pair.thread, [f"Réponse {number}." for number in range(1, 40)])
    member = await visitors.page_of(pair.member)
    await expect(member.get_by_text("Nouveaux messages")).to_be_in_viewport()
    await expect(bubble(member, "Réponse 1.").first).to_be_in_viewport()


async def test_what_came_while_the_line_was_cut_is_there(visitors: Visitors, pair: Pair) -> None:
    visitors.tolerate("WebSocket", "ERR_INTERNET_DISCONNECTED", "Failed to load")
    member = await visitors.page_of(pair.member)
    professional = await visitors.page_of(pair.professional)
    await expect(member.get_by_text("En direct")).to_be_visible()
    await member.context.set_offline(True)
    await post(professional, pair.thread, [f"Réponse {number}." for number in range(1, 8)])
    await member.context.set_offline(False)
    await expect(bubble(member, "Réponse 7.")).to_be_visible()
    await expect(member.locator("message-row")).to_have_count(7)
