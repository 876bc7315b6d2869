"""The tree of the project: packages state their duty and stay small, imports have no cycles, functions stay short."""

import ast
import statistics
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("chat", "delivery", "storage")
FOLDERS = sorted({file.parent for name in (*PACKAGES, "tests") for file in (ROOT / name).rglob("*.py")})
# Stylesheets of one cascade layer are joined in the order of their paths: in folders of their own, other rules would win.
FLAT = {ROOT / "static/styles"}
SCRIPTED = sorted({file.parent for file in (ROOT / "static").rglob("*.*")} - FLAT)
MOST_MODULES = 14
LONGEST_FUNCTION = 40


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"))


@pytest.mark.parametrize("folder", FOLDERS, ids=name_of)
def test_a_package_says_its_duty_in_its_docstring(folder: Path) -> None:
    said = ast.get_docstring(parsed(folder / "__init__.py")) or ""
    assert said.endswith(".")
    assert "\n" not in said


@pytest.mark.parametrize("folder", [*FOLDERS, *SCRIPTED], ids=name_of)
def test_no_folder_has_more_modules_than_one_looks_through(folder: Path) -> None:
    modules = [file for file in folder.iterdir() if file.suffix in {".py", ".js"} and file.name != "__init__.py"]
    assert len(modules) <= MOST_MODULES


def functions() -> Iterator[tuple[str, int]]:
    """Every function of the packages, with the number of lines that its statements take, without its docstring."""
    for file in (file for name in PACKAGES for file in (ROOT / name).rglob("*.py")):
        for node in ast.walk(parsed(file)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                first, last = (body[0].lineno, body[-1].end_lineno) if body else (0, 0)
                yield f"{name_of(file)}:{node.lineno} {node.name}", (last or first) - first + 1


def test_functions_are_short() -> None:
    lengths = dict(functions())
    assert statistics.median(lengths.values()) <= 8
    assert [name for name, length in lengths.items() if length > LONGEST_FUNCTION] == []


def imports() -> dict[str, set[str]]:
    """Each of our modules, with those of ours that it imports."""
    files = {
        ".".join(file.relative_to(ROOT).with_suffix("").parts): file for name in PACKAGES for file in (ROOT / name).rglob("*.py")
    }
    graph: dict[str, set[str]] = {}
    for module, file in files.items():
        named = [node for node in ast.walk(parsed(file)) if isinstance(node, ast.ImportFrom) and node.module]
        within = {f"{node.module}.{alias.name}" for node in named for alias in node.names} | {node.module or "" for node in named}
        graph[module] = within & files.keys()
    return graph


def test_modules_import_in_no_circle() -> None:
    assert tuple(TopologicalSorter(imports()).static_order())
