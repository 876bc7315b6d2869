"""The overview over HTTP: staff get a page of their own numbers, members a 404, and whoever is signed out the sign-in page."""

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from aiohttp import CookieJar

from chat.client.remote import Client
from storage.ids import MessageId, new_id
from tests.flows.service import Visit, running

HTML = {"Accept": "text/html"}


@dataclass
class Page:
    """A page as a browser receives it."""

    status: int
    headers: dict[str, str]
    text: str

    def rows(self) -> list[list[str]]:
        """The rows of its tables, as text."""
        rows = re.findall(r"<tr.*?>(.*?)</tr>", self.text)
        return [[re.sub("<.*?>", "", cell) for cell in re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row)] for row in rows]


async def page(visit: Visit, client: Client | None, language: str = "fr") -> Page:
    headers = {**HTML, "Accept-Language": language}
    if client:
        headers["Cookie"] = client.cookie.replace("ailo-language=fr", f"ailo-language={language}")
    async with (
        aiohttp.ClientSession(cookie_jar=CookieJar(unsafe=True)) as session,
        session.get(f"{visit.service.origin}/overview", headers=headers, allow_redirects=False) as answer,
    ):
        return Page(answer.status, dict(answer.headers), await answer.text())


async def talk(visit: Visit) -> str:
    """Léa writes twice and Claire once; Léa then waits again."""
    thread = await visit.thread("lea", "claire", "sam")
    lea, claire = await asyncio.gather(visit.client("lea"), visit.client("claire"))
    for client in (lea, lea, claire, lea):
        await client.ask("POST", f"/api/threads/{thread}/messages", {"id": str(new_id(MessageId)), "text": "Bonjour"})
    return thread


async def test_the_staff_sees_its_own_numbers(visit: Visit) -> None:
    thread = await talk(visit)
    found = await page(visit, await visit.client("claire"))
    totals = [row for row in found.rows() if row[0] == "En tout"]
    assert (found.status, totals) == (200, [["En tout", "3", "1"], ["En tout", "1", "0 min", "0 min"]])
    assert f"/dashboard#{thread}" in found.text
    assert found.headers["Cache-Control"] == "no-store"
    assert "style=" not in found.text


async def test_it_speaks_the_readers_language(visit: Visit) -> None:
    await talk(visit)
    found = await page(visit, await visit.client("sam"), "en")
    assert '<h1 class="bar__name">Overview</h1>' in found.text
    assert next(row for row in found.rows() if row[0] == "Total") == ["Total", "3", "0"]


async def test_an_outsider_and_who_has_left_count_nothing(visit: Visit) -> None:
    thread = await talk(visit)
    await visit.leave(thread, "claire")
    for name in ("claire", "thomas"):
        found = await page(visit, await visit.client(name))
        assert [row[1:3] for row in found.rows() if row[0] == "En tout"] == [["0", "0"], ["0", "—"]]
        assert thread not in found.text


@pytest.mark.parametrize("name", ["lea", "ada"])
async def test_to_who_is_not_staff_there_is_no_such_page(visit: Visit, name: str) -> None:
    found = await page(visit, await visit.client(name))
    assert found.status == 404
    assert "Cette page n’existe pas" in found.text


async def test_who_is_signed_out_is_sent_to_sign_in(visit: Visit) -> None:
    found = await page(visit, None)
    assert (found.status, found.headers["Location"], found.headers["Cache-Control"]) == (303, "/sign-in", "no-store")


async def test_who_asks_too_often_is_slowed_alone(tmp_path: Path) -> None:
    async with running(tmp_path, RATE="5") as service:
        visit = Visit(service)
        claire, sam = await visit.client("claire"), await visit.client("sam")
        found = [(await page(visit, claire)).status for _ in range(15)]
        assert (found[:10], 429 in found) == ([200] * 10, True)
        assert (await page(visit, sam)).status == 200
        await visit.close()
