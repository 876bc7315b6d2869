"""Reading paused for two independent reasons, and how much of what arrived is taken at a time."""

import asyncio
from collections import Counter
from contextlib import suppress

import pytest
from aiohttp import web

from chat.ailo import Ailo
from chat.auth.strangers import Doorkeeper
from chat.http.tap import Tap
from chat.http.visitor import PIECE, PIECES_AT_A_TURN
from tests.chat.auth.test_strangers import ASK, YES, answered, at_the_door


class Line(asyncio.Transport):
    """A transport that only records whether it is read from, and whether it is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.is_read = True
        self.is_shut = False

    def pause_reading(self) -> None:
        self.is_read = False

    def resume_reading(self) -> None:
        self.is_read = True

    def is_closing(self) -> bool:
        return self.is_shut

    def close(self) -> None:
        self.is_shut = True


def test_neither_hand_undoes_what_the_other_did() -> None:
    line = Line()
    tap = Tap(line)
    tap.pause_reading()
    tap.hold(on=True)
    tap.hold(on=False)
    assert not line.is_read
    tap.hold(on=True)
    tap.resume_reading()
    assert not line.is_read
    tap.hold(on=False)
    assert line.is_read


def test_what_outlives_its_request_is_not_closed_with_it() -> None:
    line = Line()
    tap = Tap(line)
    tap.is_kept = True
    tap.close()
    assert not line.is_shut
    tap.is_kept = False
    tap.close()
    assert line.is_shut


async def test_of_much_at_once_a_piece_is_taken_in_a_turn(ailo: Ailo, monkeypatch: pytest.MonkeyPatch) -> None:
    """From all large senders together, not from each; and what is taken in pieces is parsed as a whole."""
    taken, turn, take = Counter[int](), 0, web.RequestHandler.data_received

    def noted(self: web.RequestHandler, data: bytes) -> None:
        taken[turn] += len(data)
        take(self, data)

    async def count_turns() -> None:
        nonlocal turn
        while True:
            await asyncio.sleep(0)
            turn += 1

    monkeypatch.setattr(web.RequestHandler, "data_received", noted)
    body = b"POST /body HTTP/1.1\r\nHost: x\r\nOrigin: http://127.0.0.1:8080\r\nContent-Length: 60000\r\n\r\n" + b" " * 60_000
    async with at_the_door(ailo, Doorkeeper()) as house:
        counting = asyncio.create_task(count_turns())
        wires = [await house.come(body + ASK) for _ in range(6)]
        for wire in wires:
            async with asyncio.timeout(10):
                assert (await wire[0].readline()).split()[1] == b"400"  # it is not JSON
                await wire[0].readuntil(b"\r\n\r\n")
                while not (await wire[0].readline()).endswith(YES + b" OK\r\n"):
                    pass
        counting.cancel()
    small = 6 * PIECE  # what came alone, in no more than one piece
    assert max(taken.values()) <= PIECES_AT_A_TURN * PIECE + small
    assert taken.total() == 6 * (len(body) + len(ASK))


async def test_who_is_cut_before_they_are_in_is_gone(ailo: Ailo) -> None:
    """When there is no room left, the connection that has been idle longest is closed."""
    async with at_the_door(ailo, Doorkeeper(total=2)) as house:
        wires = [await house.come() for _ in range(5)]
        assert await answered(await house.come(ASK)) == YES
        assert house.keeper.connections <= 2
        for reader, _ in wires:
            with suppress(ConnectionError):
                async with asyncio.timeout(5):
                    assert await reader.read() == b""
