"""Signing in and out, with connections open."""

import asyncio
import json

import pytest
from websockets.exceptions import ConnectionClosed

from chat.client.remote import Client, ClientRefused, Wire
from tests.flows.service import Visit, settled
from tests.people import PASSWORD

SOON = 1.0


async def close_code(wire: Wire) -> int | None:
    try:
        while True:
            await wire.next()
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None


async def codes_at_once(visit: Visit, *wires: Wire) -> list[int | None]:
    """The close codes of these connections, within a second: closed by what ended their session, not by the periodic check."""
    async with asyncio.timeout(SOON):
        codes = [await close_code(wire) for wire in wires]
    assert not any(f"session_over account={id_}" in visit.log for id_ in visit.ids.values())
    return codes


async def sign_in_again(visit: Visit, client: Client, name: str) -> dict[str, str]:
    """Sign in once more with the same browser; return the cookies that the answer sets."""
    given = {"email": visit.address(name), "password": PASSWORD}
    async with client.http.post(f"{client.origin}/api/session", json=given, headers={"Origin": client.origin}) as response:
        assert response.status == 200
        assert json.loads(await response.read())["account"]["id"] == visit.ids[name]
        return {name: morsel.value for name, morsel in response.cookies.items()}


async def test_sign_out_closes_its_own_connections_alone(visit: Visit) -> None:
    thread = await visit.thread("lea", "claire")
    phone, laptop = await visit.client("lea"), await visit.client("lea")
    first, second, other = await visit.wire(phone), await visit.wire(phone), await visit.wire(laptop)
    await phone.sign_out()
    assert await codes_at_once(visit, first, second) == [4401, 4401]
    assert (await other.send(thread, "un"))["seq"] == 1


async def test_a_cookie_is_dead_after_sign_out(visit: Visit) -> None:
    lea = await visit.client("lea")
    cookie = lea.cookie
    async with lea.http.delete(f"{lea.origin}/api/session", headers={"Origin": lea.origin}) as response:
        assert (response.status, await response.read(), response.headers["Cache-Control"]) == (204, b"", "no-store")
    async with lea.http.get(f"{lea.origin}/api/account", headers={"Cookie": cookie}) as response:
        assert response.status == 401
    with pytest.raises(ClientRefused):
        await lea.sign_out()


async def test_signing_in_again_is_a_new_session_and_ends_the_old(visit: Visit) -> None:
    lea = await visit.client("lea")
    wire, before = await visit.wire(lea), lea.cookie
    cookies = await sign_in_again(visit, lea, "lea")
    assert cookies["ailo"] not in before
    assert await codes_at_once(visit, wire) == [4401]
    async with lea.http.get(f"{lea.origin}/api/account") as response:
        assert response.status == 200


async def test_somebody_else_at_the_same_browser_ends_the_first_session(visit: Visit) -> None:
    lea = await visit.client("lea")
    wire = await visit.wire(lea)
    await visit.arrive("karim")
    await sign_in_again(visit, lea, "karim")
    assert await close_code(wire) == 4401


async def test_a_wrong_password_ends_nothing(visit: Visit) -> None:
    lea = await visit.client("lea")
    wire = await visit.wire(lea)
    with pytest.raises(ClientRefused):
        await lea.ask("POST", "/api/session", {"email": visit.address("lea"), "password": "une autre"})
    assert await settled(wire) == []


async def test_the_cookie_cannot_be_read_by_a_page(visit: Visit) -> None:
    lea = await visit.client("lea")
    given = {"email": visit.address("lea"), "password": PASSWORD}
    async with lea.http.post(f"{lea.origin}/api/session", json=given, headers={"Origin": lea.origin}) as response:
        cookie = next(one for one in response.headers.getall("Set-Cookie") if one.startswith("ailo="))
    assert ("HttpOnly" in cookie, "SameSite" in cookie, "Secure" in cookie) == (True, True, False)


async def test_a_message_just_sent_is_kept_though_its_author_signs_out(visit: Visit) -> None:
    thread = await visit.thread("lea", "claire")
    lea, claire = await visit.client("lea"), await visit.client("claire")
    wire = await visit.wire(lea)
    sent = await wire.send(thread, "un")
    await lea.sign_out()
    (message,) = (await claire.get(f"/api/threads/{thread}/messages"))["messages"]
    assert message["id"] == sent["id"]
