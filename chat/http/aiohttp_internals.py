"""What we use of aiohttp though it does not promise to keep it: its private names, and methods that its manual leaves out.

No other module of `chat` names a private part of it or imports from inside it. Each reach says why it is made and what it saves:
kB of each idle connection by `./dev bench --reaches`, with the headers that a socket needs and with a browser's (docs/speed.md).
Together they save 8.3 and 12.2, of 21.3 and 25.3: what one of them lets go of, another may keep as well.

tests/chat/http/test_aiohttp_internals.py has a test for each name, which fails by that name when the library moves.
"""

import asyncio

from aiohttp import web

from chat.http.headers import Signature
from chat.http.tap import Tap

# The library's own value.
KEEPALIVE_S = 3630.0


class SignedConnection(web.RequestHandler):
    """A connection of the library's that signs what the library answers by itself: `handle_error`, `RequestHandler(server, …)`.

    Why: a request that cannot be read never reaches the application, whose signal signs every other answer. And whoever counts
    connections must make them. It saves no memory: a connection has one slot more.
    """

    __slots__ = ("_signature",)

    def __init__(self, signature: Signature, server: web.Server, keepalive_s: float = KEEPALIVE_S) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(server, loop=loop, access_log=None, keepalive_timeout=keepalive_s)  # type: ignore[arg-type]
        self._signature = signature

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Called by the library for each answer of its own."""
        response = super().handle_error(request, status, exc, message)
        self._signature.put_on(response)
        return response


class LastingSocket(web.WebSocketResponse):
    """A socket that can outlive its request: `WebSocketResponse._req`.

    Why: the library forgets the request at the end of every other answer, but keeps that of a socket for as long as it is open.
    It saves 3.3 kB, 6.2 with a browser's headers. The public way would be to give the socket a `clone` of the request with the
    four headers of the handshake: 3.0 and 2.9 kB more, which makes 16.0 where a connection may have 15.
    """

    outlives = False

    async def write_eof(self) -> None:  # type: ignore[override]
        """Called by the library once the handler has returned: it would close the socket."""
        if self.outlives:
            self._req = None
            return
        await super().write_eof()


async def request_ended(request_task: asyncio.Task[None], tap: Tap) -> None:
    """Wait until the library has let go of a request whose socket goes on: `BaseRequest.task`.

    Why: as long as its task runs, the library keeps all that led to the socket, headers and a dozen coroutines. At its end the
    task closes the transport: this one does not hear of it. It saves 6.5 kB, 9.5 with a browser's headers. The public way is a
    handler that returns when the socket is closed.
    """
    tap.is_kept = True
    await asyncio.wait([request_task])
    tap.is_kept = False


def drop_parser(connection: web.RequestHandler) -> None:
    """Let go of what reads requests, on a connection that carries none any more: `RequestHandler._parser`.

    Why: it keeps the headers of the last. The library does the same when the line is down. It saves 3.8 kB, 7.4 with a browser's
    headers. The public way is to let it be.
    """
    connection._parser = None  # noqa: SLF001
