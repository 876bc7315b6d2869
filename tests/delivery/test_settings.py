"""The settings of delivery, and the error messages for wrong ones."""

from dataclasses import replace
from pathlib import Path

import pytest

from delivery.settings import DeliverySettings, Relay
from storage.settings import Environment

FROM = {"AILO_MAIL_FROM": "Ailo <bonjour@ailo.test>"}


def read(**values: str) -> tuple[DeliverySettings, list[str]]:
    environment = Environment(values)
    return DeliverySettings.from_environment(environment, Path("/data"), "https://ailo.test"), environment.faults


def relay_of(url: str) -> Relay | None:
    settings, faults = read(AILO_SMTP=url, **FROM)
    assert faults == []
    return settings.relay


def test_without_a_relay_letters_go_to_a_maildir() -> None:
    settings, faults = read()
    assert faults == []
    assert (settings.relay, settings.maildir) == (None, Path("/data/mail"))


def test_letters_are_tried_again_after_some_minutes() -> None:
    assert read()[0].retry_after_ms == 450_000
    assert read(AILO_RETRY_AFTER="2")[0].retry_after_ms == 2000


@pytest.mark.parametrize(("given", "workers"), [(None, 4), ("1", 1), ("16", 16)])
def test_the_number_of_workers_is_a_setting(given: str | None, workers: int) -> None:
    settings, faults = read(**({"AILO_MAIL_WORKERS": given} if given else {}))
    assert (settings.workers, faults) == (workers, [])


@pytest.mark.parametrize("given", ["0", "17", "many"])
def test_no_other_number_of_workers_is_accepted(given: str) -> None:
    ((fault),) = read(AILO_MAIL_WORKERS=given)[1]
    assert "AILO_MAIL_WORKERS" in fault


@pytest.mark.parametrize(("given", "most"), [(None, 300), ("20", 20), ("off", 0)])
def test_the_letters_a_minute_to_one_domain_are_a_setting(given: str | None, most: int) -> None:
    settings, faults = read(AILO_SMTP="smtp://relay.test", **FROM, **({"AILO_LETTERS_A_MINUTE": given} if given else {}))
    assert (settings.letters_a_minute, faults) == (most, [])


def test_a_maildir_has_no_limit() -> None:
    assert read()[0].letters_a_minute == 0


@pytest.mark.parametrize("given", ["0", "-1", "none", "60001"])
def test_no_other_number_of_letters_a_minute_is_accepted(given: str) -> None:
    ((fault),) = read(AILO_SMTP="smtp://relay.test", AILO_LETTERS_A_MINUTE=given, **FROM)[1]
    assert "AILO_LETTERS_A_MINUTE" in fault


@pytest.mark.parametrize("origin", ["https://ailo.test", "https://ailo.test/"])
def test_letters_lead_to_the_front_door(origin: str) -> None:
    assert DeliverySettings(origin, Path()).link == "https://ailo.test/"


@pytest.mark.parametrize(("url", "relay"), [
    ("smtp://relay.test", Relay("relay.test", 587)),
    ("smtps://relay.test", Relay("relay.test", 465, implicit_tls=True)),
    ("smtp://ailo:secret@relay.test:2525/", Relay("relay.test", 2525, user="ailo", password="secret")),
    ("smtp://a%40b:p%3A%2F%23@relay.test", Relay("relay.test", 587, user="a@b", password="p:/#")),
    ("smtp://[::1]:2525", Relay("::1", 2525)),
])  # fmt: skip
def test_a_relay_is_read_from_its_address(url: str, relay: Relay) -> None:
    assert relay_of(url) == relay


@pytest.mark.parametrize("url", [
    "relay.test", "http://relay.test", "smtp://", "smtp://relay.test:port", "smtp://relay.test:0", "smtp://relay.test:99999",
    "smtp://secret@relay.test", "smtp://:secret@relay.test", "smtp://ailo:@relay.test", "smtp://relay.test/secret",
    "smtp://relay.test?secret", "smtp://a:secret#@relay.test", "smtp://a:secret%ff@relay.test", "smtp://[secret",
])  # fmt: skip
def test_a_malformed_relay_is_a_fault_that_repeats_no_secret(url: str) -> None:
    settings, (fault,) = read(AILO_SMTP=url, **FROM)
    assert settings.relay is None
    assert fault.startswith("AILO_SMTP must be smtp://USER:PASSWORD@HOST:587")
    assert "secret" not in fault


def test_the_relay_may_be_kept_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "smtp").write_text("smtp://ailo:secret@relay.test\n")
    settings, faults = read(AILO_SMTP_FILE=str(tmp_path / "smtp"), **FROM)
    assert faults == []
    assert settings.relay == Relay("relay.test", 587, user="ailo", password="secret")


def test_a_relay_needs_a_sender() -> None:
    assert [fault[:38] for fault in read(AILO_SMTP="smtp://relay.test")[1]] == ["AILO_MAIL_FROM must be set with AILO_S"]


def test_a_malformed_sender_is_a_fault() -> None:
    assert [fault[:34] for fault in read(AILO_MAIL_FROM="Ailo")[1]] == ["AILO_MAIL_FROM must be one e-mail "]


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    wrong = {"AILO_SMTP": "x", "AILO_MAIL_FROM": "x", "AILO_RETRY_AFTER": "0", "AILO_SMTP_CA": str(tmp_path / "none")}
    assert len(read(**wrong)[1]) == 4


@pytest.mark.parametrize("name", ["AILO_SMTP_CA", "AILO_PUSH_CA"])
def test_a_file_that_holds_no_certificate_is_a_fault(tmp_path: Path, name: str) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    assert len(read(**{name: str(tmp_path / "ca.pem")})[1]) == 1


@pytest.mark.parametrize(
    ("values", "contact"),
    [
        ({"AILO_MAIL_FROM": "Ailo <bonjour@ailo.test>"}, "mailto:bonjour@ailo.test"),
        ({}, "https://ailo.test"),
    ],
)
def test_push_services_are_given_a_contact(values: dict[str, str], contact: str) -> None:
    settings, _ = read(**values)
    assert replace(settings, origin="https://ailo.test/").contact == contact


def test_without_a_sender_and_without_tls_the_contact_leads_nowhere() -> None:
    """RFC 8292 takes mailto: and https: alone, and push services refuse all else."""
    settings, _ = read()
    assert replace(settings, origin="http://127.0.0.1:8080").contact == "mailto:bonjour@ailo.example"


def test_no_secret_is_in_a_repr() -> None:
    settings, _ = read(AILO_SMTP="smtp://ailo:secret@relay.test", **FROM)
    assert "secret" not in repr(settings)
    assert "secret" not in repr(settings.relay)


@pytest.mark.parametrize(("host", "is_loopback"), [
    ("localhost", True), ("127.0.0.1", True), ("127.8.8.8", True), ("::1", True),
    ("relay.test", False), ("10.0.0.1", False), ("localhost.relay.test", False), ("0.0.0.0", False),
])  # fmt: skip
def test_only_this_machine_is_the_loopback(host: str, is_loopback: bool) -> None:
    assert Relay(host, 25).is_loopback is is_loopback
