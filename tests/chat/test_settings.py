"""The settings of the live side, and that all errors are reported together."""

from pathlib import Path

import pytest

from chat.serve import Settings, read_settings
from chat.settings import ChatSettings
from storage.settings import Environment


def read(**values: str) -> ChatSettings:
    environment = Environment({f"AILO_{name}": value for name, value in values.items()})
    settings = ChatSettings.from_environment(environment)
    assert environment.faults == []
    return settings


def faults(**values: str) -> list[str]:
    environment = Environment({f"AILO_{name}": value for name, value in values.items()})
    ChatSettings.from_environment(environment)
    return environment.faults


def test_without_settings_it_is_this_machine_alone() -> None:
    assert read() == ChatSettings("127.0.0.1", 8080, "http://127.0.0.1:8080", 5.0)


def test_the_rate_may_be_lifted() -> None:
    assert (read(RATE="off").rate, read(RATE="20").rate) == (0.0, 20.0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "x"),
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("RATE", "0"),
        ("RATE", "often"),
        ("ORIGIN", "ailo.example"),
        ("ORIGIN", "ftp://ailo.example"),
        ("ORIGIN", "https://ailo.example/path"),
        ("ORIGIN", "https://user@ailo.example"),
        ("ORIGIN", "https://ailo.example:99999"),
        ("ORIGIN", "https://"),
        ("ORIGIN", "https://[::1"),
    ],
)
def test_each_fault_names_its_setting(name: str, value: str) -> None:
    (fault,) = faults(**{name: value})
    assert f"AILO_{name}" in fault


def test_an_origin_is_brought_to_its_usual_form() -> None:
    assert read(ORIGIN="https://Ailo.Example:443/").origin == "https://ailo.example"
    assert read(ORIGIN="http://ailo.example:80").origin == "http://ailo.example"


def test_https_is_secure() -> None:
    assert (read(ORIGIN="https://ailo.example").is_secure, read().is_secure) == (True, False)


def test_on_loopback_three_names_are_one() -> None:
    assert read(PORT="9000").origins() == {"http://127.0.0.1:9000", "http://localhost:9000", "http://[::1]:9000"}
    assert "http://127.0.0.1" in read(ORIGIN="http://localhost").origins()


def test_elsewhere_there_is_one_origin() -> None:
    assert read(ORIGIN="https://ailo.example").origins() == {"https://ailo.example"}


@pytest.mark.parametrize(
    ("host", "expected"), [("127.0.0.2", True), ("[::1]", True), ("localhost", True), ("0.0.0.0", False), ("ailo.example", False)]
)
def test_loopback_is_this_machine_alone(host: str, expected: bool) -> None:
    assert read(HOST=host).is_loopback is expected


def test_all_faults_are_told_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = {
        "AILO_PORT": "x",
        "AILO_ORIGIN": "x",
        "AILO_RATE": "x",
        "AILO_NOTIFY_AFTER": "x",
        "AILO_RETRY_AFTER": "x",
        "AILO_SMTP": "x",
        "AILO_DATA": str(tmp_path),
        "AILO_KEYS": str(tmp_path / "root.json"),
    }
    assert read_settings(wrong) is None
    said = capsys.readouterr().err
    for name in wrong.keys() - {"AILO_DATA"}:
        assert name in said


def test_a_setting_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "rate").write_text("7\n")
    assert read(RATE_FILE=str(tmp_path / "rate")).rate == 7


def test_a_port_that_was_left_open_becomes_the_origin() -> None:
    settings = Settings.from_environment(Environment({"AILO_PORT": "0"})).listening_on(4567)
    assert settings.chat.origin == settings.delivery.origin == "http://127.0.0.1:4567"


def test_an_origin_that_was_given_stays() -> None:
    given = Settings.from_environment(Environment({"AILO_PORT": "0", "AILO_ORIGIN": "https://ailo.example"}))
    assert given.listening_on(4567).chat.origin == "https://ailo.example"
