"""Signing in with a form: where it leads, what it refuses, and that what was typed comes along."""

from dataclasses import dataclass

import aiohttp
import pytest
from aiohttp import CookieJar

from tests.flows.service import Visit
from tests.people import PASSWORD


@dataclass
class Answer:
    status: int
    where: str
    text: str
    cookies: dict[str, str]


async def post(visit: Visit, **fields: str) -> Answer:
    headers = {"Origin": visit.service.origin, "Accept": "text/html"}
    async with (
        aiohttp.ClientSession(cookie_jar=CookieJar(unsafe=True)) as http,
        http.post(f"{visit.service.origin}/sign-in/form", data=fields, headers=headers, allow_redirects=False) as got,
    ):
        cookies = {name: morsel.value for name, morsel in got.cookies.items()}
        return Answer(got.status, got.headers.get("Location", ""), await got.text(), cookies)


async def test_it_signs_in_and_goes_on(visit: Visit) -> None:
    await visit.arrive("ada")
    answer = await post(visit, email=visit.address("ada"), password=PASSWORD, to="/mail")
    assert (answer.status, answer.where) == (303, "/mail")
    assert {"ailo", "ailo-device", "ailo-language"} <= answer.cookies.keys()
    headers = {"Cookie": f"ailo={answer.cookies['ailo']}"}
    async with aiohttp.ClientSession() as http, http.get(f"{visit.service.origin}/mail", headers=headers) as page:
        assert page.status == 200


@pytest.mark.parametrize("to", ["", "https://ailleurs.example", "//ailleurs.example", "/\\ailleurs.example", "/mail?x", "mail"])
async def test_it_goes_nowhere_but_to_a_page(visit: Visit, to: str) -> None:
    await visit.arrive("ada")
    assert (await post(visit, email=visit.address("ada"), password=PASSWORD, to=to)).where == "/"


@pytest.mark.parametrize(
    "given", [{"email": "", "password": PASSWORD}, {"password": ""}, {"password": "x" * 1001}, {"password": "faux"}]
)
async def test_what_does_not_fit_is_said_and_what_was_typed_stays(visit: Visit, given: dict[str, str]) -> None:
    await visit.arrive("ada")
    answer = await post(
        visit, **{"email": visit.address("ada"), **given, "to": "/greeting", "kept:text": "<b> ce que j’ai\r\nécrit"}
    )
    assert (answer.status, answer.cookies) == (422, {})
    assert 'aria-invalid="true"' in answer.text
    assert 'name="kept:text" hidden>\n&lt;b&gt; ce que j’ai\r\nécrit</textarea>' in answer.text
    assert given["password"] not in answer.text or not given["password"]


async def test_what_was_typed_is_offered_and_not_sent_by_itself(visit: Visit) -> None:
    await visit.arrive("ada")
    fields = {"kept:text": "<b> ce que j’ai écrit", "kept:deed": "again"}
    answer = await post(visit, email=visit.address("ada"), password=PASSWORD, to="/mail", **fields)
    assert answer.status == 200
    assert "Vous êtes de retour, Ada" in answer.text
    assert '<form method="post" action="/mail">' in answer.text
    assert 'name="text" hidden>\n&lt;b&gt; ce que j’ai écrit</textarea>' in answer.text
    assert 'name="deed"' in answer.text
    assert PASSWORD not in answer.text


async def test_a_forged_form_signs_nobody_in(visit: Visit) -> None:
    await visit.arrive("ada")
    async with (
        aiohttp.ClientSession(cookie_jar=CookieJar(unsafe=True)) as http,
        http.post(
            f"{visit.service.origin}/sign-in/form", data={"email": visit.address("ada"), "password": PASSWORD},
            headers={"Origin": "null"},
        ) as answer,
    ):  # fmt: skip
        assert (answer.status, dict(answer.cookies)) == (403, {})
