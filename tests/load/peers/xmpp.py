"""Prosody with the same traffic: its configuration, its users, and a client of the few stanzas that are needed."""

import asyncio
import re
import subprocess
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

from tests.load.population import running
from tests.load.traffic import TEXT, Side, Two, drained

HOST = "127.0.0.1"
DOMAIN = "localhost"
PASSWORD = "secret"

# As Debian ships it (archive in its own files, no fsync), or with the archive in SQLite, which syncs at each commit.
CONFIGURATION = """
run_as_root = true
daemonize = false
pidfile = "{folder}/prosody.pid"
data_path = "{folder}/data"
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {port} }}
s2s_ports = {{}}
http_ports = {{}}
https_ports = {{}}
modules_enabled = {{ "roster", "saslauth", "mam", "presence", "message", "iq", "offline", "c2s", "ping" }}
modules_disabled = {{ "s2s", "tls" }}
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
authentication = "internal_plain"
storage = "internal"
{archive}
default_archive_policy = true
archive_expires_after = "never"
log = {{ error = "*console" }}
VirtualHost "localhost"
"""
IN_SQLITE = """storage = {{ archive = "sql" }}
sql = {{ driver = "SQLite3", database = "{folder}/archive.sqlite" }}
sqlite_tune = "{tune}"
"""
ARCHIVES = {"archive in files, no fsync": "", "archive in SQLite, fsync": "normal"}

_message = re.compile(rb"<message\b[^>]*?\bid='([^']+)'.*?</message>", re.DOTALL)


class Stream(asyncio.Protocol):
    """One signed-in stream. ``took`` is called with the id of each message."""

    def __init__(self) -> None:
        self._buffer = b""
        self._has_more = asyncio.Event()
        self.took: Callable[[str], None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self.took is None:
            self._has_more.set()
            return
        end = 0
        for match in _message.finditer(self._buffer):
            end = match.end()
            self.took(match[1].decode())
        self._buffer = self._buffer[end:]

    async def ask(self, stanza: str, until: bytes) -> None:
        """Send something, and wait for the expected answer."""
        self.transport.write(stanza.encode())
        async with asyncio.timeout(20):
            while until not in self._buffer:
                self._has_more.clear()
                await self._has_more.wait()
        self._buffer = b""

    async def sign_in(self, name: str) -> None:
        """Authenticate by PLAIN, over the loopback without TLS; then bind a resource and send presence."""
        head = (
            f"<?xml version='1.0'?><stream:stream to='{DOMAIN}' xmlns='jabber:client'"
            " xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
        )
        secret = b64encode(f"\0{name}\0{PASSWORD}".encode()).decode()
        await self.ask(head, b"</stream:features>")
        await self.ask(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{secret}</auth>", b"<success")
        await self.ask(head, b"</stream:features>")
        bind = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>bench</resource></bind>"
        await self.ask(f"<iq type='set' id='bind'>{bind}</iq>", b"</iq>")
        await self.ask("<presence/>", b"<presence")


@asynccontextmanager
async def prosody(folder: Path, port: int, core: int | None, archive: str, pairs: int) -> AsyncIterator[tuple[int, list[Two]]]:
    """Run Prosody with new users, each pair signed in."""
    people = folder / "data" / DOMAIN / "accounts"
    people.mkdir(parents=True)
    for name in [f"{side}{number}" for number in range(pairs) for side in "ab"]:
        (people / f"{name}.dat").write_text(f'return {{ ["password"] = "{PASSWORD}" }};\n')
    tune = IN_SQLITE.format(folder=folder, tune=archive) if archive else ""
    configuration = folder / "prosody.cfg.lua"
    configuration.write_text(CONFIGURATION.format(folder=folder, port=port, archive=tune))
    with running(["prosody", "-F", "--config", str(configuration)], core, stderr=subprocess.DEVNULL) as process:
        streams: list[Stream] = []
        twos = [await _pair(port, number, streams) for number in range(pairs)]
        await drained(twos)
        try:
            yield process.pid, twos
        finally:
            for stream in streams:
                stream.transport.close()


async def _pair(port: int, number: int, streams: list[Stream]) -> Two:
    two = Two(Side(), Side(), acknowledges=False)
    for side, me, other in ((two.one, f"a{number}", f"b{number}"), (two.two, f"b{number}", f"a{number}")):
        stream = await _connected(port)
        await stream.sign_in(me)
        head = f"<message type='chat' to='{other}@{DOMAIN}' id='"
        side.transmit = lambda id_, stream=stream, head=head: stream.transport.write(  # type: ignore[misc]
            f"{head}{id_}'><body>{TEXT}</body></message>".encode()
        )
        stream.took = side.took
        streams.append(stream)
    return two


async def _connected(port: int) -> Stream:
    """Connect, waiting for the server to start."""
    loop = asyncio.get_running_loop()
    for _ in range(100):
        try:
            return (await loop.create_connection(Stream, HOST, port))[1]
        except ConnectionError:
            await asyncio.sleep(0.1)
    raise SystemExit("no figures: Prosody does not answer")
