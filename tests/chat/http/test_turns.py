"""Requests that all arrive at once: a bounded number per turn of the loop, shared between their addresses."""

import asyncio

from chat.http.turns import Turns


async def test_few_go_on_at_once() -> None:
    turns, begun = Turns(2), 0
    for _ in range(2):
        async with asyncio.timeout(0):  # waits for nothing
            await turns.passed("a")
            begun += 1
    assert begun == 2


async def test_so_many_are_begun_in_a_turn() -> None:
    turns, turn, begun = Turns(3), 0, list[int]()

    async def ask() -> None:
        await turns.passed("a")
        begun.append(turn)

    asking = [asyncio.create_task(ask()) for _ in range(30)]
    while len(begun) < 30:
        turn += 1
        await asyncio.sleep(0)
    await asyncio.gather(*asking)
    assert max(begun.count(one) for one in begun) <= 3


async def test_an_address_that_floods_is_one_of_two() -> None:
    turns, order = Turns(2), list[str]()

    async def ask(address: str) -> None:
        await turns.passed(address)
        order.append(address)

    flood = [asyncio.create_task(ask("flood")) for _ in range(50)]
    await asyncio.sleep(0)
    quiet = [asyncio.create_task(ask("quiet")) for _ in range(3)]
    await asyncio.gather(*flood, *quiet)
    assert [number for number, address in enumerate(order) if address == "quiet"][-1] < 12


async def test_who_went_takes_nobodys_turn() -> None:
    turns = Turns(1)
    await turns.passed("a")
    before, gone = asyncio.create_task(turns.passed("a")), asyncio.create_task(turns.passed("a"))
    await before
    gone.cancel()
    await asyncio.wait_for(turns.passed("b"), 5)
    assert gone.cancelled()
