"""What each reach into aiohttp saves: the memory of idle connections with all of them and, right afterwards, without one of them.

`python -m tests.load.micro.reaches NAME` is the server without one; none of this is in the product. Each is measured twice:
with the headers that a WebSocket needs, and with those that a browser behind a proxy sends in addition.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from unittest import mock

from aiohttp import web

from chat import cli
from chat.connections import gateway
from chat.connections.gateway import Gateway
from chat.http.aiohttp_internals import LastingSocket
from tests.load import live
from tests.load.figures import Results
from tests.load.population import furnished, serving

PAIRS = 50
HANDSHAKE = ("Upgrade", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Sec-WebSocket-Protocol")
BROWSER = (
    "Pragma: no-cache\r\nCache-Control: no-cache\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"
    " (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
    "Accept-Language: fr-FR,fr;q=0.9,en-US;q=0.8,en;q=0.7\r\nSec-WebSocket-Extensions: permessage-deflate;"
    " client_max_window_bits\r\nSec-Fetch-Dest: empty\r\nSec-Fetch-Mode: websocket\r\nSec-Fetch-Site: same-origin\r\n"
    "X-Forwarded-For: 192.0.2.17\r\nX-Forwarded-Proto: https\r\n"
)


def _parser_stays() -> None:
    def keep(_: web.RequestHandler) -> None: ...

    mock.patch.object(gateway, "drop_parser", keep).start()  # a Mock would keep every argument


def _socket_keeps_its_request() -> None:
    whole = web.WebSocketResponse.write_eof

    async def write_eof(self: LastingSocket) -> None:
        if not self.outlives:
            await whole(self)

    mock.patch.object(LastingSocket, "write_eof", write_eof).start()


def _socket_keeps_a_small_copy() -> None:
    """The public way: a clone of the request with the headers of the handshake only."""
    _socket_keeps_its_request()
    prepare: Any = LastingSocket.prepare

    async def prepare_small(self: LastingSocket, request: web.BaseRequest) -> Any:
        headers = {name: value for name, value in request.headers.items() if name in HANDSHAKE}
        return await prepare(self, request.clone(headers=headers))

    mock.patch.object(LastingSocket, "prepare", prepare_small).start()


def _request_lasts() -> None:
    """The public way: the handler serves the connection until it ends, without a task of our own."""
    begin: Any = Gateway._begin
    serve = Gateway.serve

    def begin_here(self: Gateway, request: web.Request, socket: LastingSocket, *others: Any) -> None:
        with mock.patch.object(asyncio, "create_task", lambda serving: socket.__dict__.update(serving=serving)):
            begin(self, request, socket, *others)

    async def serve_here(self: Gateway, request: web.Request) -> web.StreamResponse:
        socket = await serve(self, request)
        serving: Awaitable[None] | None = socket.__dict__.pop("serving", None)
        if serving:
            await serving
        return socket

    async def at_once(*_: object) -> None: ...

    mock.patch.object(gateway, "request_ended", at_once).start()
    mock.patch.multiple(Gateway, _begin=begin_here, serve=serve_here).start()


def _none() -> None:
    _request_lasts()
    _parser_stays()


REACHES: dict[str, Callable[[], None]] = {
    "with all": lambda: None,
    "the parser stays": _parser_stays,
    "the socket keeps its request": _socket_keeps_its_request,
    "the socket keeps a small clone of it": _socket_keeps_a_small_copy,
    "the request lasts as long as the socket": _request_lasts,
    "without any": _none,
}


async def measure(folder: Path, core: int | None, many: int) -> Results:
    """Measure one server after the other, over one house."""
    results: Results = {}
    async with furnished(folder, PAIRS) as (settings, pairs):
        for name in REACHES:
            kb = []
            for headers in ("", BROWSER):
                with serving(settings, core, ("-m", "tests.load.micro.reaches", name)) as (port, pid):
                    kb.append((await live.idle(port, pid, pairs, many, headers))["kb_each"])
            results[name] = {"connections": many, "kb_each": kb[0], "kb_each_of_browsers": kb[1]}
    return results


if __name__ == "__main__":
    REACHES[sys.argv[1]]()
    sys.argv[1:] = ["serve"]
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    cli.main()
