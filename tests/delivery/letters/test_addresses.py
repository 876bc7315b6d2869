"""Which addresses can be mailed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
