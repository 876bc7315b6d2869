"""One account that floods, and its neighbour: only a bounded part of the flood comes before the neighbour's message.

No time is asserted: the test counts how many messages of the flood are committed between a neighbour's message and its answer.
`./dev bench --neighbour` measures what that costs in milliseconds.
"""

import asyncio
import json

import pytest

from chat.ailo import Ailo
from chat.auth.limits import AccountLimits
from chat.connections.dialogue import MOST_PENDING, Dialogue
from storage.ids import MessageId, new_id
from tests.chat.talk import Cast

FLOOD = 3_000


class Ledger:
    """The answers of several connections in one list, in the order in which they were sent."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.changed = asyncio.Event()

    def outlet(self, name: str) -> "Noted":
        return Noted(self, name)

    async def until(self, name: str, count: int) -> None:
        while self.told.count(name) < count:
            self.changed.clear()
            async with asyncio.timeout(20):
                await self.changed.wait()


class Noted:
    """The outgoing queue of one connection."""

    def __init__(self, ledger: Ledger, name: str) -> None:
        self._ledger, self._name = ledger, name

    def offer(self, frame: bytes) -> None:
        if json.loads(frame)["type"] == "sent":
            self._ledger.told.append(self._name)
            self._ledger.changed.set()

    async def room(self) -> None:
        pass

    def give_up(self) -> None:
        raise AssertionError


@pytest.mark.parametrize("connections", [1, 4])
async def test_a_flood_stands_before_a_neighbour_only_so_far(ailo: Ailo, cast: Cast, connections: int) -> None:
    """The group being committed, and what each connection of the flood may have pending, even with the limits lifted."""
    thread, other = await cast.open_thread("lea", "claire"), await cast.open_thread("karim", "thomas")
    ledger, lea, karim = Ledger(), await cast.unlock("lea"), await cast.unlock("karim")
    limits = AccountLimits(0)
    flooding = [Dialogue(b"", lea, ailo.conversations.conversation, limits, ledger.outlet("flood")) for _ in range(connections)]
    quiet = Dialogue(b"", karim, ailo.conversations.conversation, AccountLimits(0), ledger.outlet("quiet"))

    async def flood(session: Dialogue) -> None:
        for _ in range(FLOOD // connections):
            await session.take(sending(thread))

    for session in (*flooding, quiet):  # each writer's first message begins an epoch of the participants' own
        await session.take(sending(other if session is quiet else thread))
    await ledger.until("flood", connections)
    tasks = [asyncio.create_task(flood(session)) for session in flooding]
    between = []
    for number in range(2, 12):
        await ledger.until("flood", number * FLOOD // 20)
        before = ledger.told.count("flood")
        await quiet.take(sending(other))
        await ledger.until("quiet", number)
        between.append(ledger.told.count("flood") - before)
    await asyncio.gather(*tasks)
    await ledger.until("flood", FLOOD + connections)
    assert max(between) <= 2 * connections * MOST_PENDING


def sending(thread: object) -> str:
    return json.dumps({"type": "send", "id": str(new_id(MessageId)), "thread": str(thread), "text": "…"})
