"""What the documents name exists: files, tests, settings, routes, the words of the glossary."""

import re
from pathlib import Path
from pkgutil import resolve_name

import pytest

from chat.serve import Settings
from storage.families import tables
from storage.settings import Environment
from tests import access_matrix

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md")])
TESTS = {file.relative_to(ROOT / "tests").with_suffix("").as_posix() for file in (ROOT / "tests").rglob("test_*.py")}
# The feature that ARCHITECTURE.md uses as its example.
EXAMPLE = re.compile("appointment|reminders")
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
    real = [name for name in named if not EXAMPLE.search(name) and not re.search(r"/test_[a-z_]+$", name)]
    assert [name for name in real if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_test_that_a_document_names_is_there_once(document: Path) -> None:
    """Named by its path below `tests/`, without `.py`; a name alone is in `tests/` or below `tests/attacks/`."""
    named = [name.removesuffix(".py") for name in code_in(document) if re.fullmatch(r"([a-z_]+/)*test_[a-z_]+(\.py)?", name)]
    below = [name.removeprefix("tests/") for name in named]
    assert [name for name in below if "/" in name and name not in TESTS] == []
    bare = [name for name in below if "/" not in name]
    assert [name for name in bare if len(found(name)) != 1] == []


def test_the_manual_names_every_setting_and_no_other() -> None:
    """The table in README.md lists exactly the variables that are read."""
    read: set[str] = set()

    class Asked(Environment):
        def text(self, name: str, default: str | None = None) -> str | None:
            read.add(name)
            return super().text(name, default)

    Settings.from_environment(Asked({"AILO_SMTP": "smtp://127.0.0.1:25", "AILO_MAIL_FROM": "bonjour@ailo.test"}))
    table = (ROOT / "README.md").read_text("utf-8").partition("## Settings")[2].partition("\n## ")[0]
    assert set(re.findall(r"`(AILO_[A-Z_]+)`", "".join(re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)))) == read


def test_the_protocol_names_every_route() -> None:
    document = (ROOT / "docs/protocol.md").read_text("utf-8")
    said = re.sub(r"\{[a-z]+\}", "{}", document)
    routes = [re.sub(r"{[a-z]+}", "{}", it.path if it.is_page else f"{it.method} {it.path}") for it in access_matrix.routes()]
    assert [route for route in routes if not re.search(rf"`{re.escape(route)}[`?]", said)] == []


def glossary() -> list[list[str]]:
    """The rows of docs/glossary.md: word, French, table, name in the code, route."""
    found = re.findall(r"^\| (.*) \|$", (ROOT / "docs/glossary.md").read_text("utf-8"), re.MULTILINE)
    return [[cell.strip(" `") for cell in line.split("|")] for line in found][1:]


def test_the_glossary_names_what_is_there() -> None:
    """A table or one of its columns; an importable name or a file; a route of the service or its WebSocket."""
    steps = "".join(file.read_text("utf-8") for file in (ROOT / "storage/engine/schema").glob("*.sql"))
    routes = {f"{it.method} {it.path}" for it in access_matrix.routes()} | {"GET /ws"}
    for _, _, kept, name, route in glossary():
        table, _, column = kept.partition(".")
        assert table in {"", "schema_steps", *tables()}
        assert re.search(rf"\b{column}\b", steps)
        assert (ROOT / name).exists() if "/" in name else resolve_name(name)
        assert route in {"", *routes}


def test_the_glossary_is_in_order() -> None:
    words = [word.lower() for word, *_ in glossary()]
    assert words == sorted(words)
    assert len(words) > 40
