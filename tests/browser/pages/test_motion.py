"""With reduced motion nothing moves; with forced colours, things can still be told apart."""

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Pair, Visitors, bubble, escape, post, shoot, until_live, write

pytestmark = pytest.mark.asyncio(loop_scope="session")

# The name of every animation and transition that starts on the page.
WATCH = """() => {
  globalThis.moved = []
  const note = ({ type, animationName, propertyName }) => moved.push(`${type} ${animationName ?? propertyName}`)
  for (const type of ["animationstart", "transitionrun"]) document.addEventListener(type, note, true)
  const look = () => {
    moved.push(...document.getAnimations().map((one) => one.animationName ?? one.transitionProperty))
    requestAnimationFrame(look)
  }
  look()
}"""

# Resolves once the page, which listens too, has noticed the scrolling.
SCROLL_TO_TOP = """() => new Promise((resolve) => {
  const scroll = document.querySelector(".log__scroll")
  scroll.addEventListener("scroll", resolve, { once: true })
  scroll.scrollTop = 0
})"""

STYLES = """(selector) => [...document.querySelectorAll(selector)].map((one) => {
  const { backgroundColor, borderTopStyle, borderTopColor, outlineStyle, outlineWidth } = getComputedStyle(one)
  const { left, right } = one.getBoundingClientRect()
  return { backgroundColor, borderTopStyle, borderTopColor, outlineStyle, outlineWidth, left, right }
})"""


async def live_a_little(visitors: Visitors, pair: Pair, motion: str) -> Page:
    """A member writes, sees the answer being typed, gets messages, opens a sheet and jumps to a new message."""
    member = await visitors.page_of(pair.member, reduced_motion=motion)
    professional = await visitors.page_of(pair.professional, f"/dashboard#{pair.thread}")
    await until_live(member, professional)
    await member.evaluate(WATCH)
    await write(member, "Une question.")
    await expect(bubble(member, "Une question.")).to_be_visible()
    await professional.type("#composer", "Bien")
    await expect(member.get_by_text("Claire écrit")).to_be_visible()
    await post(professional, pair.thread, [f"Réponse {number}.\n" + "Un mot.\n" * 20 for number in range(4)])
    await expect(bubble(member, "Réponse 3.")).to_be_visible()
    await member.get_by_role("button", name="Aide urgente").click()
    await expect(member.get_by_role("link", name="3114")).to_be_visible()
    await escape(member)
    await member.evaluate(SCROLL_TO_TOP)
    await post(professional, pair.thread, ["Encore un mot."])
    await member.get_by_role("button", name="1 nouveau message").click()
    await expect(bubble(member, "Encore un mot.")).to_be_in_viewport()
    return member


async def test_nothing_moves_for_who_asked_for_less_motion(visitors: Visitors, pair: Pair) -> None:
    member = await live_a_little(visitors, pair, "reduce")
    assert await member.evaluate("moved") == []
    behaviours = await member.evaluate("[...document.querySelectorAll('*')].map((one) => getComputedStyle(one).scrollBehavior)")
    assert set(behaviours) == {"auto"}


async def test_others_see_it_move(visitors: Visitors, pair: Pair) -> None:
    """The same steps with motion: what the test above looks for does occur."""
    member = await live_a_little(visitors, pair, "no-preference")
    assert {"animationstart arrive", "transitionrun opacity"} <= set(await member.evaluate("moved"))


async def test_with_colours_of_ones_own_things_are_still_told_apart(visitors: Visitors, pair: Pair) -> None:
    visitors.tolerate("ERR_INTERNET_DISCONNECTED", "WebSocket", "Failed to load")
    member = await visitors.page_of(pair.member, forced_colors="active")
    professional = await visitors.page_of(pair.professional)
    await post(professional, pair.thread, ["Bonjour Léa."])
    await post(member, pair.thread, ["Bonjour Claire."])
    await expect(bubble(member, "Bonjour Claire.")).to_contain_text("Bonjour Claire.")
    await member.context.set_offline(True)
    await write(member, "Pas encore parti.")
    await expect(member.get_by_text("en attente d’envoi")).to_be_visible()
    (theirs,) = await member.evaluate(STYLES, ".message:not(.message--mine)")
    mine, waiting = await member.evaluate(STYLES, ".message--mine")
    assert theirs["left"] < mine["left"]
    assert theirs["right"] < mine["right"]
    assert {theirs["borderTopStyle"], mine["borderTopStyle"]} == {"solid"}
    assert waiting["borderTopStyle"] == "dashed"
    await member.keyboard.press("Tab")
    (focused,) = await member.evaluate(STYLES, ":focus-visible")
    assert focused["outlineStyle"] == "solid"
    assert float(focused["outlineWidth"].removesuffix("px")) >= 2
    await shoot(member, "member-told-apart-forced-colours")
