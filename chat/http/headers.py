"""The security headers of every answer: JSON, pages, the library's own errors, health, metrics (OWASP ASVS 5.0, 3.4).

A route may set its own value; the rest is filled in here, by the library's signal before any answer is written. A malformed
request never reaches the application: its connection adds the headers to the answer (``SignedConnection``).
"""

from collections.abc import Mapping
from typing import Final

from aiohttp import web

# Two years, as browsers' preload lists recommend (RFC 6797 section 6.1.1); ASVS 5.0, 3.4.1 requires the subdomains as well.
HTTPS_ONLY: Final = "max-age=63072000; includeSubDomains"

POLICY: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Signature:
    """Adds the security headers to answers. ``is_secure``: browsers reach the service over HTTPS, and must use nothing else."""

    def __init__(self, *, is_secure: bool) -> None:
        self._policy = {**POLICY, "Strict-Transport-Security": HTTPS_ONLY} if is_secure else dict(POLICY)

    def put_on(self, response: web.StreamResponse) -> None:
        """Fill in the headers that an answer lacks. aiohttp's ``Server`` would disclose its version and Python's."""
        response.headers["Server"] = "Ailo"
        if response.status == 101:
            return  # a WebSocket keeps its headers in memory while it is open, and none of these applies to it
        for name, value in self._policy.items():
            response.headers.setdefault(name, value)

    def add_to(self, app: web.Application) -> None:
        """Sign every answer of an application."""
        app.on_response_prepare.append(self._sign)

    async def _sign(self, _: web.BaseRequest, response: web.StreamResponse) -> None:
        self.put_on(response)
