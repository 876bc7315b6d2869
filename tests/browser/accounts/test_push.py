"""Push in a browser: chosen in it alone, shown without a name or a word, and gone at sign-out.

Chromium on its own reaches no push service: `subscribe` gives an address of the tests' own instead, and what that gets is handed
to the service worker by the browser's own tools.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, CDPSession, Page, Worker, expect

from tests.browser.accounts.test_alerts import NOTICES, SHOW, another, look, professional_of, settle, until_none_is_shown
from tests.browser.conftest import (
    NARROW,
    PHONE,
    Pair,
    Service,
    Visitors,
    assert_accessible,
    assert_no_sideways_scroll,
    escape,
    launched,
    post,
    shoot,
)
from tests.delivery.transports.push_service import FakeBrowser, FakePushService, Push, push_service

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHOICE = "Aussi quand Ailo est fermé"
PUSH_MESSAGE = '{"type": "unread"}'


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """The full browser: the headless shell cannot show notifications."""
    async with launched("chromium") as browser:
        yield browser


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def push_services(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FakePushService]:
    async with push_service(tmp_path_factory.mktemp("push")) as found:
        yield found
        assert found.faults == []


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def service(tmp_path_factory: pytest.TempPathFactory, push_services: FakePushService) -> AsyncIterator[Service]:
    """A service of its own, which tells by push at once."""
    found = Service(tmp_path_factory.mktemp("ailo"))
    found.set("AILO_NOTIFY_AFTER", "0")
    found.set("AILO_PUSH_HOSTS", push_services.host)
    found.set("AILO_PUSH_CA", str(push_services.authority))
    await found.build()
    found.start()
    yield found
    found.stop()


# What `PushManager` does, for as long as the browser's context lasts; `unsubscribed` counts.
SUBSCRIBE = """(given) => {
  const kept = () => localStorage.getItem("test-subscription")
  const made = () => ({
    ...given,
    toJSON: () => given,
    options: { applicationServerKey: Uint8Array.from(JSON.parse(kept())).buffer },
    unsubscribe: async () => { localStorage.removeItem("test-subscription"); return true },
  })
  PushManager.prototype.getSubscription = async () => kept() && made()
  PushManager.prototype.subscribe = async ({ userVisibleOnly, applicationServerKey }) => {
    if (!userVisibleOnly) throw new Error("a push must be shown")
    localStorage.setItem("test-subscription", JSON.stringify([...applicationServerKey]))
    return made()
  }
}"""
SUBSCRIBED = "localStorage.getItem('test-subscription') !== null"


async def visiting(visitors: Visitors, pair: Pair, browser: FakeBrowser, **options: Any) -> Page:
    """The member's page, connected, in a browser that has this push service."""
    visitors.tolerate("closed before the connection is established")
    visitors.sessions.pop(pair.member.email, None)
    usual = {"service_workers": "allow", "permissions": ["notifications"]}
    context = (await visitors.page_of(pair.member, **{**usual, **options})).context
    await subscribing(context, browser)
    for page in context.pages:
        await page.close()
    return await another(visitors, context)


async def subscribing(context: BrowserContext, browser: FakeBrowser) -> None:
    await context.add_init_script(f"({SUBSCRIBE})({json.dumps(browser.as_json())})")


async def open_account(page: Page) -> None:
    await page.get_by_role("button", name="Votre compte").click()
    await page.get_by_role("button", name="Mon compte").click()


async def choose(page: Page) -> None:
    await open_account(page)
    async with page.expect_response(lambda answer: answer.request.method == "PUT" and "/api/account/push" in answer.url) as sent:
        await page.get_by_role("checkbox", name=CHOICE).check()
    assert (await sent.value).status == 204
    await expect(page.get_by_role("checkbox", name=CHOICE)).to_be_enabled()
    await escape(page)


async def taken(push_services: FakePushService) -> Push:
    async with asyncio.timeout(30):
        return await push_services.taken.get()


async def tools(page: Page) -> tuple[CDPSession, str]:
    """The browser's tools for the worker, and the worker's number."""
    session = await page.context.new_cdp_session(page)
    found: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def note(event: Any) -> None:
        for one in event["registrations"]:
            if not found.done() and not one["isDeleted"]:
                found.set_result(one["registrationId"])

    session.on("ServiceWorker.workerRegistrationUpdated", note)
    await session.send("ServiceWorker.enable")
    async with asyncio.timeout(30):
        return session, await found


async def deliver(page: Page, content: str) -> None:
    """Hand a push to the worker, as the browser does once it has decrypted it; wait until its notification is shown."""
    session, registration = await tools(page)
    worker: Worker = page.context.service_workers[-1]
    await worker.evaluate(SHOW)
    origin = "/".join(page.url.split("/")[:3])
    given = {"origin": origin, "registrationId": registration, "data": content}
    await session.send("ServiceWorker.deliverPushMessage", given)
    async with asyncio.timeout(30):
        await worker.evaluate("self.shown.then(() => null)")


async def test_a_push_is_chosen_taken_shown_and_read(visitors: Visitors, pair: Pair, push_services: FakePushService) -> None:
    browser = push_services.browser()
    member = await visiting(visitors, pair, browser)
    await choose(member)
    await look(member, away=True)
    await post(await professional_of(visitors, pair), pair.thread, ["Un secret."])
    push = await taken(push_services)
    assert (push.browser, push.content.decode()) == (browser, PUSH_MESSAGE)
    for _ in range(2):  # a push service may repeat itself
        await deliver(member, PUSH_MESSAGE)
    await settle(member)
    assert await member.evaluate(NOTICES) == [{"title": "Nouvelle réponse", "body": "", "tag": "push"}]
    await look(member, away=False)
    await until_none_is_shown(member)


async def test_nothing_is_chosen_at_first_and_what_was_is_taken_back(
    visitors: Visitors, pair: Pair, push_services: FakePushService
) -> None:
    member = await visiting(visitors, pair, push_services.browser())
    await open_account(member)
    await expect(member.get_by_role("checkbox", name=CHOICE)).not_to_be_checked()
    await escape(member)
    await choose(member)
    await member.reload()
    await expect(member.locator("[data-settled]")).to_have_count(1)
    await open_account(member)
    box = member.get_by_role("checkbox", name=CHOICE)
    await expect(box).to_be_checked()
    async with member.expect_response(lambda answer: answer.request.method == "DELETE") as sent:
        await box.uncheck()
    assert (await sent.value).status == 204
    await expect(box).to_be_enabled()
    assert not await member.evaluate(SUBSCRIBED)


async def test_it_is_shown_in_the_language_of_the_pages(visitors: Visitors, service: Service) -> None:
    member = await service.add("member", "Mary", locale="en")
    page = await visitors.page_of(member, "/member", service_workers="allow", permissions=["notifications"])
    await page.evaluate("navigator.serviceWorker.ready.then(() => null)")
    await page.reload()  # the worker learns the language with a page that it passes on
    await expect(page.locator("[data-settled]")).to_have_count(1)
    await deliver(page, PUSH_MESSAGE)
    assert [shown["title"] for shown in await page.evaluate(NOTICES)] == ["New reply"]


async def test_what_a_page_has_told_is_not_told_beside_it(visitors: Visitors, pair: Pair, push_services: FakePushService) -> None:
    member = await visiting(visitors, pair, push_services.browser())
    await choose(member)
    await open_account(member)
    await member.get_by_role("checkbox", name="quand Ailo n’est pas à l’écran").check()
    await escape(member)
    await look(member, away=True)
    worker: Worker = member.context.service_workers[-1]
    await worker.evaluate(SHOW)
    await post(await professional_of(visitors, pair), pair.thread, ["Bonjour."])
    await worker.evaluate("self.shown.then(() => null)")
    await deliver(member, (await taken(push_services)).content.decode())
    assert await member.evaluate(NOTICES) == [{"title": "Nouvelle réponse", "body": "", "tag": pair.thread}]


async def test_a_click_leads_home(visitors: Visitors, pair: Pair, push_services: FakePushService) -> None:
    member = await visiting(visitors, pair, push_services.browser())
    await choose(member)
    await look(member, away=True)
    await post(await professional_of(visitors, pair), pair.thread, ["Bonjour."])
    await deliver(member, (await taken(push_services)).content.decode())
    worker: Worker = member.context.service_workers[-1]
    went = await worker.evaluate("""async () => {
      const went = []
      WindowClient.prototype.focus = async function () { went.push(new URL(this.url).pathname) }
      const [notification] = await self.registration.getNotifications()
      self.dispatchEvent(new NotificationEvent("notificationclick", { notification }))
      while (!went.length) await new Promise((done) => setTimeout(done, 20))
      return [went, (await self.registration.getNotifications()).length]
    }""")
    assert went == [["/member"], 0]


async def test_signing_out_takes_it_away(visitors: Visitors, pair: Pair, push_services: FakePushService) -> None:
    member = await visiting(visitors, pair, push_services.browser())
    await choose(member)
    worker: Worker = member.context.service_workers[-1]
    await worker.evaluate("""() => {
      self.unsubscribed = new Promise((done) => {
        PushManager.prototype.getSubscription = async () => ({ unsubscribe: done })
      })
    }""")
    await member.get_by_role("button", name="Votre compte").click()
    await member.get_by_role("button", name="Se déconnecter").click()
    await member.wait_for_url("**/sign-in")
    visitors.sessions.pop(pair.member.email, None)
    await worker.evaluate("self.unsubscribed.then(() => null)")
    assert json.loads(await member.evaluate("localStorage.getItem('ailo-alerts')"))["push"] is None


async def test_it_comes_back_with_the_next_session(
    visitors: Visitors, pair: Pair, service: Service, push_services: FakePushService
) -> None:
    member = await visiting(visitors, pair, push_services.browser())
    await choose(member)
    visitors.tolerate("401")
    assert (await member.context.request.delete("/api/session", headers={"Origin": service.url})).ok
    await expect(member.get_by_role("heading", name="Votre session est terminée")).to_be_visible()
    await member.fill("session-panel input[name=email]", pair.member.email)
    await member.fill("session-panel input[name=password]", "une phrase pour entrer")
    async with member.expect_response(lambda answer: answer.request.method == "PUT") as sent:
        await member.keyboard.press("Enter")
    assert (await sent.value).status == 204


async def test_who_uses_the_browser_next_takes_it_away_and_is_told_nothing(
    visitors: Visitors, pair: Pair, service: Service, push_services: FakePushService
) -> None:
    """Whose session ended by time never signed out."""
    member = await visiting(visitors, pair, push_services.browser())
    await choose(member)
    other = await service.pair()
    await member.context.clear_cookies()
    answer = await member.context.request.post(
        "/api/session", data={"email": other.member.email, "password": "une phrase pour entrer"}, headers={"Origin": service.url}
    )
    assert answer.ok
    page = await another(visitors, member.context)
    assert not await page.evaluate(SUBSCRIBED)
    await open_account(page)
    await expect(page.get_by_role("checkbox", name=CHOICE)).not_to_be_checked()


async def test_a_browser_that_refuses_is_said_to(visitors: Visitors, pair: Pair, push_services: FakePushService) -> None:
    member = await visiting(visitors, pair, push_services.browser(), permissions=[])
    await open_account(member)
    box = member.get_by_role("checkbox", name=CHOICE)
    await box.click()
    await expect(member.get_by_text("Votre navigateur refuse les notifications")).to_be_visible()
    await expect(box).not_to_be_checked()
    assert not await member.evaluate(SUBSCRIBED)


async def test_one_in_which_it_does_not_work_says_so(visitors: Visitors, pair: Pair, push_services: FakePushService) -> None:
    member = await visiting(visitors, pair, push_services.browser())
    await member.evaluate("() => { PushManager.prototype.subscribe = () => Promise.reject(new Error()) }")
    await open_account(member)
    box = member.get_by_role("checkbox", name=CHOICE)
    await box.click()
    await expect(member.get_by_text("Cela n’a pas pu être changé")).to_be_visible()
    await expect(box).not_to_be_checked()


async def test_where_it_cannot_be_had_it_is_not_offered(visitors: Visitors, pair: Pair) -> None:
    """Here there is no service worker."""
    page = await visitors.page_of(pair.member)
    await open_account(page)
    await expect(page.get_by_role("checkbox", name="Par un son discret")).to_be_visible()
    await settle(page)
    await expect(page.get_by_role("checkbox", name=CHOICE)).to_have_count(0)


async def test_it_looks_well_on_a_phone_too(visitors: Visitors, pair: Pair, push_services: FakePushService) -> None:
    member = await visiting(visitors, pair, push_services.browser())
    await open_account(member)
    await expect(member.get_by_role("checkbox", name=CHOICE)).to_be_visible()
    await assert_accessible(member)
    await shoot(member, "account-push-wide")
    phone = await visiting(visitors, pair, push_services.browser(), viewport=PHONE, color_scheme="dark")
    await open_account(phone)
    await phone.get_by_role("checkbox", name=CHOICE).scroll_into_view_if_needed()
    await assert_accessible(phone)
    await shoot(phone, "account-push-phone-dark")
    await phone.set_viewport_size({"width": NARROW["width"], "height": NARROW["height"]})
    await assert_no_sideways_scroll(phone)
