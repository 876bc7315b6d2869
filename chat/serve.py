"""The composition root: settings, storage, web, delivery and signals, assembled and taken down in order."""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any

import uvloop
from aiohttp import web

from chat import features, logs
from chat.ailo import Ailo, open_ailo
from chat.auth.door import Door, application
from chat.auth.routing import Reach, Roles, Route, mount
from chat.auth.session_endings import Endings
from chat.auth.strangers import Doorkeeper, raise_descriptor_limit
from chat.connections.gateway import Gateway
from chat.console.output import OutputFailed, say
from chat.console.printable import printable_lines
from chat.core import Web
from chat.framed.navigation import Navigation
from chat.framed.refusals import InWords
from chat.inbound.feature import Inbound
from chat.operations import control
from chat.operations.health import add_health
from chat.operations.metrics import Metrics, shown_at
from chat.pages.assets import add_pages
from chat.protocol.refusals import NotFound
from chat.settings import ChatSettings, is_loopback
from delivery.letters.lesson.preview import preview
from delivery.settings import DeliverySettings
from delivery.worker import deliver, receiving
from storage.background import in_background
from storage.conversations.service_posts import ServicePost
from storage.errors import KeyringRefused, StorageError
from storage.maintenance import expiry, planted_rows
from storage.rekeying import recovery
from storage.settings import Environment, StorageSettings

BACKLOG = 1024
GOODBYE_S = 1.0

log = logging.getLogger("ailo.serve")


class CannotListen(Exception):
    """A configured address to listen on is not this machine's, or is already in use."""


@dataclass(frozen=True)
class Settings:
    """All settings of the service."""

    storage: StorageSettings
    chat: ChatSettings
    delivery: DeliverySettings
    features: Mapping[str, Any]
    has_own_origin: bool

    @classmethod
    def from_environment(cls, environment: Environment) -> "Settings":
        storage = StorageSettings.from_environment(environment)
        chat = ChatSettings.from_environment(environment)
        delivery = DeliverySettings.from_environment(environment, storage.data, chat.origin)
        own = features.read_settings(environment)
        return cls(storage, chat, delivery, own, environment.text("AILO_ORIGIN") is not None)

    def listening_on(self, port: int) -> "Settings":
        """The same settings, once the port that was requested as 0 is known."""
        if self.has_own_origin or self.chat.port:
            return self
        origin = f"http://127.0.0.1:{port}"
        return replace(self, chat=replace(self.chat, port=port, origin=origin), delivery=replace(self.delivery, origin=origin))


Extra = Callable[[web.Application, Settings], None]
Announce = Callable[[str], None]


def main(environ: Mapping[str, str]) -> int:
    """Run `ailo serve` until SIGTERM or SIGINT; return the exit code."""
    settings = read_settings(environ)
    if settings is None:
        return 1
    logs.set_up()
    return uvloop.run(serve(settings))


def read_settings(environ: Mapping[str, str]) -> Settings | None:
    """Read the settings; None if they have errors, which are all reported together."""
    environment = Environment(environ)
    settings = Settings.from_environment(environment)
    environment.check_secret_files()
    for fault in environment.faults:
        print(f"ailo: {fault}", file=sys.stderr)
    return None if environment.faults else settings


def announce(text: str) -> None:
    """Print something on standard output; the service goes on if that fails."""
    try:
        say(text)
    except OutputFailed as error:
        log.warning("could not print the startup message: %s", error)


async def serve(
    settings: Settings, *, extra: Extra | None = None, prepare: Callable[[Ailo], Awaitable[None]] | None = None
) -> int:
    """Serve until a signal. ``prepare`` runs once before the port is opened, ``extra`` adds routes. Return the exit code."""
    raise_descriptor_limit()
    stop = asyncio.Event()
    logs.take_over(asyncio.get_running_loop())
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    try:
        async with open_ailo(settings.storage) as ailo:
            _refuse_example_off_loopback(ailo, settings)
            for warning in (*settings.chat.warnings(), *settings.delivery.inbound.warnings()):
                log.warning(warning)
            await ailo.store.database.read(lambda reader: recovery.alert(reader, ailo.store.guard))
            if prepare:
                await prepare(ailo)
            listener = _bind(settings.chat.host, settings.chat.port)
            watched = _bind(*settings.chat.metrics) if settings.chat.metrics else None
            _warn_of_open_metrics(settings.chat)
            settings = settings.listening_on(listener.getsockname()[1])
            return await _serve(ailo, settings, (listener, watched), stop, extra)
    except CannotListen as error:
        print(f"ailo: cannot listen on {error}.", file=sys.stderr)
    except OSError as error:
        print(f"ailo: {error.filename or settings.storage.data}: {error.strerror}.", file=sys.stderr)
    except StorageError as error:
        print(f"ailo: {printable_lines(str(error))}", file=sys.stderr)
    return 1


def _refuse_example_off_loopback(ailo: Ailo, settings: Settings) -> None:
    if ailo.store.is_example and not settings.chat.is_loopback:
        raise KeyringRefused(
            "This is the keyring of the example, whose passwords are public: it is served on 127.0.0.1 only. "
            "Run `ailo init` with another AILO_DATA and AILO_KEYS."
        )


def _warn_of_open_metrics(chat: ChatSettings) -> None:
    if chat.metrics and not is_loopback(chat.metrics[0]):
        log.warning("AILO_METRICS can be reached from other machines without authentication: put a firewall in front of it")


def _bind(host: str, port: int) -> socket.socket:
    plain = host.strip("[]")
    family = socket.AF_INET6 if ":" in plain else socket.AF_INET
    try:
        return socket.create_server((plain, port), family=family, backlog=BACKLOG)
    except OSError as error:
        # Python's own text repeats the address.
        said = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise CannotListen(f"{host} port {port}: {said}") from None


async def _serve(
    ailo: Ailo,
    settings: Settings,
    listeners: tuple[socket.socket, socket.socket | None],
    stop: asyncio.Event,
    extra: Extra | None,
) -> int:
    listener, watched = listeners
    app, gateway, keeper = _application(ailo, settings)
    if extra:
        extra(app, settings)
    metrics = _metrics(ailo, app, gateway) if watched else None
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    assert runner.server
    delivery = asyncio.create_task(deliver(ailo.store, settings.delivery, stop), name="delivery")
    delivery.add_done_callback(lambda _: stop.set())
    async with _watched(ailo, gateway):
        try:
            async with (
                ailo.rotation.in_background(),
                expiry.in_background(ailo.store),
                planted_rows.in_background(ailo.store),
                control.listening(settings.storage.data, ailo),
                _shown(metrics, watched),
                receiving_mails(ailo, settings.delivery),
            ):
                _share_the_interpreter()
                _spare_the_collector()
                keeper.open(runner.server, listener)
                announce(f"Ailo is at {settings.chat.origin}")
                await stop.wait()
                await keeper.close()
                await gateway.stop()
        finally:
            stop.set()
            await keeper.close()
            await runner.cleanup()
            await asyncio.wait([delivery])
    return _code_of(delivery)


def _code_of(delivery: asyncio.Task[None]) -> int:
    """The exit code, by how delivery ended."""
    if error := delivery.exception():
        log.error("delivery ended unexpectedly: %s at %s", type(error).__name__, logs.place(error.__traceback__))
    return 1 if error else 0


@asynccontextmanager
async def _watched(ailo: Ailo, gateway: Gateway) -> AsyncIterator[None]:
    """Watch the disk, slow frames and ended sessions while this lasts, which is until the last letter is done."""
    async with (
        in_background(_end_when_failing(ailo, gateway), "watch over the disk"),
        in_background(gateway.watch(), "watch over slow frames"),
        in_background(Endings(ailo.hub, ailo.sign_ins).watch(), "watch over sessions"),
    ):
        yield


def _share_the_interpreter() -> None:
    """Switch threads every 0.1 ms: the event loop shares the interpreter with the writer, whose every statement releases it.

    At Python's default of 5 ms, a busy loop would make a group of a dozen statements wait 50 ms: see docs/speed.md.
    """
    sys.setswitchinterval(0.0001)


def _spare_the_collector() -> None:
    """Run the cycle collector rarely, and never on objects that live as long as the process: by default it takes a third of
    the time under load, see docs/speed.md."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


@asynccontextmanager
async def receiving_mails(ailo: Ailo, settings: DeliverySettings) -> AsyncIterator[None]:
    """Take mails while this lasts. Raises CannotListen."""

    async def post(mail: ServicePost) -> bool:
        try:
            await ailo.conversations.conversation.post_from_service(mail)
        except NotFound:
            return False
        return True

    trials, tell = ailo.of(Inbound).trials, ailo.of(Inbound).mails.tell
    trials.is_open = settings.inbound.domain is not None
    host, port = settings.inbound.lmtp or ("", 0)
    async with AsyncExitStack() as stack:
        try:
            found = await stack.enter_async_context(receiving(ailo.store, settings, post, tell, trials))
        except OSError as error:
            raise CannotListen(f"{host} port {port}: {os.strerror(error.errno or 0)}") from None
        if found is not None:
            log.info("mails are taken by LMTP on port %d", found)
        yield


def _metrics(ailo: Ailo, app: web.Application, gateway: Gateway) -> Metrics:
    metrics = Metrics(ailo.store, ailo.commits, gateway)
    app.middlewares.insert(0, metrics.count)
    return metrics


def _shown(metrics: Metrics | None, listener: socket.socket | None) -> AbstractAsyncContextManager[None]:
    return shown_at(metrics, listener) if metrics and listener else nullcontext()


async def _end_when_failing(ailo: Ailo, gateway: Gateway) -> None:
    """End the process when a write has failed on the disk, so that its supervisor restarts it and it reads what is there.

    Like a kill, except that pending answers are sent: an orderly close of the database would write and sync once more.
    The same applies if somebody else changed the schema.
    """
    reason = await ailo.store.database.failure()
    has_disk_failed = reason.startswith("SQLITE_")
    what = f"the disk failed during a write ({reason})" if has_disk_failed else f"the database was tampered with: {reason}"
    log.critical("%s: the service accepts nothing more and is shutting down", what)
    with suppress(TimeoutError):
        async with asyncio.timeout(GOODBYE_S):
            await gateway.stop()
    if not has_disk_failed:
        await asyncio.sleep(GOODBYE_S)  # lets a running check report what it found
    os._exit(1)


def _application(ailo: Ailo, settings: Settings) -> tuple[web.Application, Gateway, Doorkeeper]:
    door = Door(settings.chat, ailo.sign_ins)
    app = application(door)
    gateway = _gateway(ailo, door)
    add_health(app, ailo.store)
    shelf = add_pages(app, features.pages(), door.role_of, features.static(), features.rails())
    places = Navigation((place, card) for card in ailo.features.values() for place in card.navigation)
    parts = Web(door, shelf, settings.features, places, partial(preview, settings.delivery.mail_from, settings.delivery.link))
    app.middlewares.append(InWords(parts.pages.show_to_anybody).answer)
    mount(app, door, ailo.access, [_socket_route(gateway, door), *routes_of(ailo, parts)])
    return app, gateway, door.keeper


def routes_of(ailo: Ailo, parts: Web) -> Iterable[Route]:
    """The routes of all features."""
    return chain.from_iterable(feature.routes(parts) for feature in ailo.features.values())


def _socket_route(gateway: Gateway, door: Door) -> Route:
    """The WebSocket route, open to everybody: a visitor without a session gets an answer before being turned away."""

    async def socket(request: web.Request) -> web.StreamResponse:
        door.check_origin(request)
        return await gateway.serve(request)

    return Route("GET", "/ws", socket, Roles.EVERYBODY, Reach.OWN)


def _gateway(ailo: Ailo, door: Door) -> Gateway:
    talk = ailo.conversations
    is_signed_in = ailo.sign_ins.is_signed_in
    return Gateway(talk.conversation, talk.participants, ailo.hub, door.signed_in, is_signed_in, door.limits_of, set())
