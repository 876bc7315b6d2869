"""The pages of programmes in the test's own process, on a stopped clock: who visits them, and what they read."""

import html
import re
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient

from tests.people import PASSWORD, address

ORIGIN = "http://127.0.0.1:8080"


@dataclass
class Answer:
    """What a page answered: its status, where it sends one on, and its words as a person reads them."""

    status: int
    location: str
    source: str

    @property
    def words(self) -> str:
        shown = re.sub(r"<(script|style|svg|head)\b.*?</\1>", "", self.source, flags=re.DOTALL)
        return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", shown)).split())

    def value(self, name: str) -> str:
        """The value of a hidden field."""
        found = re.search(f'name="{name}" value="([^"]*)"', self.source)
        assert found
        return found[1]


@dataclass
class Visitor:
    """A browser without scripts."""

    client: TestClient[web.Request, web.Application]

    async def sign_in(self, name: str) -> "Visitor":
        body = {"email": address(name), "password": PASSWORD}
        answer = await self.client.post("/api/session", json=body, headers={"Origin": ORIGIN})
        assert answer.status == 200
        return self

    async def see(self, path: str, **query: str) -> Answer:
        return await answered(await self.client.get(path, params=query, allow_redirects=False, headers={"Accept": "text/html"}))

    async def post(self, path: str, origin: str = ORIGIN, **fields: Any) -> Answer:
        headers = {"Origin": origin, "Accept": "text/html"}
        return await answered(await self.client.post(path, data=fields, allow_redirects=False, headers=headers))

    async def do(self, path: str, **fields: Any) -> Answer:
        """Post a form, and see the page that it leads to."""
        done = await self.post(path, **fields)
        assert done.status == 303
        return await self.see(done.location)


async def answered(answer: ClientResponse) -> Answer:
    return Answer(answer.status, answer.headers.get("Location", ""), await answer.text())
