"""Connections that have not authenticated: requests that never end, and too many connections from one address."""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from chat.accounts.shapes import Proof
from chat.ailo import Ailo
from chat.auth import json_http
from chat.auth.door import Door, application
from chat.auth.json_http import body_of
from chat.auth.strangers import Doorkeeper
from chat.http.turns import AT_A_TURN
from chat.settings import ChatSettings

ASK = b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n"
SLOW = [b"", b"G", b"GET /x HTTP/1.1\r\nHost: x\r\n", b"GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"]

Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class House:
    """An application with its own doorkeeper; a request to /known counts as authenticated."""

    def __init__(self, ailo: Ailo, keeper: Doorkeeper, proxies: int) -> None:
        door = Door(ChatSettings("127.0.0.1", 0, "http://127.0.0.1:8080", 0, proxies), ailo.sign_ins)
        door.keeper = self.keeper = keeper
        self.app = application(door)
        self.app.router.add_get("/x", self.answer)
        self.app.router.add_get("/known", self.know)
        self.app.router.add_post("/body", self.read)
        self.port = 0
        self.wires: list[Wire] = []

    async def answer(self, _: web.Request) -> web.Response:
        return web.Response(text="yes")

    async def know(self, request: web.Request) -> web.Response:
        self.keeper.knows(request.protocol, request.query.get("who", "lea").encode())
        return web.Response(text="yes")

    async def read(self, request: web.Request) -> web.Response:
        await body_of(request, Proof)
        return web.Response(text="yes")

    async def come(self, say: bytes = b"") -> Wire:
        wire = await asyncio.open_connection("127.0.0.1", self.port)
        self.wires.append(wire)
        wire[1].write(say)
        await wire[1].drain()
        return wire


@asynccontextmanager
async def at_the_door(ailo: Ailo, keeper: Doorkeeper, proxies: int = 0) -> AsyncIterator[House]:
    house = House(ailo, keeper, proxies)
    runner = web.AppRunner(house.app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    assert runner.server
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    house.port = listener.getsockname()[1]
    keeper.open(runner.server, listener)
    yield house
    await keeper.close()
    for _, writer in house.wires:
        writer.close()
    await runner.cleanup()


async def is_shut(wire: Wire) -> bool:
    """Whether the service has closed a connection without answering."""
    try:
        async with asyncio.timeout(5):
            return await wire[0].read() == b""
    except ConnectionError:
        return True


async def answered(wire: Wire) -> bytes:
    async with asyncio.timeout(5):
        head = await wire[0].readuntil(b"\r\n\r\n")
        size = next(line for line in head.split(b"\r\n") if line.startswith(b"Content-Length: "))
        await wire[0].readexactly(int(size[16:]))
        return head[:12]


@pytest.mark.parametrize("said", SLOW)
async def test_who_never_ends_a_request_is_shut_out(ailo: Ailo, said: bytes) -> None:
    async with at_the_door(ailo, Doorkeeper(head_s=0.05)) as house:
        assert await is_shut(await house.come(said))
        assert house.keeper.strangers == 0


async def test_who_has_asked_has_time(ailo: Ailo) -> None:
    """Between requests, the longer timeout applies."""
    async with at_the_door(ailo, Doorkeeper(head_s=0.05)) as house:
        wire, other = await house.come(ASK), await house.come()
        assert await answered(wire) == b"HTTP/1.1 200"
        assert await is_shut(other)  # by now the first one's time is over, too
        wire[1].write(ASK)
        assert await answered(wire) == b"HTTP/1.1 200"


async def test_an_address_has_so_many_strangers(ailo: Ailo) -> None:
    async with at_the_door(ailo, Doorkeeper(maximum=2)) as house:
        first, second = await house.come(ASK), await house.come(ASK)
        assert [await answered(first), await answered(second)] == [b"HTTP/1.1 200"] * 2
        assert await is_shut(await house.come(ASK))
        assert house.keeper.strangers == 2
        first[1].write(ASK)
        assert await answered(first) == b"HTTP/1.1 200"


async def test_a_slot_is_free_again_when_its_connection_ends(ailo: Ailo) -> None:
    async with at_the_door(ailo, Doorkeeper(maximum=1)) as house:
        first = await house.come(ASK.replace(b"Host", b"Connection: close\r\nHost"))
        assert (await first[0].read()).endswith(b"yes")
        assert await answered(await house.come(ASK)) == b"HTTP/1.1 200"


async def test_who_is_signed_in_is_no_stranger(ailo: Ailo) -> None:
    async with at_the_door(ailo, Doorkeeper(maximum=1)) as house:
        for _ in range(4):
            assert await answered(await house.come(ASK.replace(b"/x", b"/known"))) == b"HTTP/1.1 200"
        assert house.keeper.strangers == 0


async def test_a_body_that_does_not_end_is_a_bad_request(ailo: Ailo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_http, "BODY_S", 0.05)
    async with at_the_door(ailo, Doorkeeper()) as house:
        wire = await house.come(b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
        async with asyncio.timeout(5):
            assert (await wire[0].readline()).split()[1] == b"400"


async def test_of_many_who_come_at_once_some_are_heard_in_each_turn(ailo: Ailo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other work gets its turn in between."""
    keeper, turn, heard = Doorkeeper(), 0, Counter[int]()

    async def count_turns() -> None:
        nonlocal turn
        while True:
            await asyncio.sleep(0)
            turn += 1

    def noted(handler: object, address: str) -> bool:
        heard[turn] += 1
        return Doorkeeper.heard(keeper, handler, address)

    monkeypatch.setattr(keeper, "heard", noted)
    async with at_the_door(ailo, keeper) as house:
        sockets = [socket.create_connection(("127.0.0.1", house.port)) for _ in range(80)]
        for one in sockets:
            one.sendall(ASK)
        counting = asyncio.create_task(count_turns())
        house.wires = [await asyncio.open_connection(sock=one) for one in sockets]
        assert [await answered(wire) for wire in house.wires] == [YES] * 80
        counting.cancel()
    assert max(heard.values()) <= AT_A_TURN
    assert heard.total() == 80


# Behind our own proxies

YES, NO = b"HTTP/1.1 200", b"HTTP/1.1 429"


def asked(heard: str, path: bytes = b"/x") -> bytes:
    return ASK.replace(b"/x", path).replace(b"Host", b"X-Forwarded-For: " + heard.encode() + b"\r\nHost")


async def test_behind_a_proxy_it_is_the_address_that_the_proxy_saw_which_has_so_many(ailo: Ailo) -> None:
    async with at_the_door(ailo, Doorkeeper(maximum=2, by_proxy=10), proxies=1) as house:
        ours = [await house.come(asked("192.0.2.1")) for _ in range(2)]
        assert [await answered(wire) for wire in ours] == [YES, YES]
        assert await answered(await house.come(asked("192.0.2.1"))) == NO
        assert await answered(await house.come(asked("192.0.2.2"))) == YES


async def test_a_forged_header_makes_nobody_another(ailo: Ailo) -> None:
    """What a stranger writes comes before the address that the proxy adds."""
    async with at_the_door(ailo, Doorkeeper(maximum=1, by_proxy=10), proxies=1) as house:
        assert await answered(await house.come(asked("198.51.100.1, 192.0.2.1"))) == YES
        assert await answered(await house.come(asked("198.51.100.2, 192.0.2.1"))) == NO


async def test_without_proxies_the_header_says_nothing(ailo: Ailo) -> None:
    async with at_the_door(ailo, Doorkeeper(maximum=2)) as house:
        for number in range(2):
            assert await answered(await house.come(asked(f"192.0.2.{number}"))) == YES
        assert await is_shut(await house.come(asked("192.0.2.9")))


async def test_a_request_that_the_proxy_says_nothing_of_is_the_proxys(ailo: Ailo) -> None:
    async with at_the_door(ailo, Doorkeeper(maximum=1, by_proxy=10), proxies=2) as house:
        assert await answered(await house.come(ASK)) == YES
        assert await answered(await house.come(asked("192.0.2.1"))) == NO


async def test_a_refused_proxy_keeps_its_connection(ailo: Ailo) -> None:
    """The next request on it may be from somebody else."""
    async with at_the_door(ailo, Doorkeeper(maximum=1, by_proxy=10), proxies=1) as house:
        assert await answered(await house.come(asked("192.0.2.1"))) == YES
        wire = await house.come(asked("192.0.2.1"))
        assert await answered(wire) == NO
        wire[1].write(asked("192.0.2.2"))
        assert await answered(wire) == YES


async def test_on_a_proxys_connection_each_request_is_somebody_elses(ailo: Ailo) -> None:
    """An authenticated request does not vouch for the stranger whose request comes next on the same connection."""
    async with at_the_door(ailo, Doorkeeper(maximum=1, by_proxy=10), proxies=1) as house:
        wire, other = await house.come(asked("192.0.2.1", b"/known")), await house.come(asked("192.0.2.1", b"/known"))
        assert [await answered(wire), await answered(other)] == [YES, YES]
        assert house.keeper.strangers == 0
        for one, expected in ((wire, YES), (other, NO)):
            one[1].write(asked("192.0.2.1"))
            assert await answered(one) == expected
        assert house.keeper.strangers == 2


async def test_a_proxy_itself_has_so_many(ailo: Ailo) -> None:
    async with at_the_door(ailo, Doorkeeper(maximum=1, by_proxy=2), proxies=1) as house:
        for number in range(2):
            assert await answered(await house.come(asked(f"192.0.2.{number}"))) == YES
        assert await is_shut(await house.come(asked("192.0.2.9")))
        assert house.keeper.strangers == 2
