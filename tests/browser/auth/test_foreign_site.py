"""Another site, open in a real browser where somebody is signed in here, learns nothing from `/api/`."""

from collections.abc import AsyncIterator
from typing import Literal

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Page

from tests.browser.conftest import Pair, Service, Visitors

pytestmark = pytest.mark.asyncio(loop_scope="session")

# Every way in which a page can make the browser send a request to another site.
WAYS = {
    "a window": "url => { window.open(url) }",
    "a frame": "url => { const one = document.createElement('iframe'); one.src = url; document.body.append(one) }",
    "an image": "url => { new Image().src = url }",
    "a script": "url => { const one = document.createElement('script'); one.src = url; document.head.append(one) }",
    "a fetch": "url => { fetch(url, { mode: 'no-cors', credentials: 'include' }).catch(() => 0) }",
    "a form": "url => { document.body.innerHTML = `<form method=post action='${url}'></form>`; document.forms[0].submit() }",
    "a link": "url => { location.href = url }",
}
EMBEDDED = {"a frame", "an image", "a script", "a fetch"}
REFUSED = "origin_refused"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def elsewhere() -> AsyncIterator[str]:
    """A page on another site: to a browser, `localhost` and `127.0.0.1` are two sites."""

    async def page(_: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><title>elsewhere</title><link rel=icon href=data:,>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/", page)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://localhost:{runner.addresses[0][1]}/"
    await runner.cleanup()


@pytest.mark.parametrize("way", WAYS)
async def test_another_site_gets_one_refusal_for_everything(
    service: Service, pair: Pair, visitors: Visitors, elsewhere: str, way: str
) -> None:
    visitors.tolerate("Failed to load resource", "Framing ", "net::ERR_BLOCKED")
    page: Page = await visitors.page_of(pair.member, "/member")
    # The policy on the refusal makes the browser withhold it from a page that embeds it: the request counts as failed.
    event: Literal["requestfailed", "requestfinished"] = "requestfailed" if way in EMBEDDED else "requestfinished"
    for path in ("/api/threads", "/api/search?q=canari", "/api/nothing"):
        other = await page.context.new_page()
        await other.goto(elsewhere)
        before = service.log.count(REFUSED)
        async with page.context.expect_event(event, lambda found, path=path: found.url == service.url + path) as ended:
            await other.evaluate(WAYS[way], service.url + path)
        answer = None if way in EMBEDDED else await (await ended.value).response()
        assert (answer and answer.status) == (None if way in EMBEDDED else 403)
        assert service.log.count(REFUSED) == before + 1


async def test_an_address_that_was_typed_is_no_page(service: Service, pair: Pair, visitors: Visitors) -> None:
    visitors.tolerate("Failed to load resource")
    page = await visitors.page_of(pair.member, "/member")
    answer = await (await page.context.new_page()).goto(f"{service.url}/api/threads")
    assert answer
    assert answer.status == 403
