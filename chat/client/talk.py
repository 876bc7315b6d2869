"""`ailo chat`: a conversation in the terminal. Each line typed is sent as a message; messages received are printed.

It talks to the service as a browser does, through `client`, and reconnects by itself when the connection is lost.
"""

import asyncio
import random
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime

import aiohttp

from chat.client.remote import CUT, Client, ClientRefused, Json, Wire, sign_in
from chat.console.output import complain, say
from chat.console.printable import printable, printable_lines
from storage.ids import MessageId, new_id

PAGE = 20
LONGEST_PAUSE_S = 30.0
CONTINUED = " " * 13  # continuation lines are indented below the text, so that none looks like the next message


class Terminal:
    """One thread in the terminal: printed, and written to."""

    def __init__(self, client: Client, thread: Json) -> None:
        self._client = client
        self._thread = thread["id"]
        self._names = {one["id"]: printable(one["first_name"]) for one in thread["participants"]}
        self._last_seq = 0
        self._unsent: dict[str, str] = {}
        self._is_sent = asyncio.Event()
        self._wire: Wire | None = None

    async def run(self, lines: AsyncIterator[str]) -> None:
        """Send lines and print messages until the lines end."""
        for message in (await self._client.get(f"/api/threads/{self._thread}/messages?limit={PAGE}"))["messages"]:
            self._show(message)
        tasks = asyncio.create_task(self._listen()), asyncio.create_task(self._talk(lines))
        try:
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()  # the listener ends only with an error
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _talk(self, lines: AsyncIterator[str]) -> None:
        async for line in lines:
            await self._say(line)
        if self._unsent:
            await self._is_sent.wait()

    async def _say(self, text: str) -> None:
        id_ = str(new_id(MessageId))
        self._unsent[id_] = text
        self._is_sent.clear()
        if self._wire:
            with suppress(*CUT):
                await self._put(self._wire, id_)

    async def _put(self, wire: Wire, id_: str) -> None:
        await wire.put({"type": "send", "id": id_, "thread": self._thread, "text": self._unsent[id_]})

    async def _listen(self) -> None:
        """Stay connected: reconnect with backoff and jitter, and resend unacknowledged messages with the same id."""
        pause = 0.5
        while True:
            with suppress(*CUT):
                async with self._client.connect() as wire:
                    pause = 0.5
                    await self._follow(wire)
            self._wire = None
            await asyncio.sleep(random.uniform(0, pause))  # noqa: S311 (to spread out, not to be secret)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    async def _follow(self, wire: Wire) -> None:
        await wire.put({"type": "resume", "threads": {self._thread: self._last_seq}})
        self._wire = wire
        for id_ in list(self._unsent):
            await self._put(wire, id_)
        while True:
            self._take(await wire.next())

    def _take(self, frame: Json) -> None:
        if frame["type"] == "message" and frame["thread"] == self._thread:
            self._show(frame)
        elif frame["type"] == "sent":
            self._forget(frame["id"])
            self._last_seq = max(self._last_seq, frame["seq"])
        elif frame["type"] == "error" and frame["code"] not in {"busy", "slow_down"}:
            self._forget(frame.get("id", ""))
            say(f"  ! {printable(frame['message'])}")

    def _forget(self, id_: str) -> None:
        self._unsent.pop(id_, None)
        if not self._unsent:
            self._is_sent.set()

    def _show(self, message: Json) -> None:
        if message["seq"] <= self._last_seq:
            return
        self._last_seq = message["seq"]
        at = datetime.fromisoformat(message["at"]).astimezone()
        text = printable_lines(message["text"], CONTINUED)
        say(f"{at:%d.%m. %H:%M} {self._names.get(message['author'], '–')}: {text}")


async def chat(origin: str, email: str, password: str, number: int) -> int:
    """Sign in and chat in the thread with this number in the account's list. Returns the exit code."""
    try:
        async with sign_in(origin, email, password) as client:
            threads = (await client.get("/api/threads"))["threads"]
            if not 1 <= number <= len(threads):
                complain("there is no such conversation.")
                return 1
            await Terminal(client, threads[number - 1]).run(_lines())
            await client.sign_out()
    except ClientRefused as refused:
        complain(printable(str(refused)))
        return 1
    except (aiohttp.ClientError, OSError):
        complain(f"no service answers at {origin}.")
        return 1
    return 0


async def _lines() -> AsyncIterator[str]:
    """Standard input, a line at a time, without blocking the event loop."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        if text := line.decode(errors="replace").rstrip("\r\n"):
            yield text
