"""A push service of the tests' own, over TLS, and the browsers that it serves: RFC 8030, 8188, 8291 and 8292 as they are written.

It knows nothing of the libraries that the product uses: it checks who signs and decrypts what it gets by itself, and refuses
whatever is not as it must be.
"""

import asyncio
import json
import secrets
import ssl
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import trustme
from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from storage.push.subscriptions import Subscription

DAY_S = 86_400


def base64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def from_base64url(text: str) -> bytes:
    assert "=" not in text
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def point_of(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


@dataclass(frozen=True)
class FakeBrowser:
    """A browser's half of a subscription."""

    endpoint: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    auth: bytes = field(default_factory=lambda: secrets.token_bytes(16))

    @property
    def subscription(self) -> Subscription:
        return Subscription(self.endpoint, point_of(self.key.public_key()), self.auth)

    def as_json(self) -> dict[str, Any]:
        """What `PushSubscription.toJSON()` gives."""
        p256dh = base64url(point_of(self.key.public_key()))
        return {"endpoint": self.endpoint, "expirationTime": None, "keys": {"p256dh": p256dh, "auth": base64url(self.auth)}}

    def read(self, body: bytes) -> bytes:
        """Decrypt a push (RFC 8291, 3.4, and RFC 8188, 2). Raises InvalidTag if it was not encrypted for this browser."""
        salt, size, length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
        sender, record = body[21 : 21 + length], body[21 + length :]
        assert length == 65
        assert 18 <= len(record) <= size
        secret = self.key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender))
        info = b"WebPush: info\0" + point_of(self.key.public_key()) + sender
        material = _derived(self.auth, secret, info, 32)
        key = _derived(salt, material, b"Content-Encoding: aes128gcm\0", 16)
        nonce = _derived(salt, material, b"Content-Encoding: nonce\0", 12)
        padded = AESGCM(key).decrypt(nonce, record, None).rstrip(b"\0")
        assert padded[-1:] == b"\2"  # the last record
        return padded[:-1]


def _derived(salt: bytes, secret: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(secret)


@dataclass(frozen=True)
class Push:
    """One that was taken: for which browser, what it says, its headers, and what its signature claims."""

    browser: FakeBrowser
    content: bytes
    body: bytes
    headers: Mapping[str, str]
    claims: Mapping[str, Any]
    key: bytes


Answer = Callable[[], web.StreamResponse]


@dataclass
class FakePushService:
    """``answers`` are for the next pushes, one each; then all are taken, but of browsers that are gone. ``asked`` counts all."""

    authority: Path
    port: int = 0
    browsers: dict[str, FakeBrowser] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    asked: int = 0
    taken: asyncio.Queue[Push] = field(default_factory=asyncio.Queue)

    @property
    def host(self) -> str:
        """As `AILO_PUSH_HOSTS` names it."""
        return f"localhost:{self.port}"

    def browser(self) -> FakeBrowser:
        """A browser that has just subscribed."""
        path = f"/push/{secrets.token_urlsafe(24)}:a%2Bb=="
        self.browsers[path] = FakeBrowser(f"https://{self.host}{path}")
        return self.browsers[path]

    def leave(self, browser: FakeBrowser) -> None:
        """It has unsubscribed."""
        self.gone.add(browser.endpoint)

    async def take(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        if self.answers:
            return self.answers.pop(0)()
        browser = self.browsers.get(request.raw_path)
        if browser is None or browser.endpoint in self.gone:
            return web.Response(status=410)
        try:
            push = self._read(request, browser, await request.read())
        except Exception as error:  # noqa: BLE001 (a test looks at it)
            self.faults.append(f"{type(error).__name__}: {error}")
            return web.Response(status=403)
        self.taken.put_nowait(push)
        return web.Response(status=201, headers={"Location": f"{browser.endpoint}/1", "TTL": request.headers["TTL"]})

    def _read(self, request: web.Request, browser: FakeBrowser, body: bytes) -> Push:
        assert request.method == "POST"
        assert request.headers["Content-Encoding"] == "aes128gcm"
        assert 0 <= int(request.headers["TTL"]) <= DAY_S
        assert len(body) <= 4096
        claims, key = _signed(request.headers["Authorization"])
        assert claims["aud"] == f"https://{self.host}"
        assert time.time() < claims["exp"] <= time.time() + DAY_S
        assert claims["sub"].startswith(("mailto:", "https:"))
        return Push(browser, browser.read(body), body, dict(request.headers), claims, key)


def _signed(authorization: str) -> tuple[dict[str, Any], bytes]:
    """The claims and the key of a signature (RFC 8292, 3; RFC 7515). Raises InvalidSignature."""
    scheme, _, given = authorization.partition(" ")
    assert scheme == "vapid"
    parts = dict(part.strip().split("=", 1) for part in given.split(","))
    header, claims, signature = parts["t"].split(".")
    assert json.loads(from_base64url(header)) == {"typ": "JWT", "alg": "ES256"}
    raw, key = from_base64url(signature), from_base64url(parts["k"])
    if len(raw) != 64:
        raise InvalidSignature
    numbers = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key)
    public.verify(numbers, f"{header}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
    found: dict[str, Any] = json.loads(from_base64url(claims))
    return found, key


@cache
def _authority() -> trustme.CA:
    return trustme.CA()


@asynccontextmanager
async def push_service(folder: Path) -> AsyncIterator[FakePushService]:
    """Run one on a free port of this machine; its authority's certificate is a file in the folder."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    _authority().issue_cert("localhost").configure_cert(context)
    found = FakePushService(folder / "push-authority.pem")
    _authority().cert_pem.write_to_path(str(found.authority))
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", found.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "localhost", 0, ssl_context=context)
        await site.start()
        found.port = runner.addresses[0][1]
        yield found
    finally:
        await runner.cleanup()
