"""Practices and closing, over the wire: the shapes, who hears of them live, and that everybody else learns nothing."""

import asyncio
from datetime import datetime
from uuid import uuid4

import pytest

from chat.client.remote import ClientRefused, Json, Wire
from storage.ids import ThreadId, new_id
from tests.flows.conversations.test_access import OUTSIDERS, ask
from tests.flows.service import Visit, settled

PRACTICE = "/api/account/practice"
AWAY: Json = {"reply_within_hours": 48, "away_until": "2099-01-04T08:00:00Z", "away_words": "En congé."}
ROUTES: list[tuple[str, str, Json | None]] = [
    ("GET", "/api/threads/{}/about", None),
    ("POST", "/api/threads/{}/close", None),
    ("POST", "/api/threads/{}/close", {"last_seq": 0}),
    ("POST", "/api/threads/{}/close", {"last_seq": "x"}),
    ("POST", "/api/threads/{}/reopen", None),
]


@pytest.mark.parametrize(("method", "route", "body"), ROUTES)
@pytest.mark.parametrize("name", OUTSIDERS)
async def test_an_outsider_is_told_as_of_nothing(visit: Visit, name: str, method: str, route: str, body: Json | None) -> None:
    thread = await visit.thread("lea", "claire")
    outsider = await visit.client(name)
    answers = [await ask(outsider, method, route.format(id_), body) for id_ in (thread, new_id(ThreadId), uuid4(), "x")]
    assert answers[0].status == 404
    assert [answer == answers[0] for answer in answers] == [True] * 4


@pytest.mark.parametrize(("method", "route", "body"), ROUTES)
async def test_a_former_participant_is_told_as_of_nothing(visit: Visit, method: str, route: str, body: Json | None) -> None:
    thread = await visit.thread("lea", "claire", "sam")
    claire = await visit.client("claire")
    await claire.get(f"/api/threads/{thread}/about")
    await claire.ask("DELETE", f"/api/threads/{thread}/participants/me")
    answers = [await ask(claire, method, route.format(id_), body) for id_ in (thread, new_id(ThreadId))]
    assert (answers[0].status, answers[0]) == (404, answers[1])


@pytest.mark.parametrize(("method", "route", "body"), ROUTES[1:])
async def test_a_member_closes_nothing(visit: Visit, method: str, route: str, body: Json | None) -> None:
    thread = await visit.thread("lea", "claire")
    lea = await visit.client("lea")
    answers = [await ask(lea, method, route.format(id_), body) for id_ in (thread, new_id(ThreadId))]
    assert (answers[0].status, answers[0]) == (404, answers[1])
    assert (await lea.get(f"/api/threads/{thread}/about"))["closed_at"] is None


@pytest.mark.parametrize("body", [None, AWAY, {"reply_within_hours": "soon"}])
async def test_a_practice_is_for_staff_alone(visit: Visit, body: Json | None) -> None:
    for name in ("lea", "ada"):
        client = await visit.client(name)
        for method in ("GET", "PUT"):
            answer = await ask(client, method, PRACTICE, body)
            assert (answer.status, answer) == (404, await ask(client, method, "/api/account/nothing", body))


@pytest.mark.parametrize(("method", "route", "body"), [*ROUTES, ("GET", PRACTICE + "?{}", None), ("PUT", PRACTICE + "?{}", AWAY)])
async def test_who_is_signed_out_is_told_only_that(visit: Visit, method: str, route: str, body: Json | None) -> None:
    thread = await visit.thread("lea", "claire")
    client = await visit.client("claire")
    client.http.cookie_jar.clear()
    assert (await ask(client, method, route.format(thread), body)).status == 401


@pytest.mark.parametrize(
    ("method", "route"), [("POST", "/api/threads/{}/close"), ("POST", "/api/threads/{}/reopen"), ("PUT", PRACTICE)]
)
async def test_foreign_pages_change_nothing(visit: Visit, method: str, route: str) -> None:
    thread = await visit.thread("lea", "claire")
    claire = await visit.client("claire")
    headers = {"Origin": "https://elsewhere.example"}
    async with claire.http.request(method, claire.origin + route.format(thread), json={}, headers=headers) as response:
        assert response.status == 403


async def test_a_practice_is_kept_and_seen_by_the_member(visit: Visit) -> None:
    thread = await visit.thread("lea", "claire")
    claire, lea = await visit.client("claire"), await visit.client("lea")
    assert await claire.get(PRACTICE) == {"reply_within_hours": None, "away_until": None, "away_words": None}
    await claire.ask("PUT", PRACTICE, AWAY)
    assert await claire.get(PRACTICE) == AWAY
    about = await lea.get(f"/api/threads/{thread}/about")
    assert about == {
        "closed_at": None,
        "waiting_since": None,
        "people": [
            {"id": visit.ids["lea"], "reply_within_hours": None, "away_until": None, "away_words": None, "joined_seq": 1},
            {"id": visit.ids["claire"], **AWAY, "joined_seq": 1},
        ],
        "past": [],
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"reply_within_hours": 0}, {"reply_within_hours": 337}, {"reply_within_hours": 1.5}, {"reply_within_hours": True},
        {"reply_within_hours": "48"}, {"away_until": "demain"}, {"away_until": "2099-01-04T08:00:00"}, {"away_until": 4070000000},
        {"away_until": "9999-12-31T23:59:59-05:00"}, {"away_words": "x" * 501}, {"away_words": 7}, [], "text", None,
    ],
)  # fmt: skip
async def test_what_is_no_practice_is_refused(visit: Visit, wrong: Json) -> None:
    claire = await visit.client("claire")
    await claire.ask("PUT", PRACTICE, AWAY)
    with pytest.raises(ClientRefused) as caught:
        await claire.ask("PUT", PRACTICE, wrong)
    assert (caught.value.status, caught.value.code) == (400, "bad_request")
    assert await claire.get(PRACTICE) == AWAY


async def test_words_are_kept_by_their_code_points(visit: Visit) -> None:
    claire = await visit.client("claire")
    words = "🌿" * 500
    await claire.ask("PUT", PRACTICE, {**AWAY, "away_words": words})
    assert (await claire.get(PRACTICE))["away_words"] == words


async def told(wire: Wire) -> list[Json]:
    """Every frame that a connection has received so far, except presence."""
    return [frame for frame in await settled(wire) if frame["type"] != "presence"]


async def test_who_shares_a_thread_hears_of_a_practice_live(visit: Visit) -> None:
    thread, other = await visit.thread("lea", "claire"), await visit.thread("karim", "thomas")
    lea, karim, claire = await visit.wire("lea"), await visit.wire("karim"), await visit.wire("claire")
    for wire in (lea, karim, claire):
        await settled(wire)
    await (await visit.client("claire")).ask("PUT", PRACTICE, AWAY)
    for wire in (lea, claire):
        assert await told(wire) == [{"type": "about", "thread": thread}]
    assert await told(karim) == []
    assert other != thread


async def test_closing_is_heard_live_and_a_message_opens_again(visit: Visit) -> None:
    thread = await visit.thread("lea", "claire", "sam")
    lea, wire, claire = await visit.wire("lea"), await visit.wire("claire"), await visit.client("claire")
    await lea.send(thread, "Merci, au revoir")
    await visit.leave(thread, "sam")
    for one in (lea, wire):
        await one.wait_for("participants")
        await settled(one)
    await claire.ask("POST", f"/api/threads/{thread}/close", {"last_seq": 1})
    assert [await told(one) for one in (lea, wire)] == [[{"type": "about", "thread": thread}]] * 2
    (entry,) = (await claire.get("/api/threads?order=waiting"))["threads"]
    assert (entry["waiting_since"], "closed_at" in entry) == (None, True)
    await lea.send(thread, "Encore une chose")
    (entry,) = (await claire.get("/api/threads?order=waiting"))["threads"]
    assert (entry["waiting_since"] is None, "closed_at" in entry) == (False, False)
    assert (await claire.get(f"/api/threads/{thread}/about"))["closed_at"] is None


async def test_who_has_not_read_the_last_word_does_not_close_over_it(visit: Visit) -> None:
    thread = await visit.thread("lea", "claire")
    await (await visit.wire("lea")).send(thread, "Au secours")
    claire = await visit.client("claire")
    with pytest.raises(ClientRefused) as caught:
        await claire.ask("POST", f"/api/threads/{thread}/close", {"last_seq": 0})
    assert (caught.value.status, caught.value.code) == (409, "moved_on")
    wrongs: list[Json] = [{"last_seq": -1}, {"last_seq": "1"}, {"last_seq": 1.5}]
    for wrong in wrongs:
        with pytest.raises(ClientRefused) as caught:
            await claire.ask("POST", f"/api/threads/{thread}/close", wrong)
        assert caught.value.status == 400


def at(moment: str) -> datetime:
    """Parse a time from the wire. As text, times do not compare: a whole second has no fraction."""
    return datetime.fromisoformat(moment)


async def test_a_message_in_the_moment_of_closing_is_never_left_behind(visit: Visit) -> None:
    """Both at once, 20 times: if the thread ends up closed, it was closed after the message."""
    thread = await visit.thread("lea", "claire")
    lea, claire = await visit.wire("lea"), await visit.client("claire")
    for _ in range(20):
        sent, _ = await asyncio.gather(lea.send(thread, "…"), claire.ask("POST", f"/api/threads/{thread}/close"))
        about = await claire.get(f"/api/threads/{thread}/about")
        (entry,) = (await claire.get("/api/threads"))["threads"]
        assert (about["closed_at"] is None) == (entry["waiting_since"] is not None)
        assert (about["closed_at"], about["waiting_since"]) == (entry.get("closed_at"), entry["waiting_since"])
        assert about["closed_at"] is None or at(about["closed_at"]) >= at(sent["at"])
