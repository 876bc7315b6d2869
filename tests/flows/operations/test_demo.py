"""`ailo demo` as a user runs it: a process, its output, who can sign in, and the e-mail that arrives."""

import asyncio
import os
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from chat.client.remote import Client, Json, sign_in
from chat.example.cast import figures
from storage.conversations.threads import PAGE
from storage.ids import MessageId, new_id
from tests.chat.example.test_example import counted
from tests.people import settings_in

AILO = "from chat.cli import main; main()"
# Kills the process, as kill -9 would, when it begins the thread after the first {threads}.
KILLED = """
import os, signal
from itertools import count
from chat.example import filling
from chat.cli import main
play, numbers = filling._play, count()
async def played(*arguments):
    if next(numbers) == {threads}:
        os.kill(os.getpid(), signal.SIGKILL)
    await play(*arguments)
filling._play = played
main()
"""


class Demo:
    """A running `ailo demo`, and all that it has printed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.printed = ""

    @property
    def origin(self) -> str:
        found = re.search(r"http://127\.0\.0\.1:\d+", self.printed)
        assert found, self.printed
        return found[0]

    async def wait_for(self, pattern: str) -> str:
        """Read until it prints a line that matches this pattern; return the line."""
        assert self.process.stdout
        async with asyncio.timeout(60):
            while line := (await self.process.stdout.readline()).decode():
                self.printed += line
                if re.search(pattern, line):
                    return line
        raise AssertionError(self.printed)

    async def wait_for_letter(self) -> None:
        """Wait until a letter was written and sent that tells of a message."""
        written = re.search(r"letter (\S+) written", await self.wait_for(r"letter \S+ written"))
        assert written
        await self.wait_for(f"letter {written[1]} sent")

    @asynccontextmanager
    async def as_somebody(self, key: str) -> AsyncIterator[Client]:
        figure = figures()[key]
        async with sign_in(self.origin, figure.email, figure.password) as client:
            yield client


async def launch(folder: Path, code: str = AILO, more: Mapping[str, str] | None = None) -> Demo:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AILO_")}
    environment |= {"AILO_DATA": str(folder / "data"), "AILO_KEYS": str(folder / "keys" / "root.json"), "AILO_PORT": "0"}
    return Demo(
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, "demo",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env={**environment, **(more or {})},
        )
    )  # fmt: skip


@asynccontextmanager
async def running(folder: Path, **more: str) -> AsyncIterator[Demo]:
    demo = await launch(folder, more=more)
    try:
        await demo.wait_for("^Ailo is at")
        yield demo
    finally:
        if demo.process.returncode is None:
            demo.process.send_signal(signal.SIGTERM)
        assert await demo.process.wait() == 0


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a first start has made the example, which takes most of its time."""

    async def fill(folder: Path) -> None:
        async with running(folder) as demo:
            said = demo.printed.partition("Creating the example…\n")[2]
            assert said.startswith("\nAn example of Ailo"), said  # no log of how it was made in between

    folder = tmp_path_factory.mktemp("filled")
    asyncio.run(fill(folder))
    return folder


@pytest.fixture
def example(filled: Path, tmp_path: Path) -> Path:
    """A filled example of the test's own, not running."""
    shutil.copytree(filled, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
async def demo(example: Path) -> AsyncIterator[Demo]:
    async with running(example, AILO_NOTIFY_AFTER="0") as demo:
        yield demo


async def page_of(client: Client, path: str) -> str:
    async with client.http.get(client.origin + path) as answer:
        assert answer.status == 200
        return await answer.text()


def is_with(thread: Json, first_name: str) -> bool:
    return first_name in {one["first_name"] for one in thread["participants"]}


async def test_it_tells_how_to_sign_in_before_it_listens(demo: Demo) -> None:
    for figure in figures().values():
        assert re.search(rf"{figure.email}\s+{figure.password}\n", demo.printed)
    assert demo.printed.index(f"{demo.origin}/mailbox") < demo.printed.index("Ailo is at")


async def test_everybody_can_sign_in(demo: Demo) -> None:
    for key, figure in figures().items():
        async with demo.as_somebody(key) as client:
            assert (client.account["role"], client.account["first_name"]) == (figure.role.value, figure.first_name)


async def test_claires_dashboard_has_life(demo: Demo) -> None:
    async with demo.as_somebody("claire") as claire:
        found = (await claire.get("/api/threads?order=waiting"))["threads"]
    assert 10 <= len(found) < PAGE
    assert 4 <= sum(thread["waiting_since"] is not None for thread in found) < len(found) - 3
    assert {0, 1, 2, 3} <= {thread["unread"] for thread in found}
    assert any(thread["last"] is None for thread in found)


async def test_claire_says_when_she_answers(demo: Demo) -> None:
    async with demo.as_somebody("lea") as lea:
        threads = (await lea.get("/api/threads"))["threads"]
        thread = next(one["id"] for one in threads if is_with(one, "Claire"))
        people = (await lea.get(f"/api/threads/{thread}/about"))["people"]
    assert [one["reply_within_hours"] for one in people if one["reply_within_hours"]] == [48]


async def test_the_long_conversation_can_be_read_to_its_beginning(demo: Demo) -> None:
    async with demo.as_somebody("karim") as karim:
        threads = (await karim.get("/api/threads"))["threads"]
        thread = next(one for one in threads if one["last_seq"] == 2000)
        first = (await karim.get(f"/api/threads/{thread['id']}/messages?before=51"))["messages"]
    assert (thread["unread"], first[0]["seq"], len(first)) == (1, 1, 50)
    assert {message["kind"] for message in first} == {"text"}


async def test_an_e_mail_comes_to_who_is_away(demo: Demo) -> None:
    async with demo.as_somebody("claire") as claire:
        assert "lea@exemple.test" not in await page_of(claire, "/mailbox")
        threads = (await claire.get("/api/threads"))["threads"]
        thread = next(one["id"] for one in threads if is_with(one, "Léa"))
        text = "Un mot que l’e-mail tait."
        await claire.ask("POST", f"/api/threads/{thread}/messages", {"id": str(new_id(MessageId)), "text": text})
        await demo.wait_for_letter()
        page = await page_of(claire, "/mailbox")
        assert "à lea@exemple.test" in page
        assert text not in page
        frame = re.search(r'src="(/mailbox/[^"]+)"', page.partition("<iframe")[2])
        assert frame
        assert "<html" in await page_of(claire, frame[1])


async def test_a_second_start_keeps_what_was_written(example: Path) -> None:
    async with running(example) as demo, demo.as_somebody("sam") as sam:
        thread = (await sam.get("/api/threads"))["threads"][0]
        sent = await sam.ask("POST", f"/api/threads/{thread['id']}/messages", {"id": str(new_id(MessageId)), "text": "À demain."})
    async with running(example) as demo, demo.as_somebody("sam") as sam:
        assert "Creating the example" not in demo.printed
        assert (await sam.get("/api/threads"))["threads"][0]["last"] == sent


@pytest.mark.parametrize("threads", [0, 3])
async def test_a_first_start_that_is_killed_is_begun_again(tmp_path: Path, threads: int) -> None:
    killed = await launch(tmp_path, KILLED.format(threads=threads))
    assert await killed.process.wait() == -signal.SIGKILL
    assert not settings_in(tmp_path).database.exists()
    async with running(tmp_path) as demo, demo.as_somebody("lea") as lea:
        assert len((await lea.get("/api/threads"))["threads"]) == 2
    assert await counted(settings_in(tmp_path)) > 10


async def test_two_starts_at_once_are_refused(example: Path) -> None:
    async with running(example):
        second = await launch(example)
        await second.wait_for("Another Ailo process is using")
        assert await second.process.wait() == 1


async def test_letters_stay_here_whatever_relay_is_set(example: Path) -> None:
    relay = {"AILO_SMTP": "smtp://127.0.0.1:9", "AILO_MAIL_FROM": "ailo@example.org", "AILO_NOTIFY_AFTER": "0"}
    async with running(example, **relay) as demo, demo.as_somebody("claire") as claire:
        threads = (await claire.get("/api/threads"))["threads"]
        thread = next(one["id"] for one in threads if is_with(one, "Hugo"))
        await claire.ask("POST", f"/api/threads/{thread}/messages", {"id": str(new_id(MessageId)), "text": "Bonjour Hugo."})
        await demo.wait_for_letter()
        assert "à hugo@exemple.test" in await page_of(claire, "/mailbox")
