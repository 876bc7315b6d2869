"""The software bill of materials: what `requirements.lock` installs, as CycloneDX 1.6 (ECMA-424). `./dev sbom` prints it.

The same lock gives the same bytes: neither time nor chance goes into it. It names packages, versions and hashes, but no
address to load anything from. It needs only Python's standard library.
"""

import hashlib
import json
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "requirements.lock"
VERSION = ROOT / "chat" / "__init__.py"
PACKAGE = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(\[[^]]*\])?==(?P<version>[^\s;\\]+)(?P<marker>\s*;[^\\]*)?")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
OWN = "ailo"


@dataclass
class Locked:
    """One package of the lock. ``needed_by`` has names of others, or Ailo's own; ``is_conditional``: not on every platform."""

    name: str
    version: str
    is_conditional: bool
    hashes: list[str] = field(default_factory=list)
    needed_by: list[str] = field(default_factory=list)

    @property
    def purl(self) -> str:
        """The package's URL (purl-spec, type pypi: a name in lower case, with hyphens)."""
        return f"pkg:pypi/{normal(self.name)}@{self.version}"


def normal(name: str) -> str:
    """A package's name as it is compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read(text: str) -> list[Locked]:
    """The packages of a lock file as `uv pip compile` writes it. Raises ValueError for any other kind of line."""
    found: list[Locked] = []
    for line in text.splitlines():
        bare = line.strip()
        if started := PACKAGE.match(line):
            found.append(Locked(started["name"], started["version"], started["marker"] is not None))
        elif (hashed := HASH.match(bare)) and found:
            found[-1].hashes.append(hashed[1])
        elif bare.startswith("#"):
            needing = bare.removeprefix("#").strip().removeprefix("via").strip().partition(" ")[0]
            found[-1].needed_by += [normal(needing)] if needing else []
        elif bare:
            raise ValueError(f"not a line of a lock: {bare[:60]}")
    return found


def bill(text: str, version: str) -> dict[str, Any]:
    """The bill of materials of a lock file, for one version of Ailo."""
    locked = read(text)
    own = f"pkg:generic/{OWN}@{version}"
    needed = {OWN: own, **{normal(one.name): one.purl for one in locked}}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{_serial(text + version)}",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": OWN, "version": version, "bom-ref": own, "purl": own}},
        "components": [_component(one) for one in locked],
        "dependencies": [
            {"ref": purl, "dependsOn": sorted(one.purl for one in locked if name in one.needed_by)}
            for name, purl in needed.items()
        ],
    }


def _component(one: Locked) -> dict[str, Any]:
    return {
        "type": "library",
        "bom-ref": one.purl,
        "name": one.name,
        "version": one.version,
        "purl": one.purl,
        "scope": "optional" if one.is_conditional else "required",
        "hashes": [{"alg": "SHA-256", "content": digest} for digest in one.hashes],
    }


def _serial(text: str) -> UUID:
    """A UUID derived from the lock (RFC 9562, 5.5)."""
    return UUID(bytes=hashlib.sha256(text.encode()).digest()[:16], version=5)


def main() -> int:
    version = re.search(r'__version__ = "([^"]+)"', VERSION.read_text("utf-8"))
    if version is None:
        print(f"{VERSION} tells no version.", file=sys.stderr)
        return 1
    json.dump(bill(LOCK.read_text("utf-8"), version[1]), sys.stdout, indent=2)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
