"""Turns: one at a time, and an account with many waiting does not delay another account's only one."""

import asyncio

import pytest

from chat.conversations.one_at_a_time import OneAtATime


async def line_up(turns: OneAtATime, told: list[str], *names: str) -> list[asyncio.Task[None]]:
    async def one(name: str) -> None:
        async with turns.turn(name[:1].encode()):
            told.append(name)
            await asyncio.sleep(0)

    tasks = [asyncio.create_task(one(name)) for name in names]
    await asyncio.sleep(0)
    return tasks


async def test_one_at_a_time() -> None:
    turns, inside = OneAtATime(), list[bytes]()

    async def one(name: bytes) -> None:
        async with turns.turn(name):
            inside.append(name)
            await asyncio.sleep(0)
            assert inside.pop() == name
            assert inside == []

    await asyncio.gather(*(one(name) for name in (b"a", b"b", b"a", b"c")))


async def test_accounts_take_turns() -> None:
    turns, told = OneAtATime(), list[str]()
    await asyncio.gather(*await line_up(turns, told, "a1", "a2", "a3", "b1", "b2", "c1"))
    assert told == ["a1", "a2", "b1", "c1", "a3", "b2"]


async def test_who_gives_up_while_waiting_holds_nobody_up() -> None:
    turns, told = OneAtATime(), list[str]()
    tasks = await line_up(turns, told, "a1", "b1", "c1")
    tasks[1].cancel()
    await asyncio.wait(tasks)
    assert told == ["a1", "c1"]
    await asyncio.gather(*await line_up(turns, told, "d1"))
    assert told[-1] == "d1"


async def test_who_gives_up_as_the_turn_comes_hands_it_on() -> None:
    turns, told = OneAtATime(), list[str]()
    async with turns.turn(b"f"):
        tasks = await line_up(turns, told, "a1", "b1")
    tasks[0].cancel()  # in the same instant, without an await in between
    await asyncio.wait(tasks)
    assert told == ["b1"]


async def test_a_fault_hands_the_turn_on() -> None:
    turns = OneAtATime()
    with pytest.raises(ValueError, match="fault"):
        async with turns.turn(b"a"):
            raise ValueError("fault")
    async with asyncio.timeout(5), turns.turn(b"b"):
        pass
