"""The shell: what the service worker stores of the pages, and what is shown when there is no network."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser.conftest import (
    PHONE,
    WIDE,
    Pair,
    Service,
    Visitors,
    assert_accessible,
    assert_no_sideways_scroll,
    bubble,
    shoot,
    until_sent,
    write,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

KEPT = """async () => {
  const names = await caches.keys()
  const kept = await Promise.all(names.map(async (name) => (await (await caches.open(name)).keys()).map(({ url }) => url)))
  return [names, kept.flat()]
}"""

LEFT = "() => ({ ...localStorage, ...sessionStorage })"


@pytest_asyncio.fixture(loop_scope="session")
async def alone(tmp_path: Path) -> AsyncIterator[Service]:
    """A service that the test may kill and restart."""
    service = Service(tmp_path)
    await service.build()
    service.start()
    yield service
    service.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def guests(chromium: Browser, alone: Service) -> AsyncIterator[Visitors]:
    found = Visitors(chromium, alone.url)
    found.tolerate("WebSocket", "ERR_CONNECTION_REFUSED", "Failed to load")
    yield found
    complaints = found.found()
    await asyncio.gather(*(context.close() for context in found.contexts))
    assert complaints == []


async def begin(visitors: Visitors, pair: Pair, **options: Any) -> Page:
    """Open the member's page and wait until the worker has stored the shell."""
    member = await visitors.page_of(pair.member, service_workers="allow", **options)
    await member.evaluate("navigator.serviceWorker.ready.then(({ active }) => active.state)")
    return member


async def test_without_network_a_page_says_so_and_comes_back_by_itself(alone: Service, guests: Visitors) -> None:
    pair = await alone.pair()
    member = await begin(guests, pair)
    await member.fill("#composer", "Je voulais vous dire")
    await expect(member.locator("#composer")).to_have_value("Je voulais vous dire")
    alone.kill()
    await member.reload()
    await expect(member.get_by_role("heading", name="Pas de connexion pour l’instant")).to_be_visible()
    assert urlsplit(member.url).path == "/member"
    await expect(member.get_by_role("link", name="3114")).to_have_attribute("href", "tel:3114")
    await member.get_by_role("button", name="Réessayer maintenant").click()
    await expect(member.get_by_text("Toujours pas de connexion")).to_be_visible()
    alone.start()
    await expect(member.locator("#composer")).to_have_value("Je voulais vous dire", timeout=30_000)


async def test_the_page_of_no_network_is_open_to_all(alone: Service, guests: Visitors) -> None:
    pair = await alone.pair()
    looks: dict[str, dict[str, Any]] = {
        "wide": {"viewport": WIDE},
        "360-dark": {"viewport": PHONE, "color_scheme": "dark"},
        "forced-colours": {"viewport": WIDE, "forced_colors": "active"},
    }
    pages = [(look, await begin(guests, pair, **options)) for look, options in looks.items()]
    alone.kill()
    for look, member in pages:
        await member.reload()
        await expect(member.get_by_role("heading", name="Pas de connexion pour l’instant")).to_be_visible()
        await assert_no_sideways_scroll(member)
        await shoot(member, f"offline-{look}")
        if look != "forced-colours":  # Axe does not see the system's own colours.
            await assert_accessible(member)


async def test_who_reads_english_reads_that_there_is_no_network(alone: Service, guests: Visitors) -> None:
    member = await alone.add("member", "Ben", locale="en")
    await alone.open(member, await alone.add("professional", "Claire"))
    page = await guests.page_of(member, service_workers="allow", locale="fr-FR")
    await page.evaluate("navigator.serviceWorker.ready.then(({ active }) => active.state)")
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    alone.kill()
    await page.reload()
    await expect(page.get_by_role("heading", name="No connection right now")).to_be_visible()


async def test_only_the_shell_is_kept(visitors: Visitors, pair: Pair) -> None:
    member = await begin(visitors, pair)
    await write(member, "Rien de ceci ne reste ici.")
    await expect(bubble(member, "Rien de ceci")).to_contain_text("Rien de ceci")
    await member.reload()
    await expect(bubble(member, "Rien de ceci")).to_be_visible()
    await member.get_by_role("button", name="Votre compte").click()
    await member.get_by_role("button", name="Garder une copie").click()
    names, kept = await member.evaluate(KEPT)
    paths = {urlsplit(url).path for url in kept}
    version = next(path for path in paths if path.startswith("/static/")).split("/")[2]
    assert len(names) == 1
    assert [path for path in paths if not path.startswith(f"/static/{version}/")] == ["/offline"]
    assert {f"/static/{version}/styles.css", f"/static/{version}/elements/conversations/sheets/export-sheet.js"} <= paths
    texts = await member.evaluate("""async () => {
      const kept = await caches.open((await caches.keys())[0])
      return (await Promise.all((await kept.keys()).map(async (one) => (await kept.match(one)).text()))).join("")
    }""")
    assert "Rien de ceci" not in texts
    assert pair.member.email not in texts
    assert pair.thread not in texts


async def test_signing_out_leaves_nothing_of_who_was_here(visitors: Visitors, pair: Pair) -> None:
    visitors.sessions.pop(pair.member.email, None)
    member = await begin(visitors, pair)
    await write(member, "Une question.")
    await until_sent(member, "Une question.")
    await member.get_by_role("button", name="Votre compte").click()
    await member.get_by_role("button", name="Se déconnecter").click()
    await member.wait_for_url("**/sign-in")
    visitors.sessions.pop(pair.member.email, None)
    assert await member.evaluate(LEFT) == {}
    _, kept = await member.evaluate(KEPT)
    assert {urlsplit(url).path.split("/")[1] for url in kept} == {"static", "offline"}


async def test_a_newer_version_drops_what_the_older_kept(visitors: Visitors, pair: Pair) -> None:
    member = await begin(visitors, pair)
    await member.evaluate("caches.open('ailo-shell /static/0123456789ab/').then((old) => old.put('/offline', new Response('')))")
    await member.evaluate("caches.open('of-another').then((other) => other.put('/', new Response('')))")
    worker = member.context.service_workers[0]
    await worker.evaluate("begin()")
    names, _ = await member.evaluate(KEPT)
    assert sorted(name for name in names if not name.startswith("ailo-shell")) == ["of-another"]
    assert len(names) == 2


async def test_the_policy_names_no_other_script(visitors: Visitors, pair: Pair) -> None:
    visitors.tolerate(
        "Refused to create a TrustedTypePolicy", "TrustedScriptURL", "Trusted Types", "trusted-types", "TrustedTypePolicy"
    )
    member = await begin(visitors, pair)
    said = await member.evaluate("""async () => {
      const attempts = [
        () => navigator.serviceWorker.register("/worker.js"),
        () => trustedTypes.createPolicy("ailo-worker", { createScriptURL: (address) => address }),
        () => trustedTypes.createPolicy("another", { createScriptURL: (address) => address }),
      ]
      const outcomeOf = async (attempt) => attempt()
      return Promise.all(attempts.map((attempt) => outcomeOf(attempt).then(() => "done", ({ name }) => name)))
    }""")
    assert said == ["TypeError", "TypeError", "TypeError"]


async def test_it_can_be_installed(visitors: Visitors, pair: Pair) -> None:
    member = await begin(visitors, pair)
    asked = await member.context.new_cdp_session(member)
    found = await asked.send("Page.getInstallabilityErrors")
    assert [error for error in found["installabilityErrors"] if error["errorId"] != "in-incognito"] == []
    manifest = await asked.send("Page.getAppManifest")
    assert manifest["errors"] == []
