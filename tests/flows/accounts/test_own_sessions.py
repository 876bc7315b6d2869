"""Ending one's own sessions from elsewhere closes their connections at once; settings are the same in every browser."""

import pytest

from chat.client.remote import Client, ClientRefused
from tests.flows.auth.test_sessions import codes_at_once
from tests.flows.service import Visit


async def other_of(client: Client) -> str:
    """The id of the account's only other session."""
    (found,) = [one["id"] for one in (await client.get("/api/account/sessions"))["sessions"] if not one["current"]]
    return str(found)


async def test_a_session_that_is_ended_elsewhere_closes_its_own_connections_alone(visit: Visit) -> None:
    thread = await visit.thread("lea", "claire")
    phone, laptop = await visit.client("lea"), await visit.client("lea")
    first, second, own = await visit.wire(phone), await visit.wire(phone), await visit.wire(laptop)
    await laptop.ask("DELETE", f"/api/account/sessions/{await other_of(laptop)}", None)
    assert await codes_at_once(visit, first, second) == [4401, 4401]
    assert (await own.send(thread, "un"))["seq"] == 1
    with pytest.raises(ClientRefused):
        await phone.get("/api/account")


async def test_ending_all_others_leaves_the_one_that_asks(visit: Visit) -> None:
    thread = await visit.thread("lea", "claire")
    clients = [await visit.client("lea") for _ in range(3)]
    others, own = [await visit.wire(one) for one in clients[:2]], await visit.wire(clients[2])
    claires = await visit.wire("claire")
    await clients[2].ask("DELETE", "/api/account/sessions", None)
    assert await codes_at_once(visit, *others) == [4401, 4401]
    await own.send(thread, "un")
    await claires.send(thread, "deux")


async def test_nobody_ends_the_session_of_somebody_they_correspond_with(visit: Visit) -> None:
    thread = await visit.thread("lea", "claire")
    lea, claire = await visit.client("lea"), await visit.client("claire")
    wire = await visit.wire(lea)
    theirs = (await lea.get("/api/account/sessions"))["sessions"][0]["id"]
    with pytest.raises(ClientRefused) as refused:
        await claire.ask("DELETE", f"/api/account/sessions/{theirs}", None)
    assert (refused.value.status, refused.value.code) == (404, "not_found")
    assert (await wire.send(thread, "toujours là"))["seq"] == 1


async def test_the_terminal_is_told_by_its_name(visit: Visit) -> None:
    lea = await visit.client("lea")
    assert [one["device"] for one in (await lea.get("/api/account/sessions"))["sessions"]] == ["ailo chat"]


async def test_settings_follow_the_account_and_outlive_its_sessions(visit: Visit) -> None:
    wanted = {"enter_sends": True, "letters": {"quiet_from": "21:00", "quiet_to": "07:00"}}
    lea = await visit.client("lea")
    await lea.ask("PATCH", "/api/account/settings", wanted)
    await lea.sign_out()
    found = (await (await visit.client("lea")).get("/api/account/settings"))["settings"]
    assert found["enter_sends"]
    usual: dict[str, bool | None] = {
        "replies": True,
        "digest": False,
        "programmes": True,
        "encouragements": True,
        "offers": False,
    }
    usual |= {"texts": False, "push": False, "most_a_day": None}
    assert found["letters"] == {**usual, "quiet_from": "21:00", "quiet_to": "07:00"}
