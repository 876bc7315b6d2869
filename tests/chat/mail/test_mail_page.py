"""The page of the outbox: for its administrator alone, an id and a domain and nothing else, and decisions that hold."""

import csv
import io
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from chat import features
from chat.accounts.new_accounts import Person, add_account
from chat.ailo import Ailo
from chat.auth.door import Door, application
from chat.auth.routing import mount
from chat.auth.sign_in import Attempt
from chat.core import Web
from chat.framed.navigation import Navigation
from chat.framed.refusals import InWords
from chat.mail.feature import Mail
from chat.mail.words import reason
from chat.pages.assets import PAGES, Shelf
from chat.pages.words import static_folder
from chat.settings import ChatSettings
from storage.accounts.accounts import Role, Status
from storage.engine.database import Value
from storage.mail import letters, refused_mailboxes
from storage.mail.letters import Letter, State
from tests.chat.talk import Cast
from tests.people import PASSWORD, address

ORIGIN = "http://127.0.0.1:8080"
SETTINGS = ChatSettings("127.0.0.1", 0, ORIGIN, 0)


@pytest.fixture(scope="session")
def shelf() -> Shelf:
    return Shelf([static_folder()], {**PAGES, **features.pages()}, features.rails())


@dataclass
class Visitor:
    """Somebody with a browser, signed in or not."""

    client: "TestClient[web.Request, web.Application]"
    cookie: str

    async def get(self, path: str) -> tuple[int, str]:
        headers = {"Accept": "text/html", "Cookie": self.cookie}
        answer = await self.client.get(path, headers=headers, allow_redirects=False)
        return answer.status, await answer.text()

    async def post(self, origin: str = ORIGIN, **fields: Any) -> tuple[int, str, str]:
        """Post the form; the status, where it leads, and what it says there."""
        headers = {"Accept": "text/html", "Cookie": self.cookie, "Origin": origin}
        answer = await self.client.post("/mail", data=fields, headers=headers, allow_redirects=False)
        said = answer.cookies["ailo-said"].value if "ailo-said" in answer.cookies else ""
        return answer.status, answer.headers.get("Location", ""), said


class House:
    """The page, served; and the outbox that it shows."""

    def __init__(self, ailo: Ailo, client: "TestClient[web.Request, web.Application]") -> None:
        self.ailo, self.client, self.cast = ailo, client, Cast(ailo)

    async def visitor(self, name: str) -> Visitor:
        granted = await self.ailo.sign_ins.sign_in(Attempt(address(name), PASSWORD, "", "192.0.2.1"))
        return Visitor(self.client, f"ailo={granted.cookie}")

    async def write(self, state: State = State.WAITING, reason: str | None = None, *, useful_for: int = 10**9) -> UUID:
        """A letter to Léa, in some state."""
        store, now, id_ = self.ailo.store, self.ailo.store.clock(), uuid4()
        letter = Letter(
            id=id_, account=(await self.cast.account("lea")).id, kind="reply", cause=str(id_), facts={"a": "b"},
            message_id=f"{id_}@ailo.test", due_at=now, not_after=now + useful_for,
        )  # fmt: skip
        await store.database.write(lambda tx: letters.write(tx, store.guard, letter, now))
        if state is not State.WAITING:
            await store.database.write(lambda tx: letters.finish(tx, id_, state, now, reason))
        return id_

    async def claim(self) -> None:
        """Let a worker take the letter that is due first."""
        now = self.ailo.store.clock()
        assert await self.ailo.store.database.write(lambda tx: letters.claim(tx, now, now + 10**6))

    async def run(self, sql: str, **values: Value) -> None:
        """Write to the database behind the service's back."""
        await self.ailo.store.database.write(lambda tx: tx.run(sql, **values))

    async def row(self, letter: UUID) -> dict[str, Any]:
        found = await self.ailo.store.database.read(
            lambda reader: reader.row("select * from letters where id = :id", id=letter.bytes)
        )
        assert found
        return dict(found)


@pytest.fixture
async def house(ailo: Ailo, shelf: Shelf) -> AsyncIterator[House]:
    door = Door(SETTINGS, ailo.sign_ins)
    app = application(door)
    mail = ailo.of(Mail)
    parts = Web(door, shelf, {}, Navigation((place, mail) for place in mail.navigation))
    app.middlewares.extend([shelf.answer_kindly, InWords(parts.pages.show_to_anybody).answer])
    mount(app, door, ailo.access, mail.routes(parts))
    async with TestClient(TestServer(app)) as client:
        yield House(ailo, client)


async def test_it_shows_an_id_and_a_domain_and_nothing_else_of_anybody(house: House) -> None:
    letter = await house.write(State.REFUSED, "smtp 550")
    status, page = await (await house.visitor("ada")).get("/mail")
    assert status == 200
    assert str(letter) in page
    assert "<b>ailo.test</b>" in page
    assert "le relais a répondu 550" in page
    account = (await house.cast.account("lea")).id
    for secret in ("lea@", "Lea", "Rossi", str(account), account.hex, f"{letter}@"):
        assert secret not in page


async def test_nobody_else_has_it(house: House) -> None:
    letter = await house.write(State.REFUSED, "smtp 550")
    person = Person(Role.CLIENT, address("cleo"), "Cléo", "", "fr", PASSWORD)
    await add_account(house.ailo.store, house.ailo.sign_ins.pool, person)
    for name in ("lea", "claire", "sam", "cleo"):
        visitor = await house.visitor(name)
        for path in ("/mail", "/mail?as=csv", f"/mail?give-up={letter}"):
            status, page = await visitor.get(path)
            assert (status, str(letter) in page) == (404, False)
        assert (await visitor.post(deed="again", letter=letter))[0] == 404
    nobody = Visitor(house.client, "")
    assert (await nobody.get("/mail"))[0] == 303
    assert (await nobody.post(deed="again", letter=letter))[0] == 401
    assert (await house.row(letter))["state"] == "refused"


async def test_a_former_administrator_has_it_no_more(house: House) -> None:
    letter, ada = await house.write(State.REFUSED, "smtp 550"), await house.visitor("ada")
    assert (await ada.get("/mail"))[0] == 200
    account, store = await house.cast.account("ada"), house.ailo.store
    proof = store.guard.authenticate(
        "accounts", account.id, account.role, Status.DISABLED, account.generation, account.public_key
    )
    sql = "update accounts set status = :status, proof = :proof where id = :id"
    await store.database.write(lambda tx: tx.run(sql, status=Status.DISABLED, proof=proof, id=account.id.bytes))
    assert (await ada.get("/mail"))[0] == 303
    assert (await ada.post(deed="again", letter=letter))[0] == 401
    assert (await house.row(letter))["state"] == "refused"


@pytest.mark.parametrize("origin", ["null", "", "https://ailleurs.example", "http://127.0.0.1:8081"])
async def test_a_forged_form_changes_nothing(house: House, origin: str) -> None:
    letter = await house.write()
    status, where, _ = await (await house.visitor("ada")).post(origin, deed="give-up", letter=letter)
    assert (status, where, (await house.row(letter))["state"]) == (403, "", "waiting")


async def test_a_failed_letter_is_sent_again(house: House) -> None:
    letter, ada = await house.write(State.REFUSED, "smtp 550"), await house.visitor("ada")
    before = await house.row(letter)
    for _ in range(2):
        assert await ada.post(deed="again", letter=letter, back="/mail?state=failed&page=2") == (
            303, "/mail?state=failed&page=2", "again",
        )  # fmt: skip
    after = await house.row(letter)
    assert (after["state"], after["reason"], after["message_id"]) == ("waiting", None, before["message_id"])


async def test_sending_again_lets_letters_go_to_a_mailbox_that_was_refused(house: House) -> None:
    store, lea, ada = house.ailo.store, (await house.cast.account("lea")).id, await house.visitor("ada")
    await store.database.write(lambda tx: refused_mailboxes.note(tx, store.guard, lea, "5.1.1", store.clock()))
    letter, other = [await house.write(state, reason) for state, reason in (
        (State.REFUSED, "bounced 5.1.1"), (State.DROPPED, letters.NO_MAILBOX),
    )]  # fmt: skip
    page = (await ada.get("/mail"))[1]
    assert "revenue\u202f: cette adresse n’existe pas (5.1.1)" in page
    assert await ada.post(deed="again", letter=letter) == (303, "/mail", "again")
    assert [(await house.row(one))["state"] for one in (letter, other)] == ["waiting"] * 2
    assert await store.database.read(lambda reader: refused_mailboxes.refused_at(reader, store.guard, lea)) is None


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        ("bounced 5.2.2", "revenue : la boîte est pleine (5.2.2)"),
        ("bounced 4.2.2", "revenue : la boîte est pleine (4.2.2)"),
        ("bounced 5.7.1", "revenue : 5.7.1"),
        ("sender refused: smtp 553", "le relais refuse l’adresse d’expédition (553)"),
    ],
)
def test_what_came_back_is_said_in_words(kept: str, said: str) -> None:
    assert reason(kept, "fr") == said.replace(" :", "\u202f:")


async def test_it_asks_before_a_letter_is_given_up(house: House) -> None:
    letter, ada = await house.write(), await house.visitor("ada")
    status, page = await ada.get(f"/mail?give-up={letter}&back=%2Fmail%3Fstate%3Dwaiting")
    assert status == 200
    assert f"Abandonner la lettre {str(letter)[:8]}" in page
    assert 'href="/mail?state=waiting"' in page
    assert (await house.row(letter))["state"] == "waiting"
    assert await ada.post(deed="give-up", letter=letter) == (303, "/mail", "given-up")
    assert (await house.row(letter))["reason"] == "given up"


async def test_a_letter_that_a_worker_holds_is_left_alone(house: House) -> None:
    letter, ada = await house.write(), await house.visitor("ada")
    await house.claim()
    before = await house.row(letter)
    assert "part en ce moment" in (await ada.get("/mail"))[1]
    assert await ada.post(deed="give-up", letter=letter) == (303, "/mail", "held")
    assert await ada.post(deed="again", letter=letter) == (303, "/mail", "again")
    assert await house.row(letter) == before


async def test_what_cannot_be_done_is_said(house: House) -> None:
    ada, sent, late = await house.visitor("ada"), await house.write(State.SENT), await house.write(State.DROPPED, useful_for=1)
    assert await ada.post(deed="again", letter=sent) == (303, "/mail", "sent")
    assert await ada.post(deed="again", letter=late) == (303, "/mail", "too-late")
    assert await ada.post(deed="give-up", letter=uuid4()) == (303, "/mail", "gone")
    assert "ne peut plus servir" in (await ada.get("/mail"))[1]


@pytest.mark.parametrize(
    "fields", [{"deed": "erase", "letter": uuid4()}, {"deed": "again"}, {"letter": uuid4()}, {"deed": "again", "letter": "1"}]
)
async def test_a_form_that_is_none_of_the_page_leads_nowhere(house: House, fields: dict[str, Any]) -> None:
    assert (await (await house.visitor("ada")).post(**fields))[0] == 404


@pytest.mark.parametrize(
    "back", ["https://ailleurs.example", "//ailleurs.example/mail?", "/mailbox", "/mail?sort=x&other=<b>", "\r\nX: y"]
)
async def test_an_action_leads_back_to_the_page_and_nowhere_else(house: House, back: str) -> None:
    letter, ada = await house.write(), await house.visitor("ada")
    assert (await ada.post(deed="again", letter=letter, back=back))[1] == "/mail"


async def test_the_message_after_an_action_is_said_once(house: House) -> None:
    letter, ada = await house.write(State.REFUSED, "smtp 550"), await house.visitor("ada")
    await ada.post(deed="again", letter=letter)
    told = Visitor(house.client, f"{ada.cookie}; ailo-said=again")
    assert 'role="status"' in (await told.get("/mail"))[1]
    answer = await house.client.get("/mail", headers={"Cookie": told.cookie, "Accept": "text/html"})
    assert answer.cookies["ailo-said"].value == ""
    assert 'role="status"' not in (await ada.get("/mail"))[1]
    assert 'role="status"' not in (await Visitor(house.client, f"{ada.cookie}; ailo-said=<b>").get("/mail"))[1]


async def test_the_export_has_what_the_filter_shows(house: House) -> None:
    failed, ada = await house.write(State.REFUSED, "smtp 550"), await house.visitor("ada")
    await house.write()
    status, text = await ada.get("/mail?state=failed&as=csv")
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    assert (status, len(rows)) == (200, 1)
    assert {name: rows[0][name] for name in ("id", "domain", "kind", "state", "reason")} == {
        "id": str(failed), "domain": "ailo.test", "kind": "reply", "state": "refused", "reason": "smtp 550",
    }  # fmt: skip
    assert "lea" not in text


async def test_filters_views_and_pages_lead_to_one_another(house: House) -> None:
    for state in (State.SENT, State.WAITING, State.DROPPED):
        await house.write(state)
    ada = await house.visitor("ada")
    for query, count in {"": 3, "?state=sent": 1, "?state=failed": 1, "?kind=reply": 3, "?kind=lesson": 0, "?since=1": 3,
                         "?state=%3Cb%3E": 3, "?page=9": 0, "?page=x&sort=y&kind=%22": 3}.items():  # fmt: skip
        status, page = await ada.get(f"/mail{query}")
        assert (status, len(re.findall('class="letters__id', page))) == (200, count), query
        assert ("Aucune lettre n’est ainsi" in page) == (not count)


@pytest.mark.parametrize("column", ["id", "kind", "state", "due_at", "not_after", "attempts", "leased_until", "reason",
                                    "written_at", "ended_at"])  # fmt: skip
async def test_a_damaged_row_hides_nothing_but_itself(house: House, column: str) -> None:
    sound, ada = await house.write(State.REFUSED, "smtp 550"), await house.visitor("ada")
    for value in (b"\xff", "x'; --", -1, 2**60, b""):
        damaged = await house.write()
        await house.run(f"update letters set {column} = :value where id = :id", value=value, id=damaged.bytes)
        status, page = await ada.get("/mail")
        assert (status, str(sound) in page) == (200, True), value
        assert (await ada.get("/mail?as=csv"))[0] == 200
        await house.run("delete from letters where state <> 'refused' or id <> :sound", sound=sound.bytes)


async def test_a_letter_of_an_account_that_does_not_open_is_shown_without_a_domain(house: House) -> None:
    letter, ada = await house.write(), await house.visitor("ada")
    account = (await house.cast.account("lea")).id
    await house.ailo.store.database.write(
        lambda tx: tx.run("update accounts set email = :email where id = :id", email=b"spoiled", id=account.bytes)
    )
    page = (await ada.get("/mail"))[1]
    assert str(letter) in page
    assert "domaine illisible" in page
