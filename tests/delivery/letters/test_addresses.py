"""Which addresses can be mailed."""

import pytest
from email_validator import validate_email
from hypothesis import given
from hypothesis import strategies as st

from delivery.letters import addresses
from delivery.letters.addresses import mailable, sender


@pytest.mark.parametrize("address", ["lea@example.org", "l.e+a@ailo.test", "lea@ailo.example"])
def test_an_ordinary_address_is_mailed(address: str) -> None:
    assert mailable(address) == address


def test_a_domain_is_mailed_in_ascii() -> None:
    assert mailable("lea@société.fr") == "lea@xn--socit-esab.fr"


@pytest.mark.parametrize("address", [
    "", "lea", "@x.test", "lea@", "lea@localhost", "léa@x.test", "lea@x.test\r\nBcc: y@x.test", "lea\n@x.test", "a b@x.test",
    "lea@x.test, y@x.test", "<lea@x.test>", "lea@[127.0.0.1]", '"a\r\nb"@x.test', "lea@x.test\x00",
])  # fmt: skip
def test_what_cannot_be_mailed_is_none(address: str) -> None:
    assert mailable(address) is None


@given(st.text() | st.text().map(lambda text: f"{text}@ailo.test"))
def test_what_is_mailed_stands_on_one_line(address: str) -> None:
    found = mailable(address)
    assert found is None or (found.isascii() and found.isprintable() and " " not in found)


@pytest.mark.parametrize(("text", "shown"), [
    ("bonjour@ailo.test", "bonjour@ailo.test"),
    ("Ailo <bonjour@ailo.test>", "Ailo <bonjour@ailo.test>"),
    ("L’équipe <bonjour@ailo.test>", "L’équipe <bonjour@ailo.test>"),
    ('"Ailo, l’équipe" <bonjour@ailo.test>', '"Ailo, l’équipe" <bonjour@ailo.test>'),
])  # fmt: skip
def test_a_sender_may_have_a_name(text: str, shown: str) -> None:
    assert str(sender(text)) == shown


@pytest.mark.parametrize("text", [
    "", "Ailo", "Ailo <>", "a@x.test, b@x.test", "Ailo <bonjour@localhost>", "Ailo\r\nBcc: x <a@x.test>", "<a@x.test",
    "a@x.test>", "=?utf-8?q?=0d=0aBcc:_x?= <a@x.test>",
])  # fmt: skip
def test_what_is_not_one_sender_is_none(text: str) -> None:
    assert sender(text) is None


@given(st.text())
def test_no_text_upsets_the_reading_of_a_sender(text: str) -> None:
    found = sender(text)
    assert found is None or found.domain


parts = st.from_regex(r"[a-z0-9._+-]{1,66}", fullmatch=True)
tops = st.sampled_from(["test", "example", "invalid", "local", "localhost", "onion", "arpa", "fr", "co.uk", "xn--p1ai", "1", "a"])


@given(parts, st.from_regex(r"[a-z0-9.-]{1,66}", fullmatch=True), tops)
def test_an_address_known_at_sight_is_what_the_validator_returns(mailbox: str, domain: str, top: str) -> None:
    address = f"{mailbox}@{domain}.{top}"
    if addresses._is_usual(address):
        found = validate_email(address, check_deliverability=False, test_environment=True, allow_smtputf8=False)
        assert found.ascii_email == address


def test_the_usual_is_known_at_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "validate_email", None)
    assert mailable("lea.martin+ailo@mail.example-company.fr") == "lea.martin+ailo@mail.example-company.fr"
