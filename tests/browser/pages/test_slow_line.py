"""A line with two seconds of delay each way: what was missed arrives once, and the page requests nothing twice."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Request, WebSocket, expect

from chat.accounts.commands import AccountAdd
from chat.client.remote import sign_in
from chat.conversations.commands import ThreadOpen
from tests.browser.conftest import PASSWORD, Person, Visitors, bubble
from tests.flows.service import Service, free_port
from tests.flows.slow_line import SlowLine

pytestmark = pytest.mark.asyncio(loop_scope="session")

LEA, CLAIRE = Person("lea@ailo.test", "member", "Léa"), Person("claire@ailo.test", "professional", "Claire")


@dataclass
class Far:
    """A service that browsers reach over a line that is fast at first."""

    service: Service
    line: SlowLine
    visitors: Visitors
    thread: str


@dataclass
class Ear:
    """What a page requested, and the numbers of the messages that it received live."""

    asked: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)

    def listen_to(self, page: Page) -> None:
        page.on("websocket", self._note_socket)
        page.on("request", self._note_request)

    def _note_socket(self, socket: WebSocket) -> None:
        socket.on("framesent", lambda frame: self.asked.append(str(frame)))
        socket.on("framereceived", self._note_frame)

    def _note_frame(self, payload: str | bytes) -> None:
        frame = json.loads(payload)
        if frame["type"] == "message":
            self.numbers.append(frame["seq"])

    def _note_request(self, request: Request) -> None:
        if "/messages" in request.url:
            self.asked.append(request.url)

    @property
    def resumes(self) -> list[str]:
        """The frames that resume a thread; those that only check whether the line is alive name none."""
        return [one for one in self.asked if '"resume"' in one and '"threads":{}' not in one]


@pytest_asyncio.fixture(loop_scope="session")
async def far(chromium: Browser, tmp_path: Path) -> AsyncIterator[Far]:
    port = free_port()
    service = Service(tmp_path, ORIGIN=f"http://127.0.0.1:{port}")
    await service.build()
    service.start()
    for person in (LEA, CLAIRE):
        await service.command(AccountAdd(person.role, person.email, person.first_name, "", "fr", PASSWORD))
    thread = await service.command(ThreadOpen(LEA.email, [CLAIRE.email], []))
    visitors = Visitors(chromium, service.settings["ORIGIN"])
    visitors.tolerate("Failed to load resource", "WebSocket connection")
    async with SlowLine(service.port, 0.0).open(port) as line:
        yield Far(service, line, visitors, thread)
        await asyncio.gather(*(context.close() for context in visitors.contexts))
    service.close()
    assert visitors.found() == []


async def test_after_a_cut_on_a_slow_line_nothing_is_asked_for_twice(far: Far) -> None:
    ear = Ear()
    async with (
        sign_in(far.visitors.url, CLAIRE.email, PASSWORD) as client,
        client.connect(host="127.0.0.1", port=far.service.port) as claire,
    ):
        for number in range(1, 21):
            await claire.send(far.thread, f"Message {number}.")
        page = await far.visitors.page_of(LEA)
        await expect(bubble(page, "Message 20.")).to_be_visible()
        await expect(page.locator("[data-settled]")).to_have_count(1)
        await page.wait_for_load_state("networkidle")  # Its initial requests are answered while the line is fast.
        ear.listen_to(page)
        far.line.delay_s = 2.0
        far.line.cut()
        number = 20
        while not ear.resumes:  # meanwhile it gets `hello`, and live messages are held
            number += 1
            await claire.send(far.thread, f"Message {number}.")
            await asyncio.sleep(0.05)
        await claire.send(far.thread, "Le dernier.")
        await expect(bubble(page, "Le dernier.")).to_be_visible(timeout=30_000)
    assert [one for one in ear.asked if one.startswith("http")] == []
    assert ear.numbers == list(range(21, number + 2)), ear.asked
    assert ear.resumes == [json.dumps({"type": "resume", "threads": {far.thread: 20}}, separators=(",", ":"))]
    assert ear.asked[0] == ear.resumes[0]
