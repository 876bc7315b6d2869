"""The settings of delivery: where letters go, from whom, and when they are retried."""

import ssl
from dataclasses import dataclass, field
from email.headerregistry import Address
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from delivery.inbound_settings import InboundSettings
from delivery.letters.addresses import sender
from storage.settings import Environment

PORTS = {"smtp": 587, "smtps": 465}
WORKERS = 4
LETTERS_A_MINUTE = 300
# The sender if none is set: on a domain that can never exist, for letters that stay in a Maildir.
NOBODY = Address("Ailo", "bonjour", "ailo.example")


@dataclass(frozen=True, repr=False)
class Relay:
    """The SMTP server that takes our letters. ``authority`` is a file of certificates to trust instead of the system's."""

    host: str
    port: int
    implicit_tls: bool = False
    user: str | None = None
    password: str = ""
    authority: Path | None = None

    @property
    def is_loopback(self) -> bool:
        """Whether the relay is this same machine: there is no network in between."""
        try:
            return self.host == "localhost" or ip_address(self.host).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True)
class DeliverySettings:
    """``origin`` is the public address of the service. Without a ``relay``, letters are written to ``maildir``.

    ``workers`` letters are sent at the same time, each over a connection of its own; to one domain no more than
    ``letters_a_minute``, 0 for no limit. ``push_authority`` is a file of certificates to trust instead of the system's when
    asking push services.
    """

    origin: str
    maildir: Path
    mail_from: Address = field(default_factory=lambda: NOBODY)
    relay: Relay | None = field(default=None, repr=False)
    retry_after_ms: int = 450_000
    workers: int = WORKERS
    letters_a_minute: int = 0
    inbound: InboundSettings = field(default_factory=InboundSettings)
    push_authority: Path | None = None

    @property
    def link(self) -> str:
        """The link in letters."""
        return f"{self.origin.rstrip('/')}/"

    @property
    def contact(self) -> str:
        """Whom a push service may turn to about our pushes (RFC 8292, 2.1)."""
        is_nobody = self.mail_from == NOBODY and self.origin.startswith("https://")
        return self.origin.rstrip("/") if is_nobody else f"mailto:{self.mail_from.addr_spec}"

    @classmethod
    def from_environment(cls, environment: Environment, data: Path, origin: str) -> "DeliverySettings":
        """Read the settings; errors are added to the environment's faults, in words that repeat no secret."""
        relay = _relay(environment)
        return cls(
            origin,
            data / "mail",
            _mail_from(environment, is_required=relay is not None),
            relay,
            environment.whole("AILO_RETRY_AFTER", 450, minimum=1, maximum=86_400) * 1000,
            environment.whole("AILO_MAIL_WORKERS", WORKERS, minimum=1, maximum=16),
            _letters_a_minute(environment) if relay else 0,
            InboundSettings.from_environment(environment),
            _authority(environment, "AILO_PUSH_CA"),
        )


def _letters_a_minute(environment: Environment) -> int:
    """How many letters a minute go to one domain; 0 for as many as there are."""
    if environment.text("AILO_LETTERS_A_MINUTE") == "off":
        return 0
    return environment.whole("AILO_LETTERS_A_MINUTE", LETTERS_A_MINUTE, minimum=1, maximum=60_000)


def _mail_from(environment: Environment, *, is_required: bool) -> Address:
    text = environment.text("AILO_MAIL_FROM")
    if text is None:
        if is_required:
            environment.faults.append("AILO_MAIL_FROM must be set with AILO_SMTP: it is the sender's address.")
        return NOBODY
    address = sender(text)
    if address is None:
        environment.faults.append("AILO_MAIL_FROM must be one e-mail address, such as `Ailo <bonjour@example.org>`.")
    return address or NOBODY


def _relay(environment: Environment) -> Relay | None:
    url = environment.text("AILO_SMTP")
    authority = _authority(environment, "AILO_SMTP_CA")
    if url is None:
        return None
    try:
        return _parsed(urlsplit(url), authority)
    except ValueError:
        environment.faults.append(
            "AILO_SMTP must be smtp://USER:PASSWORD@HOST:587 or smtps://USER:PASSWORD@HOST:465"
            " (user and password may be omitted; percent-encode special characters in them)."
        )
        return None


def _parsed(url: SplitResult, authority: Path | None) -> Relay:
    """Turn a URL into a relay. Raises ValueError, as ``url.port`` does, for anything malformed."""
    has_more = url.path not in {"", "/"} or url.query or url.fragment
    half_a_login = bool(url.username) != bool(url.password)
    if url.scheme not in PORTS or not url.hostname or has_more or half_a_login or url.port == 0:
        raise ValueError
    return Relay(
        url.hostname,
        url.port or PORTS[url.scheme],
        url.scheme == "smtps",
        unquote(url.username, errors="strict") if url.username else None,
        unquote(url.password, errors="strict") if url.password else "",
        authority,
    )


def _authority(environment: Environment, name: str) -> Path | None:
    path = environment.text(name)
    if path is None:
        return None
    try:
        ssl.create_default_context(cafile=path)
    except OSError:
        environment.faults.append(f"{name} must name a file of certificates (PEM) to trust instead of the system's.")
        return None
    return Path(path)
