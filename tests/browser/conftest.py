"""A real server in its own process, real Chromium, and people who sign in. Any complaint of a browser fails the test."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from msgspec import Struct
from playwright.async_api import Browser, BrowserContext, Locator, Page, async_playwright, expect

from chat.accounts.commands import AccountAdd
from chat.conversations.commands import ThreadLeave, ThreadOpen
from chat.operations import control
from storage import installation
from storage.settings import Environment, StorageSettings
from tests.flows.inbound import waiting

AILO = Path(sys.executable).parent / "ailo"
PASSWORD = "une phrase pour entrer"
REPLY_DOMAIN = "reply.example.test"
SCREENSHOTS = Path(__file__).parent / "screenshots"
WIDE, PHONE, NARROW = {"width": 1280, "height": 800}, {"width": 360, "height": 740}, {"width": 320, "height": 640}

# Answered in the page: a route of Playwright would send every request of the page round by this process.
NOTHING_TO_OFFER = """(() => {
  const ask = window.fetch
  const settled = JSON.stringify({ recovery_code: true, own_password: true })
  window.fetch = (where, how) =>
    String(where).endsWith("/api/account/ways") ? Promise.resolve(new Response(settled)) : ask(where, how)
})()"""

expect.set_options(timeout=10_000)


@dataclass
class Person:
    """Somebody with an account."""

    email: str
    role: str
    first_name: str


@dataclass
class Pair:
    """A member, a Professional and their conversation."""

    member: Person
    professional: Person
    thread: str


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


class Service:
    """`ailo serve` on a free port, with its own data; it gets its commands as the `ailo` command sends them."""

    def __init__(self, folder: Path) -> None:
        port, self.lmtp = _free_port(), _free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._log = folder / "log"
        self._numbers = count(1)
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AILO_")},
            "AILO_DATA": str(folder / "data"),
            "AILO_KEYS": str(folder / "keys" / "root.json"),
            "AILO_PORT": str(port),
            "AILO_RATE": "off",
            "AILO_REPLY_DOMAIN": REPLY_DOMAIN,
            "AILO_LMTP": f"127.0.0.1:{self.lmtp}",
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        return Path(self._environment["AILO_DATA"])

    def reply_address(self, account: str, thread: str) -> str:
        """An address at which somebody answers in a conversation by e-mail, as a letter would have it."""
        local_part = waiting.address_of(self.data, Path(self._environment["AILO_KEYS"]), account, thread)
        return f"{local_part}@{REPLY_DOMAIN}"

    @property
    def log(self) -> str:
        """What it has logged so far."""
        return self._log.read_text()

    def set(self, name: str, value: str) -> None:
        """Change a setting, before it is started."""
        self._environment[name] = value

    async def build(self) -> None:
        """Make an empty installation, marked as an example: its passwords cost almost nothing to check."""
        await installation.build(StorageSettings.from_environment(Environment(self._environment)), is_example=True)

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([AILO, "serve"], env=self._environment, stdout=log, stderr=log)
        for _ in range(400):
            if self._is_ready():
                return
            assert self._process.poll() is None, self._log.read_text()
            time.sleep(0.02)  # Until the process listens there is nothing to wait on.
        pytest.fail(f"the server did not start:\n{self._log.read_text()}")

    def kill(self) -> None:
        """Kill it, as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._process:
            self._process.send_signal(how)
            self._process.wait(20)
            self._process = None

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health/ready", timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    async def add(self, role: str, first_name: str, *, last_name: str = "", locale: str = "fr") -> Person:
        """Add somebody with an address of their own."""
        person = Person(f"{role}-{next(self._numbers)}@example.test", role, first_name)
        await self._ask(AccountAdd(role, person.email, first_name, last_name, locale, PASSWORD))
        return person

    async def open(self, member: Person, professional: Person, *companions: Person) -> str:
        """Open a conversation; return its id."""
        return await self._ask(ThreadOpen(member.email, [professional.email], [each.email for each in companions]))

    async def leave(self, thread: str, person: Person) -> None:
        await self._ask(ThreadLeave(thread, person.email))

    async def pair(self) -> Pair:
        """Open a conversation between two new people."""
        member, professional = await asyncio.gather(self.add("member", "Léa"), self.add("professional", "Claire"))
        return Pair(member, professional, await self.open(member, professional))

    async def _ask(self, command: Struct) -> str:
        """Have the running server carry out a command, as the `ailo` command does."""
        done = await control.ask(Path(self._environment["AILO_DATA"]), command)
        assert done is not None
        assert done.code == 0, done.line
        return done.line


@dataclass
class Visitors:
    """Opens browser contexts and pages, and collects what their consoles complain about."""

    browser: Browser
    url: str
    complaints: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)
    tolerated: tuple[str, ...] = ("Service Worker registration blocked",)
    sessions: dict[str, Any] = field(default_factory=dict)

    async def context(self, *, offers: bool = False, **options: Any) -> BrowserContext:
        """Open a browser context of its own; without ``offers``, password and recovery code seem to be settled already.

        It blocks service workers, so that tests can stand in for the service; the tests of the shell allow them.
        """
        usual = {"locale": "fr-FR", "viewport": WIDE, "service_workers": "block"}
        context = await self.browser.new_context(base_url=self.url, **{**usual, **options})
        context.on("console", lambda said: self._note(said.type, said.text))
        context.on("weberror", lambda fault: self._note("error", str(fault.error)))
        self.contexts.append(context)
        if not offers:
            await context.add_init_script(NOTHING_TO_OFFER)
        return context

    async def page_of(self, person: Person, path: str = "/", **options: Any) -> Page:
        """Open a page for somebody who is already signed in, in a context of its own; all pages of one person share a session."""
        context = await self.context(storage_state=self.sessions.get(person.email), **options)
        if person.email not in self.sessions:
            await sign_in_quietly(context, self.url, person)
            self.sessions[person.email] = await context.storage_state()
        return await self.another_page(context, path)

    async def another_page(self, context: BrowserContext, path: str = "/") -> Page:
        page = await context.new_page()
        await page.goto(path)
        await expect(page.locator("[data-state=ready], [data-state=none]")).to_have_count(1)
        return page

    def tolerate(self, *complaints: str) -> None:
        """Ignore complaints that the test provokes."""
        self.tolerated += complaints

    def _note(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)

    def found(self) -> list[str]:
        return [text for text in self.complaints if not any(known in text for known in self.tolerated)]


async def sign_in_quietly(context: BrowserContext, url: str, person: Person) -> None:
    """Sign in without the page: all pages of this context get the cookie."""
    answer = await context.request.post(
        "/api/session", data={"email": person.email, "password": PASSWORD}, headers={"Origin": url}
    )
    assert answer.ok, await answer.text()


async def post(page: Page, thread: str, texts: list[str]) -> None:
    """Post messages in order as whoever is signed in on this page, without using the page."""
    url = page.url.split("/", 3)
    for text in texts:
        answer = await page.context.request.post(
            f"/api/threads/{thread}/messages",
            data={"id": str(uuid4()), "text": text},
            headers={"Origin": "/".join(url[:3])},
        )
        assert answer.ok, await answer.text()


async def write(page: Page, text: str) -> None:
    """Type a message and send it, as people do."""
    await page.fill("#composer", text)
    await page.keyboard.press("Control+Enter")


async def escape(page: Page) -> None:
    """Press Escape, and wait until sheets and menus are closed: Chromium closes them some time after the key."""
    await page.keyboard.press("Escape")
    await expect(page.locator("dialog[open], :popover-open")).to_have_count(0)


async def until_live(*pages: Page) -> None:
    """Wait until all are connected: before that, a page neither sends nor receives presence and typing."""
    for page in pages:
        await expect(page.locator("connection-state[data-state=live]").first).to_be_attached()


def bubble(page: Page, text: str) -> Locator:
    return page.locator("message-row .message").filter(has_text=text)


async def until_sent(page: Page, text: str) -> None:
    """Wait until the service has a message: signing out before that asks a question first."""
    await expect(page.locator("message-row").filter(has_text=text)).to_contain_text("envoyé")


async def shoot(page: Page, name: str, *, whole: bool = False) -> None:
    """Take a screenshot of a page, to be looked at; ``whole`` includes what is below the fold."""
    SCREENSHOTS.mkdir(exist_ok=True)
    await page.screenshot(path=SCREENSHOTS / f"{name}.png", animations="disabled", full_page=whole)


async def assert_accessible(page: Page) -> None:
    """Run axe once the animations have ended: what is half faded in lacks contrast."""
    await page.evaluate(MOVED)
    found = await Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


MOVED = """() => {
  const ends = ({ effect }) => Number.isFinite(effect.getComputedTiming().endTime)
  return Promise.allSettled(document.getAnimations().filter(ends).map((one) => one.finished)).then(() => null)
}"""


async def assert_no_sideways_scroll(page: Page) -> None:
    widths = await page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert widths[0] <= widths[1]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """The server of all browser tests; each test brings its own people."""
    found = Service(tmp_path_factory.mktemp("ailo"))
    await found.build()
    found.start()
    yield found
    found.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def pair(service: Service) -> Pair:
    return await service.pair()


@asynccontextmanager
async def launched(name: str) -> AsyncIterator[Browser]:
    """Run one of the system's browsers, by the name of its command, for the duration of the context."""
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which(name), args=arguments)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """Chromium without a window: half the work for the machine. It lacks notifications (see `test_alerts`)."""
    async with launched("chromium-headless-shell") as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def visitors(chromium: Browser, service: Service) -> AsyncIterator[Visitors]:
    """Browser contexts for people; at the end, none may have complained."""
    found = Visitors(chromium, service.url)
    yield found
    complaints = found.found()
    await asyncio.gather(*(context.close() for context in found.contexts))
    assert complaints == []
