"""Mails that are sent to ourselves on trial: what is seen of one that came back. They are looked at, and kept nowhere."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Protocol

from delivery.inbound.authenticity import is_proven
from delivery.inbound.headers import headers_of, without_comments
from delivery.inbound.reports import report_in

__all__ = ["Arrival", "NoTrials", "Trials", "arrival_of"]

MOST_NAMED = 10
LONGEST = 200
_ADDRESS = re.compile(r"\[(?:IPv6:)?([0-9A-Fa-f:.]{3,45})\]", re.IGNORECASE)
_SIGNED = re.compile(r"(?:^|;)\s*([ds])\s*=\s*([^\s;]+)")


@dataclass(frozen=True)
class Arrival:
    """What was seen of a mail that arrived.

    ``is_proven`` is whether it would be posted as an answer. ``relays`` are the names of those whose results it holds, from the
    top; ``results`` what the one named by AILO_AUTHSERV_ID says (``method=result`` each); ``signed`` the domain and selector of
    each DKIM signature; ``came_from`` the address of the machine that brought it to the relay, where the topmost Received says.
    ``failures`` are the statuses that it reports, if it is a delivery report.
    """

    is_proven: bool
    relays: tuple[str, ...] = ()
    results: tuple[str, ...] = ()
    signed: tuple[tuple[str, str], ...] = ()
    came_from: str | None = None
    failures: tuple[str, ...] = ()


class Trials(Protocol):
    """The trials that are under way; whoever began one asks for what came."""

    def is_one(self, local_part: str) -> bool:
        """Whether a trial is under way for this address of our domain."""
        ...

    def note(self, local_part: str, arrival: Arrival) -> None:
        """Note what came to it."""
        ...


class NoTrials:
    """Where nobody tries anything."""

    def is_one(self, _local_part: str) -> bool:
        return False

    def note(self, _local_part: str, _arrival: Arrival) -> None:
        """There is nobody to be told."""


def arrival_of(raw: bytes, author: str, authserv_id: str | None) -> Arrival:
    """Look at a mail, which would be an answer of ``author``'s."""
    headers, name = headers_of(raw), authserv_id or ""
    named = [(_name(one), one) for one in headers.all("Authentication-Results")[:MOST_NAMED]]
    results = [result for relay, one in named if relay.lower() == name.lower() for result in _results(one)]
    return Arrival(
        is_proven(headers, author, name),
        tuple(relay[:LONGEST] for relay, _ in named),
        tuple(results[:MOST_NAMED]),
        tuple(_signature(one) for one in headers.all("DKIM-Signature")[:MOST_NAMED]),
        _connected(next(iter(headers.all("Received")), "")),
        tuple(report.status for report in report_in(raw) or ()),
    )


def _connected(received: str) -> str | None:
    """The address of the machine that connected, as the relay saw it (RFC 5321, 4.4); before it stands what it called itself."""
    said = " ".join(received.split()).partition(" by ")[0]
    for address in reversed(_ADDRESS.findall(said)):
        with suppress(ValueError):
            return str(ip_address(address))
    return None


def _name(results: str) -> str:
    """Whose results they are (RFC 8601, 2.5)."""
    words = (without_comments(results) or results).partition(";")[0].split()
    return words[0].strip('"') if words else ""


def _results(field: str) -> list[str]:
    """Each ``method=result`` of a field, such as `dmarc=pass`."""
    bare = without_comments(field) or ""
    return [words[0].lower()[:LONGEST] for part in bare.split(";")[1:] if (words := part.split())]


def _signature(value: str) -> tuple[str, str]:
    """The domain and the selector of a DKIM signature (RFC 6376, 3.5), or empty texts."""
    tags: Mapping[str, str] = dict(_SIGNED.findall(value))
    return tags.get("d", "")[:LONGEST], tags.get("s", "")[:LONGEST]
