"""Every cell of the access matrix, tried against a running service: role × own, other's, former, none × route, page and frame.

Nothing here is specific to any one route: a feature's rows come with its card.
"""

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from chat.auth.routing import Reach, Roles, Route
from chat.client.remote import Client, Json
from chat.connections.dialogue import FRAMES
from chat.programmes.commands import ProgrammeEnrol, ProgrammeImport
from chat.programmes.folders import Folder
from storage.accounts.accounts import Role
from storage.ids import MessageId, ThreadId, new_id
from tests import access_matrix
from tests.chat.programmes.directories import files, lesson
from tests.flows.encouragements.suggesting import suggest
from tests.flows.inbound import waiting
from tests.flows.service import Service, Visit, settled

ROUTES = access_matrix.routes()
# Who tries each role: somebody with a thread of their own, if the role has threads.
WHO = {
    Role.MEMBER: "lea",
    Role.PROFESSIONAL: "claire",
    Role.COMPANION: "sam",
    Role.ADMINISTRATOR: "ada",
    Role.CLIENT: "cléo",
}
IN_THREADS = (Role.MEMBER, Role.PROFESSIONAL, Role.COMPANION)
AT_ONCE = {
    f"01-respirer.{language}.md": lesson(title, "day = 0", 'hour = "00:00"')
    for language, title in {"fr": "Respirer", "en": "Breathing"}.items()
}
REFUSED = {401, 403, 404, 405}
BODIES: dict[str, Json] = {"send": {"id": str(new_id(MessageId)), "text": "…"}, "read": {"seq": 0}, "typing": {}}


@dataclass
class Answer:
    """Everything by which one answer could be told from another."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def is_refusal(self) -> bool:
        return self.status in REFUSED


async def ask(client: Client, method: str, path: str) -> Answer:
    headers = {"Origin": client.origin}
    body: Any = {} if method in {"POST", "PUT", "PATCH"} else None
    async with client.http.request(method, client.origin + path, json=body, headers=headers, allow_redirects=False) as response:
        kept = {name: value for name, value in response.headers.items() if name.lower() not in {"x-request-id", "date"}}
        return Answer(response.status, kept, await response.read())


@dataclass
class Threads:
    """For one role, a thread for each relation that somebody may have to it."""

    own: str
    others: str
    former: str | None
    none: str


async def threads_of(visit: Visit, role: Role) -> Threads:
    """Karim writes with Thomas, which the others know nothing about. For Claire and for Sam, there is a thread they have left."""
    own = await visit.thread("lea", "claire", "sam") if role in IN_THREADS else str(new_id(ThreadId))
    others = await visit.thread("karim", "thomas")
    former = None
    if role in (Role.PROFESSIONAL, Role.COMPANION):
        former = await visit.thread("karim", "claire", "sam")
        await visit.leave(former, WHO[role])
    return Threads(own, others, former, str(new_id(ThreadId)))


def named(route: Route) -> str:
    return f"{route.method} {route.path}"


APIS = [route for route in ROUTES if route.path.startswith("/api/")]
PAGES = [route for route in ROUTES if route.is_page and not route.roles & Roles.NOBODY]


@pytest.mark.parametrize("role", WHO, ids=lambda role: role.value)
@pytest.mark.parametrize("route", [route for route in APIS if not route.roles & Roles.NOBODY], ids=named)
async def test_a_route_is_there_for_its_roles_alone(visit: Visit, route: Route, role: Role) -> None:
    await visit.arrive(*{"lea", "karim", "claire", "thomas", "sam", WHO[role]} - visit.ids.keys())
    client, threads = await visit.client(WHO[role]), await threads_of(visit, role)
    nothing = await ask(client, route.method, "/api/nothing-of-this-name")
    assert nothing.status == 404
    ids = {"session": str(uuid4()), "thread": threads.own, "suggestion": str(uuid4()), "rule": "silence", "mail": str(uuid4())}
    if "{session}" in route.path:
        ids["session"] = next(one["id"] for one in (await client.get("/api/account/sessions"))["sessions"])
    if "{suggestion}" in route.path and role in IN_THREADS:
        ids["suggestion"] = suggest(visit.service.data, threads.own)
    if "{mail}" in route.path and role in IN_THREADS:
        ids["mail"] = waiting.leave(visit.service.data, visit.ids[WHO[role]], threads.own)
        if route.method == "GET":  # the mail behind a message
            await client.ask("POST", f"/api/threads/{threads.own}/mails/{ids['mail']}/take")
    if not route.roles.has(role):
        for thread in filter(None, (threads.own, threads.others, threads.former, threads.none)):
            assert await ask(client, route.method, route.path.format(**{**ids, "thread": thread})) == nothing
        return
    if route.reach is Reach.THREAD:
        for thread in filter(None, (threads.others, threads.former, threads.none)):
            assert await ask(client, route.method, route.path.format(**{**ids, "thread": thread})) == nothing
    if route.reach is not Reach.THREAD or role in IN_THREADS:
        assert not (await ask(client, route.method, route.path.format(**ids))).is_refusal


@pytest.mark.parametrize("route", APIS, ids=named)
async def test_signed_out_there_is_signing_in_and_nothing_else(visit: Visit, route: Route) -> None:
    client = await visit.client("lea")
    client.http.cookie_jar.clear()
    ids = {name: str(uuid4()) for name in ("thread", "session", "suggestion", "mail")}
    answer = await ask(client, route.method, route.path.format(**ids, rule="silence"))
    unknown = await ask(client, route.method, "/api/nothing-of-this-name")
    if route.roles & Roles.NOBODY:
        assert answer.status == 400  # an empty body is invalid, so the route was reached
    else:
        assert answer == unknown
        assert answer.status == 401


@pytest.fixture(scope="session")
def programme(service: Service) -> dict[str, str]:
    """A programme whose first lesson is due at any hour, and a later version that is not published; the names in its paths."""

    async def bring() -> None:
        await service.command(ProgrammeImport(Folder(files(**AT_ONCE), {}), is_draft=False))
        await service.command(ProgrammeImport(Folder(files(), {}), is_draft=True))

    asyncio.run(bring())
    return {"programme": "souffler", "version": "1", "lesson": "respirer"}


async def follow(visit: Visit, client: Client, programme: dict[str, str]) -> None:
    """Have whoever uses this client follow the programme, and wait for its first lesson."""
    await visit.service.command(ProgrammeEnrol(programme["programme"], visit.address(WHO[Role.MEMBER])))
    async with asyncio.timeout(10):
        while (await ask(client, "GET", "/programmes/{programme}/lessons/{lesson}".format(**programme))).status == 404:
            pass  # each answer takes as long as the service works


@pytest.mark.parametrize("role", WHO, ids=lambda role: role.value)
@pytest.mark.parametrize("route", PAGES, ids=named)
async def test_a_page_is_there_for_its_roles_alone(visit: Visit, programme: dict[str, str], route: Route, role: Role) -> None:
    client, path = await visit.client(WHO[role]), route.path.format(**programme)
    if role is Role.MEMBER and path != route.path:
        await follow(visit, client, programme)
    answer = await ask(client, route.method, path)
    if route.roles.has(role):
        assert answer.status == (200 if route.method == "GET" else 400)  # the body is no form, so the route was reached
    else:
        unknown = await ask(client, route.method, "/nothing-of-this-name")
        assert (answer.status, answer.headers) == (404, unknown.headers)
    client.http.cookie_jar.clear()
    signed_out = await ask(client, route.method, path)
    if route.roles & Roles.NOBODY:
        assert signed_out.status == answer.status
    elif route.method == "GET":
        assert (signed_out.status, signed_out.headers["Location"]) == (303, "/sign-in")
    else:
        assert signed_out.status == 401


@pytest.mark.parametrize("route", [route for route in PAGES if route.method != "GET"], ids=named)
async def test_a_form_comes_from_a_page_of_ours_alone(visit: Visit, programme: dict[str, str], route: Route) -> None:
    client = await visit.client(next(name for role, name in WHO.items() if route.roles.has(role)))
    for origin in ("null", "https://ailleurs.example"):
        async with client.http.request(
            route.method, client.origin + route.path.format(**programme), data="a=b", headers={"Origin": origin}
        ) as answer:
            assert answer.status == 403


@pytest.mark.parametrize("role", WHO, ids=lambda role: role.value)
@pytest.mark.parametrize("kind", [kind for kind in FRAMES if kind.__name__ != "Resume"], ids=lambda kind: kind.__name__)
async def test_a_frame_reaches_ones_own_threads_alone(visit: Visit, kind: type, role: Role) -> None:
    """For a resume, which names many threads at once, see ``test_a_resume_leaves_out_what_one_may_not_see``."""
    await visit.arrive("lea", "karim", "claire", "thomas", "sam")
    threads = await threads_of(visit, role)
    wire = await visit.wire(WHO[role])
    name = kind.__name__.lower()
    told = []
    for thread in filter(None, (threads.none, threads.others, threads.former)):
        await wire.put({"type": name, "thread": thread, **BODIES[name]})
        told.append(await wire.socket.recv())
    assert told == told[:1] * len(told)
    assert '"not_found"' in str(told[0])
    await settled(wire)
    if not FRAMES[kind].roles.has(role):
        return
    await wire.put({"type": name, "thread": threads.own, **BODIES[name]})
    assert not [frame for frame in await settled(wire) if frame["type"] == "error"]


def test_every_route_below_api_and_every_frame_is_in_the_matrix() -> None:
    rows = access_matrix.rows()
    assert {row.name for row in rows["Routes"]} == {named(route) for route in ROUTES if not route.is_page}
    assert len(rows["Frames"]) == len(FRAMES)


def test_the_page_is_as_the_features_declare() -> None:
    assert access_matrix.DOCUMENT.read_text("utf-8") == access_matrix.text(), "run `python -m tests.access_matrix`"
