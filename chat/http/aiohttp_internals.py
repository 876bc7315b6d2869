"""All our uses of aiohttp that it gives no guarantee for: private names, and methods missing from its documentation.

No other module of `chat` uses a private name of aiohttp or imports from inside it. Each use says why it is needed and what it
saves: kB per idle connection by `./dev bench --reaches`, first with only the headers that a WebSocket needs, then with a
browser's (docs/speed.md). Together they save 8.3 and 12.2 kB, of 21.3 and 25.3: less than their sum, because what one releases,
another may also hold.

tests/chat/http/test_aiohttp_internals.py has a test for each name, which fails by that name when the library changes.
"""

import asyncio

from aiohttp import web

from chat.http.headers import Signature
from chat.http.tap import Tap

# The library's default.
KEEPALIVE_S = 3630.0


class SignedConnection(web.RequestHandler):
    """A connection that adds our headers to the library's own error answers: `handle_error`, `RequestHandler(server, …)`.

    Why: a malformed request never reaches the application, whose signal adds the headers to every other answer. And the code
    that counts connections must create them. It saves no memory: a connection has one slot more.
    """

    __slots__ = ("_signature",)

    def __init__(self, signature: Signature, server: web.Server, keepalive_s: float = KEEPALIVE_S) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(server, loop=loop, access_log=None, keepalive_timeout=keepalive_s)  # type: ignore[arg-type]
        self._signature = signature

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Sign an answer of the library's own. The library calls this for each of them."""
        response = super().handle_error(request, status, exc, message)
        self._signature.put_on(response)
        return response


class LastingSocket(web.WebSocketResponse):
    """A WebSocket that can outlive its request: `WebSocketResponse._req`.

    Why: the library releases the request at the end of every other answer, but keeps a WebSocket's for as long as it is open.
    It saves 3.3 kB, 6.2 with a browser's headers. The public alternative is to give the WebSocket a `clone` of the request with
    the four headers of the handshake: 3.0 and 2.9 kB more, which makes 16.0 where the budget of a connection is 15.
    """

    outlives = False

    async def write_eof(self) -> None:  # type: ignore[override]
        """Release the request. The library calls this once the handler has returned, and would close the WebSocket."""
        if self.outlives:
            self._req = None
            return
        await super().write_eof()


async def request_ended(request_task: asyncio.Task[None], tap: Tap) -> None:
    """Wait until the library has released a request whose WebSocket stays open: `BaseRequest.task`.

    Why: while its task runs, the library keeps everything that led to the WebSocket, headers and a dozen coroutines. When the
    task ends, it closes the transport: ``tap`` ignores that. It saves 6.5 kB, 9.5 with a browser's headers. The public
    alternative is a handler that returns when the WebSocket is closed.
    """
    tap.is_kept = True
    await asyncio.wait([request_task])
    tap.is_kept = False


def drop_parser(connection: web.RequestHandler) -> None:
    """Release the request parser of a connection that carries no more requests: `RequestHandler._parser`.

    Why: it keeps the headers of the last request. The library itself does the same when the connection is lost. It saves 3.8 kB,
    7.4 with a browser's headers. The public alternative is to leave it.
    """
    connection._parser = None  # noqa: SLF001
