"""Delivery reports (RFC 3464): what became of a letter, as the relay or the mailbox's own server tells it.

Anybody may have written one: whose letter it is about follows from the address that it came to, never from what it says.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, takewhile

from delivery.inbound.parts import MOST_DEPTH, MOST_PARTS, Part, mail_of, parts_in, text_in

__all__ = ["Report", "report_in"]

MOST_RECIPIENTS = 20
MOST_CHARACTERS = 100_000
_REPORTS = {"message/delivery-status", "message/global-delivery-status"}
_STATUS = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})(?!\S)", re.ASCII)


@dataclass(frozen=True, repr=False)
class Report:
    """What was reported of one recipient: the status (RFC 3463) of a failure that is final, and the address that refused.

    ``recipient`` is where the letter came to in the end, or, where only that is named, where it was sent to; empty if neither is.
    """

    status: str
    recipient: str


def report_in(raw: bytes) -> list[Report] | None:
    """The final failures in a report, which are none if it tells of a delay or of success; None if this is no report."""
    found = next((text_in(part) for part in islice(_parts(mail_of(raw)), MOST_PARTS) if part.kind in _REPORTS), None)
    return None if found is None else list(_failures(found[:MOST_CHARACTERS]))


def _parts(part: Part) -> Iterator[Part]:
    """A part and those in it. What is below a message that was returned is not looked at: it is what we wrote."""
    yield part
    if part.kind.startswith("multipart/") and part.depth < MOST_DEPTH:
        for one in parts_in(part) or ():
            yield from _parts(one)


def _failures(text: str) -> Iterator[Report]:
    """The groups of fields, one for each recipient; the first of all is about the whole message."""
    groups = re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n"))
    for group in islice(groups, 1 + MOST_RECIPIENTS):
        fields = _fields(group)
        status = _STATUS.match(fields.get("status", ""))
        if _word(fields.get("action", "")) == "failed" and status and status[1][0] != "2":
            yield Report(status[1], _address(fields.get("final-recipient") or fields.get("original-recipient") or ""))


def _fields(group: str) -> Mapping[str, str]:
    """The fields of a group by name, in lower case; of several with one name the first."""
    found: dict[str, str] = {}
    for line in re.sub(r"\n[ \t]+", " ", group).split("\n"):
        name, colon, value = line.partition(":")
        if colon:
            found.setdefault(name.strip().lower(), value.strip())
    return found


def _word(value: str) -> str:
    return "".join(takewhile(str.isalpha, value.lower()))


def _address(value: str) -> str:
    """The address of `type; address` (RFC 3464, 2.3.1 and 2.3.2). One in xtext stands for itself, where it has no such signs."""
    return value.rpartition(";")[2].strip().strip("<>")
