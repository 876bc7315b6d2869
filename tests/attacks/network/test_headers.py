"""Every response of the service has the policy headers: JSON, pages, errors, redirects, answers to non-HTTP, the metrics."""

import asyncio
from pathlib import Path

import pytest

from chat.http.headers import HTTPS_ONLY
from tests.flows.service import Service, Visit, free_port, running

CLOSED = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
EVERYWHERE = {
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "server": "Ailo",
}
# Every kind of answer: the request, and its status.
ASKED = {
    "JSON": ("GET /health/live HTTP/1.1", 200),
    "readiness": ("GET /health/ready HTTP/1.1", 200),
    "signed out": ("GET /api/account HTTP/1.1", 401),
    "foreign": ("POST /api/session HTTP/1.1", 403),
    "no socket": ("GET /ws HTTP/1.1", 403),
    "no page": ("GET /nothing HTTP/1.1", 404),
    "no page, in words": ("GET /nothing HTTP/1.1\r\nAccept: text/html", 404),
    "no file": ("GET /static/0123456789ab/x.js HTTP/1.1", 404),
    "no route": ("GET /health/x HTTP/1.1", 404),
    "wrong method": ("DELETE /sign-in HTTP/1.1", 405),
    "wrong method, of programs": ("DELETE /health/live HTTP/1.1", 405),
    "page": ("GET /sign-in HTTP/1.1", 200),
    "file": ("GET /static/styles.css HTTP/1.1", 200),
    "worker": ("GET /worker.js HTTP/1.1", 200),
    "redirect": ("GET / HTTP/1.1", 303),
    "redirect to sign in": ("GET /overview HTTP/1.1", 303),
    "head": ("HEAD /sign-in HTTP/1.1", 200),
    "expectation": ("GET /sign-in HTTP/1.1\r\nExpect: wonders", 417),
    "old version": ("GET /sign-in HTTP/1.0", 200),
    "other host": ("GET http://elsewhere.example/ HTTP/1.1", 303),
    "no method": ("GARBAGE", 400),
    "no address": ("GET http://[x HTTP/1.1", 400),
    "long line": (f"GET /{'x' * 20_000} HTTP/1.1", 400),
    "TLS": ("\x16\x03\x01", 400),
}


async def asked(port: int, head: str) -> tuple[int, dict[str, str], str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{head}\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
    answer = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    first, _, rest = answer.partition("\r\n")
    lines = rest.partition("\r\n\r\n")[0].split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    assert len(headers) == len(lines), "a header stands twice"
    return int(first.split()[1]), headers, answer


@pytest.mark.parametrize("kind", ASKED)
async def test_every_answer_bears_the_policy(service: Service, kind: str) -> None:
    head, status = ASKED[kind]
    found, headers, answer = await asked(service.port, head)
    assert found == status
    assert {name: headers.get(name) for name in EVERYWHERE} == EVERYWHERE
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "camera=()" in headers["permissions-policy"]
    assert "aiohttp" not in answer
    assert "strict-transport-security" not in headers


@pytest.mark.parametrize("kind", [kind for kind in ASKED if ASKED[kind][1] >= 400 and "in words" not in kind])
async def test_an_error_may_load_nothing_and_is_kept_by_nobody(service: Service, kind: str) -> None:
    _, headers, _ = await asked(service.port, ASKED[kind][0])
    assert (headers["content-security-policy"], headers["cache-control"]) == (CLOSED, "no-store")


async def test_over_https_every_answer_insists_on_it(tmp_path: Path) -> None:
    metrics = free_port()
    async with running(tmp_path, ORIGIN="https://ailo.example", METRICS=f"127.0.0.1:{metrics}") as service:
        for kind, (head, status) in ASKED.items():
            found, headers, _ = await asked(service.port, head)
            assert (kind, found, headers.get("strict-transport-security")) == (kind, status, HTTPS_ONLY)
        for head, status in (("GET /metrics HTTP/1.1", 200), ("GET /x HTTP/1.1", 404), ("GARBAGE", 400)):
            found, headers, _ = await asked(metrics, head)
            assert (found, {name: headers.get(name) for name in EVERYWHERE}) == (status, EVERYWHERE)
            assert (headers["content-security-policy"], headers["cache-control"]) == (CLOSED, "no-store")
            assert "strict-transport-security" not in headers  # the metrics have a port of their own, in plain HTTP


async def test_what_is_said_to_somebody_bears_the_policy_too(visit: Visit) -> None:
    thread = await visit.thread("lea", "claire")
    lea = await visit.client("lea")
    for method, path in (
        ("GET", "/api/threads"),
        ("GET", f"/api/threads/{thread}/messages"),
        ("GET", "/api/x"),
        ("POST", "/api/x"),
    ):
        async with lea.http.request(method, lea.origin + path, headers={"Origin": lea.origin}) as response:
            assert {name: response.headers[name] for name in EVERYWHERE} == EVERYWHERE
            assert (response.headers["Content-Security-Policy"], response.headers["Cache-Control"]) == (CLOSED, "no-store")
