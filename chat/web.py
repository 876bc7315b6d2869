"""The aiohttp application: who is asking, from where, and in what form errors are told. The routes are in `api` and `pages`.

The order of checks on `/api/` is the contract's: signed out before everything, then the Origin, then whether it exists.
"""

import asyncio
import json
import logging
import math
from collections.abc import Awaitable, Callable
from uuid import uuid4

import msgspec
from aiohttp import ClientConnectionResetError, web
from aiohttp.typedefs import Handler

from chat import logs, words
from chat.accounts import CannotDo, Misuse
from chat.addresses import network_of
from chat.doorkeeper import MOST_BY_ACCOUNT, MOST_BY_PROXY, Doorkeeper
from chat.errors import MovedOn, NotAllowed, NotFound, Overtaken, TooLong
from chat.frames import LARGEST_FRAME, Code
from chat.limits import AccountLimits
from chat.session import SENTENCES
from chat.settings import ChatSettings
from chat.sign_in import SignedIn, SignIns, SlowDown, WrongCredentials
from storage.errors import StorageError, Superseded

SIGNED_IN = web.RequestKey("signed_in", SignedIn)

# What somebody who is signed out may ask for.
SIGNING_IN = {("POST", "/api/session"), ("POST", "/api/session/recovery")}

log = logging.getLogger("ailo.web")


class Refused(Exception):
    """A request that is answered with an error; ``words`` in the reader's language where there is more to say than its code."""

    def __init__(self, status: int, code: Code, wait: float | None = None, words: str | None = None) -> None:
        super().__init__(code.value)
        self.status, self.code, self.wait, self.words = status, code, wait, words


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
        self._limits: dict[bytes, AccountLimits] = {}
        self.keeper = Doorkeeper(
            by_proxy=MOST_BY_PROXY if settings.proxies else None, by_account=MOST_BY_ACCOUNT if settings.rate else None
        )

    async def signed_in(self, request: web.Request) -> SignedIn | None:
        """Who is asking."""
        found = await self.sign_ins.find(request.cookies.get(self.cookie, ""))
        if found:
            self.keeper.knows(request.protocol, found.who.account.id.bytes)
        return found

    def limits_of(self, signed_in: SignedIn) -> AccountLimits:
        """The limits of an account, the same for all its connections and requests."""
        account = signed_in.who.account.id.bytes
        if account not in self._limits:
            self._limits[account] = AccountLimits(self.settings.rate)
        return self._limits[account]

    def remote_of(self, request: web.Request) -> str:
        """The address that a request comes from, as far as it can be believed."""
        heard = [one.strip() for line in request.headers.getall("X-Forwarded-For", []) for one in line.split(",")]
        trusted = self.settings.proxies
        return heard[-trusted] if trusted and len(heard) >= trusted else request.remote or ""

    def forgets(self, response: web.Response) -> web.Response:
        """Have the browser forget the session's cookie."""
        response.del_cookie(self.cookie, path="/", secure=self.settings.is_secure, httponly=True, samesite="Lax")
        return response

    def check_origin(self, request: web.Request) -> None:
        """Raise Refused unless the request comes from the service's own pages."""
        if request.headers.get("Origin") not in self._origins:
            raise Refused(403, Code.FOREIGN_ORIGIN)

    @web.middleware
    async def admit(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Check who asks for anything below `/api/`, and from where whatever changes something."""
        if request.path.startswith("/api/"):
            if (request.method, request.path) not in SIGNING_IN:
                await self._admit_account(request)
            if request.method not in {"GET", "HEAD", "OPTIONS"}:
                self.check_origin(request)
        return await handler(request)

    async def _admit_account(self, request: web.Request) -> None:
        signed_in = await self.signed_in(request)
        if signed_in is None:
            raise Refused(401, Code.SIGNED_OUT)
        request[SIGNED_IN] = signed_in
        limits = self.limits_of(signed_in)
        if not limits.pages.take():
            await asyncio.sleep(limits.over.pause())
            raise Refused(429, Code.SLOW_DOWN, wait=1)

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
            await self.keeper.turns.passed(network_of(address))
            if not is_admitted:
                raise Refused(429, Code.SLOW_DOWN, wait=10)
            return await handler(request)
        except web.HTTPException as error:
            if not is_program or error.status < 400:
                raise
            return self._refusal(request, _refused_by_router(error))
        except ClientConnectionResetError:  # whoever asked has gone, and nobody is there to be told
            return web.Response(status=499, reason="Gone")
        except Exception as error:  # noqa: BLE001 (the top of the request's task: told, and logged once without any text)
            return self._refusal(request, _refused_for(error))
        finally:
            self.keeper.answered(request.protocol)

    def _refusal(self, request: web.Request, refused: Refused) -> web.Response:
        signed_in = request.get(SIGNED_IN)
        language = signed_in.who.account.locale if signed_in else None
        language = words.choose(request.headers.get("Accept-Language"), language)
        body = {"error": {"code": refused.code.value, "message": refused.words or words.say(language, WORDS[refused.code])}}
        headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        if refused.wait is not None:
            headers["Retry-After"] = str(max(1, math.ceil(refused.wait)))
        return web.Response(
            status=refused.status,
            text=json.dumps(body, ensure_ascii=False),
            content_type="application/json",
            headers=headers,
        )


_ROUTER = {404: Code.NOT_FOUND, 405: Code.WRONG_METHOD, 400: Code.BAD_REQUEST, 413: Code.BAD_REQUEST}


def _refused_by_router(error: web.HTTPException) -> Refused:
    status = 400 if error.status == 413 else error.status
    return Refused(status, _ROUTER.get(error.status, Code.BAD_REQUEST))


def _refused_for(error: Exception) -> Refused:
    match error:
        case Refused():
            return error
        case NotFound():
            return Refused(404, Code.NOT_FOUND)
        case MovedOn() | Overtaken():
            return Refused(409, Code.MOVED_ON if isinstance(error, MovedOn) else Code.CONFLICT)
        case WrongCredentials() | Superseded():
            return Refused(401, Code.SIGNED_OUT if isinstance(error, Superseded) else Code.WRONG_CREDENTIALS)
        case SlowDown():
            return Refused(429, Code.SLOW_DOWN, error.wait)
        case NotAllowed() | TooLong() | Misuse() | CannotDo() | msgspec.DecodeError():
            return Refused(400, Code.BAD_REQUEST)
        case StorageError():
            log.error("the store refused a request: %s", type(error).__name__)
            return Refused(503, Code.BUSY, wait=1)
    log.error("a request failed: %s at %s", type(error).__name__, logs.place(error.__traceback__))
    return Refused(500, Code.FAILED)


def application(door: Door) -> web.Application:
    """An application with the door in front."""
    app = web.Application(middlewares=[door.answer, door.admit], client_max_size=LARGEST_FRAME)
    app.on_response_prepare.append(_sign)
    return app


async def _sign(_: web.Request, response: web.StreamResponse) -> None:
    """The library would tell its version and Python's to everybody."""
    response.headers["Server"] = "Ailo"


RoleOf = Callable[[web.Request], Awaitable[str | None]]
