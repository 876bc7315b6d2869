"""What we use of aiohttp without its promise: each name still exists, is of the same kind, and does what we rely on.

The name of a failing test says what has moved; `chat/http/aiohttp_internals.py` says what it was used for.
"""

import ast
import asyncio
import inspect
import re
import socket
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import aiohttp
from aiohttp import WSMsgType, web
from aiohttp.http import HttpRequestParser

from chat.connections.gateway import text_head
from chat.http.aiohttp_internals import KEEPALIVE_S, LastingSocket, SignedConnection, drop_parser, request_ended
from chat.http.headers import Signature
from chat.http.tap import Tap
from tests.load.wire import Wire, connect

CHAT = Path(__file__).parents[3] / "chat"
OURS = CHAT / "http" / "aiohttp_internals.py"
# The modules that may be imported from the library, and the first words of a base class that derives from one of its classes.
PUBLIC = {"aiohttp", "aiohttp.typedefs.Handler", *(f"aiohttp.{name}" for name in ("web", *aiohttp.__all__))}
THEIRS = ("web.", "SignedConnection", "LastingSocket")

Look = Callable[[web.Request, LastingSocket], Awaitable[None]]


async def at_nothing(*_: object) -> None: ...


class Connection(SignedConnection):
    """A connection with a tap, like a visitor's, that signals what happens to it."""

    def __init__(self, server: web.Server, came: "asyncio.Queue[Connection]") -> None:
        super().__init__(Signature(is_secure=False), server)
        self._came = came
        self.lost, self.paused = asyncio.Event(), asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.tap = Tap(transport)
        super().connection_made(self.tap)
        self._came.put_nowait(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self.lost.set()

    def pause_reading(self) -> None:
        super().pause_reading()
        self.paused.set()


class House:
    """A running server, whose connections are ours. The handler opens a socket, and passes it and its request to ``look``."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self.looked: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.came: asyncio.Queue[Connection] = asyncio.Queue()
        self.port = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        opened = LastingSocket(compress=False)
        await opened.prepare(request)
        try:
            await self._look(request, opened)
        except BaseException as error:
            self.looked.set_exception(error)
            raise
        self.looked.set_result(None)
        return opened

    async def visit(self, took: Callable[[bytes], None] = lambda _: None) -> tuple[Wire, Connection]:
        """Open a socket; raise here whatever ``look`` raised."""
        wire = await connect("127.0.0.1", self.port, "", took)
        async with asyncio.timeout(10):
            await self.looked
            return wire, await self.came.get()


@asynccontextmanager
async def serving(look: Look = at_nothing) -> AsyncIterator[House]:
    house, app = House(look), web.Application()
    app.router.add_get("/ws", house.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    server = runner.server
    assert server

    listener = socket.create_server(("127.0.0.1", 0))
    house.port = listener.getsockname()[1]
    with closing(await asyncio.get_running_loop().create_server(lambda: Connection(server, house.came), sock=listener)):
        yield house
    await runner.cleanup()


# One test for each name


async def test_the_library_still_has_a_sockets__req() -> None:
    """It refers to the request, and is the only attribute of the socket that does."""

    async def look(request: web.Request, opened: LastingSocket) -> None:
        assert vars(opened)["_req"] is request
        assert [name for name, value in vars(opened).items() if value is request] == ["_req"]

    async with serving(look) as house:
        wire, _ = await house.visit()
        wire.transport.close()


async def test_the_library_still_has_a_connections__parser() -> None:
    """It parses requests, and aiohttp itself drops it when the connection is lost."""
    async with serving() as house:
        wire, connection = await house.visit()
        assert isinstance(connection._parser, HttpRequestParser)
        wire.transport.close()
        async with asyncio.timeout(10):
            await connection.lost.wait()
        assert connection._parser is None


async def test_the_library_still_has_a_requests_task() -> None:
    """It ends after the handler, and closes the transport unless that is kept open."""
    tasks: list[asyncio.Task[None]] = []

    async def look(request: web.Request, opened: LastingSocket) -> None:
        assert isinstance(request.task, asyncio.Task)
        assert not request.task.done()
        tasks.append(request.task)
        opened.outlives = True
        assert isinstance(request.transport, Tap)
        request.transport.is_kept = is_kept

    for is_kept in (False, True):
        async with serving(look) as house:
            wire, connection = await house.visit()
            await asyncio.wait_for(tasks[-1], 10)
            assert connection.tap.is_closing() == (not is_kept)
            wire.transport.close()


async def test_the_library_still_has_a_requests_protocol() -> None:
    """It is the connection that we made, and its transport is the one that we gave it."""
    looked: list[object] = []

    async def look(request: web.Request, _: LastingSocket) -> None:
        looked.extend([request.protocol, request.transport])

    async with serving(look) as house:
        wire, connection = await house.visit()
        assert looked == [connection, connection.tap]
        wire.transport.close()


async def test_the_library_still_has_the_arguments_of_a_connection() -> None:
    """The server, the loop, no access log, and the keep-alive timeout, whose default is aiohttp's."""
    asked = inspect.signature(web.RequestHandler).parameters
    assert list(asked)[:2] == ["manager", "loop"]
    assert asked["keepalive_timeout"].default == KEEPALIVE_S
    connection = SignedConnection(Signature(is_secure=False), web.Server(lambda _: asyncio.sleep(0, web.Response())), 7.0)
    assert connection.keepalive_timeout == 7.0
    assert connection.access_logger is None


async def test_the_library_still_has_handle_error() -> None:
    """It builds the answer to input that is not HTTP."""
    ours, theirs = SignedConnection.handle_error, web.RequestHandler.handle_error
    assert list(inspect.signature(ours).parameters) == list(inspect.signature(theirs).parameters)
    async with serving() as house:
        reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
        writer.write(b"GARBAGE\r\n\r\n")
        async with asyncio.timeout(10):
            answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.0 400 ")
    assert (answer.count(b"\r\nServer: "), answer.count(b"\r\nServer: Ailo\r\n")) == (1, 1)


async def test_the_library_still_has_force_close() -> None:
    """It closes a connection on which nothing has been requested."""
    async with serving() as house:
        reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
        async with asyncio.timeout(10):
            (await house.came.get()).force_close()
            assert await reader.read() == b""
        writer.close()


# All of them together


async def test_a_socket_still_speaks_when_all_is_let_go_of() -> None:
    """The request is freed. More than aiohttp buffers is sent before anybody receives: it then pauses reading."""
    sockets: list[LastingSocket] = []
    requests: list[weakref.ref[web.Request]] = []
    tasks: list[asyncio.Task[None]] = []

    async def look(request: web.Request, opened: LastingSocket) -> None:
        opened.outlives = True
        sockets.append(opened)
        requests.append(weakref.ref(request))
        assert isinstance(request.transport, Tap)
        tasks.append(asyncio.create_task(request_ended(request.task, request.transport)))

    heard: asyncio.Queue[bytes] = asyncio.Queue()
    async with serving(look) as house, asyncio.timeout(10):
        wire, connection = await house.visit(heard.put_nowait)
        await tasks[0]
        drop_parser(connection)
        assert requests[0]() is None
        for number in range(1_000):
            wire.send(b"%d" % number + b" " * 1_000)
        await connection.paused.wait()
        assert [int((await sockets[0].receive()).data) for _ in range(1_000)] == list(range(1_000))
        await sockets[0].send_frame(b"yes", WSMsgType.TEXT)
        assert await heard.get() == b"yes"
        wire.transport.close()


async def test_the_library_still_writes_a_frame_at_once() -> None:
    """So what we write directly to the transport keeps its place in the order."""
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def look(request: web.Request, opened: LastingSocket) -> None:
        assert request.transport
        await opened.send_frame(b"one", WSMsgType.TEXT)
        request.transport.write(text_head(3) + b"two")
        await opened.send_frame(b"three", WSMsgType.TEXT)

    async with serving(look) as house, asyncio.timeout(10):
        wire, _ = await house.visit(heard.put_nowait)
        assert [await heard.get() for _ in range(3)] == [b"one", b"two", b"three"]
        wire.transport.close()


# Nowhere else


def modules() -> Iterator[tuple[str, ast.Module]]:
    """The modules of `chat` that import aiohttp, except the one whose purpose that is."""
    for file in sorted(CHAT.rglob("*.py")):
        tree = ast.parse(file.read_text("utf-8"))
        if file != OURS and any(name.startswith("aiohttp") for name in imported(tree)):
            yield file.relative_to(CHAT.parent).as_posix(), tree


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def private_of_the_library() -> set[str]:
    """Every name that begins with `_` in aiohttp's sources."""
    sources = "\n".join(file.read_text("utf-8") for file in Path(aiohttp.__file__).parent.rglob("*.py"))
    return set(re.findall(r"(?:\.|def )(_[a-z]\w*)", sources))


def named(tree: ast.AST) -> Iterator[ast.Attribute]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Attribute))


def test_nothing_else_reaches_into_the_library() -> None:
    private, found = private_of_the_library(), []
    assert "_loop" in private
    for name, tree in modules():
        found += [
            f"{name} imports {module}" for module in imported(tree) if module.split(".")[0] == "aiohttp" and module not in PUBLIC
        ]
        own = {id(node) for node in named(tree) if isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}}
        found += [f"{name}:{node.lineno} {node.attr}" for node in named(tree) if node.attr in private and id(node) not in own]
    assert found == []


def test_no_class_that_comes_from_the_library_has_a_private_name_of_its() -> None:
    """Neither on purpose nor by accident, which would override aiohttp's own."""
    private, found = private_of_the_library(), []
    for name, tree in [*modules(), ("ours", ast.parse(OURS.read_text("utf-8")))]:
        for made in (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)):
            if any(ast.unparse(base).startswith(THEIRS) for base in made.bases):
                used = {node.attr for node in named(made)} | {
                    node.name for node in made.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
                }
                found += [f"{name} {made.name}.{one}" for one in sorted(used & private)]
    assert found == ["ours LastingSocket._req"]
