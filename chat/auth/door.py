"""The aiohttp application: who is asking, from where, and in what form errors are told.

The routes are declared by the features and mounted by ``routing``.

The order of checks on `/api/` is the contract's: signed out before everything, then the Origin, then whether it exists. Ahead
of them all stands what a browser itself says of a request that a foreign site made: that is refused unseen.
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

# An answer that took longer goes only to a session that still stands.
AT_ONCE_S = 1.0
# How often it is told that an Origin was refused, in seconds, and how much of it, in characters.
TELL_S = 60.0
LONGEST_TOLD = 100

log = logging.getLogger("ailo.web")


class HttpRefusal(Exception):
    """A request that is answered with an error.

    ``words``, in the reader's language, or ``sentence``, in French, where there is more or something else to say than its code.
    """

    def __init__(
        self, status: int, code: str, wait: float | None = None, words: str | None = None, sentence: str | None = None
    ) -> None:
        super().__init__(code)
        self.status, self.code, self.wait, self.words, self.sentence = status, str(code), wait, words, sentence

    def said(self, language: str) -> str:
        """What it says to a reader of this language."""
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
    """Lets requests in: finds who is behind the cookie, checks where they come from, and words what is refused."""

    def __init__(self, settings: ChatSettings, sign_ins: SignIns) -> None:
        self.settings = settings
        self.sign_ins = sign_ins
        self.cookie = "__Host-ailo" if settings.is_secure else "ailo"
        self.device_cookie = f"{self.cookie}-device"
        self._origins = settings.origins()
        self.open_to_all: set[tuple[str, str]] = set()  # routes below `/api/` for whoever is signed out, filled by ``mount``
        self._quiet_until = 0.0
        self._limits: dict[bytes, AccountLimits] = {}
        self.keeper = Doorkeeper(
            by_proxy=MOST_BY_PROXY if settings.proxies else None,
            by_account=MOST_BY_ACCOUNT if settings.rate else None,
            signature=Signature(is_secure=settings.is_secure),
        )

    async def signed_in(self, request: web.Request) -> SignedIn | None:
        """Who is asking."""
        found = await self.sign_ins.find(cookie_of(request, self.cookie))
        if found:
            self.keeper.knows(request.protocol, found.unlocked.account.id.bytes)
        return found

    async def role_of(self, request: web.Request) -> str | None:
        """The role of who is asking; None when they are signed out."""
        found = await self.signed_in(request)
        return found.unlocked.account.role.value if found else None

    def limits_of(self, signed_in: SignedIn) -> AccountLimits:
        """The limits of an account, the same for all its connections and requests."""
        account = signed_in.unlocked.account.id.bytes
        if account not in self._limits:
            self._limits[account] = AccountLimits(self.settings.rate)
        return self._limits[account]

    def take_turn(self, request: web.Request) -> None:
        """Count what everybody in a thread hears of like a message. Raises HttpRefusal when there were too many."""
        if not self.limits_of(request[SIGNED_IN]).messages.take():
            raise HttpRefusal(429, Code.SLOW_DOWN, wait=1)

    def remote_of(self, request: web.Request) -> str:
        """The network that a request comes from (``network_of`` its address), as far as it can be believed."""
        trusted = self.settings.proxies
        lines = request.headers.getall("X-Forwarded-For", []) if trusted else []
        heard = ",".join(lines).rsplit(",", trusted) if lines else []
        return network_of(heard[-trusted].strip() if trusted and len(heard) >= trusted else request.remote or "")

    def forgets(self, response: web.Response) -> web.Response:
        """Have the browser forget the session's cookie."""
        response.del_cookie(self.cookie, path="/", secure=self.settings.is_secure, httponly=True, samesite="Lax")
        return response

    def check_origin(self, request: web.Request) -> None:
        """Raise HttpRefusal unless the request comes from the service's own pages."""
        if (origin := request.headers.get("Origin")) not in self._origins:
            self._tell_of_the_setting(origin)
            raise self._foreign(request, "origin")

    def _tell_of_the_setting(self, origin: str | None) -> None:
        """A wrong AILO_ORIGIN lets nobody in: say so, once a minute at most. What came is a stranger's, and told cut and bare."""
        if (now := time.monotonic()) < self._quiet_until:
            return
        self._quiet_until = now + TELL_S
        came = "no Origin (a proxy must pass it)" if origin is None else f"the Origin {printable(origin)}"
        log.warning("refused: %s. If people reach Ailo so, set AILO_ORIGIN to it; it is %s", came, self.settings.origin)

    def _foreign(self, request: web.Request, why: str) -> HttpRefusal:
        signed_in = request.get(SIGNED_IN)
        record(SecurityEvent.ORIGIN_REFUSED, signed_in.unlocked.account.id if signed_in else None, by=why)
        return HttpRefusal(403, Code.FOREIGN_ORIGIN)

    def check_fetched_by_a_page_of_ours(self, request: web.Request) -> None:
        """Raise HttpRefusal where the browser says that another site, or its own window, asks (W3C Fetch Metadata).

        No script can set these headers. Old browsers and other programs send none. Nothing is looked up before: neither the
        status nor the time of an answer tells a foreign site anything.
        """
        site, use = request.headers.get("Sec-Fetch-Site", "same-origin"), request.headers.get("Sec-Fetch-Dest", "empty")
        if (site, use) != ("same-origin", "empty"):
            raise self._foreign(request, "fetch")

    @web.middleware
    async def admit(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Check who asks for anything below `/api/`, and from where whatever changes something."""
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
        """Raise HttpRefusal where the session of a request has ended since it was admitted. To be called after every wait for
        whoever asks: a body may come for half a minute."""
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
        """Give every request an id, and every error below `/api/`, `/ws` and `/health/` its JSON form."""
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
        except (ClientConnectionResetError, Gone):  # whoever asked has gone, and nobody is there to be told
            return web.Response(status=499, reason="Gone")
        except Exception as error:  # noqa: BLE001 (the top of the request's task: told, and logged once without any text)
            return self._refusal(request, _refused_for(error))
        finally:
            self.keeper.answered(request.protocol)

    def _refusal(self, request: web.Request, refused: HttpRefusal) -> web.Response:
        signed_in = request.get(SIGNED_IN)
        if signed_in and refused.code == Code.SLOW_DOWN:
            record(SecurityEvent.RATE_LIMITED, signed_in.unlocked.account.id, at=_route_of(request))
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
    """What a stranger sent, fit for a log: 100 printable ASCII characters at most, no other sign."""
    return "".join(one if one.isascii() and one.isprintable() else "?" for one in said[:LONGEST_TOLD])


def _route_of(request: web.Request) -> str:
    """The route as it stands in the code, never the address that came."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else "none"


_ROUTER = {404: Code.NOT_FOUND, 405: Code.WRONG_METHOD, 400: Code.BAD_REQUEST, 413: Code.BAD_REQUEST}


def _refused_by_router(error: web.HTTPException) -> HttpRefusal:
    status = 400 if error.status == 413 else error.status
    return HttpRefusal(status, _ROUTER.get(error.status, Code.BAD_REQUEST))


def _refused_for(error: Exception) -> HttpRefusal:
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
            log.error("the store refused a request: %s", type(error).__name__)
            return HttpRefusal(503, Code.BUSY, wait=1)
    log.error("a request failed: %s at %s", type(error).__name__, logs.place(error.__traceback__))
    return HttpRefusal(500, Code.FAILED)


DOOR = web.AppKey("door", Door)


def application(door: Door) -> web.Application:
    """An application with the door in front."""
    app = web.Application(middlewares=[door.answer, door.admit], client_max_size=LARGEST_FRAME)
    app[DOOR] = door
    Signature(is_secure=door.settings.is_secure).add_to(app)
    return app
