"""What docs/pages.md measures, as far as it can be tested without a clock: memory, waking up, and lines that go silent."""

import pytest
from playwright.async_api import Page, WebSocketRoute, expect

from tests.browser.conftest import Pair, Visitors, bubble, post, write

pytestmark = pytest.mark.asyncio(loop_scope="session")

HEARTBEAT, PATIENCE = 20_000, 6_000


STANDING = """() => {
  const walker = document.createTreeWalker(document, NodeFilter.SHOW_ALL)
  let count = 1
  while (walker.nextNode()) count += 1
  return count
}"""


async def weigh(page: Page) -> tuple[int, int]:
    """Nodes that are referenced but not in the page, and listeners, both after garbage collection."""
    tools = await page.context.new_cdp_session(page)
    await tools.send("Performance.enable")
    for _ in range(2):
        await tools.send("HeapProfiler.collectGarbage")
    measured = {one["name"]: one["value"] for one in (await tools.send("Performance.getMetrics"))["metrics"]}
    await tools.detach()
    return int(measured["Nodes"]) - int(await page.evaluate(STANDING)), int(measured["JSEventListeners"])


async def live(page: Page, professional: Page, thread: str, messages: int) -> None:
    """A few hours in brief: messages from others, presence, typing, a line that breaks."""
    await post(professional, thread, [f"Message {number}." for number in range(messages)])
    await professional.goto(f"/dashboard#{thread}")
    await professional.type("#composer", "Bonjour")
    await write(professional, "À la fin.")
    await professional.goto("about:blank")
    await page.evaluate("document.querySelector('member-page').correspondence.connection.restart()")
    await expect(page.get_by_text("En direct")).to_be_visible()
    await expect(bubble(page, "À la fin.").last).to_be_in_viewport()


async def test_what_lasts_for_hours_leaves_nothing_behind(visitors: Visitors, pair: Pair) -> None:
    visitors.tolerate("closed before the connection is established")
    member = await visitors.page_of(pair.member)
    professional = await visitors.page_of(pair.professional)
    url = professional.url
    for _ in range(3):  # Until the window onto the conversation has reached its full size.
        await live(member, professional, pair.thread, 80)
        await professional.goto(url)
    nodes, listeners = await weigh(member)
    for _ in range(3):
        await live(member, professional, pair.thread, 80)
        await professional.goto(url)
    later_nodes, later_listeners = await weigh(member)
    assert await member.locator("message-row").count() <= 200
    assert later_nodes < nodes + 200  # a window of 200 messages has ten times as many
    assert later_listeners < listeners + 20


async def test_what_came_during_sleep_is_there_on_waking(visitors: Visitors, pair: Pair) -> None:
    member = await visitors.page_of(pair.member)
    await expect(member.get_by_text("En direct")).to_be_visible()
    tools = await member.context.new_cdp_session(member)
    await tools.send("Page.setWebLifecycleState", {"state": "frozen"})
    professional = await visitors.page_of(pair.professional)
    await post(professional, pair.thread, ["Pendant que vous dormiez."])
    await tools.send("Page.setWebLifecycleState", {"state": "active"})
    await expect(bubble(member, "Pendant que vous dormiez.")).to_be_visible()
    await expect(member.get_by_text("En direct")).to_be_visible()


async def test_a_line_that_went_silent_is_noticed_within_a_heartbeat(visitors: Visitors, pair: Pair) -> None:
    member = await (await visitors.page_of(pair.member)).context.new_page()
    lines: list[WebSocketRoute] = []
    silent: set[int] = set()

    def carry(line: WebSocketRoute) -> None:
        server, number = line.connect_to_server(), len(lines)
        lines.append(line)
        line.on_message(lambda said: None if number in silent else server.send(said))
        server.on_message(lambda said: None if number in silent else line.send(said))

    await member.route_web_socket("**/ws", carry)
    await member.clock.install()
    await member.goto("/member")
    await expect(member.get_by_text("En direct")).to_be_visible()
    silent.add(0)
    await post(await visitors.page_of(pair.professional), pair.thread, ["Personne n’entend ceci."])
    await member.clock.run_for(HEARTBEAT)
    assert len(lines) == 1
    await member.clock.run_for(PATIENCE + 1_000)  # The first attempt to reconnect comes within half a second.
    await expect(bubble(member, "Personne n’entend ceci.")).to_be_visible()
    assert len(lines) == 2
