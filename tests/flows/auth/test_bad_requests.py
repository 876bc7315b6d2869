"""Malformed requests, and requests from elsewhere or without a session: the pinned answers, in the pinned order."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from chat.client.remote import Client
from storage.ids import MessageId, ThreadId, new_id
from tests.flows.service import Visit
from tests.people import PASSWORD

CANARY = "canari-21ab"
BODIES: list[tuple[str, bytes]] = [
    ("application/json", b""),
    ("application/json", b"{"),
    ("application/json", b"null"),
    ("application/json", b"[]"),
    ("application/json", b'"' + CANARY.encode() + b'"'),
    ("application/json", b"\xff\xfe"),
    ("application/json", b"[" * 50_000),
    ("application/json", b'{"id":1,"text":1,"email":1,"password":1}'),
    ("application/json", b'{"id":"x","text":"a"}'),
    ("application/json", b'{"email":"a@ailo.test"}'),
    ("application/json", b'{"email":null,"password":null}'),
    ("application/json", b'{"email":["a"],"password":{}}'),
    ("application/json", b'{"email":"\\ud800","password":"\\ud800","id":"\\ud800","text":"\\ud800"}'),
    ("application/json", b" " * 200_000),
    ("application/json", b'{"email":"' + b"x" * 200_000 + b'"}'),
    ("text/plain", b'{"id":"0197a1b2-0000-7000-8000-000000000000","text":"a","email":"a@ailo.test","password":"a"}'),
    ("application/x-www-form-urlencoded", b"email=a&password=b&id=c&text=d"),
    ("multipart/form-data; boundary=x", b"--x--"),
]


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: Any

    @property
    def code(self) -> str:
        return str(self.body["error"]["code"])


async def ask(client: Client, method: str, path: str, *, origin: str | None = "own", **more: Any) -> Answer:
    headers = dict(more.pop("headers", {}))
    if origin:
        headers["Origin"] = client.origin if origin == "own" else origin
    async with client.http.request(method, client.origin + path, headers=headers, **more) as response:
        raw = await response.read()
        return Answer(response.status, {k.lower(): v for k, v in response.headers.items()}, json.loads(raw) if raw else None)


@pytest.mark.parametrize(("content_type", "body"), BODIES)
async def test_a_bad_body_is_a_bad_request(visit: Visit, content_type: str, body: bytes) -> None:
    thread = await visit.thread("lea", "claire")
    lea = await visit.client("lea")
    for path in ("/api/session", f"/api/threads/{thread}/messages"):
        answer = await ask(lea, "POST", path, data=body, headers={"Content-Type": content_type})
        assert (answer.status, answer.code) == (400, "bad_request")
    assert CANARY not in visit.log


@pytest.mark.parametrize("text", ["", "x" * 8_001])
async def test_a_text_of_a_wrong_length_is_a_bad_request(visit: Visit, text: str) -> None:
    thread = await visit.thread("lea", "claire")
    answer = await ask(
        await visit.client("lea"), "POST", f"/api/threads/{thread}/messages", json={"id": str(new_id(MessageId)), "text": text}
    )
    assert (answer.status, answer.code) == (400, "bad_request")


async def test_an_id_that_is_somebody_elses_is_a_bad_request(visit: Visit) -> None:
    thread, id_ = await visit.thread("lea", "claire"), str(new_id(MessageId))
    statuses = [
        (await ask(await visit.client(name), "POST", f"/api/threads/{thread}/messages", json={"id": id_, "text": "…"})).status
        for name in ("lea", "claire")
    ]
    assert statuses == [201, 400]


@pytest.mark.parametrize(
    "path", ["/api/nothing", "/api/", "/api/threads/x/y/z", "/api/../api/x", "/api/account/x", "/api/%00", "/api/é"]
)
async def test_an_unknown_route_does_not_exist(visit: Visit, path: str) -> None:
    lea = await visit.client("lea")
    unknown_thread = await ask(lea, "GET", f"/api/threads/{new_id(ThreadId)}/messages")
    for method in ("GET", "POST"):
        answer = await ask(lea, method, path)
        assert (answer.status, answer.code) == (404, "not_found")
        assert answer.body == unknown_thread.body


async def test_an_error_has_the_pinned_form(visit: Visit) -> None:
    answer = await ask(await visit.client("lea"), "GET", "/api/nothing")
    assert answer.body.keys() == {"error"}
    assert answer.body["error"].keys() == {"code", "message"}
    assert answer.headers["cache-control"] == "no-store"
    assert UUID(answer.headers["x-request-id"])
    assert answer.headers["content-type"].startswith("application/json")


async def test_an_error_is_in_the_readers_language(visit: Visit) -> None:
    lea = await visit.client("lea")
    said = [(await ask(lea, "GET", "/api/x", headers={"Accept-Language": wanted})).body for wanted in ("en", "fr")]
    assert said[0] == said[1]  # the account's own language takes precedence
    lea.http.cookie_jar.clear()
    said = [(await ask(lea, "GET", "/api/x", headers={"Accept-Language": wanted})).body for wanted in ("en", "fr")]
    assert said[0] != said[1]


EVERYTHING = [
    ("GET", "/api/account"),
    ("GET", "/api/threads"),
    ("GET", "/api/threads?order=x"),
    ("GET", "/api/threads/x/messages?limit=x"),
    ("POST", "/api/threads/x/messages"),
    ("DELETE", "/api/session"),
    ("GET", "/api/session"),
    ("PUT", "/api/session"),
    ("GET", "/api/nothing"),
    ("PATCH", "/api/nothing"),
]


@pytest.mark.parametrize(("method", "path"), EVERYTHING)
@pytest.mark.parametrize("cookie", [None, "x", "A" * 43 + "="])
async def test_signed_out_comes_before_everything(visit: Visit, method: str, path: str, cookie: str | None) -> None:
    lea = await visit.client("lea")
    lea.http.cookie_jar.clear()
    headers = {"Cookie": f"ailo={cookie}"} if cookie else {}
    answer = await ask(lea, method, path, origin="https://evil.example", data=b"{", headers=headers)
    assert (answer.status, answer.code) == (401, "signed_out")


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", "http://127.0.0.1"])
async def test_what_changes_something_must_come_from_our_pages(visit: Visit, origin: str | None) -> None:
    thread = await visit.thread("lea", "claire")
    lea = await visit.client("lea")
    for method, path in (("POST", f"/api/threads/{thread}/messages"), ("DELETE", "/api/session"), ("POST", "/api/nothing")):
        answer = await ask(lea, method, path, origin=origin, json={"id": str(new_id(MessageId)), "text": "…"})
        assert (answer.status, answer.code) == (403, "foreign_origin")
    assert (await lea.get(f"/api/threads/{thread}/messages"))["messages"] == []


async def test_a_page_elsewhere_may_read_nothing_of_an_answer(visit: Visit) -> None:
    answer = await ask(await visit.client("lea"), "GET", "/api/account", origin="https://evil.example")
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_the_account_is_told_as_at_sign_in(visit: Visit) -> None:
    lea = await visit.client("lea")
    account = {"id": visit.ids["lea"], "role": "member", "first_name": "Lea", "locale": "fr"}
    assert await lea.get("/api/account") == {"account": account}
    assert lea.account == account


async def test_an_unknown_address_gets_the_same_answer(visit: Visit) -> None:
    lea = await visit.client("lea")
    addresses = (visit.address("lea"), f"nobody.{visit.mark}@ailo.test", "not an address", "\N{SNOWMAN}@ailo.test")
    tries = [{"email": address, "password": "une autre"} for address in addresses]
    answers = [await ask(lea, "POST", "/api/session", json=given) for given in tries]
    first = answers[0]
    assert (first.status, first.code) == (401, "wrong_credentials")
    for answer in answers:
        assert (answer.status, answer.body) == (401, first.body)
        assert answer.headers.keys() == first.headers.keys()
        assert answer.headers["content-length"] == first.headers["content-length"]
    assert visit.mark not in visit.log


async def test_the_twentieth_failure_is_slowed(visit: Visit) -> None:
    lea = await visit.client("lea")
    wrong = {"email": f"guessed.{visit.mark}@ailo.test", "password": "une autre"}
    answers = [await ask(lea, "POST", "/api/session", json=wrong) for _ in range(20)]
    assert [answer.status for answer in answers[:5]] == [401] * 5
    assert (answers[-1].status, answers[-1].code) == (429, "slow_down")
    assert 0 < int(answers[-1].headers["retry-after"]) <= 600


async def test_a_sign_in_after_five_failures_succeeds(visit: Visit) -> None:
    lea = await visit.client("lea")
    for _ in range(5):
        await ask(lea, "POST", "/api/session", json={"email": visit.address("lea"), "password": "une autre"})
    lea.http.cookie_jar.clear()
    answer = await ask(lea, "POST", "/api/session", json={"email": visit.address("lea").upper(), "password": PASSWORD})
    assert answer.status == 200


async def test_the_service_says_that_it_is_well(visit: Visit) -> None:
    lea = await visit.client("lea")
    lea.http.cookie_jar.clear()
    for path in ("/health/live", "/health/ready"):
        assert (await ask(lea, "GET", path, origin=None)).status == 200


async def test_figures_are_not_on_the_public_port(visit: Visit) -> None:
    async with (await visit.client("lea")).http.get(f"{visit.service.origin}/metrics") as response:
        assert response.status == 404
