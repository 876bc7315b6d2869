"""Sound and notifications: off until chosen, without names or words, raised once, and gone when read."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, Worker, expect

from tests.browser.conftest import Pair, Visitors, assert_accessible, bubble, escape, launched, post, shoot

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """The full browser: the headless shell cannot show notifications."""
    async with launched("chromium") as browser:
        yield browser


# Counts the notes that are played, and plays them.
LISTEN = """
globalThis.notes = 0
const { start } = OscillatorNode.prototype
OscillatorNode.prototype.start = function (...moment) { notes += 1; return start.apply(this, moment) }
"""
TONE = 2

NOTICES = """async () => {
  const shown = await (await navigator.serviceWorker.ready).getNotifications()
  return shown.map(({ title, body, tag }) => ({ title, body, tag }))
}"""


# Resolves once the choice is stored: the browser asks for permission first, which takes a while.
CHOSEN = """async () => {
  const isChosen = () => Object.values(JSON.parse(localStorage.getItem("ailo-alerts") ?? "{}")).includes(true)
  while (!isChosen()) await new Promise((done) => setTimeout(done, 20))
}"""


async def look(page: Page, *, away: bool) -> None:
    """Make the page believe that it is hidden, or in view: a browser without a screen never hides a page."""
    state = "hidden" if away else "visible"
    await page.evaluate(
        """(state) => {
          Object.defineProperty(document, "visibilityState", { configurable: true, value: state })
          document.dispatchEvent(new Event("visibilitychange"))
        }""",
        state,
    )


# In the service worker: `shown` resolves once it has shown a notification.
SHOW = """() => {
  const { registration } = self
  const show = registration.showNotification.bind(registration)
  self.shown = new Promise((done) => {
    registration.showNotification = (...given) => show(...given).then(done)
  })
}"""


@asynccontextmanager
async def notifying(page: Page) -> AsyncIterator[None]:
    """Wait until the page's worker has shown a notification. Nobody asks meanwhile which ones there are: Chromium forgets
    one that it is about to show when it is asked."""
    worker: Worker = page.context.service_workers[-1]
    await worker.evaluate(SHOW)
    yield
    async with asyncio.timeout(30):
        await worker.evaluate("self.shown.then(() => null)")


async def until_none_is_shown(page: Page) -> None:
    async with asyncio.timeout(30):
        await page.evaluate(
            f"""async () => {{
              while ((await ({NOTICES})()).length) await new Promise((done) => setTimeout(done, 30))
            }}"""
        )


async def settle(*pages: Page) -> None:
    """Wait until any alert would have been raised: longer than a tab hesitates before it claims one."""
    for page in pages:
        await page.evaluate("""async () => {
          await new Promise((done) => setTimeout(done, 1200))
          await navigator.locks.query()
        }""")


async def choose(page: Page, words: str) -> None:
    await page.get_by_role("button", name="Votre compte").click()
    await page.get_by_role("button", name="Mon compte").click()
    await page.get_by_role("checkbox", name=words).check()
    await page.evaluate(CHOSEN)
    await escape(page)


async def listening(visitors: Visitors, pair: Pair, **options: Any) -> Page:
    """The member's page, connected, counting the notes that it plays."""
    visitors.tolerate("closed before the connection is established")
    context = (await visitors.page_of(pair.member, service_workers="allow", **options)).context
    await context.add_init_script(LISTEN)
    for page in context.pages:
        await page.close()
    return await another(visitors, context)


async def another(visitors: Visitors, context: BrowserContext) -> Page:
    page = await visitors.another_page(context)
    await expect(page.get_by_text("En direct")).to_be_visible()
    await page.evaluate("navigator.serviceWorker.ready.then(() => null)")
    await expect(page.locator("[data-settled]")).to_have_count(1)
    return page


async def professional_of(visitors: Visitors, pair: Pair) -> Page:
    return await visitors.page_of(pair.professional)


async def test_nothing_sounds_or_shows_until_it_is_chosen(visitors: Visitors, pair: Pair) -> None:
    member = await listening(visitors, pair, permissions=["notifications"])
    await look(member, away=True)
    await post(await professional_of(visitors, pair), pair.thread, ["Bonjour."])
    await expect(member).to_have_title("(1) Claire — Ailo")
    await settle(member)
    assert await member.evaluate("notes") == 0
    assert await member.evaluate(NOTICES) == []


async def test_a_reply_sounds_once_in_all_tabs_and_ones_own_never(visitors: Visitors, pair: Pair) -> None:
    member = await listening(visitors, pair)
    await choose(member, "Par un son discret")
    await expect(member).to_have_title("Claire — Ailo")
    assert await member.evaluate("notes") == TONE  # Choosing the sound plays it.
    other = await another(visitors, member.context)
    await other.locator("#composer").click()  # A page that nobody has interacted with may not play sound.
    for page in (member, other):
        await look(page, away=True)
        await page.evaluate("notes = 0")
    await post(member, pair.thread, ["C’est moi qui écris."])
    await settle(member)
    assert await notes_of(member, other) == 0
    await post(await professional_of(visitors, pair), pair.thread, ["Je vous réponds.", "Et encore."])
    await expect(other).to_have_title("(1) Claire — Ailo")
    await settle(member, other)
    assert await notes_of(member, other) == TONE


async def notes_of(*pages: Page) -> int:
    return sum([int(await page.evaluate("notes")) for page in pages])


async def test_a_notification_says_no_name_and_no_word_and_goes_when_read(visitors: Visitors, pair: Pair) -> None:
    member = await listening(visitors, pair, permissions=["notifications"])
    await choose(member, "Par une notification")
    professional = await professional_of(visitors, pair)
    await post(professional, pair.thread, ["Rien : on me regarde."])
    await expect(bubble(member, "on me regarde")).to_be_visible()
    await settle(member)
    assert await member.evaluate(NOTICES) == []
    await look(member, away=True)
    async with notifying(member):
        await post(professional, pair.thread, ["Un secret.", "Et un autre."])
    await settle(member)
    assert await member.evaluate(NOTICES) == [{"title": "Nouvelle réponse", "body": "", "tag": pair.thread}]
    await look(member, away=False)
    await until_none_is_shown(member)


async def test_signing_out_takes_notifications_away(visitors: Visitors, pair: Pair) -> None:
    visitors.sessions.pop(pair.member.email, None)
    member = await listening(visitors, pair, permissions=["notifications"])
    await choose(member, "Par une notification")
    await look(member, away=True)
    async with notifying(member):
        await post(await professional_of(visitors, pair), pair.thread, ["Bonjour."])
    await look(member, away=False)
    await member.get_by_role("button", name="Votre compte").click()
    await member.get_by_role("button", name="Se déconnecter").click()
    await member.wait_for_url("**/sign-in")
    visitors.sessions.pop(pair.member.email, None)
    await until_none_is_shown(member)


async def test_a_click_leads_to_the_conversation(visitors: Visitors, pair: Pair) -> None:
    member = await listening(visitors, pair, permissions=["notifications"])
    await choose(member, "Par une notification")
    await look(member, away=True)
    async with notifying(member):
        await post(await professional_of(visitors, pair), pair.thread, ["Bonjour."])
    worker: Worker = member.context.service_workers[-1]
    await worker.evaluate("""async () => {
      const [notification] = await self.registration.getNotifications()
      self.dispatchEvent(new NotificationEvent("notificationclick", { notification }))
    }""")
    await member.wait_for_url(f"**/member#{pair.thread}")
    await until_none_is_shown(member)


async def test_a_browser_that_refuses_is_said_to(visitors: Visitors, pair: Pair) -> None:
    member = await listening(visitors, pair)
    await member.get_by_role("button", name="Votre compte").click()
    await member.get_by_role("button", name="Mon compte").click()
    box = member.get_by_role("checkbox", name="Par une notification")
    await box.click()
    await expect(member.get_by_text("Votre navigateur refuse les notifications")).to_be_visible()
    await expect(box).not_to_be_checked()
    await shoot(member, "account-alerts-refused-wide")
    await assert_accessible(member)
