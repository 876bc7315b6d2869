"""The routes of one's own settings and sessions, as a browser calls them."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiohttp.test_utils import TestClient, TestServer

from chat.accounts.preferences import zones
from chat.ailo import Ailo
from chat.auth.door import Door
from chat.auth.last_seen import Seen
from chat.settings import ChatSettings
from storage.accounts import preferences
from storage.accounts.preferences import Letters, Preferences
from storage.accounts.sessions import DAY_MS
from storage.errors import Stalled
from storage.mail import letters, refused_mailboxes
from storage.mail.letters import Letter, State
from tests.chat.accounts.test_routes import CHANGE, ORIGIN, Browser
from tests.chat.talk import Cast, serving
from tests.people import PASSWORD, address

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Mobile/15E148 Safari/604.1"
SETTINGS, SESSIONS, RESUME = "/api/account/settings", "/api/account/sessions", "/api/account/letters/resume"
USUAL = {
    "locale": "fr",
    "time_zone": "Europe/Paris",
    "enter_sends": False,
    "single_keys": True,
    "letters": {
        "replies": True,
        "digest": False,
        "programmes": True,
        "encouragements": True,
        "offers": False,
        "texts": False,
        "push": False,
        "quiet_from": None,
        "quiet_to": None,
        "most_a_day": None,
    },
    "manages": None,
}
TOLD = {"letters_refused_at": None, "letters_stopped_at": None, "letters_a_day": 2}
NIGHT = {"letters": {"quiet_from": "21:00", "quiet_to": "07:00"}}


@pytest.fixture
async def server(ailo: Ailo) -> AsyncIterator[TestServer]:
    door = Door(ChatSettings("127.0.0.1", 8080, ORIGIN, 0), ailo.sign_ins)
    app = serving(ailo, door, ailo.accounts)
    server = TestServer(app)
    async with server:
        yield server


@dataclass
class Browsers:
    """Browsers, each with its own cookies."""

    server: TestServer
    opened: list[TestClient[Any, Any]] = field(default_factory=list)

    async def stranger(self, agent: str = FIREFOX) -> Browser:
        client = TestClient(self.server, headers={"User-Agent": agent})
        await client.start_server()
        self.opened.append(client)
        return Browser(client)

    async def of(self, name: str, agent: str = FIREFOX) -> Browser:
        browser = await self.stranger(agent)
        answer = await browser.ask("POST", "/api/session", {"email": address(name), "password": PASSWORD})
        assert answer.status == 200
        return browser


@pytest.fixture
async def browsers(server: TestServer) -> AsyncIterator[Browsers]:
    found = Browsers(server)
    yield found
    for client in found.opened:
        await client.session.close()


@pytest.fixture
async def lea(browsers: Browsers) -> Browser:
    return await browsers.of("lea")


async def get(browser: Browser, path: str) -> Any:
    answer = await browser.ask("GET", path)
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
    return await answer.json()


async def change(browser: Browser, change: Any) -> Any:
    answer = await browser.ask("PATCH", SETTINGS, change)
    assert answer.status == 200, await answer.text()
    return (await answer.json())["settings"]


# Settings


async def test_who_chose_nothing_has_what_is_usual(lea: Browser) -> None:
    assert await get(lea, SETTINGS) == {
        "settings": USUAL,
        "letters_refused_at": None,
        "letters_stopped_at": None,
        "letters_a_day": 2,
    }


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"locale": "en"},
        {"time_zone": "America/Martinique"},
        {"enter_sends": True},
        {"single_keys": False},
        {"letters": {}},
        {"letters": {"replies": False}},
        {"letters": {"digest": True, "programmes": False, "encouragements": False}},
        {"letters": {"offers": True, "texts": True, "push": True}},
        {"letters": {"most_a_day": 1}},
        NIGHT,
        {"manages": True},
        {"manages": False},
        {"locale": "en", "time_zone": "Pacific/Noumea", "enter_sends": True, "single_keys": False, "letters": {"replies": False}},
    ],
)
async def test_a_change_of_some_leaves_the_others(lea: Browser, browsers: Browsers, wanted: dict[str, Any]) -> None:
    expected = {**USUAL, **wanted, "letters": {**USUAL["letters"], **wanted.get("letters", {})}}  # type: ignore[dict-item]
    assert await change(lea, wanted) == expected
    for one in (lea, await browsers.of("lea")):
        assert (await get(one, SETTINGS))["settings"] == expected
    assert (await get(await browsers.of("karim"), SETTINGS))["settings"] == USUAL


async def test_changes_add_up_and_can_be_taken_back(lea: Browser) -> None:
    await change(lea, NIGHT)
    assert (await change(lea, {"letters": {"quiet_to": "08:30"}}))["letters"]["quiet_from"] == "21:00"
    await change(lea, {"enter_sends": True})
    assert (await change(lea, {"letters": {"quiet_from": None, "quiet_to": None}})) == {**USUAL, "enter_sends": True}


async def test_whether_one_manages_people_need_not_be_said(lea: Browser) -> None:
    for wanted in (True, False, None):
        assert await change(lea, {"manages": wanted}) == {**USUAL, "manages": wanted}


async def test_a_choice_that_this_page_does_not_show_is_kept(lea: Browser, ailo: Ailo, cast: Cast) -> None:
    id_, guard = (await cast.account("lea")).id, ailo.store.guard
    chosen = Preferences(letters=Letters(programmes=False))
    await ailo.store.database.write(lambda tx: preferences.keep(tx, guard, id_, chosen))
    await change(lea, NIGHT)
    found = await ailo.store.database.read(lambda reader: preferences.find(reader, guard, id_))
    assert (found.letters.programmes, found.letters.quiet_from) == (False, 21 * 60)


async def test_two_changes_at_once_are_both_kept(lea: Browser) -> None:
    await asyncio.gather(change(lea, {"enter_sends": True}), change(lea, {"single_keys": False}), change(lea, NIGHT))
    found = (await get(lea, SETTINGS))["settings"]
    assert (found["enter_sends"], found["single_keys"], found["letters"]["quiet_from"]) == (True, False, "21:00")


async def test_the_account_is_told_as_ever_in_its_new_language(lea: Browser) -> None:
    await change(lea, {"locale": "en"})
    account = (await get(lea, "/api/account"))["account"]
    assert (set(account), account["locale"]) == ({"id", "role", "first_name", "locale"}, "en")
    answer = await lea.ask("PATCH", SETTINGS, {"nothing": 1})
    assert (await answer.json())["error"]["message"] == "There is no such setting: nothing."


async def test_the_pages_cookie_follows_the_language_in_every_browser(lea: Browser, browsers: Browsers) -> None:
    phone = await browsers.of("lea", IPHONE)
    answer = await lea.ask("PATCH", SETTINGS, {"locale": "en"})
    assert answer.cookies["ailo-language"].value == "en"
    assert "HttpOnly" not in answer.headers["Set-Cookie"]
    assert (await phone.ask("GET", SETTINGS)).cookies["ailo-language"].value == "en"
    assert "Set-Cookie" not in (await phone.ask("GET", SETTINGS)).headers


BAD = [
    ({"colour": "red"}, "Ce réglage n’existe pas\u202f: colour."),
    ({"letters": {"weekly": True}}, "Ce réglage n’existe pas\u202f: weekly."),
    ({"locale": "de"}, "Cette langue n’est pas proposée\u202f: de."),
    ({"locale": None}, "Cette langue n’est pas proposée\u202f: None."),
    ({"time_zone": "Mars/Olympus"}, "Ce fuseau horaire n’existe pas\u202f: Mars/Olympus."),
    ({"time_zone": "../../etc/passwd"}, "Ce fuseau horaire n’existe pas\u202f: ../../etc/passwd."),
    ({"time_zone": "x" * 90}, f"Ce fuseau horaire n’existe pas\u202f: {'x' * 60}."),
    ({"time_zone": ["Europe/Paris"]}, "Ce fuseau horaire n’existe pas\u202f: ['Europe/Paris']."),
    ({"enter_sends": 1}, "Ce réglage ne prend pas cette valeur\u202f: enter_sends."),
    ({"single_keys": None}, "Ce réglage ne prend pas cette valeur\u202f: single_keys."),
    ({"manages": "yes"}, "Ce réglage ne prend pas cette valeur\u202f: manages."),
    ({"letters": []}, "Ce réglage ne prend pas cette valeur\u202f: letters."),
    ({"letters": {"replies": "no"}}, "Ce réglage ne prend pas cette valeur\u202f: replies."),
    ({"letters": {"digest": None}}, "Ce réglage ne prend pas cette valeur\u202f: digest."),
    ({"letters": {"most_a_day": True}}, "Ce réglage ne prend pas cette valeur\u202f: most_a_day."),
    ({"letters": {"most_a_day": "1"}}, "Ce réglage ne prend pas cette valeur\u202f: most_a_day."),
    ({"letters": {"most_a_day": 1.5}}, "Ce réglage ne prend pas cette valeur\u202f: most_a_day."),
    ({"letters": {"most_a_day": 0}}, "va de 1 à 2\u202f: 0 n’en est pas un."),
    ({"letters": {"most_a_day": -1}}, "va de 1 à 2\u202f: -1 n’en est pas un."),
    ({"letters": {"most_a_day": 3}}, "va de 1 à 2\u202f: 3 n’en est pas un."),
    ({"letters": {"most_a_day": 2**90}}, f"va de 1 à 2\u202f: {2**90} n’en est pas un."),
    ({"letters": {"quiet_from": "24:00", "quiet_to": "07:00"}}, "pas comme ceci\u202f: 24:00."),
    ({"letters": {"quiet_from": "9:00", "quiet_to": "07:00"}}, "pas comme ceci\u202f: 9:00."),
    ({"letters": {"quiet_from": "２1:00", "quiet_to": "07:00"}}, "pas comme ceci\u202f: ２1:00."),
    ({"letters": {"quiet_from": "07:00\n", "quiet_to": "08:00"}}, "pas comme ceci\u202f: 07:00\n."),
    ({"letters": {"quiet_from": 21, "quiet_to": 7}}, "pas comme ceci\u202f: 21."),
    ({"letters": {"quiet_from": "21:00"}}, "Des heures calmes ont un début et une fin."),
    ({"letters": {"quiet_from": "21:00", "quiet_to": "21:00"}}, "sont la même heure."),
]


@pytest.mark.parametrize(("wanted", "words"), BAD)
async def test_what_makes_no_sense_is_told_and_nothing_is_changed(lea: Browser, wanted: Any, words: str) -> None:
    answer = await lea.ask("PATCH", SETTINGS, {"enter_sends": True, **wanted})
    error = (await answer.json())["error"]
    assert (answer.status, error["code"]) == (400, "bad_request")
    assert words in error["message"]
    assert (await get(lea, SETTINGS))["settings"] == USUAL


async def test_half_of_ones_quiet_hours_cannot_be_taken_away(lea: Browser) -> None:
    await change(lea, NIGHT)
    assert await lea.code_of("PATCH", SETTINGS, {"letters": {"quiet_to": None}}) == (400, "bad_request")
    assert await lea.code_of("PATCH", SETTINGS, {"letters": {"quiet_to": "21:00"}}) == (400, "bad_request")


async def test_a_number_of_before_counts_as_what_the_service_sends_now_and_holds_up_no_other_change(
    lea: Browser, ailo: Ailo, cast: Cast
) -> None:
    store, account = ailo.store, await cast.account("lea")
    chosen = Preferences(letters=Letters(most_a_day=5))
    await store.database.write(lambda tx: preferences.keep(tx, store.guard, account.id, chosen))
    assert (await get(lea, SETTINGS))["settings"]["letters"]["most_a_day"] == 2
    assert (await change(lea, {"enter_sends": True}))["letters"]["most_a_day"] == 2
    kept = await store.database.read(lambda reader: preferences.find(reader, store.guard, account.id))
    assert kept.letters.most_a_day == 5


@pytest.mark.parametrize("wanted", [{"letters": {"digest": False}}, {"time_zone": "Asia/Kolkata"}])
async def test_what_waits_for_another_hour_is_looked_at_again(lea: Browser, ailo: Ailo, cast: Cast, wanted: Any) -> None:
    """But not what a letter has told of: that stays quiet."""
    store, thread = ailo.store, await cast.open_thread("lea", "claire")
    await cast.say(await cast.unlock("claire"), thread, "Bonjour")
    for told_seq, is_looked_at in ((None, True), (1, False)):
        later = store.clock() + 10 * DAY_MS
        values = {"later": later, "told": told_seq}
        await store.database.write(lambda tx, it=values: tx.run("update unread_owed set due_at = :later, told_seq = :told", **it))  # type: ignore[misc]
        await change(lea, wanted)
        row = await store.database.read(lambda reader: reader.row("select due_at from unread_owed"))
        assert row
        assert (row["due_at"] < later) == is_looked_at


@pytest.mark.parametrize("body", [[], "x", 7, None])
async def test_what_is_no_object_is_a_bad_request(lea: Browser, body: Any) -> None:
    assert await lea.code_of("PATCH", SETTINGS, body) == (400, "bad_request")


def test_zones_are_those_in_which_people_live() -> None:
    assert {"Europe/Paris", "UTC", "Asia/Kolkata", "Asia/Calcutta"} <= zones()
    assert not {"localtime", "Factory"} & zones()


async def test_what_was_tampered_with_is_as_usual_and_can_be_chosen_again(
    lea: Browser, ailo: Ailo, caplog: pytest.LogCaptureFixture
) -> None:
    await change(lea, NIGHT)
    await ailo.store.database.write(lambda tx: tx.run("update preferences set body = zeroblob(90)"))
    assert (await get(lea, SETTINGS))["settings"] == USUAL
    assert "alert: the preferences of" in caplog.text
    assert (await change(lea, NIGHT))["letters"]["quiet_to"] == "07:00"


async def test_since_when_letters_are_refused_is_told_to_their_reader_alone(
    lea: Browser, browsers: Browsers, ailo: Ailo, cast: Cast
) -> None:
    store, account = ailo.store, await cast.account("lea")
    letter, at = Letter(uuid4(), account.id, "reply", "one", {}, "one@ailo.test", 1_795_424_400_000), 1_795_424_400_000
    await store.database.write(lambda tx: letters.write(tx, store.guard, letter, at))
    await store.database.write(lambda tx: letters.finish(tx, letter.id, State.REFUSED, at, "smtp 550"))
    assert (await get(lea, SETTINGS))["letters_refused_at"] == "2026-11-23T09:00:00Z"
    answer = await lea.ask("PATCH", SETTINGS, {"enter_sends": True})
    assert (await answer.json())["letters_refused_at"] == "2026-11-23T09:00:00Z"
    assert (await get(await browsers.of("karim"), SETTINGS))["letters_refused_at"] is None


async def test_that_a_mailbox_is_refused_is_told_and_lifted_by_its_owner_alone(
    lea: Browser, browsers: Browsers, ailo: Ailo, cast: Cast
) -> None:
    karim, store, account = await browsers.of("karim"), ailo.store, (await cast.account("lea")).id
    await store.database.write(lambda tx: refused_mailboxes.note(tx, store.guard, account, "5.1.1", 1_795_424_400_000))
    assert (await get(lea, SETTINGS))["letters_stopped_at"] == "2026-11-23T09:00:00Z"
    assert (await get(karim, SETTINGS))["letters_stopped_at"] is None
    assert (await karim.ask("POST", RESUME)).status == 200
    assert (await (await browsers.stranger()).ask("POST", RESUME)).status == 401
    assert (await get(lea, SETTINGS))["letters_stopped_at"]
    answer = await lea.ask("POST", RESUME)
    assert (answer.status, await answer.json()) == (200, await get(lea, SETTINGS))
    assert (await get(lea, SETTINGS))["letters_stopped_at"] is None


# Sessions


async def sessions(browser: Browser) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await get(browser, SESSIONS))["sessions"]
    return found


async def test_one_is_told_where_one_is_signed_in_newest_first(lea: Browser, browsers: Browsers) -> None:
    phone = await browsers.of("lea", IPHONE)
    await browsers.of("karim")
    found = await sessions(phone)
    assert [(one["device"], one["current"]) for one in found] == [("Safari, iPhone", True), ("Firefox, Linux", False)]
    assert [one["current"] for one in await sessions(lea)] == [False, True]
    assert set(found[0]) == {"id", "began_at", "seen_at", "device", "current"}
    assert all(one["seen_at"].endswith("T00:00:00Z") for one in found)
    assert len({UUID(one["id"]) for one in found}) == 2


async def test_what_a_browser_says_of_itself_is_not_kept(browsers: Browsers, ailo: Ailo) -> None:
    agent = "Mozilla/5.0 (Linux; Android 14; Canary-Phone-X) Chrome/126.0.6478.71 Mobile Safari/537.36"
    phone = await browsers.of("lea", agent)
    unknown = await browsers.of("lea", "curl/8.5.0 canary")
    assert [one["device"] for one in await sessions(phone)] == [None, "Chrome, Android"]
    assert [one["device"] for one in await sessions(unknown)] == [None, "Chrome, Android"]
    await ailo.sign_ins.seen.settled()
    raw = b"".join(path.read_bytes() for path in ailo.store.settings.data.rglob("*") if path.is_file())
    assert not any(word in raw for word in (b"Canary-Phone", b"canary", b"Android", b"127.0.0.1"))


async def test_a_session_that_is_ended_is_over(lea: Browser, browsers: Browsers) -> None:
    phone = await browsers.of("lea", IPHONE)
    (handle,) = [one["id"] for one in await sessions(lea) if not one["current"]]
    answer = await lea.ask("DELETE", f"{SESSIONS}/{handle}")
    assert (answer.status, await answer.read(), "Set-Cookie" in answer.headers) == (204, b"", False)
    assert await phone.code_of("GET", "/api/account") == (401, "signed_out")
    assert [one["current"] for one in await sessions(lea)] == [True]


async def test_the_present_one_may_be_ended_as_by_signing_out(lea: Browser, browsers: Browsers) -> None:
    (handle,) = [one["id"] for one in await sessions(lea)]
    answer = await lea.ask("DELETE", f"{SESSIONS}/{handle}")
    assert (answer.status, answer.cookies["ailo"].value) == (204, "")
    assert await lea.code_of("GET", "/api/account") == (401, "signed_out")


async def test_all_others_are_ended_at_once(lea: Browser, browsers: Browsers) -> None:
    others, karim = [await browsers.of("lea", IPHONE), await browsers.of("lea")], await browsers.of("karim")
    assert (await lea.ask("DELETE", SESSIONS)).status == 204
    assert [(await one.ask("GET", "/api/account")).status for one in (*others, lea, karim)] == [401, 401, 200, 200]
    assert (await lea.ask("DELETE", SESSIONS)).status == 204


async def test_what_is_anothers_or_unknown_or_no_id_is_one_and_the_same(lea: Browser, browsers: Browsers, ailo: Ailo) -> None:
    karim = await browsers.of("karim")
    theirs = (await sessions(karim))[0]["id"]
    (row,) = await ailo.store.database.read(
        lambda reader: reader.rows("select id from sessions where account = (select account from sessions limit 1) limit 1")
    )
    answers = []
    for wrong in (theirs, str(uuid4()), "7", row["id"].hex(), str(UUID(bytes=row["id"][:16])), "me", f"{theirs}0"):
        answer = await lea.ask("DELETE", f"{SESSIONS}/{wrong}")
        answers.append((answer.status, await answer.read()))
    assert set(answers) == {answers[0]}
    assert answers[0][0] == 404
    assert (await karim.ask("GET", "/api/account")).status == 200


async def test_a_session_ends_once(lea: Browser, browsers: Browsers) -> None:
    await browsers.of("lea", IPHONE)
    (handle,) = [one["id"] for one in await sessions(lea) if not one["current"]]
    both = await asyncio.gather(*(lea.ask("DELETE", f"{SESSIONS}/{handle}") for _ in range(2)))
    assert sorted(answer.status for answer in both) == [204, 404]


async def test_sessions_of_before_a_renewal_are_not_told(lea: Browser, browsers: Browsers) -> None:
    await browsers.of("lea", IPHONE)
    await lea.ask("POST", "/api/account/password", {**CHANGE, "may_be_known": True})
    assert [(one["device"], one["current"]) for one in await sessions(lea)] == [("Firefox, Linux", True)]


async def test_a_handle_is_no_cookie(lea: Browser, browsers: Browsers) -> None:
    stranger = await browsers.stranger()
    handle = (await sessions(lea))[0]["id"]
    stranger.client.session.cookie_jar.update_cookies({"ailo": handle})
    assert await stranger.code_of("GET", "/api/account") == (401, "signed_out")


async def test_a_day_on_which_a_session_is_seen_costs_one_write(
    ailo: Ailo, cast: Cast, lea: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = (await sessions(lea))[0]["seen_at"]
    writes: list[int] = []
    write = ailo.store.database.write

    async def counted(work: Any) -> Any:
        writes.append(1)
        return await write(work)

    monkeypatch.setattr(ailo.store.database, "write", counted)
    await asyncio.gather(*(lea.ask("GET", "/api/account") for _ in range(20)))
    assert writes == []
    clock = ailo.store.clock
    monkeypatch.setattr(ailo.store, "clock", lambda: clock() + DAY_MS)
    await asyncio.gather(*(lea.ask("GET", "/api/account") for _ in range(20)))
    await ailo.sign_ins.seen.settled()
    assert writes == [1]
    assert (await sessions(lea))[0]["seen_at"] > began


async def test_a_session_of_before_this_was_kept_goes_on(ailo: Ailo, lea: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    await ailo.store.database.write(lambda tx: tx.run("update sessions set about = null"))
    monkeypatch.setattr(ailo.sign_ins, "seen", Seen(ailo.store))
    (found,) = await sessions(lea)
    assert (found["device"], found["current"]) == (None, True)
    await ailo.sign_ins.seen.settled()
    row = await ailo.store.database.read(lambda reader: reader.row("select about from sessions"))
    assert row
    assert row["about"] is not None


async def test_a_store_that_takes_nothing_turns_nobody_away(
    ailo: Ailo, cast: Cast, lea: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stalled(_: object) -> None:
        raise Stalled("full")

    monkeypatch.setattr(ailo.store.database, "write", stalled)
    clock = ailo.store.clock
    monkeypatch.setattr(ailo.store, "clock", lambda: clock() + DAY_MS)
    assert (await lea.ask("GET", "/api/account")).status == 200
    await ailo.sign_ins.seen.settled()


# Who may call these routes

ROUTES = [
    ("GET", SETTINGS, None),
    ("PATCH", SETTINGS, {"enter_sends": True}),
    ("GET", SESSIONS, None),
    ("DELETE", SESSIONS, None),
    ("DELETE", f"{SESSIONS}/{UUID(int=0)}", None),
]


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
async def test_who_is_signed_out_is_told_only_that(browsers: Browsers, method: str, path: str, body: Any) -> None:
    stranger = await browsers.stranger()
    for sent in (body, {"x": 1}):
        assert await stranger.code_of(method, path, sent, "https://elsewhere.example") == (401, "signed_out")


@pytest.mark.parametrize(("method", "path", "body"), [route for route in ROUTES if route[0] != "GET"])
async def test_foreign_pages_change_nothing(lea: Browser, browsers: Browsers, method: str, path: str, body: Any) -> None:
    phone = await browsers.of("lea", IPHONE)
    assert await lea.code_of(method, path, body, "https://elsewhere.example") == (403, "foreign_origin")
    assert (await get(phone, SETTINGS))["settings"] == USUAL
