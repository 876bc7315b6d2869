"""The page behind the link in a letter: a GET changes nothing, one click does, and whoever has it can do no more."""

import asyncio
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import msgspec
import pytest
from aiohttp import ClientResponse, FormData
from aiohttp.test_utils import TestClient, TestServer

from chat.ailo import Ailo
from chat.auth.door import Door, application
from chat.auth.routing import mount
from chat.core import Web
from chat.pages.assets import PAGES, Shelf
from chat.pages.words import static_folder
from chat.settings import ChatSettings
from storage.accounts import accounts, preferences
from storage.accounts.preferences import USUAL, Letters, Preferences
from storage.mail import unsubscribing
from storage.rekeying.rotation import Rotation
from tests.chat.accounts.test_routes import ORIGIN
from tests.chat.talk import Cast

ONE_CLICK = b"List-Unsubscribe=One-Click"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
WRONG: list[tuple[bytes, Mapping[str, str]]] = [
    (b"", FORM),
    (b"list-unsubscribe=one-click", FORM),
    (b"List-Unsubscribe=Two-Clicks", FORM),
    (b"List-Unsubscribe=One-Click&more=1", FORM),
    (b"List-Unsubscribe=One-Click" + b" " * 5000, FORM),
    (b"again=no", FORM),
    (b"\xff\xfe", FORM),
    (b"List-Unsubscribe=One-Click", {"Content-Type": "text/plain"}),
    (b"List-Unsubscribe=One-Click", {"Content-Type": f"application/x-www-form-urlencoded; {'x' * 300}"}),
    (b'{"List-Unsubscribe": "One-Click"}', {"Content-Type": "application/json"}),
    (b"nothing of the kind", {"Content-Type": "multipart/form-data; boundary=x"}),
    (b"nothing of the kind", {"Content-Type": "multipart/form-data"}),
]


@pytest.fixture(scope="module")
def shelf() -> Shelf:
    return Shelf([static_folder()], PAGES)


@dataclass
class Mailbox:
    """Who has Léa's link to leave her programmes: a browser without cookies, or a mail provider."""

    client: TestClient[Any, Any]
    ailo: Ailo
    path: str

    async def click(self, body: bytes = ONE_CLICK, headers: Mapping[str, str] = FORM) -> ClientResponse:
        return await self.client.post(self.path, data=body, headers=headers, allow_redirects=False)

    async def letters(self, name: str = "lea") -> Letters:
        store, account = self.ailo.store, await Cast(self.ailo).account(name)
        return (await store.database.read(lambda reader: preferences.find(reader, store.guard, account.id))).letters


async def path_for(ailo: Ailo, name: str, list_name: str) -> str:
    store, account = ailo.store, await Cast(ailo).account(name)
    token = await store.database.write(lambda tx: unsubscribing.make_token(tx, store.guard, account.id, list_name))
    return f"/unsubscribe/{urlsafe_b64encode(token).decode()}"


@pytest.fixture
async def limits() -> float:
    return 0


@pytest.fixture
async def mailbox(ailo: Ailo, shelf: Shelf, limits: float) -> AsyncIterator[Mailbox]:
    door = Door(ChatSettings("127.0.0.1", 8080, ORIGIN, limits), ailo.sign_ins)
    app, parts = application(door), Web(door, shelf, {})
    mount(app, door, ailo.access, chain(ailo.accounts.routes(parts)))
    async with TestClient(TestServer(app)) as client:
        yield Mailbox(client, ailo, await path_for(ailo, "lea", "programmes"))


async def text(answer: ClientResponse) -> str:
    return (await answer.text()).replace("\u202f", " ")


async def test_looking_changes_nothing(mailbox: Mailbox) -> None:
    """Also as scanners, prefetching browsers and previews look."""
    for method, headers in (
        ("GET", {}), ("HEAD", {}), ("GET", {"Sec-Purpose": "prefetch;prerender"}), ("GET", {"Purpose": "prefetch"}),
        ("GET", {"List-Unsubscribe": "One-Click"}),
    ):  # fmt: skip
        answer = await mailbox.client.request(method, f"{mailbox.path}?List-Unsubscribe=One-Click", headers=headers)
        assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
    assert await mailbox.letters() == USUAL.letters


async def test_the_page_says_which_list_and_names_nobody(mailbox: Mailbox) -> None:
    answer = await mailbox.client.get(mailbox.path)
    said = await text(answer)
    assert "Ne plus recevoir ces e-mails ?" in said
    assert "Les étapes de vos parcours vous arrivent par e-mail." in said
    assert "lea" not in said.lower().replace("please", "")
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "Set-Cookie" not in answer.headers


async def test_one_click_of_a_mail_provider_turns_the_list_off(mailbox: Mailbox) -> None:
    """The exact body of RFC 8058, no cookie, no Origin; any number of times."""
    for _ in range(3):
        answer = await mailbox.click()
        assert answer.status == 200
        assert "Les étapes de vos parcours ne vous arrivent plus par e-mail." in await text(answer)
    assert await mailbox.letters() == Letters(programmes=False)


async def test_it_may_come_as_multipart(mailbox: Mailbox) -> None:
    form = FormData(default_to_multipart=True)
    form.add_field("List-Unsubscribe", "One-Click")
    assert (await mailbox.client.post(mailbox.path, data=form)).status == 200
    assert not (await mailbox.letters()).programmes


async def test_it_can_be_taken_back_on_the_same_page(mailbox: Mailbox) -> None:
    assert 'name="again" value="yes"' in await text(await mailbox.click())
    answer = await mailbox.click(b"again=yes")
    assert (answer.status, 'value="One-Click"' in await text(answer)) == (200, True)
    assert await mailbox.letters() == USUAL.letters


async def test_a_foreign_origin_does_not_matter(mailbox: Mailbox) -> None:
    answer = await mailbox.click(headers={**FORM, "Origin": "https://mail.example", "Sec-Fetch-Site": "cross-site"})
    assert answer.status == 200
    assert not (await mailbox.letters()).programmes


@pytest.mark.parametrize(("body", "headers"), WRONG)
async def test_another_body_changes_nothing(mailbox: Mailbox, body: bytes, headers: Mapping[str, str]) -> None:
    answer = await mailbox.click(body, headers)
    assert answer.status == 400
    assert "rien n’a changé" in await text(answer)
    assert await mailbox.letters() == USUAL.letters


@pytest.mark.parametrize("name", ["programmes", "encouragements", "offers"])
async def test_it_touches_that_choice_of_that_account_alone(mailbox: Mailbox, name: str) -> None:
    store, lea = mailbox.ailo.store, await Cast(mailbox.ailo).account("lea")
    all_on = Letters(digest=True, offers=True, quiet_from=60, quiet_to=120, most_a_day=1)
    chosen = Preferences(enter_sends=True, letters=all_on)
    await store.database.write(lambda tx: preferences.keep(tx, store.guard, lea.id, chosen))
    mailbox.path = await path_for(mailbox.ailo, "lea", name)
    await mailbox.click()
    kept = await store.database.read(lambda reader: preferences.find(reader, store.guard, lea.id))
    assert kept == msgspec.structs.replace(chosen, letters=msgspec.structs.replace(all_on, **{name: False}))
    assert await mailbox.letters("karim") == USUAL.letters


async def test_all_unknown_links_get_one_and_the_same_answer(mailbox: Mailbox) -> None:
    own = mailbox.path
    wrong = [
        f"/unsubscribe/{urlsafe_b64encode(bytes(24)).decode()}",
        f"{own}x",
        own[:-4],
        "/unsubscribe/" + own.rpartition("/")[2].swapcase(),
        "/unsubscribe/é%20",
        "/unsubscribe/%00",
    ]
    answers = [await mailbox.client.request(method, path, data=ONE_CLICK if method == "POST" else None, headers=FORM)
               for path in wrong for method in ("GET", "POST")]  # fmt: skip
    assert {answer.status for answer in answers} == {404}
    assert len({await answer.text() for answer in answers}) == 1
    assert "Ce lien n’est pas reconnu" in await text(answers[0])
    assert await mailbox.letters() == USUAL.letters


async def test_it_works_after_the_root_key_was_dropped(mailbox: Mailbox) -> None:
    rotation, old = Rotation(mailbox.ailo.store), mailbox.ailo.store.guard.keyring.newest.id
    assert await rotation.turn()
    await rotation.finish()
    await rotation.drop(old)
    assert (await mailbox.click()).status == 200
    assert not (await mailbox.letters()).programmes


async def test_it_speaks_the_account_s_language(mailbox: Mailbox) -> None:
    lea = await Cast(mailbox.ailo).account("lea")
    await mailbox.ailo.store.database.write(lambda tx: accounts.settle(tx, lea.id, "en", "Europe/Paris"))
    answer = await mailbox.client.get(mailbox.path, headers={"Accept-Language": "fr"})
    assert "Stop receiving these e-mails?" in await text(answer)
    assert answer.headers["Content-Language"] == "en"


async def test_choices_that_were_tampered_with_can_be_made_anew(mailbox: Mailbox) -> None:
    await mailbox.click()
    await mailbox.ailo.store.database.write(lambda tx: tx.run("update preferences set body = zeroblob(90)"))
    assert (await mailbox.click()).status == 200
    assert await mailbox.letters() == Letters(programmes=False)


async def test_two_clicks_at_once_are_one(mailbox: Mailbox) -> None:
    answers = await asyncio.gather(*(mailbox.click() for _ in range(5)))
    assert [answer.status for answer in answers] == [200] * 5
    assert await mailbox.letters() == Letters(programmes=False)


class TestLimits:
    """What strangers may ask."""

    @pytest.fixture
    async def limits(self) -> float:
        return 5

    async def test_guessing_ends_after_a_hundred(self, mailbox: Mailbox) -> None:
        wrong = f"/unsubscribe/{urlsafe_b64encode(bytes(24)).decode()}"
        statuses = [(await mailbox.client.get(wrong)).status for _ in range(102)]
        assert statuses == [404] * 100 + [429] * 2

    async def test_a_link_may_be_turned_on_and_off_some_times(self, mailbox: Mailbox) -> None:
        statuses = [(await mailbox.click(body)).status for body in (ONE_CLICK, b"again=yes") * 11]
        assert statuses == [200] * 20 + [429] * 2
