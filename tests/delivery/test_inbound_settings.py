"""The settings of what comes back by e-mail, and the error messages for wrong ones."""

from pathlib import Path

import pytest

from delivery.inbound_settings import InboundSettings
from storage.settings import Environment

WHOLE = {"AILO_REPLY_DOMAIN": "reply.ailo.test", "AILO_LMTP": "127.0.0.1:2424", "AILO_AUTHSERV_ID": "mx.ailo.test"}


def read(**values: str) -> tuple[InboundSettings, list[str]]:
    environment = Environment(values)
    return InboundSettings.from_environment(environment), environment.faults


def test_without_them_letters_cannot_be_answered() -> None:
    assert read() == (InboundSettings(), [])


def test_all_of_them() -> None:
    found, faults = read(**WHOLE, AILO_INBOX="/var/mail/ailo")
    assert faults == []
    assert found == InboundSettings("reply.ailo.test", ("127.0.0.1", 2424), Path("/var/mail/ailo"), "mx.ailo.test")
    assert found.warnings() == []


def test_a_domain_is_kept_in_ascii() -> None:
    assert read(**{**WHOLE, "AILO_REPLY_DOMAIN": "réponse.ailo.test"})[0].domain == "xn--rponse-bva.ailo.test"


@pytest.mark.parametrize(("given", "named"), [
    ({"AILO_LMTP": "127.0.0.1:2424"}, "AILO_REPLY_DOMAIN"),
    ({"AILO_INBOX": "/var/mail/ailo"}, "AILO_REPLY_DOMAIN"),
    ({"AILO_REPLY_DOMAIN": "reply.ailo.test"}, "AILO_LMTP or AILO_INBOX"),
    ({**WHOLE, "AILO_REPLY_DOMAIN": "no domain"}, "AILO_REPLY_DOMAIN"),
    ({**WHOLE, "AILO_REPLY_DOMAIN": "a@b.test"}, "AILO_REPLY_DOMAIN"),
    ({**WHOLE, "AILO_LMTP": "2424"}, "AILO_LMTP"),
    ({**WHOLE, "AILO_LMTP": "::1:2424"}, "AILO_LMTP"),
    ({**WHOLE, "AILO_LMTP": "127.0.0.1:99999"}, "AILO_LMTP"),
    ({**WHOLE, "AILO_AUTHSERV_ID": "mx; dmarc=pass"}, "AILO_AUTHSERV_ID"),
])  # fmt: skip
def test_what_is_wrong_is_said(given: dict[str, str], named: str) -> None:
    ((fault),) = read(**given)[1]
    assert fault.startswith(named)


@pytest.mark.parametrize(("change", "warned"), [
    ({"AILO_LMTP": "[::1]:2424"}, []),
    ({"AILO_LMTP": "localhost:2424"}, []),
    ({"AILO_LMTP": "0.0.0.0:2424"}, ["AILO_LMTP"]),
    ({"AILO_LMTP": "mail.ailo.test:2424"}, ["AILO_LMTP"]),
    ({"AILO_AUTHSERV_ID": ""}, ["AILO_AUTHSERV_ID"]),
])  # fmt: skip
def test_what_is_unwise_is_warned_of(change: dict[str, str], warned: list[str]) -> None:
    found, faults = read(**{**WHOLE, **change})
    assert faults == []
    assert [warning.partition(" ")[0] for warning in found.warnings()] == warned
