"""Listens for mails over LMTP (RFC 2033); the only module that knows aiosmtpd.

Whoever can connect is believed: it is for the relay on the same machine, or behind a firewall. One recipient at a time, as each
would have its own answer; a relay sends the others in transactions of their own.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session

from delivery.inbound.receiver import LATER, LONGEST_MAIL, Receiver
from delivery.inbound.transmission import read_mail

__all__ = ["listening"]

log = logging.getLogger("ailo.delivery")

IDLE_SECONDS = 300
# More connections than this wait to be accepted.
BACKLOG = 64
ONE_AT_A_TIME = "452 4.5.3 one recipient at a time"
NAME = "ailo"
TOO_LARGE = "552 5.3.4 a mail may have 10 MB at most"


@asynccontextmanager
async def listening(receiver: Receiver, host: str, port: int) -> AsyncIterator[int]:
    """Take mails while this lasts; gives the port. Raises OSError when the address is in use or not this machine's."""
    handler = _Handler(receiver)

    def connection() -> LMTP:
        return _Connection(
            handler,
            data_size_limit=LONGEST_MAIL,
            enable_SMTPUTF8=True,
            hostname=NAME,
            ident="Ailo",
            timeout=IDLE_SECONDS,
            loop=asyncio.get_running_loop(),
        )

    server = await asyncio.get_running_loop().create_server(connection, host, port, backlog=BACKLOG)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


class _Connection(LMTP):
    """Reads mails itself: aiosmtpd keeps each line as an object, at many times its size, and one without an end in full."""

    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802
        if await self.check_helo_needed():
            return
        envelope = self.envelope
        if arg or not envelope or not envelope.rcpt_tos:
            await self.push("501 5.5.4 DATA stands alone" if arg else "503 5.5.1 no recipient yet")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        content = await read_mail(self._reader, LONGEST_MAIL)
        # The transaction ends with the answer, also with that to a fault (RFC 5321, 4.1.1.4): the next mail is not this one's.
        self.envelope = self._create_envelope()
        await self.push(TOO_LARGE if content is None else await self.event_handler.take(envelope, content))


class _Handler:
    """What aiosmtpd calls, under its own names; and what takes a mail."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if envelope.rcpt_tos:
            return ONE_AT_A_TIME
        verdict = await self._receiver.look_up(address)
        if verdict.is_taken:
            envelope.rcpt_tos.append(address)
        return str(verdict)

    async def take(self, envelope: Envelope, content: bytes) -> str:
        return str(await self._receiver.receive(envelope.mail_from or "", envelope.rcpt_tos[0], content))

    async def handle_exception(self, error: Exception) -> str:
        """Say nothing of the mail: an exception's text may hold a part of it."""
        log.error("a mail could not be taken, and will be tried again: %s", type(error).__name__)
        return str(LATER)
