"""Pushes by RFC 8030: encrypted for the browser (RFC 8291), signed by the service (RFC 8292); the only module that knows how.

Every push says the same, so that neither a push service nor the length of what it gets can tell anything. No policy: it does not
decide when to try again. What libraries say of an error is never passed on: it may hold an endpoint.
"""

import asyncio
import ssl
import time
from base64 import urlsafe_b64encode
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from py_vapid import Vapid02
from pywebpush import WebPusher

from delivery.transports.transport import Gone, PushLater, PushOutcome, Rejected, Sent
from storage.crypto.push_keys import PushKey
from storage.push.services import host_of
from storage.push.subscriptions import Subscription

__all__ = ["PushServices"]

CONTENT: Final = b'{"type": "unread"}'
# Of several pushes that wait for a browser which is not there, the last alone is delivered (RFC 8030, 5.4).
TOPIC: Final = "unread"
SECONDS: Final = 10.0
AT_ONCE: Final = 16
# A signature may be good for a day at most (RFC 8292, 2).
SIGNED_FOR_S: Final = 12 * 3600
LONGEST_WAIT_S: Final = 6 * 3600


class PushServices:
    """Asks push services, over connections that are kept while this is open. Follows no redirect and asks no proxy."""

    def __init__(
        self, key: PushKey, contact: str, hosts: frozenset[str], authority: Path | None = None, seconds: float = SECONDS
    ) -> None:
        self._vapid = Vapid02.from_raw(urlsafe_b64encode(key.private_key))
        self._vapid.conf = {"no-strict": True}  # it refuses contacts that RFC 8292 allows
        self._contact, self._hosts, self._authority, self._seconds = contact, hosts, authority, seconds

    async def __aenter__(self) -> Self:
        context = await asyncio.to_thread(_context, self._authority)
        self._session = ClientSession(
            connector=TCPConnector(ssl=context, limit=AT_ONCE),
            timeout=ClientTimeout(total=self._seconds),
            cookie_jar=DummyCookieJar(),
            max_line_size=8190,
        )
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._session.close()

    async def tell(self, subscription: Subscription, ttl: int) -> PushOutcome:
        """Tell a browser that something is unread; it is of use for ``ttl`` seconds."""
        host = host_of(subscription.endpoint, self._hosts)
        if host is None:
            return Rejected("not a push service that we ask")
        try:
            body = _encrypted(subscription)
        except Exception as error:  # noqa: BLE001 (the browser's key is no point, which several libraries say in several ways)
            return Rejected(f"its key cannot be used: {type(error).__name__}")
        try:
            return await self._post(subscription.endpoint, host, body, ttl)
        except TimeoutError:
            return PushLater("timed out")
        except (ClientError, OSError, ValueError, asyncio.IncompleteReadError) as error:
            return PushLater(f"failed: {type(error).__name__}")

    async def _post(self, endpoint: str, host: str, body: bytes, ttl: int) -> PushOutcome:
        headers = {
            "TTL": str(ttl),
            "Urgency": "normal",
            "Topic": TOPIC,
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "Authorization": self._signed_for(f"https://{host}"),
        }
        async with self._session.post(endpoint, data=body, headers=headers, allow_redirects=False) as answer:
            return _outcome(answer.status, answer.headers.get("Retry-After", ""))

    def _signed_for(self, audience: str) -> str:
        claims = {"aud": audience, "exp": int(time.time()) + SIGNED_FOR_S, "sub": self._contact}
        return str(self._vapid.sign(claims)["Authorization"])


@cache
def _context(authority: Path | None) -> ssl.SSLContext:
    """Whom to trust; made once, as reading all certificates of a system takes a while."""
    return ssl.create_default_context(cafile=authority)


def _encrypted(subscription: Subscription) -> bytes:
    keys = {name: urlsafe_b64encode(getattr(subscription, name)).decode() for name in ("p256dh", "auth")}
    return bytes(WebPusher({"endpoint": subscription.endpoint, "keys": keys}).encode(CONTENT)["body"])


def _outcome(status: int, retry_after: str) -> PushOutcome:
    """By the status alone (RFC 8030, 5): the rest of the answer is not read."""
    if 200 <= status < 300:
        return Sent()
    if status in {404, 410}:
        return Gone()
    if status in {408, 429} or status >= 500:
        return PushLater(f"push {status}", _seconds(retry_after))
    return Rejected(f"push {status}")


def _seconds(retry_after: str) -> int:
    """How long to wait (RFC 9110, 10.2.3), within reason; 0 where it does not say, or not so that we understand it."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return min(int(text[:9]), LONGEST_WAIT_S)
    try:
        until = parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return 0
    return max(0, min(int(until - time.time()), LONGEST_WAIT_S))
