"""Two people talk: messages, read marks, typing, presence, lists and pages, over real sockets."""

import asyncio
from datetime import datetime
from uuid import uuid4

import aiohttp
import pytest

from chat.client.remote import Client, ClientRefused, Json
from storage.ids import MessageId, new_id
from tests.flows.service import Visit, settled


async def post(client: Client, thread: str, text: str, id_: str | None = None) -> Json:
    return await client.ask("POST", f"/api/threads/{thread}/messages", {"id": id_ or str(new_id(MessageId)), "text": text})


async def numbers(client: Client, thread: str, query: str = "") -> list[int]:
    found = await client.get(f"/api/threads/{thread}/messages{query}")
    return [message["seq"] for message in found["messages"]]


async def test_a_message_goes_from_one_to_the_other(visit: Visit) -> None:
    thread = await visit.thread("lea", "claire")
    lea, claire = await visit.wire("lea"), await visit.wire("claire")
    sent = await lea.send(thread, "  Bonjour \N{WAVING HAND SIGN}\n")
    message = await claire.wait_for("message")
    assert message == {
        "type": "message",
        "id": sent["id"],
        "thread": thread,
        "seq": 1,
        "author": visit.ids["lea"],
        "kind": "text",
        "at": sent["at"],
        "text": "  Bonjour \N{WAVING HAND SIGN}\n",
    }
    assert datetime.fromisoformat(message["at"]).utcoffset() is not None


async def test_hello_comes_first_then_who_is_here(visit: Visit) -> None:
    await visit.thread("lea", "claire")
    await visit.thread("karim", "claire")
    await visit.wire("claire")
    lea = await visit.client("lea")
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{lea.origin}/ws", origin=lea.origin, protocols=["ailo.v1"], headers={"Cookie": lea.cookie}) as socket,
    ):
        hello, presence = await socket.receive_json(), await socket.receive_json()
        assert socket.protocol == "ailo.v1"
    assert hello == {
        "type": "hello",
        "protocol": "ailo.v1",
        "account": visit.ids["lea"],
        "limits": {"text": 8_000, "frame": 131_072},
    }
    assert presence == {"type": "presence", "account": visit.ids["claire"], "online": True}


async def test_presence_tells_correspondents_who_comes_and_goes(visit: Visit) -> None:
    await visit.thread("lea", "claire")
    claire, karim = await visit.wire("claire"), await visit.wire("karim")
    lea = await visit.client("lea")
    async with lea.connect():
        await claire.wait_for("presence", account=visit.ids["lea"], online=True)
        (entry,) = (await (await visit.client("claire")).get("/api/threads"))["threads"]
        assert {person["online"] for person in entry["participants"]} == {True}
    await claire.wait_for("presence", account=visit.ids["lea"], online=False)
    assert await settled(karim) == []


async def test_every_other_connection_hears_of_a_message(visit: Visit) -> None:
    thread = await visit.thread("lea", "claire")
    client = await visit.client("lea")
    phone, laptop, claire = await visit.wire(client), await visit.wire(client), await visit.wire("claire")
    await phone.send(thread, "un")
    assert (await laptop.wait_for("message"))["seq"] == (await claire.wait_for("message"))["seq"] == 1
    assert [frame for frame in await settled(phone) if frame["type"] == "message"] == []


async def test_what_is_posted_by_http_comes_live_too(visit: Visit) -> None:
    thread = await visit.thread("lea", "claire")
    client = await visit.client("lea")
    lea, claire = await visit.wire(client), await visit.wire("claire")
    posted = await post(client, thread, "un")
    for wire in (lea, claire):
        assert await wire.wait_for("message") == {"type": "message", **posted}
    assert (await client.get(f"/api/threads/{thread}/messages"))["messages"] == [posted]


async def test_a_read_mark_is_seen_by_the_others(visit: Visit) -> None:
    thread = await visit.thread("lea", "claire")
    client = await visit.client("claire")
    lea, claire, phone = await visit.wire("lea"), await visit.wire(client), await visit.wire(client)
    await lea.send(thread, "un")
    await lea.send(thread, "deux")
    for seq in (1, 0, 1):
        await claire.put({"type": "read", "thread": thread, "seq": seq})
    mark = {"type": "read", "thread": thread, "account": visit.ids["claire"], "seq": 1}
    await settled(claire)
    for wire in (lea, phone):
        assert [frame for frame in await settled(wire) if frame["type"] == "read"] == [mark]
    (entry,) = (await client.get("/api/threads"))["threads"]
    assert (entry["last_seq"], entry["read_seq"], entry["unread"]) == (2, 1, 1)
    assert {person["id"]: person["read_seq"] for person in entry["participants"]} == {visit.ids["lea"]: 2, visit.ids["claire"]: 1}


async def test_typing_is_passed_on(visit: Visit) -> None:
    thread = await visit.thread("lea", "claire")
    lea, claire = await visit.wire("lea"), await visit.wire("claire")
    await lea.put({"type": "typing", "thread": thread})
    assert await claire.wait_for("typing") == {"type": "typing", "thread": thread, "account": visit.ids["lea"]}
    assert [frame for frame in await settled(lea) if frame["type"] == "typing"] == []


async def test_a_thread_in_the_list_has_the_pinned_form(visit: Visit) -> None:
    thread = await visit.thread("lea", "claire")
    lea, claire = await visit.client("lea"), await visit.client("claire")
    (empty,) = (await claire.get("/api/threads"))["threads"]
    assert (empty["last"], empty["waiting_since"], empty["last_seq"], empty["unread"]) == (None, None, 0, 0)
    posted = await post(lea, thread, "un")
    (entry,) = (await claire.get("/api/threads"))["threads"]
    assert entry.keys() == {"id", "participants", "last_seq", "read_seq", "unread", "waiting_since", "last"}
    assert (entry["id"], entry["last"], entry["waiting_since"]) == (thread, posted, posted["at"])
    assert entry["participants"][0].keys() == {"id", "role", "first_name", "initial", "read_seq", "online"}


async def test_lists_are_paged_in_either_order(visit: Visit) -> None:
    await visit.arrive("claire", "sam", "thomas")
    lea, made = await visit.client("lea"), []
    people = [("claire",), ("thomas",), ("claire", "sam"), ("thomas", "sam")]
    for professional, *companions in people:
        made.append(await visit.thread("lea", professional, *companions))
    for thread in made:
        await post(lea, thread, "…")
    newest = [entry["id"] for entry in (await lea.get("/api/threads"))["threads"]]
    waiting = [entry["id"] for entry in (await lea.get("/api/threads?order=waiting"))["threads"]]
    assert (newest, waiting) == (made[::-1], made)
    rest = (await lea.get(f"/api/threads?after={newest[1]}"))["threads"]
    assert [entry["id"] for entry in rest] == newest[2:]
    rest = (await lea.get(f"/api/threads?order=waiting&after={waiting[0]}"))["threads"]
    assert [entry["id"] for entry in rest] == waiting[1:]


async def test_history_is_read_in_pages(visit: Visit) -> None:
    thread = await visit.thread("lea", "claire")
    lea, wire = await visit.client("lea"), await visit.wire("lea")
    for seq in range(1, 121):
        await wire.put({"type": "send", "id": str(new_id(MessageId)), "thread": thread, "text": str(seq)})
    await wire.wait_for("sent", seq=120)
    assert await numbers(lea, thread) == list(range(71, 121))
    assert await numbers(lea, thread, "?before=71&limit=100") == list(range(1, 71))
    assert await numbers(lea, thread, "?limit=1") == [120]
    assert await numbers(lea, thread, "?after=118") == [119, 120]
    assert await numbers(lea, thread, "?after=0&limit=100") == list(range(1, 101))
    assert await numbers(lea, thread, "?after=999") == await numbers(lea, thread, "?before=1") == []


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=x", "limit=", "before=-1", "before=1.5", "after=x", "after=%C2%B2"]
)
async def test_a_page_that_makes_no_sense_is_refused(visit: Visit, query: str) -> None:
    thread = await visit.thread("lea", "claire")
    with pytest.raises(ClientRefused) as caught:
        await numbers(await visit.client("lea"), thread, f"?{query}")
    assert (caught.value.status, caught.value.code) == (400, "bad_request")


async def test_the_same_id_at_once_is_one_message(visit: Visit) -> None:
    """Over three connections and by HTTP, ten times in all: ten equal answers."""
    thread, id_ = await visit.thread("lea", "claire"), str(new_id(MessageId))
    client, other, claire = await visit.client("lea"), await visit.client("lea"), await visit.wire("claire")
    wires = [await visit.wire(client) for _ in range(3)]
    answers = await asyncio.gather(
        *(wire.send(thread, "un", id_) for wire in wires),
        *(post(client, thread, "un", id_) for _ in range(4)),
        *(post(other, thread, "un", id_) for _ in range(3)),
    )
    assert {(one["id"], one["thread"], one["seq"], one["at"]) for one in answers} == {(id_, thread, 1, answers[0]["at"])}
    assert [frame["seq"] for frame in await settled(claire) if frame["type"] == "message"] == [1]


async def test_a_repeated_post_is_answered_as_the_first(visit: Visit) -> None:
    thread, id_ = await visit.thread("lea", "claire"), str(uuid4())
    client, statuses, bodies = await visit.client("lea"), [], []
    for text in ("un", "un", "deux"):
        url = f"{client.origin}/api/threads/{thread}/messages"
        async with client.http.post(url, json={"id": id_, "text": text}, headers={"Origin": client.origin}) as response:
            statuses.append(response.status)
            bodies.append(await response.read())
    assert statuses == [201, 200, 200]
    assert len(set(bodies)) == 1


async def test_two_who_write_at_once_see_one_order(visit: Visit) -> None:
    thread = await visit.thread("lea", "claire")
    lea, claire, reader = await visit.wire("lea"), await visit.wire("claire"), await visit.wire("claire")
    for wire in (lea, claire) * 50:
        await wire.put({"type": "send", "id": str(new_id(MessageId)), "thread": thread, "text": "…"})
    await reader.wait_for("message", seq=100)
    everything = await numbers(await visit.client("lea"), thread, "?after=0&limit=100")
    assert everything == list(range(1, 101))
    for wire in (lea, claire):
        heard = [frame["seq"] for frame in await settled(wire) if frame["type"] in {"message", "sent"}]
        assert heard == everything
