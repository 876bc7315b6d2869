"""From facts to an e-mail. Pure: knows neither storage nor the network, and reads no clock.

A letter says that there is something to read, and reveals none of it: no text, no topic, no name but the recipient's own in
the body. The mailbox may be an employer's. The same facts give the same bytes, so that a repeat is recognisable.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from functools import cache
from pathlib import Path
from typing import Any
from unicodedata import category

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from mjml import mjml2html

import delivery.letters
from delivery.letters.kinds import folder_of, kind_named
from delivery.letters.writing import NARROW, UNFOLDED, Writable, Written

LOCALES = ("fr", "en")
LONGEST_NAME = 60
NAME_SIGNS = " '’-."

HERE = Path(delivery.letters.__file__).parent

_shared = FileSystemLoader(HERE)
_text = Environment(loader=_shared, undefined=StrictUndefined, autoescape=False, trim_blocks=True)  # noqa: S701 (plain text)
_html = Environment(undefined=StrictUndefined, autoescape=True)
# Puts a kind's sheet into the frame that all share, before MJML is compiled: other brackets than those for the facts.
_frame = Environment(
    loader=_shared, undefined=StrictUndefined, autoescape=False,  # noqa: S701 (it gets no facts)
    block_start_string="[%", block_end_string="%]", variable_start_string="[[", variable_end_string="]]",
    comment_start_string="[#", comment_end_string="#]",
)  # fmt: skip


@dataclass(frozen=True, repr=False)
class Envelope:
    """What every letter needs. ``message_id`` and ``group`` are bare, without angle brackets; ``at`` in ms since 1970.

    ``reply_to`` is where an answer to it goes; None if it cannot be answered. ``unsubscribe`` is the address that takes the
    recipient off the list of this kind, if it has one. ``values`` are what the bodies of this kind need besides their words.
    """

    kind: str
    sender: Address
    recipient: str
    first_name: str
    locale: str
    message_id: str
    group: str
    at: int
    link: str
    values: Mapping[str, object] = field(default_factory=dict)
    unsubscribe: str | None = None
    reply_to: Address | None = None


def compose(envelope: Envelope) -> EmailMessage:
    """The e-mail, for whoever takes it apart. Raises as ``write`` does, which gives the same bytes in far less time."""
    message = EmailMessage(policy=NARROW)
    _fill(message, envelope)
    message.policy = UNFOLDED
    return message


def write(envelope: Envelope) -> Written:
    """Write the e-mail. Raises NoSuchLetter for an unknown kind, ValueError for what must not appear in a header."""
    message = Written()
    _fill(message, envelope)
    return message


def _fill(message: Writable, envelope: Envelope) -> None:
    locale = envelope.locale if envelope.locale in LOCALES else LOCALES[0]
    words = _words(envelope, locale)
    _write_headers(message, envelope, words["subject"])
    message.set_content(_plain(envelope.kind).render(words), cte="quoted-printable")
    message.add_alternative(_page(envelope.kind).render(words), subtype="html", cte="quoted-printable")
    message["Content-Language"] = locale  # only now: when parts are added, Python moves such headers to the first of them
    message.set_boundary(f"=_{envelope.message_id.partition('@')[0]}")


def _words(envelope: Envelope, locale: str) -> Mapping[str, Any]:
    words = _catalogue(envelope.kind, locale)
    name = greeted(envelope.first_name)
    hello = words["hello_name"].format(name=name) if name else words["hello"]
    places = {"link": envelope.link, "unsubscribe": envelope.unsubscribe}
    automatic = words["automatic" if envelope.reply_to is None else "answerable"]
    return {**words, **envelope.values, **places, "automatic": automatic, "hello": hello, "locale": locale}


@cache
def _catalogue(kind: str, locale: str) -> Mapping[str, str]:
    """The words of a kind, besides those that all kinds share; its own come before."""
    shared, own = (json.loads((folder / f"{locale}.json").read_text("utf-8")) for folder in (HERE, folder_of(kind)))
    return {**shared, **own}


@cache
def _plain(kind: str) -> Template:
    return _text.from_string((folder_of(kind) / "body.txt").read_text("utf-8"))


@cache
def _page(kind: str) -> Any:
    """The HTML template. MJML is compiled once, before facts are filled in; no ``fonts``: nothing is loaded from elsewhere.

    It is broken into lines within its tags, where that means nothing: a line that is the same in every letter is encoded once
    (see ``writing``).
    """
    source = (folder_of(kind) / "body.mjml").read_text("utf-8")
    page = mjml2html(_frame.from_string(source).render(), fonts={})
    return _html.from_string(re.sub(r"<(div|table|td) ", r"<\1\n", page))


def greeted(first_name: str) -> str:
    """A first name as it can appear in a letter, or an empty string if it is not just a name."""
    name = " ".join(first_name.split())
    is_name = len(name) <= LONGEST_NAME and any(map(str.isalpha, name)) and all(map(_may_be_in_a_name, name))
    # A dot within a word could make a mail client show a link.
    return name if is_name and not re.search(r"\.[^ ]", name) else ""


def _may_be_in_a_name(character: str) -> bool:
    return character in NAME_SIGNS or category(character)[0] in "LM"  # a letter, or a mark on one


def _write_headers(message: Writable, envelope: Envelope, subject: str) -> None:
    group = f"<{envelope.group}@{envelope.sender.domain}>"
    mailbox, _, domain = envelope.recipient.rpartition("@")
    message["From"] = envelope.sender
    message["To"] = Address("", mailbox, domain)
    if envelope.reply_to:
        message["Reply-To"] = envelope.reply_to
    message["Subject"] = subject
    message["Date"] = datetime.fromtimestamp(envelope.at / 1000, UTC)
    message["Message-ID"] = f"<{envelope.message_id}>"
    # RFC 5322, 3.6.4: the letters to one account all answer the same message, which never existed; mail clients group by it.
    message["In-Reply-To"] = group
    message["References"] = group
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834
    message["X-Auto-Response-Suppress"] = "All"
    name = kind_named(envelope.kind).list_name
    if name and envelope.unsubscribe:
        message["List-Id"] = f"<{name}.{envelope.sender.domain}>"  # RFC 2919
        message["List-Unsubscribe"] = f"<{envelope.unsubscribe}>"  # RFC 2369
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"  # RFC 8058
