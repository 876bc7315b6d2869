"""What several ask at once is done in one transaction, and each is told its own result."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.outbox.together import Together
from storage.engine.database import Transaction
from storage.errors import Stalled
from storage.store import Store
from tests.people import House


async def one(tx: Transaction) -> int:
    row = await tx.row("select count(*) as count from accounts")
    return int(row["count"]) if row else 0


async def test_what_comes_at_once_is_one_transaction(store: Store, house: House) -> None:
    transactions = 0

    async def counted(work: Callable[[Transaction], Awaitable[list[object]]]) -> list[object]:
        nonlocal transactions
        transactions += 1
        return await store.database.write(work)

    together = Together(counted)
    assert await asyncio.gather(*(together(one) for _ in range(20))) == [len(house.people)] * 20
    assert transactions == 1


async def test_what_fails_fails_alone_and_leaves_nothing_behind(store: Store) -> None:
    together: Together[Transaction] = Together(store.database.write)

    async def fails(tx: Transaction) -> None:
        await tx.run("update accounts set locale = 'xx'")
        raise Stalled("no room")

    first, second, third = await asyncio.gather(together(one), together(fails), together(one), return_exceptions=True)
    assert isinstance(second, Stalled)
    assert first == third
    assert await store.database.read(lambda reader: reader.rows("select 1 from accounts where locale = 'xx'")) == []


async def test_who_gives_up_keeps_nobody_from_an_answer(store: Store) -> None:
    together: Together[Transaction] = Together(store.database.write)
    given_up, other = asyncio.create_task(together(one)), asyncio.create_task(together(one))
    await asyncio.sleep(0)
    given_up.cancel()
    assert await other
    with pytest.raises(asyncio.CancelledError):
        await given_up
    await together.close()


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=12))
def test_everybody_is_told_their_own_result(asked: list[tuple[int, bool]]) -> None:
    """Whenever they come (after so many turns of the loop), and whichever of them fail."""

    async def run(work: Callable[[Any], Awaitable[list[Any]]]) -> list[Any]:
        await asyncio.sleep(0)
        return await work(None)

    async def ask(together: Together[Transaction], number: int, turns: int, *, fails: bool) -> int:
        async def work(_: object) -> int:
            if fails:
                raise ValueError(number)
            return number

        for _ in range(turns):
            await asyncio.sleep(0)
        return await together(work)

    async def all_of_them() -> list[int | BaseException]:
        together: Together[Transaction] = Together(run)
        asking = [ask(together, number, turns, fails=fails) for number, (turns, fails) in enumerate(asked)]
        return await asyncio.gather(*asking, return_exceptions=True)

    for number, ((_, fails), found) in enumerate(zip(asked, asyncio.run(all_of_them()), strict=True)):
        assert (repr(found) == repr(ValueError(number))) if fails else (found == number)
