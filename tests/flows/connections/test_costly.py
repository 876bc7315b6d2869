"""Input chosen to be expensive, against a whole service: the cost is bounded, and a neighbour is answered in between."""

import json
from uuid import UUID

import pytest

from chat.conversations.search import MOST_CHARACTERS
from chat.protocol.frames import LARGEST_FRAME, MOST_RESUMED
from storage.ids import ThreadId, new_id
from tests.flows.service import Visit

SENTENCE = "\ufdfa"  # one letter that Unicode's compatibility normalisation expands to 18
LONG = 8_000
COLLIDING = 2**61 - 1


async def test_a_search_through_letters_that_unfold_comes_in_bounded_steps(visit: Visit) -> None:
    thread = await visit.thread("lea", "claire")
    lea = await visit.client("lea")
    wire = await visit.wire(lea)
    most = MOST_CHARACTERS // LONG
    for _ in range(most + 2):
        assert (await wire.send(thread, SENTENCE * LONG))["type"] == "sent"
    first = await lea.ask("POST", "/api/search", {"q": "introuvable"})
    assert first == {"found": [], "next": f"{thread}:3"}
    assert await lea.ask("POST", "/api/search", {"q": "introuvable", "from": first["next"]}) == {"found": [], "next": None}


@pytest.mark.parametrize("count", [MOST_RESUMED, MOST_RESUMED + 1, 2_800])
async def test_a_resume_of_threads_whose_ids_collide(visit: Visit, count: int) -> None:
    thread = await visit.thread("lea", "claire")
    lea, claire = await visit.wire("lea"), await visit.wire("claire")
    first = new_id(ThreadId).int
    asked = {str(UUID(int=first + number * COLLIDING)): 0 for number in range(count)}
    frame = json.dumps({"type": "resume", "threads": asked})
    assert len(frame) < LARGEST_FRAME
    for _ in range(5):
        await lea.socket.send(frame)
    assert (await claire.send(thread, "un"))["type"] == "sent"
    for _ in range(5):
        if count > MOST_RESUMED:
            await lea.wait_for("error", code="bad_frame")
        else:
            await lea.wait_for("resumed", threads={})
    assert (await lea.send(thread, "deux"))["type"] == "sent"
