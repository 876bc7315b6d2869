"""How the pages feel, measured in Chromium against a real service: `.venv/bin/python -m tests.browser.pages.measures [NAME…]`.

Names: first-view, scrolling, list, day, sleep. Nothing here passes or fails; docs/pages.md reports the results. Times in ms.
"""

import asyncio
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

from playwright.async_api import Browser, BrowserContext, CDPSession, Page, WebSocketRoute, async_playwright, expect

from chat.ailo import open_ailo
from storage import installation
from storage.settings import Environment, StorageSettings
from tests.browser.conftest import NOTHING_TO_OFFER, PASSWORD, Service
from tests.browser.conversations import crowd
from tests.load.fill import Filler
from tests.load.population import furnished, serving

Figures = dict[str, Any]
ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking"]

# The time at which a text is on the screen: two frames after it entered the page. Absolute, in ms since 1970.
PAINTED = """(text) => new Promise((done) => {
  const look = () => {
    const isThere = [...document.querySelectorAll(".message")].some((one) => one.textContent === text)
    if (!isThere) return requestAnimationFrame(look)
    requestAnimationFrame(() => setTimeout(() => done(performance.timeOrigin + performance.now())))
  }
  look()
})"""

FRAMES = """() => {
  globalThis.frames_ = []
  globalThis.longTasks = []
  const noteLong = (list) => longTasks.push(...list.getEntries().map(({ duration }) => Math.round(duration)))
  const watcher = new PerformanceObserver(noteLong)
  watcher.observe({ type: "longtask" })
  const note = (at) => { frames_.push(at); requestAnimationFrame(note) }
  requestAnimationFrame(note)
}"""

TIME_UPDATES = """() => Array.from({ length: 20 }, () => {
  const start = performance.now()
  document.querySelector("dashboard-page").update()
  return performance.now() - start
})"""

TIME_FILTER = """async (names) => {
  const took = []
  const field = document.querySelector("#filter")
  for (const name of names) {
    const start = performance.now()
    field.value = name
    field.dispatchEvent(new Event("input"))
    await new Promise(requestAnimationFrame)
    await new Promise((done) => setTimeout(done))
    took.push(performance.now() - start)
  }
  return took
}"""


async def first_view(browser: Browser) -> Figures:
    """From the click on « Se connecter » to the last message on the screen, fifteen times each, Argon2id included."""
    found: Figures = {}
    async with _service(is_example=False) as service:
        pair = await service.pair()
        context = await _context(browser, service.url)
        await _sign_in(await context.new_page(), pair.member.email)
        for number in range(60):
            await _post(context, service.url, pair.thread, f"Message {number}. " + "Encore un mot. " * (number % 9))
        last = "Message 59. " + "Encore un mot. " * (59 % 9)
        found["the check of the password alone"] = _told([await _time_password(context, service.url, pair) for _ in range(5)])
        cold = [await _time_first_view(await _context(browser, service.url), pair.member.email, last) for _ in range(15)]
        again = await _context(browser, service.url)
        warm = [await _time_first_view(again, pair.member.email, last) for _ in range(15)]
    for name, views in (("first visit", cold), ("files known", warm[1:])):
        found[name] = _told([took for took, _ in views])
        found[f"{name}, processor time of the page's thread"] = _told([computed for _, computed in views])
    return found


async def _time_password(context: BrowserContext, url: str, pair: Any) -> float:
    start = time.perf_counter()
    data = {"email": pair.member.email, "password": PASSWORD}
    answer = await context.request.post("/api/session", data=data, headers={"Origin": url})
    assert answer.ok
    return 1000 * (time.perf_counter() - start)


async def _time_first_view(context: BrowserContext, email: str, last: str) -> tuple[float, float]:
    await context.clear_cookies()
    page = await context.new_page()
    tools = await context.new_cdp_session(page)
    await tools.send("Performance.enable", {"timeDomain": "threadTicks"})
    await page.goto("/sign-in")
    await page.fill("input[name=email]", email)
    await page.fill("input[name=password]", PASSWORD)
    await page.evaluate("""() => {
      const note = () => sessionStorage.setItem("clicked", performance.timeOrigin + performance.now())
      document.querySelector("[data-part=submit]").addEventListener("click", note, true)
    }""")
    before = await _computed(tools)
    await page.click("[data-part=submit]", no_wait_after=True)
    await page.wait_for_url("**/member", wait_until="commit")
    painted = await page.evaluate(PAINTED, last)
    clicked = float(await page.evaluate("sessionStorage.getItem('clicked')"))
    computed = await _computed(tools) - before
    await page.close()
    return float(painted) - clicked, computed


async def _computed(tools: CDPSession) -> float:
    """The processor time of the page's thread so far, in ms."""
    measured = {one["name"]: one["value"] for one in (await tools.send("Performance.getMetrics"))["metrics"]}
    return 1000 * float(measured["TaskDuration"])


async def scrolling(browser: Browser) -> Figures:
    """Frames while the mouse wheel scrolls a conversation of 100,000 messages upwards, as fast as a hand can."""
    found: Figures = {}
    with tempfile.TemporaryDirectory() as folder:
        async with furnished(Path(folder), 1) as (settings, pairs):
            async with open_ailo(settings) as ailo:
                await Filler(ailo.store).fill(pairs, 100_000)
            with serving(settings, None) as (port, _):
                url = f"http://127.0.0.1:{port}"
                found["a page at rest, for comparison"] = await _rest(await (await _context(browser, url)).new_page())
                for name, slowed in (("as it is", 1), ("processor slowed four times", 4)):
                    context = await _context(browser, url, pairs[0].member.cookie)
                    found[name] = await _scroll(await context.new_page(), slowed)
                    await context.close()
    return found


async def _rest(page: Page) -> Figures:
    """What this machine currently achieves for a page that does nothing."""
    await page.goto("/accessibility")
    await page.evaluate(FRAMES)
    await asyncio.sleep(5)
    return _smoothness(*await page.evaluate("[frames_, longTasks]"))


def _smoothness(frames: list[float], tasks: list[int]) -> Figures:
    steps = [later - sooner for sooner, later in pairwise(frames)]
    return {
        "frames a second": round(1000 * len(steps) / (frames[-1] - frames[0]), 1),
        "later than 25 ms": f"{sum(step > 25 for step in steps)} of {len(steps)}",
        "longest": round(max(steps)),
        "long tasks": tasks,
    }


async def _scroll(page: Page, slowed: int) -> Figures:
    await page.goto("/member")
    await expect(page.locator("message-row").last).to_be_visible()
    await page.evaluate("document.querySelector('message-log').goToEnd()")  # It opens at the first unread message.
    tools = await page.context.new_cdp_session(page)
    await tools.send("Emulation.setCPUThrottlingRate", {"rate": slowed})
    await page.evaluate(FRAMES)
    box = await page.locator(".log__scroll").bounding_box()
    assert box
    seq = "document.querySelector('message-row').message.seq"
    first = await page.evaluate(seq)
    gesture = {"x": box["x"] + 200, "y": box["y"] + 200, "yDistance": 30_000, "speed": 3000, "gestureSourceType": "mouse"}
    await tools.send("Input.synthesizeScrollGesture", {**gesture, "xDistance": 0})
    smooth = _smoothness(*await page.evaluate("[frames_, longTasks]"))
    passed, rows = first - await page.evaluate(seq), await page.locator("message-row").count()
    return {**smooth, "messages passed": passed, "rows in the page": rows}


async def list_(browser: Browser) -> Figures:
    """The dashboard of a Professional with 5,000 conversations."""
    size = int(os.environ.get("THREADS", "5000"))
    with tempfile.TemporaryDirectory() as folder:
        service = Service(Path(folder))
        await service.build()
        people = await crowd.gather(StorageSettings.from_environment(Environment(service._environment)), size)
        service.start()
        try:
            context = await _context(browser, service.url, "=".join(people.professional))
            page = await context.new_page()
            start = time.perf_counter()
            await page.goto("/dashboard", wait_until="commit")
            await expect(page.locator(".person").first).to_be_visible()
            first = 1000 * (time.perf_counter() - start)
            await page.evaluate(FRAMES)
            dashboard = page.locator("dashboard-page")
            await expect(dashboard).to_have_js_property("correspondence.hasMore", False, timeout=120_000)
            whole = 1000 * (time.perf_counter() - start)
            loading = await page.evaluate("longTasks")
            names = [crowd.name_of(number)[:length] for number in (17, size // 2, size - 1) for length in (1, 3, 9)]
            filtered = await page.evaluate(TIME_FILTER, names)
            await page.fill("#filter", "")
            updates = await page.evaluate(TIME_UPDATES)
            rows = await page.evaluate("[document.querySelectorAll('.person').length, document.querySelectorAll('*').length]")
            return {
                "first rows": round(first),
                "all there, behind it": round(whole),
                "long tasks meanwhile": loading,
                "a letter in the filter, to the next frame": _told(filtered),
                "bringing the list up to date (each message)": _told(updates),
                "rows, elements in the page": rows,
            }
        finally:
            service.stop()


async def day(browser: Browser) -> Figures:
    """Eight hours in a few minutes: a message every minute, typing and presence, a lost connection every half hour.

    After each hour: the heap after a collection, elements, listeners.
    """
    async with _service() as service:
        pair = await service.pair()
        member, professional = await _context(browser, service.url), await _context(browser, service.url)
        await _enter(member, service.url, pair.member.email)
        await _enter(professional, service.url, pair.professional.email)
        page = await member.new_page()
        await page.goto("/member")
        await expect(page.get_by_text("En direct")).to_be_visible()
        tools = await member.new_cdp_session(page)
        await tools.send("HeapProfiler.enable")
        await tools.send("Performance.enable")
        hours = []
        other = await professional.new_page()
        for minute in range(1, 8 * 60 + 1):
            await _post(professional if minute % 2 else member, service.url, pair.thread, f"Minute {minute}. " + "Un mot. " * 9)
            if minute % 10 == 0:
                await other.goto("/dashboard#" + pair.thread)  # Comes online, types, and leaves.
                await other.locator("#composer").press_sequentially("Bonjour", delay=1)
                await other.goto("about:blank")
            if minute % 30 == 0:
                await page.evaluate("document.querySelector('member-page').correspondence.connection.restart()")
                await expect(page.get_by_text("En direct")).to_be_visible()
            if minute % 60 == 0:
                await expect(page.locator(".message").filter(has_text=f"Minute {minute}.")).to_be_attached()
                hours.append(await _weight(tools))
        return {"at the end of each hour (MB, elements and texts, listeners)": hours}


async def _weight(tools: CDPSession) -> list[float]:
    for _ in range(2):
        await tools.send("HeapProfiler.collectGarbage")
    measured = {one["name"]: one["value"] for one in (await tools.send("Performance.getMetrics"))["metrics"]}
    return [round(measured["JSHeapUsedSize"] / 1e6, 2), measured["Nodes"], measured["JSEventListeners"]]


async def sleep(browser: Browser) -> Figures:
    """How long a page takes to show what was sent while it was frozen, and to be live again after its line went silent."""
    async with _service() as service:
        pair = await service.pair()
        member, professional = await _context(browser, service.url), await _context(browser, service.url)
        await _enter(member, service.url, pair.member.email)
        await _enter(professional, service.url, pair.professional.email)
        woken = [await _time_waking(member, professional, service.url, pair.thread) for _ in range(5)]
        return {
            "from waking to the message": _told(woken),
            "from silence to live again": await _time_silence(member),
        }


async def _time_waking(member: BrowserContext, professional: BrowserContext, url: str, thread: str) -> float:
    page = await member.new_page()
    await page.goto("/member")
    await expect(page.get_by_text("En direct")).to_be_visible()
    tools = await member.new_cdp_session(page)
    await tools.send("Page.setWebLifecycleState", {"state": "frozen"})
    text = f"Pendant le sommeil {uuid4()}"
    await _post(professional, url, thread, text)
    await asyncio.sleep(2)
    start = 1000 * time.time()
    await tools.send("Page.setWebLifecycleState", {"state": "active"})
    painted = float(await page.evaluate(PAINTED, text))
    await page.close()
    return painted - start


async def _time_silence(member: BrowserContext) -> float:
    page = await member.new_page()
    lines: list[bool] = []
    again = asyncio.Event()

    def carry(line: WebSocketRoute) -> None:
        server, number = line.connect_to_server(), len(lines)
        lines.append(False)
        if number:
            again.set()
        line.on_message(lambda said: None if lines[number] else server.send(said))
        server.on_message(lambda said: None if lines[number] else line.send(said))

    await page.route_web_socket("**/ws", carry)
    await page.goto("/member")
    await expect(page.get_by_text("En direct")).to_be_visible()
    lines[0] = True
    start = time.perf_counter()
    await again.wait()
    await expect(page.get_by_text("En direct")).to_be_visible()
    return round(1000 * (time.perf_counter() - start))


# Shared helpers


@asynccontextmanager
async def _service(*, is_example: bool = True) -> AsyncIterator[Service]:
    with tempfile.TemporaryDirectory() as folder:
        service = Service(Path(folder))
        await installation.build(StorageSettings.from_environment(Environment(service._environment)), is_example=is_example)
        service.start()
        try:
            yield service
        finally:
            service.stop()


async def _context(browser: Browser, url: str, cookie: str = "") -> BrowserContext:
    context = await browser.new_context(base_url=url, locale="fr-FR", viewport={"width": 1280, "height": 800})
    await context.add_init_script(NOTHING_TO_OFFER)
    if cookie:
        name, value = cookie.split("=", 1)
        await context.add_cookies([{"name": name, "value": value, "url": url}])
    return context


async def _sign_in(page: Page, email: str) -> None:
    await page.goto("/sign-in")
    await page.fill("input[name=email]", email)
    await page.fill("input[name=password]", PASSWORD)
    await page.click("[data-part=submit]")
    await expect(page.locator("[data-state=ready]")).to_be_visible()
    await page.close()


async def _enter(context: BrowserContext, url: str, email: str) -> None:
    answer = await context.request.post("/api/session", data={"email": email, "password": PASSWORD}, headers={"Origin": url})
    assert answer.ok


async def _post(context: BrowserContext, url: str, thread: str, text: str) -> None:
    data = {"id": str(uuid4()), "text": text}
    answer = await context.request.post(f"/api/threads/{thread}/messages", data=data, headers={"Origin": url})
    assert answer.ok


def _told(times: list[float]) -> str:
    return f"{statistics.median(times):.0f} (least {min(times):.0f}, most {max(times):.0f}, of {len(times)})"


MEASURES: dict[str, Callable[[Browser], Awaitable[Figures]]] = {
    "first-view": first_view,
    "scrolling": scrolling,
    "list": list_,
    "day": day,
    "sleep": sleep,
}


async def main(names: list[str]) -> None:
    async with async_playwright() as playwright:
        for name in names or list(MEASURES):
            browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
            found = {name: await MEASURES[name](browser), "load": os.getloadavg()}
            print(json.dumps(found, ensure_ascii=False, indent=1), flush=True)
            await browser.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
