"""Suggestions and switches over HTTP: for companions of the thread; for everybody else, no such thing."""

import json
from uuid import uuid4

import pytest

from tests.flows.conversations.test_access import ask
from tests.flows.encouragements.suggesting import remind, suggest
from tests.flows.service import Visit


async def thread_of(visit: Visit) -> str:
    """Léa's thread with Claire and Sam, in which she has written and was answered."""
    await visit.arrive("lea", "claire", "sam")
    thread = await visit.thread("lea", "claire", "sam")
    for name in ("lea", "sam"):
        await (await visit.client(name)).ask("POST", f"/api/threads/{thread}/messages", {"id": str(uuid4()), "text": "Bonjour"})
    return str(thread)


async def test_it_is_shown_and_sent_once(visit: Visit) -> None:
    thread = await thread_of(visit)
    id_, sam = suggest(visit.service.data, thread), await visit.client("sam")
    (shown,) = (await sam.ask("GET", "/api/suggestions"))["suggestions"]
    assert (shown["id"], shown["thread"], shown["rule"]) == (id_, thread, "month-together")
    answers = [await ask(sam, "POST", f"/api/suggestions/{id_}/send", {"text": "Un mois, déjà."}) for _ in range(2)]
    assert [answer.status for answer in answers] == [201, 200]
    assert answers[0].body == answers[1].body
    assert json.loads(answers[0].body)["id"] == id_
    assert await sam.ask("GET", "/api/suggestions") == {"suggestions": [], "reminders": []}


async def test_dismissed_it_is_gone(visit: Visit) -> None:
    thread = await thread_of(visit)
    id_, sam = suggest(visit.service.data, thread), await visit.client("sam")
    assert (await ask(sam, "POST", f"/api/suggestions/{id_}/dismiss", None)).status == 204
    answer = await ask(sam, "POST", f"/api/suggestions/{id_}/send", {"text": "Un mois, déjà."})
    assert (answer.status, json.loads(answer.body)["error"]["code"]) == (409, "moved_on")


async def test_another_s_is_as_none(visit: Visit) -> None:
    """A companion of another thread, and one who has left: the same answer, byte for byte, as for what never was."""
    await visit.arrive("lea", "claire", "sam", "karim", "thomas")
    others, left = await visit.thread("karim", "thomas"), await visit.thread("karim", "claire", "sam")
    await visit.leave(left, "sam")
    sam = await visit.client("sam")
    for id_ in (suggest(visit.service.data, others), suggest(visit.service.data, left)):
        for deed, body in (("send", {"text": "Bonjour"}), ("dismiss", None)):
            answers = [await ask(sam, "POST", f"/api/suggestions/{one}/{deed}", body) for one in (id_, uuid4())]
            assert answers[0].status == 404
            assert answers[0] == answers[1]
    assert (await sam.ask("GET", "/api/suggestions"))["suggestions"] == []


async def test_a_reminder_that_went_is_told(visit: Visit) -> None:
    thread = await thread_of(visit)
    remind(visit.service.data, thread)
    (reminder,) = (await (await visit.client("sam")).ask("GET", "/api/suggestions"))["reminders"]
    assert (reminder["thread"], reminder["rule"]) == (thread, "silence")


@pytest.mark.parametrize("body", [{}, {"text": ""}, {"text": "x" * 8_001}, {"text": 1}])
async def test_what_makes_no_sense_is_refused(visit: Visit, body: dict[str, object]) -> None:
    thread = await thread_of(visit)
    id_, sam = suggest(visit.service.data, thread), await visit.client("sam")
    assert (await ask(sam, "POST", f"/api/suggestions/{id_}/send", body)).status == 400
    assert len((await sam.ask("GET", "/api/suggestions"))["suggestions"]) == 1


@pytest.mark.parametrize("name", ["sam", "ada"])
async def test_companions_and_administrators_switch_rules(visit: Visit, name: str) -> None:
    await visit.arrive(name)
    client = await visit.client(name)
    assert {rule["on"] for rule in (await client.ask("GET", "/api/encouragements"))["rules"]} == {True}
    for on in (False, True):
        assert (await ask(client, "POST", "/api/encouragements/silence", {"on": on})).status == 204
        rules = {rule["name"]: rule["on"] for rule in (await client.ask("GET", "/api/encouragements"))["rules"]}
        assert rules["silence"] is on
    assert (await ask(client, "POST", "/api/encouragements/nudge", {"on": True})).status == 404
    assert (await ask(client, "POST", "/api/encouragements/silence", {})).status == 400
