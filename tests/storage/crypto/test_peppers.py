"""Session peppers: one per week, on disk before it is used, deleted once no session can need it."""

from pathlib import Path

import pytest

from storage.crypto.peppers import WEEK_MS, Peppers
from storage.errors import KeyringRefused

KEPT = 4 * WEEK_MS
NOW = 1_795_424_400_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sessions.json"


def test_one_pepper_serves_a_week(path: Path) -> None:
    peppers = Peppers(path, KEPT)
    first = peppers.current(NOW)
    assert peppers.current(NOW + WEEK_MS - 1) == first
    assert peppers.current(NOW + WEEK_MS) != first


def test_a_pepper_is_on_the_disk_before_it_is_used(path: Path) -> None:
    id_, pepper = Peppers(path, KEPT).current(NOW)
    assert Peppers(path, KEPT).find(id_) == pepper
    assert Peppers(path, KEPT).current(NOW) == (id_, pepper)
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_old_pepper_is_found_while_a_session_may_need_it(path: Path) -> None:
    peppers = Peppers(path, KEPT)
    id_, pepper = peppers.current(NOW)
    peppers.current(NOW + KEPT + WEEK_MS - 1)
    assert peppers.find(id_) == pepper


def test_a_pepper_that_nobody_needs_is_forgotten(path: Path) -> None:
    peppers = Peppers(path, KEPT)
    id_, _pepper = peppers.current(NOW)
    peppers.current(NOW + KEPT + WEEK_MS)
    assert peppers.find(id_) is Peppers(path, KEPT).find(id_) is None
    assert id_.hex() not in path.read_text()


def test_an_unknown_pepper_is_none(path: Path) -> None:
    assert Peppers(path, KEPT).find(b"unknown!") is None


def test_a_clock_set_back_makes_one_pepper_not_many(path: Path) -> None:
    peppers = Peppers(path, KEPT)
    late = peppers.current(NOW + 2 * WEEK_MS)
    early = peppers.current(NOW)
    assert peppers.current(NOW + 1) == early != late
    assert peppers.find(late[0]) == late[1]


@pytest.mark.parametrize(
    "content", ["{", "[]", "7", '{"zz": [1, "AA=="]}', '{"00": 7}', '{"00": [null, "AA=="]}', '{"00": ["x"]}']
)
def test_damaged_peppers_say_what_to_do(path: Path, content: str) -> None:
    path.touch(mode=0o600)
    path.write_text(content)
    with pytest.raises(KeyringRefused, match="remove the file"):
        Peppers(path, KEPT)


def test_peppers_that_others_can_read_are_refused(tmp_path: Path) -> None:
    Peppers(tmp_path / "sessions.json", 0).current(0)
    (tmp_path / "sessions.json").chmod(0o644)
    with pytest.raises(KeyringRefused, match="chmod 600"):
        Peppers(tmp_path / "sessions.json", 0)
