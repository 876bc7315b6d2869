"""Canned replies over HTTP: kept for their author, and through a change of password; for whoever is not staff, no such route."""

import json
from typing import Any
from uuid import uuid4

import pytest

from chat.client.remote import Json
from tests.flows.conversations.test_access import ask
from tests.flows.service import Visit
from tests.people import PASSWORD

ROUTE = "/api/account/replies"
OWN = "un mot de passe à moi"


def reply(**other: Any) -> Json:
    return {"id": str(uuid4()), "title": "Merci", "text": "Merci, {prénom}.", **other}


def kept(version: int, *replies: Json) -> Json:
    return {"replies": list(replies), "version": version}


async def test_they_are_kept_and_given_back(visit: Visit) -> None:
    await visit.arrive("claire")
    claire, thanks = await visit.client("claire"), reply()
    assert (await claire.ask("GET", ROUTE)) == kept(0)
    assert (await claire.ask("PUT", ROUTE, kept(0, thanks))) == kept(1, thanks)
    assert (await claire.ask("GET", ROUTE)) == kept(1, thanks)


async def test_the_slower_one_is_told(visit: Visit) -> None:
    await visit.arrive("claire")
    claire = await visit.client("claire")
    await claire.ask("PUT", ROUTE, kept(0, reply()))
    answer = await ask(claire, "PUT", ROUTE, kept(0))
    assert (answer.status, json.loads(answer.body)["error"]["code"]) == (409, "conflict")


@pytest.mark.parametrize("name", ["lea", "ada"])
@pytest.mark.parametrize(("method", "body"), [("GET", None), ("PUT", kept(0)), ("PUT", {"x": 1})])
async def test_who_is_not_staff_is_told_as_of_nothing(visit: Visit, name: str, method: str, body: Json | None) -> None:
    await visit.arrive(name)
    client = await visit.client(name)
    answers = [await ask(client, method, route, body) for route in (ROUTE, "/api/account/nothing")]
    assert answers[0].status == 404
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    "body",
    [
        {},
        kept(-1),
        kept(0, reply(title="")),
        kept(0, reply(title="x" * 101)),
        kept(0, reply(text="")),
        kept(0, reply(text="x" * 8_001)),
        kept(0, reply(id="x")),
        kept(0, *(reply() for _ in range(101))),
        kept(0, *(reply(text="é" * 8_000) for _ in range(8))),
        {"replies": {}, "version": 0},
    ],
)
async def test_bad_input_is_refused_and_nothing_is_kept(visit: Visit, body: Json) -> None:
    await visit.arrive("claire")
    claire = await visit.client("claire")
    assert (await ask(claire, "PUT", ROUTE, body)).status == 400
    assert (await claire.ask("GET", ROUTE)) == kept(0)


@pytest.mark.parametrize("may_be_known", [True, False])
async def test_they_outlive_a_change_of_password(visit: Visit, *, may_be_known: bool) -> None:
    """Whether or not it renews the account's key."""
    await visit.arrive("claire")
    claire, thanks = await visit.client("claire"), reply()
    await claire.ask("PUT", ROUTE, kept(0, thanks))
    change = {"old": PASSWORD, "new": OWN, "may_be_known": may_be_known}
    await claire.ask("POST", "/api/account/password", change)
    assert (await claire.ask("GET", ROUTE)) == kept(1, thanks)


async def test_they_outlive_the_use_of_a_recovery_code(visit: Visit) -> None:
    await visit.arrive("claire")
    claire, thanks = await visit.client("claire"), reply()
    await claire.ask("PUT", ROUTE, kept(0, thanks))
    code = (await claire.ask("POST", "/api/account/recovery-code", {"password": PASSWORD}))["code"]
    await claire.ask("POST", "/api/session/recovery", {"email": visit.address("claire"), "code": code, "password": OWN})
    assert (await claire.ask("GET", ROUTE)) == kept(1, thanks)
