"""Tries the relay as a letter would: connection, encryption, login, the envelope's sender, and a letter to whoever asks."""

import ssl
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiosmtplib import SMTP, SMTPException, SMTPResponseException

from delivery.checkup.findings import RELAY, Finding, Grade
from delivery.letters.addresses import mailable
from delivery.settings import Relay
from delivery.transports.smtp import context_of

__all__ = ["Trial", "try_relay"]

SECONDS = 30
SOON_DAYS = 14
LONGEST_ANSWER = 200


@dataclass(frozen=True, repr=False)
class Trial:
    """A letter to be tried: its envelope, and its bytes with CRLF."""

    name: str
    sender: str
    recipient: str
    content: bytes


async def try_relay(relay: Relay, trials: Sequence[Trial], name: str) -> AsyncIterator[Finding]:
    """Try each step in turn, up to the first that fails; each letter by itself. ``name`` is what this machine says it is."""
    client = SMTP(
        hostname=relay.host, port=relay.port, local_hostname=name, timeout=SECONDS,
        use_tls=relay.implicit_tls, start_tls=False, tls_context=context_of(relay),
    )  # fmt: skip
    try:
        async for finding in _enter(client, relay):
            yield finding
            if finding.grade is Grade.WRONG:
                return
        for trial in trials:
            yield await _send(client, trial)
    finally:
        with suppress(SMTPException, OSError):
            await client.quit(timeout=2)
        client.close()


async def _enter(client: SMTP, relay: Relay) -> AsyncIterator[Finding]:
    where, began = f"{relay.host}:{relay.port}", time.monotonic()
    try:
        await client.connect()
        await client.ehlo()
    except (SMTPException, OSError) as error:
        yield RELAY.wrong(f"{where} cannot be reached: {said(error)}", _advice_to_reach(error))
        return
    yield RELAY.fine(f"{where} answers ({(time.monotonic() - began) * 1000:.0f} ms)")
    yield await _encrypt(client, relay)
    yield await _log_in(client, relay)
    if client.supports_extension("dsn"):
        yield RELAY.fine("reports failures alone, and without the text, when asked (DSN)")
    else:
        yield RELAY.doubtful("does not offer DSN (RFC 3461)", "A letter that comes back may come back whole.")


async def _encrypt(client: SMTP, relay: Relay) -> Finding:
    """Encrypt as a letter would: always, but on the loopback, where it is not offered."""
    if not relay.implicit_tls:
        if not client.supports_extension("starttls"):
            return _without_encryption(relay)
        try:
            await client.starttls(tls_context=context_of(relay))
            await client.ehlo()
        except (SMTPException, OSError) as error:
            return RELAY.wrong(f"STARTTLS fails: {said(error)}", _advice_to_reach(error))
    tls: ssl.SSLObject | None = client.transport.get_extra_info("ssl_object") if client.transport else None
    return _encrypted(tls.version() or "TLS", tls.getpeercert(), time.time()) if tls else _without_encryption(relay)


def _without_encryption(relay: Relay) -> Finding:
    if relay.is_loopback:
        return RELAY.fine("not encrypted, which the loopback need not be")
    return RELAY.wrong(
        "offers no STARTTLS",
        "Somebody in between may take the offer away. Ask the relay's operator, or use smtps:// with port 465.",
    )


def _encrypted(version: str, certificate: dict[str, Any] | None, now: float) -> Finding:
    if not certificate:
        return RELAY.fine(f"encrypted ({version}); whose certificate it is does not matter on the loopback")
    until = ssl.cert_time_to_seconds(certificate["notAfter"])
    day, left = datetime.fromtimestamp(until, UTC).date(), (until - now) / 86_400
    text = f"encrypted ({version}), certificate good until {day}"
    return RELAY.doubtful(text, "It ends soon: see that it is renewed.") if left < SOON_DAYS else RELAY.fine(text)


async def _log_in(client: SMTP, relay: Relay) -> Finding:
    if relay.user is None:
        return RELAY.fine("no login, as AILO_SMTP names no user")
    try:
        await client.login(relay.user, relay.password)
    except (SMTPException, OSError) as error:
        return RELAY.wrong(
            f"the login is refused: {said(error)}",
            "Compare user and password in AILO_SMTP with the relay's (percent-encode special characters).",
        )
    return RELAY.fine("lets Ailo in with its user and password")


async def _send(client: SMTP, trial: Trial) -> Finding:
    """Send one letter; a refusal of its sender, its recipient or its content is told apart."""
    if mailable(trial.recipient) != trial.recipient:
        return RELAY.wrong(f"{trial.name}: nothing can be sent to {trial.recipient!r}", "Give another address.")
    what, advice = f"refuses the envelope's sender {trial.sender}", ADVICE_SENDER
    try:
        await client.mail(trial.sender)
        what, advice = f"refuses the recipient {trial.recipient}", ADVICE_RECIPIENT
        await client.rcpt(trial.recipient)
        what, advice = "refuses the letter", "Its answer says why: ask the relay's operator."
        await client.data(trial.content)
    except (SMTPException, OSError) as error:
        with suppress(SMTPException, OSError):
            await client.rset()
        return RELAY.wrong(f"{trial.name}: {what}: {said(error)}", advice)
    return RELAY.fine(f"{trial.name}: taken for {trial.recipient}, from {trial.sender}")


ADVICE_SENDER = (
    "Let the relay send from this address: with a hosted relay, add its domain there; without AILO_REPLY_DOMAIN, AILO_MAIL_FROM."
)
ADVICE_RECIPIENT = "The relay must pass on letters of this machine to everybody (Postfix: mynetworks, or a login)."


def said(error: Exception) -> str:
    """What the other side said, on one line; else the kind of error in words. It is for the operator's terminal alone."""
    if isinstance(error, SMTPResponseException):
        return f"{error.code} {' '.join(error.message.split())}"[:LONGEST_ANSWER]
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    cause = error.__cause__ or error.__context__
    if isinstance(error, SMTPException) and isinstance(cause, OSError):
        return said(cause)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__


def _advice_to_reach(error: Exception) -> str:
    chain = [one for one in (error, error.__cause__, error.__context__) if one is not None]
    if any(isinstance(one, ssl.SSLError) for one in chain):
        return "The certificate must be for the name in AILO_SMTP and of an authority that is trusted: see AILO_SMTP_CA."
    return "Check host and port in AILO_SMTP, and that no firewall is in between (many hosters block port 25, few 587 or 465)."
