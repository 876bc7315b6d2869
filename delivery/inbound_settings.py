"""The settings of what comes back by e-mail: how it reaches the service, under which domain, and whose word is believed."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from delivery.letters.addresses import mailable
from storage.settings import Environment

# An authserv-id is a domain name in practice (RFC 8601, 2.5).
AUTHSERV_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,250}[A-Za-z0-9])?")


@dataclass(frozen=True)
class InboundSettings:
    """``domain`` is that of the reply addresses: None if letters cannot be answered. ``lmtp`` is a host and a port to listen on,
    ``inbox`` a Maildir to watch. ``authserv_id`` names the relay whose ``Authentication-Results`` are believed.
    """

    domain: str | None = None
    lmtp: tuple[str, int] | None = None
    inbox: Path | None = None
    authserv_id: str | None = None

    @classmethod
    def from_environment(cls, environment: Environment) -> "InboundSettings":
        """Read the settings; errors are added to the environment's faults."""
        inbox = environment.text("AILO_INBOX")
        found = cls(
            _domain(environment), _lmtp(environment), Path(inbox).absolute() if inbox else None, _authserv_id(environment)
        )
        has_way_in, wants_one = bool(environment.text("AILO_LMTP") or inbox), bool(environment.text("AILO_REPLY_DOMAIN"))
        if has_way_in and not wants_one:
            environment.faults.append("AILO_REPLY_DOMAIN must be set with AILO_LMTP or AILO_INBOX: answers are addressed to it.")
        if wants_one and not has_way_in:
            environment.faults.append(
                "AILO_LMTP or AILO_INBOX must be set with AILO_REPLY_DOMAIN: answers would reach nobody without them."
            )
        return found

    def warnings(self) -> list[str]:
        """What is allowed, and better not so."""
        found = []
        if self.domain and not self.authserv_id:
            found.append("AILO_AUTHSERV_ID is not set: every answer by e-mail waits for its author's word on the page")
        if self.lmtp and not _is_loopback(self.lmtp[0]):
            found.append(
                "AILO_LMTP can be reached from other machines, and whoever reaches it is believed: put a firewall before it"
            )
        return found


def _domain(environment: Environment) -> str | None:
    raw = environment.text("AILO_REPLY_DOMAIN")
    if raw is None:
        return None
    address = mailable(f"r@{raw}")
    if address is None:
        environment.faults.append("AILO_REPLY_DOMAIN must be a domain, such as reply.example.org.")
        return None
    return address.rpartition("@")[2]


def _lmtp(environment: Environment) -> tuple[str, int] | None:
    raw = environment.text("AILO_LMTP")
    if raw is None:
        return None
    host, _, port = raw.rpartition(":")
    if not host or (":" in host and not host.startswith("[")) or not (port.isascii() and port.isdigit()) or int(port) > 65_535:
        environment.faults.append("AILO_LMTP must be HOST:PORT, such as 127.0.0.1:2424.")
        return None
    return host.strip("[]"), int(port)


def _authserv_id(environment: Environment) -> str | None:
    raw = environment.text("AILO_AUTHSERV_ID")
    if raw is not None and not AUTHSERV_ID.fullmatch(raw):
        environment.faults.append("AILO_AUTHSERV_ID must be the name that your relay puts first in Authentication-Results.")
        return None
    return raw


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
