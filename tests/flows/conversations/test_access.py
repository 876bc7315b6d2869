"""A request for somebody else's thread gets, byte for byte, the answer for a thread that does not exist."""

import json
from dataclasses import dataclass
from uuid import uuid4

import aiohttp
import pytest

from chat.client.remote import Client, Json
from storage.ids import MessageId, ThreadId, new_id
from tests.flows.service import Visit, settled

ROUTES = [
    ("GET", "/api/threads/{}/messages", None),
    ("GET", "/api/threads/{}/messages?before=2&limit=10", None),
    ("GET", "/api/threads/{}/messages?after=0", None),
    ("GET", "/api/threads?after={}", None),
    ("GET", "/api/threads?order=waiting&after={}", None),
    ("POST", "/api/threads/{}/messages", {"id": "0197a1b2-0000-7000-8000-000000000000", "text": "…"}),
    ("POST", "/api/threads/{}/messages", {"text": 1}),
    ("GET", "/api/threads/{}", None),
    ("DELETE", "/api/threads/{}/messages", None),
]
FRAMES: list[Json] = [
    {"type": "send", "id": "0197a1b2-0000-7000-8000-000000000000", "text": "…"},
    {"type": "send", "id": "0197a1b2-0000-7000-8000-000000000000", "text": ""},
    {"type": "send", "id": "0197a1b2-0000-7000-8000-000000000000", "text": "x" * 8_001},
    {"type": "read", "seq": 0},
    {"type": "read", "seq": 1},
    {"type": "read", "seq": 999},
    {"type": "typing"},
]
OUTSIDERS = ["karim", "thomas", "sam", "ada"]


@dataclass
class Answer:
    """Everything by which one answer could be told from another."""

    status: int
    headers: dict[str, str]
    body: bytes


async def ask(client: Client, method: str, path: str, body: Json | None) -> Answer:
    headers = {"Origin": client.origin}
    async with client.http.request(method, client.origin + path, json=body, headers=headers) as response:
        assert response.headers["Cache-Control"] == "no-store"
        kept = {name: value for name, value in response.headers.items() if name.lower() not in {"x-request-id", "date"}}
        return Answer(response.status, kept, await response.read())


async def former(visit: Visit) -> str:
    """A thread that Claire has left."""
    thread = await visit.thread("lea", "claire", "sam")
    await visit.leave(thread, "claire")
    return thread


@pytest.mark.parametrize(("method", "route", "body"), ROUTES)
@pytest.mark.parametrize("name", OUTSIDERS)
async def test_by_http_an_outsider_is_told_as_of_nothing(
    visit: Visit, name: str, method: str, route: str, body: Json | None
) -> None:
    thread = await visit.thread("lea", "claire")
    await (await visit.wire("lea")).send(thread, "un")
    outsider = await visit.client(name)
    answers = [await ask(outsider, method, route.format(id_), body) for id_ in (thread, new_id(ThreadId), uuid4(), "x", "1" * 36)]
    assert answers[0].status in {404, 405}
    assert [answer == answers[0] for answer in answers] == [True] * 5


@pytest.mark.parametrize(("method", "route", "body"), ROUTES)
async def test_by_http_a_former_participant_is_told_as_of_nothing(
    visit: Visit, method: str, route: str, body: Json | None
) -> None:
    thread = await former(visit)
    claire = await visit.client("claire")
    assert await ask(claire, method, route.format(thread), body) == await ask(
        claire, method, route.format(new_id(ThreadId)), body
    )


@pytest.mark.parametrize(("method", "route", "body"), ROUTES)
async def test_by_http_who_is_signed_out_is_told_only_that(visit: Visit, method: str, route: str, body: Json | None) -> None:
    thread = await visit.thread("lea", "claire")
    client = await visit.client("lea")
    client.http.cookie_jar.clear()
    answers = [await ask(client, method, route.format(id_), body) for id_ in (thread, new_id(ThreadId), "x")]
    assert answers[0].status == 401
    assert [answer == answers[0] for answer in answers] == [True] * 3
    assert json.loads(answers[0].body)["error"]["code"] == "signed_out"


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("name", OUTSIDERS)
async def test_by_frame_an_outsider_is_told_as_of_nothing(visit: Visit, name: str, frame: Json) -> None:
    thread = await visit.thread("lea", "claire")
    lea, outsider = await visit.wire("lea"), await visit.wire(name)
    await lea.send(thread, "un")
    await settled(outsider)
    told = []
    for id_ in (thread, str(new_id(ThreadId))):
        await outsider.put({**frame, "thread": id_})
        told.append(await outsider.socket.recv())
    assert told[0] == told[1]
    assert [one["type"] for one in await settled(lea)] == []


@pytest.mark.parametrize("frame", FRAMES)
async def test_by_frame_a_former_participant_is_told_as_of_nothing(visit: Visit, frame: Json) -> None:
    """Even on a connection that used the thread before and remembers its keys."""
    thread = await visit.thread("lea", "claire")
    claire = await visit.wire("claire")
    await claire.send(thread, "un")
    await visit.leave(thread, "claire")
    await claire.wait_for("participants")
    told = []
    for id_ in (thread, str(new_id(ThreadId))):
        await claire.put({**frame, "thread": id_})
        told.append(await claire.socket.recv())
    assert told[0] == told[1]


@pytest.mark.parametrize("name", [*OUTSIDERS, "claire"])
async def test_a_resume_leaves_out_what_one_may_not_see(visit: Visit, name: str) -> None:
    thread, own = await visit.thread("lea", "claire", "sam"), await visit.thread("karim", "thomas", "sam")
    lea, outsider = await visit.wire("lea"), await visit.wire(name)
    await lea.send(thread, "un")
    await visit.leave(thread, "claire")
    await visit.leave(thread, "sam")
    await settled(outsider)
    await outsider.put({"type": "resume", "threads": {thread: 0, str(new_id(ThreadId)): 0, own: 0}})
    resumed = await outsider.next()
    assert resumed == {"type": "resumed", "threads": {own: 0} if name in {"karim", "thomas", "sam"} else {}}


async def test_an_outsiders_list_is_empty(visit: Visit) -> None:
    await visit.thread("lea", "claire")
    for name in OUTSIDERS:
        assert (await (await visit.client(name)).get("/api/threads"))["threads"] == []


async def test_who_leaves_hears_nothing_more(visit: Visit) -> None:
    """An open connection gets `participants`, and then no message, typing, read mark or presence from the thread."""
    thread = await visit.thread("lea", "claire", "sam")
    claire, lea = await visit.wire("claire"), await visit.wire("lea")
    await lea.send(thread, "un")
    await visit.leave(thread, "claire")
    told = await claire.wait_for("participants")
    assert {person["id"] for person in told["participants"]} == {visit.ids["lea"], visit.ids["sam"]}
    assert (await lea.wait_for("participants"))["thread"] == told["thread"] == thread
    await settled(claire)

    sam = await visit.client("sam")
    async with sam.connect() as wire:
        await lea.send(thread, "deux")
        await wire.wait_for("message", seq=2)
        await wire.put({"type": "read", "thread": thread, "seq": 2})
        await wire.put({"type": "typing", "thread": thread})
        await lea.wait_for("typing")
    await lea.wait_for("presence", account=visit.ids["sam"], online=False)
    assert await settled(claire) == []


async def test_who_stays_keeps_the_whole_history(visit: Visit) -> None:
    thread = await visit.thread("lea", "claire", "sam")
    lea = await visit.wire("lea")
    await lea.send(thread, "un")
    await visit.leave(thread, "claire")
    assert (await lea.send(thread, "deux"))["seq"] == 2
    for name in ("lea", "sam"):
        found = await (await visit.client(name)).get(f"/api/threads/{thread}/messages")
        assert [message["text"] for message in found["messages"]] == ["un", "deux"]


async def test_fields_that_are_not_ones_own_to_set_are_ignored(visit: Visit) -> None:
    thread, id_ = await visit.thread("lea", "claire"), str(new_id(MessageId))
    lea = await visit.client("lea")
    forged = {"author": visit.ids["claire"], "at": "2020-01-01T00:00:00Z", "seq": 99, "kind": "lesson"}
    posted = await lea.ask("POST", f"/api/threads/{thread}/messages", {"id": id_, "text": "…", **forged})
    assert (posted["author"], posted["seq"], posted["kind"]) == (visit.ids["lea"], 1, "text")
    assert posted["at"] > "2026"


async def test_no_get_changes_anything(visit: Visit) -> None:
    thread = await visit.thread("lea", "claire")
    lea = await visit.client("lea")
    for path in ("/api/session", f"/api/threads/{thread}/messages?text=x&id={new_id(MessageId)}", "/api/account"):
        async with lea.http.get(lea.origin + path) as response:
            await response.read()
    found = await lea.get(f"/api/threads/{thread}/messages")
    assert found == {"messages": []}


async def test_a_member_of_the_staff_sees_an_initial_and_a_member_none(visit: Visit) -> None:
    await visit.thread("lea", "claire")
    for name, initial in {"lea": None, "claire": "R"}.items():
        (entry,) = (await (await visit.client(name)).get("/api/threads"))["threads"]
        assert {person["initial"] for person in entry["participants"]} == {initial}


async def test_one_connection_is_all_that_a_cookie_less_browser_gets(visit: Visit) -> None:
    await visit.arrive("lea")
    origin = visit.service.origin
    async with aiohttp.ClientSession() as http, http.ws_connect(f"{origin}/ws", origin=origin, protocols=["ailo.v1"]) as socket:
        error = await socket.receive_json()
        assert (error["type"], error["code"]) == ("error", "signed_out")
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
        assert socket.close_code == 4401
