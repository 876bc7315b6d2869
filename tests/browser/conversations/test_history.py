"""Long conversations: they load upwards, and nothing that is being read moves."""

import asyncio
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from playwright.async_api import Page, Route, expect

from chat.operations import control
from chat.operations.commands import Backup
from tests.browser.conftest import Pair, Service, Visitors, bubble, post, shoot, until_live, write

pytestmark = pytest.mark.asyncio(loop_scope="session")

WATCH_ONE_MESSAGE = """async () => {
  const scroll = document.querySelector(".log__scroll")
  const rows = document.querySelector(".log__rows")
  scroll.scrollTop = 400
  const watched = [...document.querySelectorAll(".message")].find((one) => one.getBoundingClientRect().top > 250)
  const before = watched.getBoundingClientRect().top
  const first = rows.firstElementChild
  const moves = []
  while (rows.firstElementChild === first) {
    await new Promise(requestAnimationFrame)
    moves.push(Math.abs(watched.getBoundingClientRect().top - before))
  }
  return [Math.max(...moves), rows.childElementCount]
}"""

TOPMOST = """() => {
  const { top } = document.querySelector(".log__scroll").getBoundingClientRect()
  return [...document.querySelectorAll("message-row")].find((row) => row.getBoundingClientRect().bottom > top).message.seq
}"""

TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"

LONG = 100_000


async def pretend_to_be_long(page: Page, pair: Pair, *, read: int = LONG, unread: int = 0) -> None:
    """Make the service answer as if the thread had 100,000 messages."""

    def message(seq: int) -> dict[str, Any]:
        at = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=17 * seq)
        text = f"Message {seq}. {'Encore un mot. ' * (seq % 9)}"
        common = {"thread": pair.thread, "seq": seq, "kind": "text", "at": at.isoformat(), "text": text}
        return {**common, "id": str(UUID(int=seq)), "author": str(UUID(int=7))}

    async def threads(route: Route) -> None:
        answer = await (await route.fetch()).json()
        answer["threads"][0] |= {"last_seq": LONG, "read_seq": read, "unread": unread, "last": message(LONG)}
        await route.fulfill(json=answer)

    async def messages(route: Route) -> None:
        asked = {name: int(value[0]) for name, value in parse_qs(urlsplit(route.request.url).query).items()}
        first = asked["after"] + 1 if "after" in asked else asked.get("before", LONG + 1) - asked["limit"]
        wanted = range(max(1, first), min(LONG, first + asked["limit"] - 1) + 1)
        await route.fulfill(json={"messages": [message(seq) for seq in wanted]})

    await page.route("**/api/threads?*", threads)
    await page.route("**/messages?*", messages)


async def open_long(visitors: Visitors, pair: Pair, **options: int) -> Page:
    page = await (await visitors.page_of(pair.member)).context.new_page()
    await pretend_to_be_long(page, pair, **options)
    await page.goto("/member")
    await expect(page.locator("message-row").first).to_be_attached()
    return page


async def long_conversation(visitors: Visitors, pair: Pair, length: int) -> Page:
    member = await visitors.page_of(pair.member)
    await post(member, pair.thread, [f"Message {number}. {'Encore un mot. ' * (number % 9)}" for number in range(1, length + 1)])
    await member.reload()
    await expect(bubble(member, f"Message {length}.")).to_be_visible()
    return member


async def test_history_grows_upwards_without_a_jump(visitors: Visitors, pair: Pair) -> None:
    member = await long_conversation(visitors, pair, 320)
    for _ in range(4):
        moved, _ = await member.evaluate(WATCH_ONE_MESSAGE)
        assert moved < 2


async def test_a_hundred_thousand_messages_are_a_window(visitors: Visitors, pair: Pair) -> None:
    member = await open_long(visitors, pair)
    await expect(bubble(member, f"Message {LONG}.")).to_be_in_viewport()
    for _ in range(12):
        moved, rows = await member.evaluate(WATCH_ONE_MESSAGE)
        assert moved < 2
        assert rows <= 240
    await member.evaluate("document.querySelector('.log__scroll').scrollTop = 1e9")
    await expect(bubble(member, f"Message {LONG}.")).to_have_count(0)
    for _ in range(30):
        await member.evaluate("document.querySelector('.log__scroll').scrollTop = 1e9")
        await member.evaluate("new Promise(requestAnimationFrame)")
    await expect(bubble(member, f"Message {LONG}.")).to_be_in_viewport()


async def test_the_place_is_kept_over_a_reload_and_a_resize(visitors: Visitors, pair: Pair) -> None:
    member = await open_long(visitors, pair)
    for _ in range(5):
        await member.evaluate(WATCH_ONE_MESSAGE)
    seen = await member.evaluate(TOPMOST)
    await member.reload()
    await expect(member.locator("message-row").first).to_be_attached()
    assert await member.evaluate(TOPMOST) == seen
    await member.evaluate("dispatchEvent(new Event('pagehide'))")  # Saves the place, as the end of scrolling does.
    await member.set_viewport_size({"width": 360, "height": 740})
    await member.evaluate(TWO_FRAMES)
    assert await member.evaluate(TOPMOST) == seen


async def test_the_place_is_not_that_of_a_layout_half_way(visitors: Visitors, pair: Pair) -> None:
    """The log is narrow already, and has not gone to its place yet, when the place is noted."""
    member = await open_long(visitors, pair)
    for _ in range(5):
        await member.evaluate(WATCH_ONE_MESSAGE)
    seen = await member.evaluate(TOPMOST)
    await member.evaluate(TWO_FRAMES)
    await member.evaluate("""() => {
      dispatchEvent(new Event("pagehide"))
      document.querySelector(".log__scroll").style.width = "20rem"
      dispatchEvent(new Event("pagehide"))
    }""")
    await member.evaluate(TWO_FRAMES)
    assert await member.evaluate(TOPMOST) == seen


async def test_many_unread_begin_at_the_first(visitors: Visitors, pair: Pair) -> None:
    member = await open_long(visitors, pair, read=LONG - 3_000, unread=3_000)
    await expect(member.get_by_text("Nouveaux messages", exact=True)).to_be_in_viewport()
    await expect(bubble(member, f"Message {LONG - 2_999}.")).to_be_in_viewport()
    await shoot(member, "member-many-unread-wide")
    await member.get_by_role("button", name="nouveaux messages").click()
    await expect(bubble(member, f"Message {LONG}.")).to_be_in_viewport()


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
    await expect(member.get_by_text("Nouveaux messages", exact=True)).to_be_in_viewport()
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


async def test_a_page_that_is_ahead_of_a_restored_backup_says_so(
    service: Service, visitors: Visitors, pair: Pair, tmp_path: Path
) -> None:
    """It would take new messages for old ones. What it shows exists nowhere else, so it stays until its reader reloads."""
    visitors.tolerate("WebSocket", "Failed to load", "ERR_CONNECTION_REFUSED")
    member = await visitors.page_of(pair.member)
    professional = await visitors.page_of(pair.professional, f"/dashboard#{pair.thread}")
    await post(professional, pair.thread, ["Avant."])
    await expect(bubble(member, "Avant.")).to_be_visible()
    done = await control.ask(service.data, Backup(str(tmp_path / "backup")))
    assert done
    assert done.code == 0
    await post(professional, pair.thread, ["Après, et perdu."])
    await expect(bubble(member, "Après, et perdu.")).to_be_visible()
    service.kill()
    for name in ("ailo.sqlite", "ailo.sqlite-wal", "ailo.sqlite-shm"):
        (service.data / name).unlink(missing_ok=True)
    shutil.copy(tmp_path / "backup" / "ailo.sqlite", service.data / "ailo.sqlite")
    service.start()
    await expect(member.get_by_text("Le service a été rétabli depuis une sauvegarde.")).to_be_visible(timeout=30_000)
    await expect(bubble(member, "Après, et perdu.")).to_be_visible()
    await shoot(member, "member-rewound-wide")
    await member.set_viewport_size({"width": 360, "height": 740})
    await member.emulate_media(color_scheme="dark")
    await shoot(member, "member-rewound-360-dark")
    await post(professional, pair.thread, ["Je reprends."])
    await member.get_by_role("button", name="Recharger la page").click()
    await expect(bubble(member, "Je reprends.")).to_be_visible()
    await expect(bubble(member, "Après, et perdu.")).to_have_count(0)
    await expect(member.get_by_text("rétabli depuis une sauvegarde")).to_have_count(0)


async def test_who_writes_before_the_history_is_there_is_at_its_end(visitors: Visitors, pair: Pair) -> None:
    member = await long_conversation(visitors, pair, 60)
    professional = await visitors.page_of(pair.professional)
    written = asyncio.Event()

    async def messages(route: Route) -> None:
        await written.wait()
        await route.continue_()

    await professional.route("**/messages?*", messages)
    await professional.goto(f"/dashboard#{pair.thread}")
    await until_live(professional)
    await write(professional, "Je vous réponds.")
    await expect(bubble(member, "Je vous réponds.")).to_be_in_viewport()
    written.set()
    await expect(bubble(professional, "Message 60.")).to_be_in_viewport()
    await expect(bubble(professional, "Je vous réponds.")).to_be_in_viewport()
