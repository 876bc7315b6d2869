"""What we use of aiohttp though it does not promise to keep it: its private names, and methods that its manual leaves out.

No other module of `chat` names a private part of it or imports from inside it. Each reach says why it is made and what it brings.
tests/chat/http/test_aiohttp_internals.py has a test for each name, which fails by that name when the library moves.
"""

import asyncio

from aiohttp import web

from chat.http.headers import Signature

# The library's own value.
KEEPALIVE_S = 3630.0


class SignedConnection(web.RequestHandler):
    """A connection of the library's that signs what the library answers by itself: `handle_error`, `RequestHandler(server, …)`.

    Why: a request that cannot be read never reaches the application, whose signal signs every other answer. And whoever counts
    connections needs to make them. It brings no memory (0 kB), and costs a slot.
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
