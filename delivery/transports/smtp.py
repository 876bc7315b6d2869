"""Letters through an SMTP relay; the only module that knows aiosmtplib. No policy: it does not decide when to try again."""

import asyncio
import re
import ssl
import time
from contextlib import suppress
from functools import lru_cache
from typing import Final, cast

from aiosmtplib import (
    SMTP,
    SMTPDataError,
    SMTPException,
    SMTPHeloError,
    SMTPReadTimeoutError,
    SMTPResponseException,
    SMTPSenderRefused,
    SMTPServerDisconnected,
    SMTPStatus,
)

from delivery.letters.addresses import mailable
from delivery.settings import Relay
from delivery.transports.transport import Later, Message, Outcome, Rejected, Sent, Unanswered

__all__ = ["SmtpTransport"]

# How long a relay may take (RFC 5321 section 4.5.3.2): to answer a command, to answer DATA, and to answer after the whole
# letter, which it may scan first. A client that hangs up during the last has sent the letter, and will send it again.
COMMAND_SECONDS: Final = 300
DATA_SECONDS: Final = 120
ANSWER_SECONDS: Final = 600
# Time to reach it. The RFC allows 5 minutes for its greeting, but nothing is lost if it cannot be reached: all letters rest.
CONNECT_SECONDS: Final = 60
ALIVE_SECONDS: Final = 10
QUIT_SECONDS: Final = 2
# A connection that has rested for longer is asked whether the relay still answers, before a letter is begun.
RESTED_SECONDS: Final = 1.0
ACCEPTED: Final = frozenset({SMTPStatus.completed, SMTPStatus.will_forward})
# Replies of a relay that demands a login or encryption (RFC 4954, 6): the fault of our settings, not of a letter.
LOCKED_OUT: Final = frozenset({530, 534, 535, 538})
_NOT_XTEXT = re.compile("[^!-*,-<>-~]")
_STATUS = re.compile(r"(5\.\d{1,3}\.\d{1,3})(?!\S)", re.ASCII)


class SmtpTransport:
    """Keeps one connection open between letters. ``sender`` is the envelope's sender address."""

    def __init__(
        self,
        relay: Relay,
        sender: str,
        *,
        connect_seconds: float = CONNECT_SECONDS,
        seconds: float = COMMAND_SECONDS,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._relay = relay
        self._sender = sender
        self._connect_seconds = connect_seconds
        self._seconds = seconds
        self._answer_seconds = answer_seconds
        self._context = context_of(relay)
        self._connection: SMTP | None = None
        self._used_at = 0.0
        # Whether the relay had hung up, or did so at the first command of the letter that was tried last.
        self._was_gone = False

    async def send(self, message: Message, recipient: str, /, sender: str | None = None) -> Outcome:
        if mailable(recipient) != recipient:
            return Rejected("address")  # it could hold what ends the command
        was_kept = self._connection is not None
        outcome = await self._try(message, sender or self._sender, recipient)
        if was_kept and self._was_gone:  # nothing of the letter was given: it costs it no attempt
            outcome = await self._try(message, sender or self._sender, recipient)
        return outcome

    async def _try(self, message: Message, sender: str, recipient: str) -> Outcome:
        self._was_gone = False
        try:
            connection = await self._connected()
        except (SMTPException, OSError) as error:
            return Later(_reason("connecting", error), for_all=True)
        return await self._hand_over(connection, message, sender, recipient)

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
        if self._connection is not None and not await self._is_open(self._connection):
            self._hang_up()
        if self._connection is None:
            connection = self._dialled()
            await _greet(connection)
            connection.timeout = self._seconds
            self._connection = connection
        return self._connection

    async def _is_open(self, connection: SMTP) -> bool:
        """Whether a letter can be begun: one that was in use just now is only asked whether it was cut since."""
        has_rested = time.monotonic() > self._used_at + RESTED_SECONDS
        return connection.is_connected and (not has_rested or await self._is_alive(connection))

    async def _is_alive(self, connection: SMTP) -> bool:
        """Check the connection before a letter is begun: a relay that hung up meanwhile must not cost the letter an attempt."""
        try:
            await connection.noop(timeout=min(self._connect_seconds, ALIVE_SECONDS))
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

    async def _hand_over(self, connection: SMTP, message: Message, sender: str, recipient: str) -> Outcome:
        try:
            await self._announce(connection, sender, recipient)
        except SMTPSenderRefused as error:
            await self._begin_anew(connection)
            return _by_sender(error)
        except SMTPResponseException as error:
            await self._begin_anew(connection)
            return _by_code(error.code, error.message)
        except (SMTPException, OSError) as error:
            self._hang_up()
            return Later(_reason("sending", error))
        except BaseException:
            self._hang_up()
            raise
        return await self._give(connection, _as_data(message))

    async def _announce(self, connection: SMTP, sender: str, recipient: str) -> None:
        """Send the sender, the recipient and DATA. Raises SMTPException or OSError.

        Neither address needs to be taken apart once more, as aiosmtplib would: both are known to be mailable. Where the relay
        can (RFC 3461), it is asked to report failures alone, to name the address that we wrote to, and to return no text.
        """
        reports = connection.supports_extension("dsn")
        await self._begin(connection, f"FROM:<{sender}>" + " RET=HDRS" * reports)
        await _say(connection, b"RCPT", (f"TO:<{recipient}>" + _asking(recipient) * reports).encode())
        leave = await connection.execute_command(b"DATA", timeout=min(self._seconds, DATA_SECONDS))
        if leave.code != SMTPStatus.start_input:
            raise SMTPDataError(leave.code, leave.message)

    async def _begin(self, connection: SMTP, sender: str) -> None:
        """Raises SMTPSenderRefused for a refusal, SMTPException or OSError for no answer."""
        try:
            await _say(connection, b"MAIL", sender.encode())
        except SMTPResponseException as error:
            self._was_gone = error.code == SMTPStatus.domain_unavailable
            raise SMTPSenderRefused(error.code, error.message, "") from None
        except (SMTPException, OSError) as error:
            self._was_gone = isinstance(error, ConnectionError)
            raise

    async def _begin_anew(self, connection: SMTP) -> None:
        with suppress(SMTPException, OSError):
            await connection.rset()

    async def _give(self, connection: SMTP, data: bytes) -> Outcome:
        """Send the letter with its end mark, and wait for the answer, without which its fate is unknown."""
        protocol = connection.protocol
        try:
            if protocol is None:
                raise SMTPServerDisconnected("gone")
            protocol.write(data)
            response = await protocol.read_response(timeout=self._answer_seconds)
            self._used_at = time.monotonic()
        except SMTPReadTimeoutError as error:
            return self._given_up(connection, "no answer") or Later(_reason("sending", error))
        except asyncio.CancelledError:
            if unanswered := self._given_up(connection, "stopped before the answer"):
                return unanswered  # so that it can be recorded: the letter is with the relay
            raise
        except (SMTPException, OSError) as error:
            # The relay hung up, and so has not accepted responsibility for the letter (RFC 5321 section 4.2.5).
            self._hang_up()
            return Later(_reason("sending", error))
        return Sent() if response.code // 100 == 2 else _by_code(response.code, response.message)

    def _given_up(self, connection: SMTP, reason: str) -> Unanswered | None:
        """Hang up without an answer; None if the letter's end never left this machine, so that the relay cannot have it."""
        transport = cast("asyncio.WriteTransport | None", connection.transport)
        is_with_relay = transport is None or not transport.get_write_buffer_size()
        self._hang_up()
        return Unanswered(reason) if is_with_relay else None

    def _hang_up(self) -> None:
        """Drop the connection after a timeout or a loss: the relay's next reply would answer an earlier command."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


async def _greet(connection: SMTP) -> None:
    """Connect, and learn what the relay can. Raises SMTPException or OSError."""
    await connection.connect()
    if connection.is_ehlo_or_helo_needed:
        with suppress(SMTPHeloError):
            await connection.ehlo()
    if connection.is_ehlo_or_helo_needed:
        await connection.helo()


def _asking(recipient: str) -> str:
    """What a relay is asked about reports (RFC 3461, 4.1 and 4.2; the address as xtext)."""
    return f" NOTIFY=FAILURE ORCPT=rfc822;{_NOT_XTEXT.sub(lambda sign: f'+{ord(sign[0]):02X}', recipient)}"


async def _say(connection: SMTP, *command: bytes) -> None:
    """Raises SMTPResponseException for an answer that does not accept it, SMTPException or OSError for none."""
    response = await connection.execute_command(*command)
    if response.code not in ACCEPTED:
        raise SMTPResponseException(response.code, response.message)


def _as_data(message: Message) -> bytes:
    """A letter as sent after DATA, with its end mark: a dot that begins a line is doubled (RFC 5321 section 4.5.2)."""
    lines = message.as_bytes().replace(b"\n.", b"\n..")
    if lines.startswith(b"."):
        lines = b"." + lines
    return lines + (b"" if lines.endswith(b"\r\n") else b"\r\n") + b".\r\n"


def _by_code(code: int, text: str) -> Outcome:
    if code in LOCKED_OUT:
        return Later(f"smtp {code}", for_all=True)
    return Rejected(f"smtp {code}", _status(text)) if 500 <= code <= 599 else Later(f"smtp {code}")


def _by_sender(refusal: SMTPSenderRefused) -> Outcome:
    """A sender that is refused is so for every letter: the fault of our settings, or of the relay's."""
    outcome = _by_code(refusal.code, refusal.message)
    return Later(f"sender refused: smtp {refusal.code}", for_all=True) if isinstance(outcome, Rejected) else outcome


def _status(text: str) -> str | None:
    """The enhanced status code of an answer (RFC 2034): it begins its first line."""
    found = _STATUS.match(text)
    return found[1] if found else None


def _reason(doing: str, error: Exception) -> str:
    code = f" smtp {error.code}" if isinstance(error, SMTPResponseException) else ""
    return f"{doing}:{code} {type(error).__name__}"


def _start_tls(relay: Relay) -> bool | None:
    """Whether STARTTLS is required (True), or used if it is offered (None), as on the loopback."""
    if relay.implicit_tls:
        return False
    return None if relay.is_loopback else True


@lru_cache(8)
def context_of(relay: Relay) -> ssl.SSLContext:
    """What all connections to a relay share: to load the certificates takes 20 ms.

    Certificates are verified, except those of a relay on this same machine, which rarely has one that matches its name."""
    context = ssl.create_default_context(cafile=relay.authority)
    if relay.is_loopback and not relay.implicit_tls and relay.authority is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
