"""A foreign site makes a browser request `/api/` with somebody's cookie: the refusal is the same, whatever is there."""

from itertools import product

import pytest

from chat.client.remote import Client
from tests.flows.auth.test_bad_requests import Answer, ask
from tests.flows.service import Visit

OWN = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "cors"}
SITES = ["cross-site", "same-site", "none", "", "Same-Origin"]
USES = ["document", "iframe", "image", "script", "style", "object", "serviceworker", "audio", ""]
# Existing or not, one's own or others', signed in or out: the answers are all the same.
PATHS = ["/api/account", "/api/threads", "/api/search?q=canari", "/api/threads/x/messages", "/api/nothing", "/api/"]


def metadata(site: str | None, use: str | None) -> dict[str, str]:
    pairs = {"Sec-Fetch-Site": site, "Sec-Fetch-Dest": use}
    return {name: value for name, value in pairs.items() if value is not None}


FOREIGN = [metadata(site, use) for site, use in [*product(SITES, ["empty", None]), *product(["same-origin", None], USES)]]


async def refused(client: Client, path: str, headers: dict[str, str], method: str = "GET") -> Answer:
    answer = await ask(client, method, path, headers=headers)
    assert (answer.status, answer.code, "set-cookie" in answer.headers) == (403, "foreign_origin", False)
    return answer


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
async def test_what_a_browser_calls_foreign_is_refused(visit: Visit, headers: dict[str, str]) -> None:
    lea = await visit.client("lea")
    bodies = [(await refused(lea, path, headers)).body for path in PATHS]
    lea.http.cookie_jar.clear()
    bodies += [(await refused(lea, path, {**headers, "Accept-Language": "fr"})).body for path in PATHS]
    assert all(body == bodies[0] for body in bodies)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"])
async def test_no_method_is_a_way_around(visit: Visit, method: str) -> None:
    lea = await visit.client("lea")
    async with lea.http.request(
        method, f"{lea.origin}/api/session", headers={"Origin": lea.origin, "Sec-Fetch-Site": "cross-site"}
    ) as response:
        assert response.status == 403
    assert await lea.get("/api/account")  # the session was not ended


async def test_what_a_page_of_ours_or_no_browser_asks_is_answered(visit: Visit) -> None:
    lea = await visit.client("lea")
    for headers in (OWN, {}, {"Sec-Fetch-Mode": "cors"}, metadata("same-origin", None), metadata(None, "empty")):
        assert (await ask(lea, "GET", "/api/account", headers=headers)).status == 200


async def test_a_link_to_a_page_from_elsewhere_opens_it(visit: Visit) -> None:
    """As a link in an e-mail is followed from a webmail page."""
    lea = await visit.client("lea")
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate"}
    for path in ("/", "/member", "/sign-in"):
        async with lea.http.get(lea.origin + path, headers=headers) as response:
            assert response.status == 200
