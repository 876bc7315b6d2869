"""Ids that a sender chose so that their hashes collide: code that stores them must not compare each with all others.

Comparisons of UUIDs are counted; no time is measured.
"""

import asyncio
import json
from uuid import UUID

import pytest

from chat.ailo import Ailo
from chat.auth.limits import AccountLimits
from chat.connections.dialogue import THREADS_A_FRAME
from chat.protocol.frames import MOST_RESUMED
from chat.staff.canned_replies import RepliesAtHand
from chat.staff.shapes import CannedReplies, CannedReply
from storage.ids import MessageId, ThreadId, new_id
from tests.chat.talk import Cast, Talk

MODULUS = 2**61 - 1  # of Python's hash of an integer, on 64 bits
FEW = 20  # Comparing each with each would take 150 for each of them.


def colliding(count: int) -> list[UUID]:
    first = new_id(ThreadId).int >> 64 << 64
    ids = [UUID(int=first + number * MODULUS) for number in range(count)]
    assert len({hash(id_) for id_ in ids}) == 1
    return ids


class Compared:
    """How many times two UUIDs were compared."""

    times = 0


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> Compared:
    count, original = Compared(), UUID.__eq__

    def counted(self: UUID, other: object) -> bool:
        count.times += 1
        return original(self, other)

    monkeypatch.setattr(UUID, "__eq__", counted)
    return count


async def test_a_resume_of_threads_that_collide_costs_what_any_costs(ailo: Ailo, cast: Cast, compared: Compared) -> None:
    thread = await cast.open_thread("lea", "claire")
    lea = Talk(ailo.conversations.conversation, await cast.unlock("lea"))
    asked = {str(id_): 0 for id_ in [*colliding(MOST_RESUMED - 1), thread]}
    compared.times = 0
    await lea.put({"type": "resume", "threads": asked})
    assert await lea.outlet.until("resumed") == [{"type": "resumed", "threads": {str(thread): 0}}]
    assert compared.times < FEW * MOST_RESUMED


async def test_messages_whose_ids_collide_are_kept_at_the_usual_cost(ailo: Ailo, cast: Cast, compared: Compared) -> None:
    thread, lea = await cast.open_thread("lea", "claire"), await cast.unlock("lea")
    ids = colliding(300)
    compared.times = 0
    await asyncio.gather(*(ailo.conversations.conversation.post_and_wait(lea, thread, MessageId(id_), "Bonjour") for id_ in ids))
    assert compared.times < FEW * len(ids)


async def test_replies_whose_ids_collide_are_kept_at_the_usual_cost(ailo: Ailo, cast: Cast, compared: Compared) -> None:
    claire = await cast.unlock("claire")
    replies = [CannedReply(id_, "Titre", "Texte") for id_ in colliding(100)]
    compared.times = 0
    await RepliesAtHand(ailo.store).write(claire, CannedReplies(replies, 0))
    assert compared.times < FEW * len(replies)


async def test_a_resume_counts_by_its_threads(ailo: Ailo, cast: Cast) -> None:
    limits = AccountLimits(1, clock=lambda: 0.0)
    lea = Talk(ailo.conversations.conversation, await cast.unlock("lea"), limits)
    frame = {"type": "resume", "threads": {str(new_id(ThreadId)): 0 for _ in range(MOST_RESUMED)}}
    allowed = int(limits.frames.burst / (1 + MOST_RESUMED / THREADS_A_FRAME))
    await lea.put(*[frame] * (allowed + 1))
    assert [answer["code"] for answer in lea.outlet.of("error")] == ["slow_down"]
    assert len(await lea.outlet.until("resumed", allowed)) == allowed


async def test_a_resume_of_too_many_threads_is_not_understood(ailo: Ailo, cast: Cast) -> None:
    lea = Talk(ailo.conversations.conversation, await cast.unlock("lea"))
    await lea.session.take(json.dumps({"type": "resume", "threads": {str(new_id(ThreadId)): 0 for _ in range(MOST_RESUMED + 1)}}))
    assert [answer["code"] for answer in lea.outlet.of("error")] == ["bad_frame"]


async def test_unknown_threads_are_looked_up_together(ailo: Ailo, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    lea = Talk(ailo.conversations.conversation, await cast.unlock("lea"))
    reads, read = [], ailo.store.database.read

    async def counted(work: object) -> object:
        reads.append(work)
        return await read(work)  # type: ignore[arg-type]

    monkeypatch.setattr(ailo.store.database, "read", counted)
    await lea.put({"type": "resume", "threads": {str(new_id(ThreadId)): 0 for _ in range(MOST_RESUMED)}})
    await lea.outlet.until("resumed")
    assert len(reads) == 1
