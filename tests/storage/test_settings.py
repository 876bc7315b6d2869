"""The settings of storage, and how all settings are read: all errors are reported together."""

from pathlib import Path

import pytest

from storage.settings import Environment, StorageSettings


def read(**values: str) -> tuple[StorageSettings, list[str]]:
    environment = Environment(values)
    return StorageSettings.from_environment(environment), environment.faults


def test_without_any_all_is_under_var() -> None:
    settings, faults = read()
    assert settings == StorageSettings(Path("var/data").absolute(), Path("var/keys/root.json").absolute(), 180_000)
    assert faults == []


def test_what_is_set_is_taken(tmp_path: Path) -> None:
    settings, faults = read(AILO_DATA=str(tmp_path / "d"), AILO_KEYS=str(tmp_path / "k.json"), AILO_NOTIFY_AFTER="0")
    assert settings == StorageSettings(tmp_path / "d", tmp_path / "k.json", 0)
    assert settings.database == tmp_path / "d" / "ailo.sqlite"
    assert settings.peppers == tmp_path / "sessions.json"
    assert faults == []


def test_how_many_letters_a_day_is_from_1_to_20() -> None:
    assert [read(AILO_LETTERS_A_DAY=text)[0].letters_a_day for text in ("", "1", "20")] == [2, 1, 20]
    for wrong in ("0", "21", "two"):
        assert read(AILO_LETTERS_A_DAY=wrong)[1] == ["AILO_LETTERS_A_DAY must be a whole number from 1 to 20."]


def test_push_services_are_names_of_hosts() -> None:
    settings, faults = read(AILO_PUSH_HOSTS=" push.example.org:8443  *.Example.net ")
    assert (set(settings.push_hosts), faults) == ({"push.example.org:8443", "*.example.net"}, [])
    for wrong in ("https://push.example.org", "*", "*.*.example", "a/b", "user@host", "a,b"):
        assert len(read(AILO_PUSH_HOSTS=wrong)[1]) == 1


@pytest.mark.parametrize("keys", ["data/root.json", "data/a/b/root.json", "data/../data/root.json", "link/root.json"])
def test_keys_inside_the_data_are_refused(tmp_path: Path, keys: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "data")
    _, faults = read(AILO_DATA=str(tmp_path / "data"), AILO_KEYS=str(tmp_path / keys))
    assert len(faults) == 1
    assert "must be outside AILO_DATA" in faults[0]


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    _, faults = read(AILO_KEYS="var/data/root.json", AILO_DATABASE="postgresql://", AILO_NOTIFY_AFTER="soon")
    assert len(faults) == 3


@pytest.mark.parametrize("raw", ["-1", "1.5", "x", "٣", "604801", " 1 2"])
def test_what_is_no_number_in_bounds_is_a_fault(raw: str) -> None:
    environment = Environment({"AILO_N": raw})
    assert environment.whole("AILO_N", 7, maximum=604_800) == 7
    assert environment.faults == ["AILO_N must be a whole number from 0 to 604800."]


@pytest.mark.parametrize(("raw", "expected"), [("0", 0), ("007", 7), ("604800", 604_800), ("", 7)])
def test_a_number_in_bounds_is_taken(raw: str, expected: int) -> None:
    assert Environment({"AILO_N": raw}).whole("AILO_N", 7, maximum=604_800) == expected


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(" s3cret\n")
    environment = Environment({"AILO_X_FILE": str(tmp_path / "secret"), "AILO_X": "other"})
    assert environment.text("AILO_X") == "s3cret"


@pytest.mark.parametrize("content", [None, b"\xff"])
def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "secret"
    if content:
        path.write_bytes(content)
    environment = Environment({"AILO_X_FILE": str(path)})
    assert environment.text("AILO_X", "default") == "default"
    assert environment.faults == [f"AILO_X_FILE names {path}, which cannot be read."]


def test_an_empty_value_counts_as_unset() -> None:
    assert Environment({"AILO_X": ""}).text("AILO_X", "default") == "default"
    assert Environment({}).text("AILO_X") is None
