"""The settings of the chat service, read from the environment."""

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from storage.settings import Environment

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True)
class ChatSettings:
    """Where the service listens, its public origin, and how much an account may send.

    ``metrics`` is the host and port at which operators can fetch metrics, if any.
    ``proxies`` is the number of our own proxies in front: that many of the last addresses in `X-Forwarded-For` are trusted.
    """

    host: str
    port: int
    origin: str
    rate: float
    proxies: int = 0
    metrics: tuple[str, int] | None = None

    @classmethod
    def from_environment(cls, environment: Environment) -> "ChatSettings":
        host = environment.text("AILO_HOST") or "127.0.0.1"
        port = environment.whole("AILO_PORT", 8080, maximum=65_535)
        origin = _origin(environment) or f"http://127.0.0.1:{port}"
        rate = 0.0 if environment.text("AILO_RATE") == "off" else float(environment.whole("AILO_RATE", 5, minimum=1))
        return cls(host, port, origin, rate, environment.whole("AILO_PROXIES", 0, maximum=10), _metrics(environment))

    @property
    def is_secure(self) -> bool:
        """Whether browsers reach the service over HTTPS."""
        return self.origin.startswith("https://")

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the service."""
        return is_loopback(self.host)

    def warnings(self) -> list[str]:
        """Warnings about an insecure configuration: passwords and conversations that cross a network unencrypted."""
        if self.is_secure:
            return []
        said = []
        if urlsplit(self.origin).hostname not in {name.strip("[]") for name in LOOPBACK_NAMES}:
            said.append(
                "AILO_ORIGIN is plain http: passwords and conversations cross the network unencrypted; put a TLS proxy in front"
            )
        if not self.is_loopback:
            said.append("AILO_HOST is not a loopback address and AILO_ORIGIN is plain http: anyone on the network can eavesdrop")
        return said

    def origins(self) -> frozenset[str]:
        """The service's own origins: on loopback, all three of its names."""
        parts = urlsplit(self.origin)
        name = parts.netloc.rpartition(":")[0] if parts.port is not None else parts.netloc
        if name not in LOOPBACK_NAMES:
            return frozenset({self.origin})
        port = "" if parts.port is None else f":{parts.port}"
        return frozenset(f"{parts.scheme}://{each}{port}" for each in LOOPBACK_NAMES)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens on this address or name."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _metrics(environment: Environment) -> tuple[str, int] | None:
    raw = environment.text("AILO_METRICS")
    if raw is None:
        return None
    host, _, port = raw.rpartition(":")
    if not host or (":" in host and not host.startswith("[")) or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        environment.faults.append("AILO_METRICS must be HOST:PORT, such as 127.0.0.1:9464.")
        return None
    return host, int(port)


def _origin(environment: Environment) -> str | None:
    raw = environment.text("AILO_ORIGIN")
    if raw is None:
        return None
    try:
        parts = urlsplit(raw)
        is_sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.path in {"", "/"}
        is_sound = is_sound and not (parts.query or parts.fragment or parts.username) and parts.port != 0
    except ValueError:
        is_sound = False
    if not is_sound:
        environment.faults.append("AILO_ORIGIN must be the public address without a path, such as https://ailo.example.")
        return None
    default = {"http": ":80", "https": ":443"}[parts.scheme]
    return f"{parts.scheme}://{parts.netloc.lower().removesuffix(default)}"
