"""Choosing push for a browser, as a browser does: for the session that asks, at known push services alone."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from chat.ailo import Ailo
from chat.auth.door import Door
from chat.auth.sign_in import SignedIn
from chat.push.feature import Push
from chat.push.shapes import GivenSubscription, Keys
from chat.settings import ChatSettings
from storage.errors import Superseded
from tests.chat.accounts.test_preference_routes import SESSIONS, Browsers
from tests.chat.accounts.test_routes import CHANGE, ORIGIN, Browser
from tests.chat.talk import Cast, serving
from tests.delivery.transports.push_service import FakeBrowser, from_base64url

PUSH = "/api/account/push"


@pytest.fixture
async def browsers(ailo: Ailo) -> AsyncIterator[Browsers]:
    door = Door(ChatSettings("127.0.0.1", 8080, ORIGIN, 0), ailo.sign_ins)
    server = TestServer(serving(ailo, door, ailo.accounts, ailo.of(Push)))
    async with server:
        found = Browsers(server)
        yield found
        for client in found.opened:
            await client.session.close()


@pytest.fixture
async def lea(browsers: Browsers, cast: Cast) -> Browser:
    return await browsers.of("lea")


def given(name: str = "one") -> dict[str, Any]:
    return FakeBrowser(f"https://fcm.googleapis.com/fcm/send/{name}").as_json()


async def choose(browser: Browser, subscription: dict[str, Any]) -> int:
    return (await browser.ask("PUT", PUSH, subscription)).status


async def whose(ailo: Ailo) -> list[bytes]:
    """Whose subscriptions there are."""
    found = await ailo.store.database.read(lambda reader: reader.rows("select account from push_subscriptions order by made_at"))
    return [row["account"] for row in found]


async def id_of(ailo: Ailo, name: str) -> bytes:
    return (await Cast(ailo).account(name)).id.bytes


def test_no_address_is_in_a_repr() -> None:
    subscription = GivenSubscription(given()["endpoint"], Keys(**given()["keys"]))
    assert (repr(subscription), repr(subscription.keys)) == ("GivenSubscription()", "Keys()")


async def test_the_key_is_a_point_and_the_same_for_all(lea: Browser, browsers: Browsers) -> None:
    keys = [(await (await browser.ask("GET", PUSH)).json())["key"] for browser in (lea, await browsers.of("claire"))]
    assert keys[0] == keys[1]
    assert (len(from_base64url(keys[0])), from_base64url(keys[0])[0]) == (65, 4)


async def test_without_a_key_there_is_no_push(lea: Browser, ailo: Ailo) -> None:
    await ailo.store.database.write(lambda tx: tx.run("update house set body = x'01' where name = 'push key'"))
    assert await (await lea.ask("GET", PUSH)).json() == {"key": None}


async def test_a_browser_is_chosen_and_taken_back(lea: Browser, ailo: Ailo) -> None:
    assert [await choose(lea, given()) for _ in range(2)] == [204, 204]
    assert await whose(ailo) == [await id_of(ailo, "lea")]
    assert [(await lea.ask("DELETE", PUSH)).status for _ in range(2)] == [204, 204]
    assert await whose(ailo) == []


@pytest.mark.parametrize(
    "endpoint",
    ["http://fcm.googleapis.com/1", "https://127.0.0.1/1", "https://localhost:8080/1", "https://example.org/1", "", "x" * 3000],
)
async def test_no_other_host_is_taken(lea: Browser, ailo: Ailo, endpoint: str) -> None:
    assert await lea.code_of("PUT", PUSH, {**given(), "endpoint": endpoint}) == (400, "bad_request")
    assert await whose(ailo) == []


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"p256dh": "", "auth": ""},
        {"p256dh": "é", "auth": "é"},
        {"p256dh": given()["keys"]["p256dh"], "auth": "AAAA"},
        {"p256dh": "A" * 87, "auth": "A" * 22},
        {"p256dh": 1, "auth": 2},
    ],
)
async def test_keys_that_are_none_are_refused(lea: Browser, ailo: Ailo, keys: Any) -> None:
    assert await lea.code_of("PUT", PUSH, {**given(), "keys": keys}) == (400, "bad_request")
    assert await whose(ailo) == []


async def test_what_one_session_takes_back_is_its_own(lea: Browser, browsers: Browsers, ailo: Ailo) -> None:
    karim, phone = await browsers.of("karim"), await browsers.of("lea")
    for number, browser in enumerate((lea, karim, phone)):
        await choose(browser, given(str(number)))
    await karim.ask("DELETE", PUSH)
    assert await whose(ailo) == [await id_of(ailo, "lea")] * 2
    await phone.ask("DELETE", PUSH)
    assert await whose(ailo) == [await id_of(ailo, "lea")]


async def test_a_shared_browser_is_told_of_whoever_uses_it_now(lea: Browser, browsers: Browsers, ailo: Ailo) -> None:
    shared = given()
    await choose(lea, shared)
    await choose(await browsers.of("karim"), shared)
    assert await whose(ailo) == [await id_of(ailo, "karim")]


async def test_signing_out_takes_it_away(lea: Browser, ailo: Ailo) -> None:
    await choose(lea, given())
    assert (await lea.ask("DELETE", "/api/session")).status == 204
    assert await whose(ailo) == []


async def test_signing_in_anew_takes_it_away(lea: Browser, ailo: Ailo) -> None:
    await choose(lea, given())
    assert await lea.sign_in() == 200
    assert await whose(ailo) == []


async def test_ending_a_session_from_elsewhere_takes_it_away(lea: Browser, browsers: Browsers, ailo: Ailo) -> None:
    await choose(lea, given("one"))
    other, third = await browsers.of("lea"), await browsers.of("lea")
    await choose(other, given("two"))
    await choose(third, given("three"))
    found = (await (await other.ask("GET", SESSIONS)).json())["sessions"]
    first = min(found, key=lambda session: session["began_at"])
    assert (await other.ask("DELETE", f"{SESSIONS}/{first['id']}")).status == 204
    assert len(await whose(ailo)) == 2
    assert (await other.ask("DELETE", SESSIONS)).status == 204
    assert len(await whose(ailo)) == 1
    assert [await choose(browser, given("four")) for browser in (lea, third)] == [401, 401]


@pytest.mark.parametrize("may_be_known", [False, True])
async def test_another_password_leaves_that_of_this_browser_alone(
    lea: Browser, browsers: Browsers, ailo: Ailo, may_be_known: bool
) -> None:
    await choose(lea, given("one"))
    await choose(await browsers.of("lea"), given("two"))
    await lea.ask("POST", "/api/account/password", {**CHANGE, "may_be_known": may_be_known})
    assert len(await whose(ailo)) == 1
    await lea.ask("DELETE", PUSH)
    assert await whose(ailo) == []


async def test_a_session_that_has_ended_chooses_nothing(ailo: Ailo, cast: Cast) -> None:
    """Its request was let in just before."""
    keys = Keys(**given()["keys"])
    with pytest.raises(Superseded):
        await ailo.of(Push).subscribing.choose(
            SignedIn(bytes(32), await cast.unlock("lea")), GivenSubscription(given()["endpoint"], keys)
        )
    assert await whose(ailo) == []


@pytest.mark.parametrize("name", ["ada"])
async def test_who_takes_part_in_no_conversation_is_offered_none(browsers: Browsers, cast: Cast, name: str) -> None:
    browser = await browsers.of(name)
    assert [(await browser.ask(method, PUSH)).status for method in ("GET", "PUT", "DELETE")] == [404] * 3


async def test_without_a_session_there_is_nothing(browsers: Browsers, cast: Cast) -> None:
    browser = await browsers.stranger()
    assert [(await browser.ask(method, PUSH)).status for method in ("GET", "PUT", "DELETE")] == [401] * 3


async def test_a_foreign_page_chooses_nothing(lea: Browser, ailo: Ailo) -> None:
    assert await lea.code_of("PUT", PUSH, given(), origin="https://evil.example") == (403, "foreign_origin")
    assert await whose(ailo) == []
