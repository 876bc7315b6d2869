"""The bytes of a letter are those that the email package writes, whatever is in it."""

import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.letters.compose import LOCALES, Envelope, compose, write
from delivery.letters.kinds import folder_of, kinds
from delivery.letters.writing import NARROW, UNFOLDED, Writable, Written
from tests.delivery.letters.test_compose import VALUES

ENVELOPE = Envelope(
    kind="reply",
    values=VALUES["reply"],
    sender=Address("Ailo", addr_spec="bonjour@ailo.example"),
    recipient="lea@ailo.test",
    first_name="Léa",
    locale="fr",
    message_id="0f0e0d0c0b0a09080706050403020100@ailo.example",
    group="00112233445566778899aabb",
    at=1_795_424_400_000,
    link="https://ailo.example/",
)
HEADERS = ["Subject", "References", "List-Id", "List-Unsubscribe", "X-Anything", "Auto-Submitted", "Reply-To"]
ODD = [".", "..", "From x", " ", "\t", "a ", "=", "=3D", "é" * 90, "x" * 2000, "\x0c", "\x85", "\r"]
lines = st.text(max_size=200) | st.sampled_from(ODD)
bodies = st.lists(lines, max_size=12).flatmap(lambda some: st.sampled_from(["\n", "\r\n"]).map(lambda end: end.join(some)))
values = st.text(max_size=120) | st.sampled_from(
    ["=?utf-8?q?x?=", "a  b", " a", "a ", "<https://ailo.test/x>", "é", "x" * 900, ""]
)


def by_the_package() -> EmailMessage:
    return EmailMessage(policy=NARROW)


def fill(message: Writable, headers: list[tuple[str, str]], plain: str, html: str) -> None:
    message["From"] = ENVELOPE.sender
    for name, value in headers:
        message[name] = value
    message.set_content(plain, cte="quoted-printable")
    message.add_alternative(html, subtype="html", cte="quoted-printable")
    message["Content-Language"] = "fr"
    message.set_boundary("=_0f0e")


@given(bodies, bodies)
def test_any_bodies_are_written_as_the_package_writes_them(plain: str, html: str) -> None:
    slow, fast = by_the_package(), Written()
    for message in (slow, fast):
        fill(message, [], plain, html)
    slow.policy = UNFOLDED
    assert fast.as_bytes() == slow.as_bytes()


@given(st.dictionaries(st.sampled_from(HEADERS), values))
def test_any_headers_are_written_as_the_package_writes_them_or_refused(headers: dict[str, str]) -> None:
    slow, fast, refused = by_the_package(), Written(), []
    for message in (slow, fast):
        try:
            fill(message, list(headers.items()), "a", "b")
            refused.append(False)
        except ValueError:
            refused.append(True)
    assert refused[0] == refused[1]
    if not refused[0]:
        slow.policy = UNFOLDED
        assert fast.as_bytes() == slow.as_bytes()


@given(
    st.sampled_from(LOCALES),
    st.text(max_size=40),
    st.from_regex(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,30}@[a-z0-9.-]{1,30}", fullmatch=True)
    | st.just("lea@ailo.test\r\nBcc: x@y.test"),
    st.text(max_size=20),
    st.datetimes(datetime(1970, 1, 2), datetime(9999, 1, 1)),  # noqa: DTZ001 (hypothesis wants them naive)
)
def test_a_letter_to_anybody_is_the_same_either_way(locale: str, first_name: str, to: str, name: str, at: datetime) -> None:
    sender = ENVELOPE.sender
    with suppress(ValueError):
        sender = Address(name, addr_spec="bonjour@ailo.example")
    when = int(at.replace(tzinfo=UTC).timestamp() * 1000)
    envelope = replace(ENVELOPE, locale=locale, first_name=first_name, recipient=to, sender=sender, at=when)
    try:
        slow = compose(envelope).as_bytes()
    except ValueError:
        with pytest.raises(ValueError, match=r".+"):
            write(envelope)
        return
    assert write(envelope).as_bytes() == slow


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("kind", kinds())
def test_letters_of_every_kind_are_the_same_either_way(kind: str, locale: str) -> None:
    words = json.loads((folder_of(kind) / f"{locale}.json").read_text("utf-8"))
    values = {**dict.fromkeys(["colour", *words], "é <b>"), **VALUES.get(kind, {})}
    envelope = replace(ENVELOPE, kind=kind, locale=locale, values=values)
    with suppress(ValueError):
        assert write(envelope).as_bytes() == compose(envelope).as_bytes()


def test_headers_can_be_read_again() -> None:
    letter = write(ENVELOPE)
    assert (letter["message-id"], letter["To"]) == (f"<{ENVELOPE.message_id}>", "lea@ailo.test")
    with pytest.raises(KeyError):
        letter["Bcc"]
