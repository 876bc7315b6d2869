"""A service as an operator runs it: its own process, on a free port, with its data in a folder; and its people."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from msgspec import Struct

from chat.accounts.commands import AccountAdd
from chat.client.remote import Client, Json, Wire, sign_in
from chat.conversations.commands import ThreadLeave, ThreadOpen
from chat.operations import control
from storage import installation
from storage.accounts.accounts import Role
from tests import people, warm_start
from tests.people import PASSWORD, settings_in
from tests.warm_start import WarmProcess

ROOT = Path(__file__).parents[2]
# The people of all tests, and a client, who pays.
ROLES = {**people.ROLES, "cléo": Role.CLIENT}


class Service:
    """One `ailo serve`. ``origin`` is its address, ``log`` what it wrote to standard error."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.settings = settings
        self.port = free_port() if "ORIGIN" in settings else 0
        self.log_file = folder / "log"
        self.process: subprocess.Popen[str] | WarmProcess | None = None

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AILO_")}
        own = {
            "AILO_DATA": str(self.data),
            "AILO_KEYS": str(self.folder / "keys" / "root.json"),
            "AILO_PORT": str(self.port),
            "AILO_RATE": "off",
        }
        return {**kept, **own, **{f"AILO_{name}": value for name, value in self.settings.items()}}

    async def build(self) -> None:
        """Make an example installation, whose passwords are cheap to compute."""
        await installation.build(settings_in(self.folder), is_example=True)

    def start(self, *before: str) -> None:
        """Start it (under ``before``, such as strace) and wait until it listens; a restart uses the same port."""
        with self.log_file.open("a") as log:
            if before or not warm_start.fits(self.environment):
                command = [*before, sys.executable, "-m", "chat", "serve"]
                self.process = subprocess.Popen(
                    command, cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, stderr=log, text=True
                )
            else:
                self.process = warm_start.start(["serve"], self.environment, ROOT, log)
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line.startswith("Ailo is at "), self.log
        self.port = self.port or int(line.rpartition(":")[2])

    def signal(self, number: signal.Signals) -> None:
        assert self.process
        self.process.send_signal(number)

    async def ended(self) -> int:
        """Wait until the process ends; return its exit code."""
        assert self.process
        return await asyncio.to_thread(self.process.wait, 15)

    async def kill(self) -> None:
        """Kill it, as a power cut would."""
        self.signal(signal.SIGKILL)
        await self.ended()
        self.close()

    async def stop(self) -> int:
        """Stop it as an operator would; return its exit code."""
        self.signal(signal.SIGTERM)
        code = await self.ended()
        self.close()
        return code

    def close(self) -> None:
        """Clean up, whatever the test did."""
        if self.process:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            if self.process.stdout:
                self.process.stdout.close()
            self.process = None

    async def command(self, command: Struct) -> str:
        """Have the running server carry out a command; return the line that it prints."""
        done = await control.ask(self.data, command)
        assert done
        assert done.code == 0, done.line
        return done.line


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Visit:
    """One test's people in a service: accounts that no other test has."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.mark = uuid4().hex[:12]
        self.ids: dict[str, str] = {}
        self._log_from = len(service.log)
        self._stack = AsyncExitStack()

    def address(self, name: str) -> str:
        return f"{name}.{self.mark}@ailo.test"

    @property
    def log(self) -> str:
        """What the service has logged since this test began."""
        return self.service.log[self._log_from :]

    async def arrive(self, *names: str) -> None:
        for name in names:
            add = AccountAdd(ROLES[name], self.address(name), name.title(), "Rossi", "fr", PASSWORD)
            self.ids[name] = await self.service.command(add)

    async def thread(self, member: str, professional: str, *companions: str) -> str:
        await self.arrive(*{member, professional, *companions} - self.ids.keys())
        address = self.address
        return await self.service.command(
            ThreadOpen(address(member), [address(professional)], [address(one) for one in companions])
        )

    async def leave(self, thread: str, name: str) -> None:
        await self.service.command(ThreadLeave(thread, self.address(name)))

    async def client(self, name: str) -> Client:
        """Sign somebody in; they are signed out when the test ends."""
        if name not in self.ids:
            await self.arrive(name)
        return await self._stack.enter_async_context(sign_in(self.service.origin, self.address(name), PASSWORD))

    async def wire(self, who: str | Client, *, resumes: bool = True, **options: Any) -> Wire:
        """A live connection whose client always reads. Unless it ``resumes`` (nothing), live messages are held for a while."""
        options = {"max_queue": None, "close_timeout": 1, **options}
        client = await self.client(who) if isinstance(who, str) else who
        wire = await self._stack.enter_async_context(client.connect(**options))
        if resumes:
            await wire.put({"type": "resume", "threads": {}})
            await wire.wait_for("resumed", threads={})
        return wire

    async def close(self) -> None:
        await self._stack.aclose()


async def settled(wire: Wire) -> list[Json]:
    """Everything that a connection has received so far: an empty resume is answered after all of it."""
    await wire.put({"type": "resume", "threads": {}})
    await wire.wait_for("resumed", threads={})
    seen, wire.seen = wire.seen, []
    return seen


@asynccontextmanager
async def running(folder: Path, **settings: str) -> AsyncIterator[Service]:
    """A service for one test alone, which may kill and restart it."""
    service = Service(folder, **settings)
    await service.build()
    service.start()
    try:
        yield service
    finally:
        service.close()
