"""Forms over HTTP: who may post, from where, and that what was typed is never lost."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from aiohttp import CookieJar

from chat.client.remote import Client
from tests.flows.service import Visit, running


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    text: str


async def post(client: Client, path: str, fields: object = None, **headers: str) -> Answer:
    """Post a form as a page does, following no redirect."""
    sent = {"Origin": client.origin, "Accept": "text/html", "Cookie": client.cookie, **headers}
    sent = {name.replace("_", "-"): value for name, value in sent.items() if value}
    async with (
        aiohttp.ClientSession(cookie_jar=CookieJar(unsafe=True)) as http,
        http.post(
            f"{client.origin}{path}", data=fields or {"text": "ce que j’ai écrit"}, headers=sent, allow_redirects=False
        ) as got,
    ):
        return Answer(got.status, dict(got.headers), await got.text())


@pytest.mark.parametrize("origin", ["null", "", "https://ailleurs.example", "http://127.0.0.1:1"])
async def test_a_form_of_another_site_is_refused_and_gains_nothing(visit: Visit, origin: str) -> None:
    claire = await visit.client("claire")
    answer = await post(claire, "/sign-out", {"text": "<b>tapé"}, Origin=origin)
    assert answer.status == 403
    assert "Cette demande ne vient pas des pages du service." in answer.text
    assert "tapé" not in answer.text
    assert "<form" not in answer.text
    assert (await claire.get("/api/account"))["account"]["first_name"] == "Claire"
    signed_out = await post(claire, "/sign-out", Origin=origin, Cookie="")
    assert signed_out.status == 403


async def test_signing_out_needs_no_script(visit: Visit) -> None:
    claire = await visit.client("claire")
    answer = await post(claire, "/sign-out")
    assert (answer.status, answer.headers["Location"]) == (303, "/sign-in")
    assert answer.headers["Clear-Site-Data"] == '"storage"'
    assert 'ailo=""' in answer.headers["Set-Cookie"]
    async with claire.http.get(f"{claire.origin}/api/account") as account:
        assert account.status == 401


async def test_one_can_leave_a_browser_whose_session_has_ended(visit: Visit) -> None:
    """What was written and not sent lies there still."""
    claire = await visit.client("claire")
    answer = await post(claire, "/sign-out", Cookie="ailo=none")
    assert (answer.status, answer.headers["Location"]) == (303, "/sign-in")
    assert answer.headers["Clear-Site-Data"] == '"storage"'
    assert (await claire.get("/api/account"))["account"]["first_name"] == "Claire"  # another browser's session goes on


async def test_what_was_typed_outlives_the_session(visit: Visit) -> None:
    lea = await visit.client("lea")
    answer = await post(lea, "/programmes/souffler", {"text": "a < b\r\nc", "new_password": "secret-77"}, Cookie="ailo=none")
    assert answer.status == 401
    assert "Votre session est terminée" in answer.text
    assert 'name="to" value="/programmes/souffler"' in answer.text
    assert 'name="kept:text" hidden>\na &lt; b\r\nc</textarea>' in answer.text
    assert "secret-77" not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize(
    ("kind", "fields", "status"),
    [
        ("application/json", b"{}", 400),
        ("multipart/form-data; boundary=x", b"--x--", 400),
        ("application/x-www-form-urlencoded", b"a=%ff", 400),
        ("application/x-www-form-urlencoded", b"a=" + b"x" * 100_000, 413),
        ("application/x-www-form-urlencoded", b"a=" + b"x" * 200_000, 413),
    ],
)
async def test_what_is_no_form_of_a_page_is_refused_in_words(visit: Visit, kind: str, fields: bytes, status: int) -> None:
    claire = await visit.client("claire")
    answer = await post(claire, "/sign-out", fields, Content_Type=kind)
    assert answer.status == status
    assert "<h1>" in answer.text
    assert (await claire.get("/api/account"))["account"]["first_name"] == "Claire"


async def test_a_form_to_nowhere_is_answered_as_a_page(visit: Visit) -> None:
    answer = await post(await visit.client("claire"), "/nulle-part")
    assert answer.status == 404
    assert "Cette page n’existe pas" in answer.text


async def test_who_asks_too_often_is_told_in_words(tmp_path: Path) -> None:
    async with running(tmp_path, RATE="5") as service:
        visit = Visit(service)
        claire = await visit.client("claire")
        async with browsing(claire) as http:
            for _ in range(30):
                async with http.get(f"{claire.origin}/overview") as answer:
                    text = await answer.text()
                    if answer.status == 429:
                        break
        assert answer.status == 429
        assert answer.headers["Retry-After"] == "1"
        assert "<h1>Un instant</h1>" in text
        await visit.close()


@asynccontextmanager
async def browsing(client: Client) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(
        cookie_jar=CookieJar(unsafe=True), headers={"Accept": "text/html", "Cookie": client.cookie}
    ) as it:
        yield it


async def test_the_rail_counts_what_waits_for_this_reader(visit: Visit) -> None:
    thread = await visit.thread("lea", "claire", "sam")
    lea, claire, sam = await asyncio.gather(visit.client("lea"), visit.client("claire"), visit.client("sam"))

    async def news(client: Client) -> str:
        async with browsing(client) as http, http.get(f"{client.origin}/overview") as answer:
            found = re.search(r'href="/dashboard".*?</a>', await answer.text(), re.DOTALL)
            assert found
            return "" if 'rail__news" hidden' in found[0] else found[0].rpartition("<span>")[2].partition("</span>")[0]

    assert await news(claire) == ""
    await lea.ask("POST", f"/api/threads/{thread}/messages", {"id": "0193a1b2-0000-7000-8000-000000000001", "text": "Bonjour"})
    assert (await news(claire), await news(sam)) == ("1", "1")
    await visit.leave(thread, "sam")
    await claire.ask("POST", f"/api/threads/{thread}/messages", {"id": "0193a1b2-0000-7000-8000-000000000002", "text": "Bonjour"})
    assert (await news(claire), await news(sam)) == ("", "")
