"""A real SMTP server for the tests (aiosmtpd), on the loopback and in the same loop, whose answers can be set in advance."""

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, AnyStr

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

OK = "250 taken"
DROP = "drop"
LOST = "lost"
HANG = "hang"
SLOW = "slow"


@dataclass
class FakeRelay:
    """``mail``, ``rcpt`` and ``data`` are the answers for the next letters, one each; after that, all letters are accepted.

    DROP ends the connection instead, LOST takes the letter and does so. HANG is no answer; SLOW is one that comes when ``freed``
    is set. ``waits`` is set once such an answer is pending.
    """

    port: int = 0
    mail: list[str] = field(default_factory=list)
    rcpt: list[str] = field(default_factory=list)
    data: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    taken: list[tuple[str, EmailMessage]] = field(default_factory=list)
    senders: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    connections: int = 0
    asked: int = 0
    servers: list[SMTP] = field(default_factory=list)
    freed: asyncio.Event = field(default_factory=asyncio.Event)
    waits: asyncio.Event = field(default_factory=asyncio.Event)
    took_one: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle_EHLO(  # noqa: N802 (aiosmtpd's name)
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [*responses[:-1], *(["250-DSN"] if isinstance(server, Reporting) else []), responses[-1]]

    async def handle_MAIL(  # noqa: N802 (aiosmtpd's name)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        answer = self.mail.pop(0) if self.mail else OK
        envelope.mail_from = address if answer == OK else None
        return await self._answer(server, answer)

    async def handle_NOOP(self, server: SMTP, session: Session, envelope: Envelope, _argument: str) -> str:  # noqa: N802
        self.asked += 1
        return OK

    async def handle_RCPT(  # noqa: N802 (aiosmtpd's name)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        answer = self.refused.get(address) or (self.rcpt.pop(0) if self.rcpt else OK)
        if answer == OK:
            envelope.rcpt_tos.append(address)
        return await self._answer(server, answer)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = self.data.pop(0) if self.data else OK
        if answer in {OK, SLOW, LOST}:
            self._take(server, envelope)
        return await self._answer(server, answer)

    def _take(self, server: SMTP, envelope: Envelope) -> None:
        assert isinstance(envelope.content, bytes)
        assert server.transport is not None
        message = message_from_bytes(envelope.content, EmailMessage, policy=policy.default)
        self.taken.append((envelope.rcpt_tos[0], message))
        self.took_one.set()
        self.senders.append(envelope.mail_from or "")
        self.encrypted.append(server.transport.get_extra_info("sslcontext") is not None)

    async def _answer(self, server: SMTP, answer: str) -> str:
        if answer in {DROP, LOST}:
            _cut(server)
        if answer in {HANG, SLOW}:
            self.waits.set()
            await self.freed.wait()
        return OK if answer == SLOW else answer

    def authenticate(self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append(f"{data.login.decode()}:{data.password.decode()}")
        return AuthResult(success=data.password == b"p@ss word", handled=False)

    def hang_up(self) -> None:
        """Close all connections, as a relay does with idle ones."""
        for server in self.servers:
            _cut(server)

    @property
    def recipients(self) -> list[str]:
        return [recipient for recipient, _ in self.taken]


class Reporting(SMTP):
    """Offers delivery reports (RFC 3461), and notes what it was asked for; aiosmtpd does not know them."""

    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802 (aiosmtpd's name)
        await super().smtp_MAIL(self._noted("MAIL", arg))

    async def smtp_RCPT(self, arg: str | None) -> None:  # noqa: N802 (aiosmtpd's name)
        await super().smtp_RCPT(self._noted("RCPT", arg))

    def _noted(self, command: str, arg: str | None) -> str | None:
        path, *options = (arg or "").split(" ")
        assert isinstance(self.event_handler, FakeRelay)
        self.event_handler.options += [f"{command} {one}" for one in options]
        return path


class Unreading(SMTP):
    """Allows a letter to begin, and then reads nothing of it."""

    async def push(self, status: AnyStr) -> None:
        if str(status).startswith("354") and isinstance(self.transport, asyncio.ReadTransport):
            self.transport.pause_reading()
        await super().push(status)


def _cut(server: SMTP) -> None:
    transport = server.transport
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()


@asynccontextmanager
async def running(
    port: int = 0,
    *,
    start_tls: ssl.SSLContext | None = None,
    implicit_tls: ssl.SSLContext | None = None,
    wants_login: bool = False,
    greets: bool = True,
    reads: bool = True,
    reports: bool = False,
) -> AsyncIterator[FakeRelay]:
    relay = FakeRelay()

    def connected() -> asyncio.Protocol:
        relay.connections += 1
        if not greets:
            return asyncio.Protocol()
        with warnings.catch_warnings(action="ignore"):  # the warning against a login without encryption
            server = (Reporting if reports else SMTP if reads else Unreading)(
                relay,
                hostname="relay.test",
                tls_context=start_tls,
                require_starttls=start_tls is not None,
                auth_required=wants_login,
                auth_require_tls=start_tls is not None,
                authenticator=relay.authenticate,
                loop=asyncio.get_running_loop(),
            )
        relay.servers.append(server)
        return server

    server = await asyncio.get_running_loop().create_server(connected, "127.0.0.1", port, ssl=implicit_tls)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        relay.freed.set()
        relay.hang_up()
        server.close()
        await server.wait_closed()
