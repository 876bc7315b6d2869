"""The bill of materials contains all that the lock does, and is the same each time."""

import json
import re
import subprocess
from importlib.metadata import version
from typing import Any

import pytest

from chat import __version__
from tests import sbom

TEXT = sbom.LOCK.read_text("utf-8")


def printed() -> bytes:
    return subprocess.run(["./dev", "sbom"], cwd=sbom.ROOT, capture_output=True, check=True).stdout


@pytest.fixture(scope="module")
def bill() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(printed())
    return found


def test_it_is_the_same_each_time() -> None:
    assert printed() == printed()


def test_it_holds_every_package_of_the_lock_with_all_its_hashes(bill: dict[str, Any]) -> None:
    locked = dict(re.findall(r"^([\w.-]+)(?:\[.*?\])?==(\S+)", TEXT, re.MULTILINE))
    assert {one["name"]: one["version"] for one in bill["components"]} == locked
    hashes = [digest["content"] for one in bill["components"] for digest in one["hashes"]]
    assert sorted(hashes) == sorted(re.findall(r"--hash=sha256:([0-9a-f]{64})", TEXT))
    assert all(one["hashes"] for one in bill["components"])


def test_it_tells_what_really_runs_here(bill: dict[str, Any]) -> None:
    installed = {name: version(name) for name in ("aiohttp", "PyNaCl", "msgspec", "websockets", "typing-extensions")}
    told = {sbom.normal(one["name"]): one["version"] for one in bill["components"]}
    assert {name: told[sbom.normal(name)] for name in installed} == installed


def test_it_has_the_form_of_cyclonedx(bill: dict[str, Any]) -> None:
    assert (bill["bomFormat"], bill["specVersion"], bill["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", bill["serialNumber"])
    assert bill["metadata"]["component"]["version"] == __version__
    refs = [one["bom-ref"] for one in bill["components"]]
    assert len(refs) == len(set(refs))
    assert all(re.fullmatch(r"pkg:pypi/[a-z0-9-]+@[^@/]+", one["purl"]) for one in bill["components"])


def test_it_tells_what_needs_what(bill: dict[str, Any]) -> None:
    needs = {one["ref"].partition("@")[0]: {need.partition("@")[0] for need in one["dependsOn"]} for one in bill["dependencies"]}
    assert {"pkg:pypi/aiohttp", "pkg:pypi/pynacl"} <= needs["pkg:generic/ailo"]
    assert "pkg:pypi/multidict" in needs["pkg:pypi/aiohttp"]
    assert set().union(*needs.values()) == {one["purl"].partition("@")[0] for one in bill["components"]}


def test_it_names_no_address(bill: dict[str, Any]) -> None:
    assert "://" not in json.dumps(bill)


def test_a_line_that_is_no_locks_is_not_passed_over() -> None:
    with pytest.raises(ValueError, match="not a line of a lock"):
        sbom.read("aiohttp==1.0\n    --index elsewhere\n")
