"""Who may bring in, hand over, leave, see the access list and keep notes; and that everybody else learns nothing."""

from uuid import uuid4

import pytest

from chat.client.remote import Client, ClientRefused, Json, sign_in
from storage.ids import MessageId, ThreadId, new_id
from tests.flows.auth.test_sessions import codes_at_once
from tests.flows.conversations.test_access import ask
from tests.flows.service import Visit, settled
from tests.people import PASSWORD

OWN = "un mot de passe à moi"
SOMEBODY = "0197a1b2-0000-7000-8000-000000000000"

ROUTES: list[tuple[str, str, Json | None]] = [
    ("GET", "/api/threads/{}/access", None),
    ("POST", "/api/threads/{}/participants", {"account": SOMEBODY, "history": "whole"}),
    ("POST", "/api/threads/{}/participants", {"account": SOMEBODY, "history": "all"}),
    ("POST", "/api/threads/{}/participants", {}),
    ("POST", "/api/threads/{}/hand-over", {"account": SOMEBODY, "history": "from_now"}),
    ("POST", "/api/threads/{}/hand-over", {"x": 1}),
    ("DELETE", "/api/threads/{}/participants/me", None),
    ("GET", "/api/threads/{}/note", None),
    ("PUT", "/api/threads/{}/note", {"text": "…"}),
    ("PUT", "/api/threads/{}/note", {"text": 1}),
]
# Not found even for a member who takes part.
FOR_STAFF = [route for route in ROUTES if "note" in route[1]] + [
    ("POST", "/api/threads/{}/participants", {"account": SOMEBODY, "history": "whole"}),
    ("POST", "/api/threads/{}/hand-over", {"account": SOMEBODY, "history": "whole"}),
]


def somebody(visit: Visit, body: Json | None) -> Json | None:
    """The body, naming a colleague who could be brought in."""
    return {**body, "account": visit.ids["sam"]} if body and "account" in body else body


@pytest.mark.parametrize(("method", "route", "body"), ROUTES)
@pytest.mark.parametrize("name", ["karim", "thomas", "sam", "ada"])
async def test_an_outsider_is_told_as_of_nothing(visit: Visit, name: str, method: str, route: str, body: Json | None) -> None:
    thread = await visit.thread("lea", "claire")
    await visit.arrive(*{"sam"} - visit.ids.keys())
    outsider, body = await visit.client(name), somebody(visit, body)
    answers = [await ask(outsider, method, route.format(id_), body) for id_ in (thread, new_id(ThreadId), uuid4(), "x")]
    assert answers[0].status == 404
    assert [answer == answers[0] for answer in answers] == [True] * 4


@pytest.mark.parametrize(("method", "route", "body"), ROUTES)
async def test_a_former_participant_is_told_as_of_nothing(visit: Visit, method: str, route: str, body: Json | None) -> None:
    thread = await visit.thread("lea", "claire", "sam")
    claire = await visit.client("claire")
    await claire.ask("PUT", f"/api/threads/{thread}/note", {"text": "à revoir"})
    await claire.ask("DELETE", f"/api/threads/{thread}/participants/me")
    answers = [await ask(claire, method, route.format(id_), somebody(visit, body)) for id_ in (thread, new_id(ThreadId))]
    assert answers[0].status == 404
    assert answers[0] == answers[1]


@pytest.mark.parametrize(("method", "route", "body"), FOR_STAFF)
async def test_a_member_is_told_as_of_nothing_what_is_for_staff(visit: Visit, method: str, route: str, body: Json | None) -> None:
    thread = await visit.thread("lea", "claire")
    await visit.arrive("sam")
    if body and "account" not in body and body["text"] == 1:
        body = {"text": "…"}
    lea = await visit.client("lea")
    answers = [await ask(lea, method, route.format(id_), somebody(visit, body)) for id_ in (thread, new_id(ThreadId))]
    assert answers[0].status == 404
    assert answers[0] == answers[1]


@pytest.mark.parametrize(("method", "route", "body"), [*ROUTES, ("GET", "/api/colleagues?{}", None)])
async def test_who_is_signed_out_is_told_only_that(visit: Visit, method: str, route: str, body: Json | None) -> None:
    thread = await visit.thread("lea", "claire")
    client = await visit.client("lea")
    client.http.cookie_jar.clear()
    answers = [await ask(client, method, route.format(id_), body) for id_ in (thread, new_id(ThreadId), "x")]
    assert answers[0].status == 401
    assert [answer == answers[0] for answer in answers] == [True] * 3


@pytest.mark.parametrize(("method", "route", "body"), [route for route in ROUTES if route[0] != "GET"])
async def test_foreign_pages_change_nothing(visit: Visit, method: str, route: str, body: Json | None) -> None:
    thread = await visit.thread("lea", "claire")
    claire = await visit.client("claire")
    headers = {"Origin": "https://elsewhere.example"}
    async with claire.http.request(method, claire.origin + route.format(thread), json=body, headers=headers) as response:
        assert response.status == 403


async def test_only_staff_see_their_colleagues(visit: Visit) -> None:
    await visit.thread("lea", "claire")
    answers = [await ask(await visit.client(name), "GET", "/api/colleagues", None) for name in ("lea", "ada")]
    nothing = await ask(await visit.client("lea"), "GET", f"/api/threads/{new_id(ThreadId)}/messages", None)
    assert answers == [nothing, nothing]
    await visit.arrive("thomas")
    found = (await (await visit.client("claire")).get("/api/colleagues"))["colleagues"]
    assert visit.ids["thomas"] in {one["id"] for one in found}
    assert not {visit.ids["lea"], visit.ids["claire"], visit.ids["ada"]} & {one["id"] for one in found}


@pytest.mark.parametrize("name", ["karim", "ada", "nobody", "lea"])
async def test_who_is_no_colleague_is_not_brought_in(visit: Visit, name: str) -> None:
    thread = await visit.thread("lea", "claire")
    await visit.arrive("karim", "ada")
    claire, account = await visit.client("claire"), visit.ids.get(name, SOMEBODY)
    for route in ("participants", "hand-over"):
        with pytest.raises(ClientRefused) as caught:
            await claire.ask("POST", f"/api/threads/{thread}/{route}", {"account": account, "history": "whole"})
        assert caught.value.status == (400 if name == "lea" else 404)


async def test_a_member_stays_in_their_thread(visit: Visit) -> None:
    thread = await visit.thread("lea", "claire")
    with pytest.raises(ClientRefused) as caught:
        await (await visit.client("lea")).ask("DELETE", f"/api/threads/{thread}/participants/me")
    assert caught.value.status == 400


async def texts(client: Client, thread: str) -> list[str]:
    return [message["text"] for message in (await client.get(f"/api/threads/{thread}/messages"))["messages"]]


async def test_a_colleague_comes_and_all_are_told(visit: Visit) -> None:
    thread = await visit.thread("lea", "claire")
    await visit.arrive("thomas")
    lea, thomas, claire = await visit.wire("lea"), await visit.wire("thomas"), await visit.client("claire")
    await lea.send(thread, "un")
    body = {"account": visit.ids["thomas"], "history": "from_now"}
    listed = await claire.ask("POST", f"/api/threads/{thread}/participants", body)
    came = next(one for one in listed["participants"] if one["id"] == visit.ids["thomas"])
    assert (came["brought_by"], came["whole_history"]) == (visit.ids["claire"], False)
    for wire in (lea, thomas):
        told = await wire.wait_for("participants", thread=thread)
        assert visit.ids["thomas"] in {one["id"] for one in told["participants"]}
    await lea.send(thread, "deux")
    assert (await thomas.wait_for("message"))["text"] == "deux"
    assert await texts(await visit.client("thomas"), thread) == ["deux"]


async def test_where_nothing_was_written_since_a_newcomer_is_shown_nothing(visit: Visit) -> None:
    """That they may not read the last message does not mean that somebody removed it."""
    thread = await visit.thread("lea", "claire")
    await visit.arrive("thomas")
    lea, claire = await visit.wire("lea"), await visit.client("claire")
    await lea.send(thread, "un")
    body = {"account": visit.ids["thomas"], "history": "from_now"}
    await claire.ask("POST", f"/api/threads/{thread}/participants", body)
    thomas = await visit.client("thomas")
    assert (await thomas.get(f"/api/threads/{thread}/messages"))["messages"] == []
    assert "alert" not in visit.log


async def test_a_hand_over_lets_the_giver_hear_nothing_more(visit: Visit) -> None:
    thread = await visit.thread("lea", "claire")
    await visit.arrive("thomas")
    lea, claire = await visit.wire("lea"), await visit.client("claire")
    await lea.send(thread, "un")
    former = await visit.wire(claire)
    body = {"account": visit.ids["thomas"], "history": "whole"}
    assert await claire.ask("POST", f"/api/threads/{thread}/hand-over", body) == {}
    await former.wait_for("participants", thread=thread)
    await lea.send(thread, "deux")
    assert [frame["type"] for frame in await settled(former) if frame["type"] == "message"] == []
    assert await texts(await visit.client("thomas"), thread) == ["un", "deux"]


async def test_messages_that_race_a_change_are_sealed_for_those_who_are_there_then(visit: Visit) -> None:
    """Léa can read them all, in order; who comes without the history can read none that was there before."""
    thread = await visit.thread("lea", "claire")
    await visit.arrive("thomas", "sam")
    lea, claire = await visit.wire("lea"), await visit.client("claire")
    body = {"account": visit.ids["thomas"], "history": "from_now"}
    ids = [str(new_id(MessageId)) for _ in range(40)]
    for number, id_ in enumerate(ids):
        await lea.put({"type": "send", "id": id_, "thread": thread, "text": str(number)})
    answers = {ids[0]: (await lea.wait_for("sent", id=ids[0]))["seq"]}
    await claire.ask("POST", f"/api/threads/{thread}/participants", body)
    await claire.ask("POST", f"/api/threads/{thread}/hand-over", {**body, "account": visit.ids["sam"]})
    answers |= {id_: (await lea.wait_for("sent", id=id_))["seq"] for id_ in ids[1:]}
    assert sorted(answers.values()) == list(range(1, 41))
    everything = [str(ids.index(id_)) for id_, _ in sorted(answers.items(), key=lambda item: item[1])]
    assert await texts(await visit.client("lea"), thread) == everything
    for name in ("thomas", "sam"):
        read = await texts(await visit.client(name), thread)
        assert len(read) < len(everything)
        assert read == everything[len(everything) - len(read) :]


# The account's key, with connections open


async def change(client: Client, old: str, new: str, *, may_be_known: bool) -> None:
    await client.ask("POST", "/api/account/password", {"old": old, "new": new, "may_be_known": may_be_known})


async def test_a_renewal_ends_the_other_connections_and_restarts_ones_own(visit: Visit) -> None:
    thread = await visit.thread("lea", "claire")
    phone, laptop = await visit.client("lea"), await visit.client("lea")
    mine, other, claire = await visit.wire(phone), await visit.wire(laptop), await visit.wire("claire")
    await change(phone, PASSWORD, OWN, may_be_known=True)
    assert await codes_at_once(visit, mine, other) == [1012, 4401]
    async with phone.connect() as again:
        assert (await again.send(thread, "un"))["seq"] == 1
    assert (await claire.wait_for("message"))["text"] == "un"


async def test_an_ordinary_change_ends_the_other_connections_alone(visit: Visit) -> None:
    thread = await visit.thread("lea", "claire")
    await change(await visit.client("lea"), PASSWORD, OWN, may_be_known=True)
    async with sign_in(visit.service.origin, visit.address("lea"), OWN) as lea:
        await change(lea, OWN, PASSWORD, may_be_known=False)
    phone, laptop = await visit.client("lea"), await visit.client("lea")
    mine, other = await visit.wire(phone), await visit.wire(laptop)
    await change(phone, PASSWORD, OWN, may_be_known=False)
    assert await codes_at_once(visit, other) == [4401]
    assert (await mine.send(thread, "un"))["seq"] == 1


async def test_a_recovery_ends_every_connection(visit: Visit) -> None:
    await visit.thread("lea", "claire")
    lea = await visit.client("lea")
    wire = await visit.wire(lea)
    code = (await lea.ask("POST", "/api/account/recovery-code", {"password": PASSWORD}))["code"]
    stranger = await visit.client("claire")
    stranger.http.cookie_jar.clear()
    body = {"email": visit.address("lea"), "code": code, "password": OWN}
    assert (await stranger.ask("POST", "/api/session/recovery", body))["account"]["id"] == visit.ids["lea"]
    assert await codes_at_once(visit, wire) == [4401]
