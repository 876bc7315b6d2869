"""The documents name tests and files that are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md")])
TESTS = {file.relative_to(ROOT / "tests").with_suffix("").as_posix() for file in (ROOT / "tests").rglob("test_*.py")}
FOLDERS = ("chat/", "delivery/", "storage/", "static/", "tests/", "docs/")


def found(name: str) -> list[str]:
    return [test for test in TESTS if test == name or (test.startswith("attacks/") and test.endswith(f"/{name}"))]


def code_in(document: Path) -> list[str]:
    return re.findall(r"`([^`\n]+)`", document.read_text("utf-8"))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_file_that_a_document_names_is_there(document: Path) -> None:
    named = [
        name.partition("::")[0] for name in code_in(document) if name.startswith(FOLDERS) and re.fullmatch(r"[\w./:-]+", name)
    ]
    assert [name for name in named if not (ROOT / name).exists() and not re.search(r"/test_[a-z_]+$", name)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_test_that_a_document_names_is_there_once(document: Path) -> None:
    """By its path below `tests/`, without `.py`; a name alone is one of `tests/` or of `tests/attacks/`."""
    named = [name.removesuffix(".py") for name in code_in(document) if re.fullmatch(r"([a-z_]+/)*test_[a-z_]+(\.py)?", name)]
    below = [name.removeprefix("tests/") for name in named]
    assert [name for name in below if "/" in name and name not in TESTS] == []
    bare = [name for name in below if "/" not in name]
    assert [name for name in bare if len(found(name)) != 1] == []
