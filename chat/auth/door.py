"""The aiohttp application: who is making a request, from where, and how errors are reported.

The routes are declared by the features and mounted by ``routing``.

The protocol fixes the order of the checks on `/api/`: first whether the session is valid, then the Origin, then whether the
resource exists. Before all of them, a request that the browser itself marks as made by a foreign site is refused unread.
"""

import asyncio
import json
import logging
import math
import time
from uuid import uuid4

import msgspec
from aiohttp import ClientConnectionResetError, web
from aiohttp.typedefs import Handler

from chat import logs
from chat.auth.limits import AccountLimits, SlowDown
from chat.auth.passwords.stretching import Gone
from chat.auth.sign_in import SignedIn, SignIns, WrongCredentials
from chat.auth.strangers import MOST_BY_ACCOUNT, MOST_BY_PROXY, Doorkeeper
from chat.http.addresses import network_of
from chat.http.cookies import cookie_of
from chat.http.headers import Signature
from chat.pages import words
from chat.protocol.frames import LARGEST_FRAME, Code
from chat.protocol.refusals import SENTENCES, CannotDo, Misuse, Refusal
from chat.security_events import SecurityEvent, record
from chat.settings import ChatSettings
from storage.errors import StorageError, Superseded

SIGNED_IN = web.RequestKey("signed_in", SignedIn)

# If an answer took longer than this, the session is checked again before it is sent.
AT_ONCE_S = 1.0
# At most one log line about a refused Origin in this many seconds, quoting at most this many characters of it.
TELL_S = 60.0
LONGEST_TOLD = 100

log = logging.getLogger("ailo.web")


class HttpRefusal(Exception):
    """A request that is answered with an error.

    ``words`` (in the reader's language) or ``sentence`` (in French) replaces the default message of its code.
    """

    def __init__(
        self, status: int, code: str, wait: float | None = None, words: str | None = None, sentence: str | None = None
    ) -> None:
        super().__init__(code)
        self.status, self.code, self.wait, self.words, self.sentence = status, str(code), wait, words, sentence

    def said(self, language: str) -> str:
        """The message, in the reader's language."""
        return self.words or words.say(language, self.sentence or WORDS[Code(self.code)])


WORDS = {
    **SENTENCES,
    Code.BAD_REQUEST: "Cette demande n’a pas été comprise.",
    Code.NOT_FOUND: "Ceci n’existe pas.",
    Code.FOREIGN_ORIGIN: "Cette demande ne vient pas des pages du service.",
    Code.CONFLICT: "Ceci a changé entre-temps, dans un autre onglet peut-être. Rien n’a été remplacé.",
    Code.WRONG_METHOD: "Cette adresse ne s’utilise pas ainsi.",
    Code.WRONG_CREDENTIALS: "Cette adresse et ce mot de passe ne vont pas ensemble.",
    Code.SLOW_DOWN: "Trop d’essais. Réessayez un peu plus tard.",
    Code.MOVED_ON: "Un message vient d’arriver : lisez-le d’abord.",
    Code.FAILED: "Le service a rencontré un problème. Réessayez dans un instant.",
}


class Door:
    """Admits requests: finds the account behind the cookie, checks the origin, and turns errors into answers."""

    def __init__(self, settings: ChatSettings, sign_ins: SignIns) -> None:
        self.settings = settings
        self.sign_ins = sign_ins
        self.cookie = "__Host-ailo" if settings.is_secure else "ailo"
        self.device_cookie = f"{self.cookie}-device"
        self._origins = settings.origins()
        self.open_to_all: set[tuple[str, str]] = set()  # routes below `/api/` that need no session, filled by ``mount``
        self._quiet_until = 0.0
        self._limits: dict[bytes, AccountLimits] = {}
        self.keeper = Doorkeeper(
            by_proxy=MOST_BY_PROXY if settings.proxies else None,
            by_account=MOST_BY_ACCOUNT if settings.rate else None,
            signature=Signature(is_secure=settings.is_secure),
        )

    async def signed_in(self, request: web.Request) -> SignedIn | None:
        """The account that makes a request; None when signed out."""
        found = await self.sign_ins.find(cookie_of(request, self.cookie))
        if found:
            self.keeper.knows(request.protocol, found.unlocked.account.id.bytes)
        return found

    async def role_of(self, request: web.Request) -> str | None:
        """The role of the account that makes a request; None when signed out."""
        found = await self.signed_in(request)
        return found.unlocked.account.role.value if found else None

    def limits_of(self, signed_in: SignedIn) -> AccountLimits:
        """The limits of an account, shared by all its connections and requests."""
        account = signed_in.unlocked.account.id.bytes
        if account not in self._limits:
            self._limits[account] = AccountLimits(self.settings.rate)
        return self._limits[account]

    def take_turn(self, request: web.Request) -> None:
        """Count a request that, like a message, notifies a whole thread. Raises HttpRefusal when there were too many."""
        if not self.limits_of(request[SIGNED_IN]).messages.take():
            raise HttpRefusal(429, Code.SLOW_DOWN, wait=1)

    def remote_of(self, request: web.Request) -> str:
        """The network that a request comes from (``network_of`` its address), as reported by the nearest trusted source."""
        trusted = self.settings.proxies
        lines = request.headers.getall("X-Forwarded-For", []) if trusted else []
        heard = ",".join(lines).rsplit(",", trusted) if lines else []
        return network_of(heard[-trusted].strip() if trusted and len(heard) >= trusted else request.remote or "")

    def forgets(self, response: web.Response) -> web.Response:
        """Delete the session's cookie in the browser."""
        response.del_cookie(self.cookie, path="/", secure=self.settings.is_secure, httponly=True, samesite="Lax")
        return response

    def check_origin(self, request: web.Request) -> None:
        """Raise HttpRefusal unless the request comes from the service's own pages."""
        if (origin := request.headers.get("Origin")) not in self._origins:
            self._tell_of_the_setting(origin)
            raise self._foreign(request, "origin")

    def _tell_of_the_setting(self, origin: str | None) -> None:
        """Log a hint that AILO_ORIGIN may be wrong, at most once a minute: a wrong one locks everybody out.

        The Origin received is untrusted input, so it is truncated and stripped of special characters.
        """
        if (now := time.monotonic()) < self._quiet_until:
            return
        self._quiet_until = now + TELL_S
        came = "it has no Origin header (a proxy must pass it on)" if origin is None else f"its Origin is {printable(origin)}"
        log.warning(
            "request refused: %s. AILO_ORIGIN is %s: set it to the address at which people reach Ailo", came, self.settings.origin
        )

    def _foreign(self, request: web.Request, why: str) -> HttpRefusal:
        signed_in = request.get(SIGNED_IN)
        record(SecurityEvent.ORIGIN_REFUSED, signed_in.unlocked.account.id if signed_in else None, by=why)
        return HttpRefusal(403, Code.FOREIGN_ORIGIN)

    def check_fetched_by_a_page_of_ours(self, request: web.Request) -> None:
        """Raise HttpRefusal if the browser reports a cross-site request or a navigation (W3C Fetch Metadata).

        Scripts cannot set these headers. Old browsers and other programs send none. Nothing is looked up before this check:
        neither the status nor the timing of an answer tells a foreign site anything.
        """
        site, use = request.headers.get("Sec-Fetch-Site", "same-origin"), request.headers.get("Sec-Fetch-Dest", "empty")
        if (site, use) != ("same-origin", "empty"):
            raise self._foreign(request, "fetch")

    @web.middleware
    async def admit(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Require a session for anything below `/api/`, and one of our own origins for anything that changes state."""
        if not request.path.startswith("/api/"):
            return await handler(request)
        self.check_fetched_by_a_page_of_ours(request)
        if (request.method, request.path) not in self.open_to_all:
            await self._admit_account(request)
        if request.method not in {"GET", "HEAD", "OPTIONS"}:
            self.check_origin(request)
        began = time.monotonic()
        response = await handler(request)
        if time.monotonic() - began > AT_ONCE_S and isinstance(response, web.Response) and response.body:
            await self.check_still_signed_in(request)
        return response

    async def check_still_signed_in(self, request: web.Request) -> None:
        """Raise HttpRefusal if the session of a request has ended since it was admitted. To be called after every wait for
        the client: a body may take half a minute to arrive."""
        signed_in = request.get(SIGNED_IN)
        if signed_in and not await self.sign_ins.is_signed_in(signed_in):
            raise HttpRefusal(401, Code.SIGNED_OUT)

    async def _admit_account(self, request: web.Request) -> None:
        signed_in = await self.signed_in(request)
        if signed_in is None:
            raise HttpRefusal(401, Code.SIGNED_OUT)
        request[SIGNED_IN] = signed_in
        limits = self.limits_of(signed_in)
        if not limits.pages.take():
            await asyncio.sleep(limits.over.pause())
            raise HttpRefusal(429, Code.SLOW_DOWN, wait=1)

    @web.middleware
    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Give every request an id, and turn every error below `/api/`, `/ws`, `/health/` and `/metrics` into JSON."""
        request_id = uuid4().hex
        logs.REQUEST.set(request_id)
        try:
            response = await self._answered(request, handler)
        except web.HTTPException as error:
            error.headers["X-Request-Id"] = request_id
            raise
        if not response.prepared:
            response.headers["X-Request-Id"] = request_id
        return response

    async def _answered(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        is_program = request.path.startswith(("/api/", "/health/", "/metrics")) or request.path == "/ws"
        address = self.remote_of(request)
        try:
            is_admitted = self.keeper.heard(request.protocol, address)
            await self.keeper.turns.passed(address)
            if not is_admitted:
                record(SecurityEvent.CONNECTION_REFUSED)
                raise HttpRefusal(429, Code.SLOW_DOWN, wait=10)
            return await handler(request)
        except web.HTTPException as error:
            if not is_program or error.status < 400:
                raise
            return self._refusal(request, _refused_by_router(error))
        except (ClientConnectionResetError, Gone):  # the client has gone: nobody will read the answer
            return web.Response(status=499, reason="Gone")
        except Exception as error:  # noqa: BLE001 (the top of the request's task: answered, and logged once without its text)
            return self._refusal(request, refused_for(error))
        finally:
            self.keeper.answered(request.protocol)

    def _refusal(self, request: web.Request, refused: HttpRefusal) -> web.Response:
        signed_in = request.get(SIGNED_IN)
        if signed_in and refused.code == Code.SLOW_DOWN:
            record(SecurityEvent.RATE_LIMITED, signed_in.unlocked.account.id, at=route_of(request))
        language = signed_in.unlocked.account.locale if signed_in else None
        language = words.choose(request.headers.get("Accept-Language"), language)
        body = {"error": {"code": refused.code, "message": refused.said(language)}}
        headers = {} if refused.wait is None else {"Retry-After": str(max(1, math.ceil(refused.wait)))}
        return web.Response(
            status=refused.status,
            text=json.dumps(body, ensure_ascii=False),
            content_type="application/json",
            headers=headers,
        )


def printable(said: str) -> str:
    """Untrusted text made safe for a log: at most 100 characters, all printable ASCII."""
    return "".join(one if one.isascii() and one.isprintable() else "?" for one in said[:LONGEST_TOLD])


def route_of(request: web.Request) -> str:
    """The route's pattern as declared in the code, never the requested path."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else "none"


_ROUTER = {404: Code.NOT_FOUND, 405: Code.WRONG_METHOD, 400: Code.BAD_REQUEST, 413: Code.BAD_REQUEST}


def _refused_by_router(error: web.HTTPException) -> HttpRefusal:
    status = 400 if error.status == 413 else error.status
    return HttpRefusal(status, _ROUTER.get(error.status, Code.BAD_REQUEST))


def refused_for(error: Exception) -> HttpRefusal:
    """How an error is answered. What is a fault of the service is logged, by its kind alone."""
    match error:
        case HttpRefusal():
            return error
        case Refusal():
            return HttpRefusal(error.status, error.code, sentence=error.sentence)
        case WrongCredentials() | Superseded():
            return HttpRefusal(401, Code.SIGNED_OUT if isinstance(error, Superseded) else Code.WRONG_CREDENTIALS)
        case SlowDown():
            return HttpRefusal(429, Code.SLOW_DOWN, error.wait)
        case Misuse() | CannotDo() | msgspec.DecodeError():
            return HttpRefusal(400, Code.BAD_REQUEST)
        case StorageError():
            log.error("the store could not serve a request: %s", type(error).__name__)
            return HttpRefusal(503, Code.BUSY, wait=1)
    log.error("a request failed: %s at %s", type(error).__name__, logs.place(error.__traceback__))
    return HttpRefusal(500, Code.FAILED)


DOOR = web.AppKey("door", Door)


def application(door: Door) -> web.Application:
    """Create the application, with the door's middlewares in front."""
    app = web.Application(middlewares=[door.answer, door.admit], client_max_size=LARGEST_FRAME)
    app[DOOR] = door
    Signature(is_secure=door.settings.is_secure).add_to(app)
    return app
