"""What a person reads instead of a page: the reason in words, and what they had typed, except to a foreign site's gain."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from chat.auth.door import HttpRefusal
from chat.auth.limits import SlowDown
from chat.framed.refusals import InWords
from chat.protocol.frames import Code
from chat.protocol.refusals import NotAllowed
from storage.errors import Stalled

CANARY = "canari-77c0"
HTML = {"Accept": "text/html"}


def failing(error: Exception) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def fail(_: web.Request) -> web.Response:
        raise error

    return fail


async def asked(error: Exception, path: str = "/page", headers: Mapping[str, str] = HTML) -> tuple[int, dict[str, Any], str]:
    """Post a form to a page that fails; the status, what its page shows, and when to come back."""
    shown: dict[str, Any] = {}

    def show(_: web.Request, template: str, values: Mapping[str, Any], *, status: int) -> web.Response:
        shown.update(values, template=template)
        return web.Response(status=status)

    app = web.Application(middlewares=[InWords(show).answer])
    app.router.add_post(path, failing(error))
    async with TestClient(TestServer(app)) as client:
        answer = await client.post(path, data={"text": "ce que j’ai écrit", "new_password": CANARY}, headers=headers)
        return answer.status, shown, answer.headers.get("Retry-After", "")


@pytest.mark.parametrize(
    ("error", "status", "wait"),
    [
        (HttpRefusal(401, Code.SIGNED_OUT), 401, ""),
        (HttpRefusal(429, Code.SLOW_DOWN, wait=1), 429, "1"),
        (SlowDown(12.3), 429, "13"),
        (Stalled(CANARY), 503, "1"),
        (ValueError(CANARY), 500, ""),
    ],
)
async def test_what_was_typed_is_kept(error: Exception, status: int, wait: str) -> None:
    found, shown, retry = await asked(error)
    assert (found, retry, shown["template"]) == (status, wait, "refused.html")
    assert shown["kept"] == [("text", "ce que j’ai écrit")]
    assert shown["is_signed_out"] == (status == 401)
    assert CANARY not in str(shown)
    assert shown["title"]
    assert shown["words"]


@pytest.mark.parametrize(("error", "status"), [(HttpRefusal(403, Code.FOREIGN_ORIGIN), 403), (NotAllowed(), 400)])
async def test_what_may_not_be_sent_again_is_not_held(error: Exception, status: int) -> None:
    found, shown, _ = await asked(error)
    assert (found, shown["kept"]) == (status, None)


@pytest.mark.parametrize(
    ("path", "headers"), [("/page", {"Accept": "application/json"}), ("/api/page", HTML), ("/health/page", HTML)]
)
async def test_programs_keep_their_own_answer(path: str, headers: dict[str, str]) -> None:
    status, shown, _ = await asked(ValueError(CANARY), path, headers)
    assert (status, shown) == (500, {})
