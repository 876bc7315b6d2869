"""Letters through an SMTP relay; the only module that knows aiosmtplib. No policy: when to try again is not decided here."""

import ssl
from email.message import EmailMessage
from typing import Final

from aiosmtplib import (
    SMTP,
    SMTPException,
    SMTPRecipientsRefused,
    SMTPResponseException,
)

from delivery.addresses import mailable
from delivery.post import Later, Outcome, Refused, Sent
from delivery.settings import Relay

__all__ = ["SmtpPost"]

CONNECT_SECONDS: Final = 10
COMMAND_SECONDS: Final = 30
QUIT_SECONDS: Final = 2
# What a relay says that wants a login or encryption (RFC 4954, 6): the fault of our settings, not of a letter.
LOCKED_OUT: Final = frozenset({530, 534, 535, 538})


class SmtpPost:
    """Keeps one connection between letters. ``sender`` is the address of the envelope."""

    def __init__(
        self, relay: Relay, sender: str, *, connect_seconds: float = CONNECT_SECONDS, seconds: float = COMMAND_SECONDS
    ) -> None:
        self._relay = relay
        self._sender = sender
        self._connect_seconds = connect_seconds
        self._seconds = seconds
        self._context = _context(relay)
        self._connection: SMTP | None = None

    async def send(self, message: EmailMessage, recipient: str, /) -> Outcome:
        if mailable(recipient) != recipient:
            return Refused("address")  # aiosmtplib would cut it to something else and send to that
        try:
            connection = await self._connected()
        except (SMTPException, OSError) as error:
            return Later(_reason("connecting", error), for_all=True)
        return await self._hand_over(connection, message, recipient)

    async def close(self) -> None:
        """Say goodbye, but do not wait long for an answer."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            await connection.quit(timeout=QUIT_SECONDS)
        except (SMTPException, OSError):
            pass
        finally:
            connection.close()

    async def _connected(self) -> SMTP:
        """The kept connection if the relay still answers on it, else a new one. Raises SMTPException or OSError."""
        if self._connection is not None and not await self._is_alive(self._connection):
            self._hang_up()
        if self._connection is None:
            connection = self._dialled()
            await connection.connect()
            connection.timeout = self._seconds
            self._connection = connection
        return self._connection

    async def _is_alive(self, connection: SMTP) -> bool:
        """Asked before a letter is begun: a relay that hung up meanwhile must not cost the letter a try."""
        try:
            await connection.noop(timeout=self._connect_seconds)
        except (SMTPException, OSError):
            return False
        return True

    def _dialled(self) -> SMTP:
        return SMTP(
            hostname=self._relay.host,
            port=self._relay.port,
            username=self._relay.user,
            password=self._relay.password if self._relay.user is not None else None,
            local_hostname=self._sender.partition("@")[2],
            timeout=self._connect_seconds,
            use_tls=self._relay.implicit_tls,
            start_tls=_start_tls(self._relay),
            tls_context=self._context,
        )

    async def _hand_over(self, connection: SMTP, message: EmailMessage, recipient: str) -> Outcome:
        try:
            await connection.sendmail(self._sender, [recipient], message.as_bytes())
        except SMTPRecipientsRefused as error:
            return _by_code(error.recipients[0].code)
        except SMTPResponseException as error:
            return _by_code(error.code)
        except (SMTPException, OSError) as error:
            self._hang_up()
            return Later(_reason("sending", error))
        except BaseException:
            self._hang_up()
            raise
        return Sent()

    def _hang_up(self) -> None:
        """After a time-out or a loss: what the relay says next would answer a question that was not asked."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _by_code(code: int) -> Outcome:
    if code in LOCKED_OUT:
        return Later(f"smtp {code}", for_all=True)
    return Refused(f"smtp {code}") if 500 <= code <= 599 else Later(f"smtp {code}")


def _reason(doing: str, error: Exception) -> str:
    code = f" smtp {error.code}" if isinstance(error, SMTPResponseException) else ""
    return f"{doing}:{code} {type(error).__name__}"


def _start_tls(relay: Relay) -> bool | None:
    """Insisted on (True), but on the loopback, where it is used if it is offered (None)."""
    if relay.implicit_tls:
        return False
    return None if relay.is_loopback else True


def _context(relay: Relay) -> ssl.SSLContext:
    """Certificates are checked, but those of this same machine's relay, which seldom has one in anybody's name."""
    context = ssl.create_default_context(cafile=relay.authority)
    if relay.is_loopback and not relay.implicit_tls and relay.authority is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
