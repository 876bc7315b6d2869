"""The Autobahn cases, run by kosoku against the service's own sockets: framing, pings, fragments, UTF-8, closing.

Groups 1 to 7 and 10. Left out are 9 (frames far beyond the service's limit of 128 KiB), 12 and 13 (compression, which it
does not support). Deviations are listed here, case by case; no others are allowed.
"""

from collections.abc import AsyncIterator

import kosoku
import pytest
from aiohttp import WSMsgType, web

from chat.connections.gateway import is_sign_of_life, new_socket

GROUPS = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"]
# aiohttp takes a close frame with code 1006 (which must not be sent) for a normal close, and answers 1000 instead of 1002: the
# connection ends all the same.
DEVIATIONS = {"7.9.5": "FAILED, close WRONG CODE"}
# Invalid UTF-8 in the middle of a message is detected at the message's end, which the RFC allows: 1007 either way.
LATE = {"6.4.1", "6.4.2", "6.4.3", "6.4.4"}


async def echo(request: web.Request) -> web.StreamResponse:
    """Echo every message, over a socket made as the service makes its own."""
    socket = new_socket()
    await socket.prepare(request)
    async for message in socket:
        if await is_sign_of_life(socket, message):
            continue
        if message.type is WSMsgType.TEXT:
            await socket.send_str(message.data)
        elif message.type is WSMsgType.BINARY:
            await socket.send_bytes(message.data)
    return socket


@pytest.fixture
async def address() -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/", echo)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"ws://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


async def test_the_sockets_keep_to_the_rfc(address: str) -> None:
    try:
        results = await kosoku.run_fuzzingclient(address, GROUPS, concurrency=8)
    except kosoku.FailureError as failure:
        results = failure.results
    deviating = {
        result.case_id: f"{result.behavior.value}, close {result.behavior_close.value}" for result in results if not result.passed
    }
    late = {result.case_id for result in results if result.behavior.value == "NON-STRICT"}
    assert len(results) > 200
    assert deviating == DEVIATIONS
    assert late == LATE
