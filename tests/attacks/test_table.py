"""The table in docs/security.md names tests that exist."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
MANUAL = (TESTS.parent / "docs/security.md").read_text("utf-8")
TABLE = MANUAL.partition("\n## Attacks and their tests\n")[2].partition("\n## ")[0]
NAMED = re.findall(r"`((?:[a-z]+/)*test_[a-z_]+)`(?:: ((?:`[a-z_]+`(?:, )?)+))?", TABLE)


def test_every_number_has_a_line() -> None:
    assert {int(number) for number in re.findall(r"^\| (\d+)\. ", TABLE, re.MULTILINE)} == set(range(1, 31))


@pytest.mark.parametrize(("file", "names"), NAMED, ids=[file for file, _ in NAMED])
def test_what_it_names_is_there(file: str, names: str) -> None:
    (found,) = [TESTS / f"{file}.py"] if "/" in file else (TESTS / "attacks").rglob(f"{file}.py")
    source = found.read_text("utf-8")
    assert [name for name in re.findall(r"`([a-z_]+)`", names) if f"def test_{name}(" not in source] == []
