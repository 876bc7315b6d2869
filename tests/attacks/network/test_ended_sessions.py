"""When a session ends, so does everything begun with it: a body that is still arriving, a socket, an answer."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from chat.ailo import Ailo
from chat.auth import door as door_module
from chat.auth.door import Door, application
from chat.auth.json_http import body_of, json_answer
from chat.auth.session_endings import LOOK_S, Endings
from chat.auth.sign_in import Attempt, SignedIn
from chat.client.remote import Client, Wire
from chat.settings import ChatSettings
from storage.accounts import sessions
from storage.accounts.sessions import DAY_MS, MOST_SESSIONS, MOST_UNSEEN_MS
from storage.ids import AccountId, MessageId, new_id
from storage.store import SESSION_MS
from tests.chat.talk import Cast, Outlet
from tests.flows.auth.test_sessions import close_code
from tests.flows.service import Visit, running
from tests.people import PASSWORD as CHEAP
from tests.people import address

# Every route that reads a body: a body that is complete only after the session's end must have no effect.
SLOW = [
    ("POST", "/api/threads/{thread}/messages"),
    ("POST", "/api/threads/{thread}/participants"),
    ("POST", "/api/threads/{thread}/hand-over"),
    ("POST", "/api/threads/{thread}/close"),
    ("PUT", "/api/threads/{thread}/note"),
    ("PUT", "/api/account/practice"),
    ("PUT", "/api/account/replies"),
    ("PATCH", "/api/account/settings"),
    ("POST", "/api/account/password"),
    ("POST", "/api/account/recovery-code"),
]


@asynccontextmanager
async def slow_request(client: Client, method: str, path: str, body: bytes) -> AsyncIterator[Callable[[], Any]]:
    """Send a request without the last byte of its body; the function yielded sends that byte and returns the answer."""
    host, port = client.origin.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: {client.origin}\r\nCookie: {client.cookie}\r\nConnection: close\r\n"
    )
    writer.write(f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n".encode())
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
    writer.write(body[:-1])
    await client.get("/api/account")  # once this was admitted, the other was, too

    async def end() -> tuple[int, Any]:
        writer.write(body[-1:])
        answer = await reader.read()
        head, _, rest = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]), json.loads(rest) if rest else None

    try:
        yield end
    finally:
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize(("method", "path"), SLOW)
async def test_a_body_that_ends_after_its_session_does_nothing(visit: Visit, method: str, path: str) -> None:
    thread = await visit.thread("lea", "claire")
    claire, lea = await visit.client("claire"), await visit.client("lea")
    body = json.dumps(
        {"id": str(new_id(MessageId)), "text": "trop tard", "account": str(new_id(AccountId)), "history": "whole"}
    ).encode()
    async with slow_request(claire, method, path.format(thread=thread), body) as end:
        await claire.sign_out()
        status, answer = await end()
    assert (status, answer["error"]["code"]) == (401, "signed_out")
    assert (await lea.get(f"/api/threads/{thread}/messages"))["messages"] == []


async def test_a_body_that_ends_after_all_sessions_were_ended_elsewhere_posts_nothing(visit: Visit) -> None:
    thread = await visit.thread("lea", "claire")
    thief, owner = await visit.client("lea"), await visit.client("lea")
    body = json.dumps({"id": str(new_id(MessageId)), "text": "trop tard"}).encode()
    async with slow_request(thief, "POST", f"/api/threads/{thread}/messages", body) as end:
        await owner.ask("DELETE", "/api/account/sessions")
        assert (await end())[0] == 401
    assert (await owner.get(f"/api/threads/{thread}/messages"))["messages"] == []


async def test_a_slow_body_of_a_session_that_stands_is_taken(visit: Visit) -> None:
    thread = await visit.thread("lea", "claire")
    lea = await visit.client("lea")
    body = json.dumps({"id": str(new_id(MessageId)), "text": "pas à pas"}).encode()
    async with slow_request(lea, "POST", f"/api/threads/{thread}/messages", body) as end:
        assert (await end())[0] == 201


# Sockets, and sessions that nobody ends


async def test_a_socket_ends_with_its_session_however_that_ended(tmp_path: Path) -> None:
    """The row is deleted behind the service's back, so that nothing notifies it."""
    async with running(tmp_path) as service:
        visit = Visit(service)
        wire: Wire = await visit.wire("lea")
        other = await visit.wire("claire")
        with sqlite3.connect(service.data / "ailo.sqlite", timeout=30) as files:
            files.execute("pragma secure_delete = on")
            ended = files.execute("delete from sessions where account = ?", (new_bytes(visit.ids["lea"]),)).rowcount
        files.close()
        async with asyncio.timeout(6 * LOOK_S):
            assert (ended, await close_code(wire)) == (1, 4401)
        await other.put({"type": "resume", "threads": {}})
        await other.wait_for("resumed")
        assert f"session_over account={visit.ids['lea']}" in service.log
        await visit.close()


def new_bytes(id_: str) -> bytes:
    return bytes.fromhex(id_.replace("-", ""))


class Clock:
    """Wall-clock time that can be advanced; no two events happen at the same time."""

    def __init__(self, now: int) -> None:
        self._count, self.later = count(now), 0

    def __call__(self) -> int:
        return next(self._count) + self.later


@dataclass
class House:
    """An open Ailo with a clock of its own."""

    ailo: Ailo
    clock: Clock
    cast: Cast

    async def sign_in(self, name: str = "lea") -> tuple[str, SignedIn]:
        granted = await self.ailo.sign_ins.sign_in(Attempt(address(name), CHEAP, "", "192.0.2.1"))
        signed_in = await self.ailo.sign_ins.find(granted.cookie)
        assert signed_in
        return granted.cookie, signed_in

    def listens(self, signed_in: SignedIn) -> "Listener":
        listener = Listener(signed_in.session_id)
        self.ailo.hub.join(signed_in.unlocked.account.id, listener, set())
        return listener

    async def look(self) -> None:
        await Endings(self.ailo.hub, self.ailo.sign_ins).look()
        await self.ailo.sign_ins.seen.settled()


class Listener(Outlet):
    """A connection as the hub sees it."""

    def __init__(self, session_id: bytes) -> None:
        super().__init__()
        self.session_id, self.was_used, self.is_signed_out = session_id, False, False

    def offer_message(self, *_: object) -> None:
        pass

    def sign_out(self) -> None:
        self.is_signed_out = True

    def restart(self) -> None:
        pass


@pytest.fixture
async def house(ailo: Ailo, cast: Cast) -> House:
    clock = Clock(ailo.store.clock())
    ailo.store.clock = clock
    return House(ailo, clock, cast)


async def test_a_socket_does_not_outlive_the_thirty_days(house: House) -> None:
    _, signed_in = await house.sign_in()
    listener = house.listens(signed_in)
    for day in range(1, 30):
        house.clock.later, listener.was_used = day * DAY_MS, True
        await house.look()
        assert not listener.is_signed_out
    house.clock.later, listener.was_used = SESSION_MS, True
    await house.look()
    assert listener.is_signed_out


@pytest.mark.parametrize(
    "how", ["update accounts set status = 'disabled'", "update accounts set generation = generation + 1", "delete from sessions"]
)
async def test_a_socket_does_not_outlive_what_lets_it_in(house: House, how: str) -> None:
    _, signed_in = await house.sign_in()
    listener = house.listens(signed_in)
    await house.look()
    assert not listener.is_signed_out
    await house.ailo.store.database.write(lambda tx: tx.run(how))
    await house.look()
    assert listener.is_signed_out


async def test_a_session_that_nobody_uses_ends(house: House) -> None:
    cookie, signed_in = await house.sign_in()
    listener = house.listens(signed_in)
    house.clock.later = MOST_UNSEEN_MS
    await house.look()
    assert not listener.is_signed_out
    house.clock.later = MOST_UNSEEN_MS + DAY_MS
    assert await house.ailo.sign_ins.find(cookie) is None
    assert not await house.ailo.sign_ins.is_signed_in(signed_in)
    await house.look()
    assert listener.is_signed_out


async def test_a_session_that_is_used_goes_on(house: House) -> None:
    """By a request every ten days or so, or by frames on a socket alone."""
    asked, _ = await house.sign_in()
    _, listening = await house.sign_in()
    listener = house.listens(listening)
    for days in (10, 20, 29):
        house.clock.later, listener.was_used = days * DAY_MS, True
        assert await house.ailo.sign_ins.find(asked)
        await house.look()
    assert not listener.is_signed_out


@pytest.mark.parametrize("forged", ["null", "zeroblob(90)", "7"])
async def test_a_day_that_was_forged_keeps_no_session_alive(house: House, forged: str) -> None:
    """Without a proven day, it counts as last seen when it began."""
    cookie, _ = await house.sign_in()
    house.clock.later = MOST_UNSEEN_MS + DAY_MS
    await house.ailo.store.database.write(lambda tx: tx.run(f"update sessions set about = {forged}"))
    assert await house.ailo.sign_ins.find(cookie) is None


async def test_the_day_of_another_session_keeps_none_alive(house: House) -> None:
    old, old_session = await house.sign_in()
    house.clock.later = MOST_UNSEEN_MS + DAY_MS
    _, young = await house.sign_in()
    await house.ailo.store.database.write(
        lambda tx: tx.run(
            "update sessions set about = (select about from sessions where id = :young) where id = :old",
            young=young.session_id,
            old=old_session.session_id,
        )
    )
    assert await house.ailo.sign_ins.find(old) is None


async def test_an_account_has_so_many_sessions_and_the_oldest_ends_for_its_pages_too(house: House) -> None:
    first, signed_in = await house.sign_in()
    karims, _ = await house.sign_in("karim")
    listener = house.listens(signed_in)
    second, _ = await house.sign_in()
    for _ in range(MOST_SESSIONS - 1):
        await house.sign_in()
    found = await house.ailo.store.database.read(
        lambda reader: reader.rows("select id from sessions where account = :id", id=signed_in.unlocked.account.id.bytes)
    )
    assert (len(found), listener.is_signed_out) == (MOST_SESSIONS, True)
    assert await house.ailo.sign_ins.find(first) is None
    assert await house.ailo.sign_ins.find(second)
    assert await house.ailo.sign_ins.find(karims)


async def test_an_unused_session_is_not_in_the_list_of_ones_own(house: House) -> None:
    _, signed_in = await house.sign_in()
    account, guard = signed_in.unlocked.account, house.ailo.store.guard
    later = house.clock() + MOST_UNSEEN_MS + DAY_MS
    found = await house.ailo.store.database.read(lambda reader: sessions.of_account(reader, guard, account.id, 1, later))
    assert found == []


# An answer that took long


@asynccontextmanager
async def slow_route(ailo: Ailo) -> AsyncIterator[tuple[str, asyncio.Event, asyncio.Event]]:
    """A route like `/api/search`: it signals that it has begun, and answers when it may."""
    door = Door(ChatSettings("127.0.0.1", 0, "http://127.0.0.1:8080", 0), ailo.sign_ins)
    app, begun, may_end = application(door), asyncio.Event(), asyncio.Event()

    async def find(request: web.Request) -> web.Response:
        asked = await body_of(request, dict[str, str])
        begun.set()
        await may_end.wait()
        return json_answer({"found": asked})

    app.router.add_post("/api/slow", find)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/api/slow", begun, may_end
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("ends", [True, False])
async def test_an_answer_that_took_long_goes_to_a_session_that_stands(
    house: House, monkeypatch: pytest.MonkeyPatch, ends: bool
) -> None:
    monkeypatch.setattr(door_module, "AT_ONCE_S", 0.0)
    cookie, signed_in = await house.sign_in()
    headers = {"Cookie": f"ailo={cookie}", "Origin": "http://127.0.0.1:8080"}
    async with slow_route(house.ailo) as (url, begun, may_end), aiohttp.ClientSession(headers=headers) as http:
        asking = asyncio.create_task(http.post(url, json={"a": "b"}))
        await begun.wait()
        if ends:
            await house.ailo.sign_ins.sign_out(signed_in)
        may_end.set()
        answer = await asking
        assert (answer.status, "found" in await answer.json()) == ((401, False) if ends else (200, True))
