"""The settings of storage, read from the environment; and how every package reads its own.

All configuration errors are collected and reported together.
"""

import os
import re
import shlex
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

# Where Docker and Podman mount a container's own secrets, readable by every process in it.
SECRETS_OF_A_CONTAINER = Path("/run/secrets")
HOST = re.compile(r"(?:\*\.)?(?:[a-z0-9-]+\.)*[a-z0-9-]+(?::\d{1,5})?", re.ASCII)


@dataclass
class Environment:
    """The environment variables, and the faults found while reading them. ``secret_files`` are the files that held a value."""

    values: Mapping[str, str]
    faults: list[str] = field(default_factory=list)
    secret_files: dict[str, Path] = field(default_factory=dict)

    def text(self, name: str, default: str | None = None) -> str | None:
        """A value; `NAME_FILE` names a file that contains it. Empty counts as unset."""
        if path := self.values.get(f"{name}_FILE"):
            self.secret_files[f"{name}_FILE"] = Path(path)
            try:
                return Path(path).read_text("utf-8").strip() or default
            except (OSError, UnicodeDecodeError):
                self.faults.append(f"{name}_FILE names {path}, which cannot be read.")
        return self.values.get(name) or default

    def whole(self, name: str, default: int, *, minimum: int = 0, maximum: int = 2**31) -> int:
        """A whole number between ``minimum`` and ``maximum``."""
        raw = self.text(name)
        if raw is None:
            return default
        if raw.isascii() and raw.isdigit() and minimum <= int(raw) <= maximum:
            return int(raw)
        self.faults.append(f"{name} must be a whole number from {minimum} to {maximum}.")
        return default

    def check_secret_files(self) -> None:
        """Add a fault for each file with a value that other users may read or change."""
        for name, path in self.secret_files.items():
            if _is_exposed(path):
                self.faults.append(f"{name} names {path}, which other users can read or change: {_advice(path)}.")


def _is_exposed(path: Path) -> bool:
    """Whether others may touch it. The group may read a file owned by another user (usually root): that is how we can read it."""
    if not path.is_file() or path.resolve().is_relative_to(SECRETS_OF_A_CONTAINER):
        return False
    found = path.stat()
    allowed = stat.S_IRWXU if found.st_uid == os.geteuid() else stat.S_IRWXU | stat.S_IRGRP
    return bool(stat.S_IMODE(found.st_mode) & 0o777 & ~allowed)


def _advice(path: Path) -> str:
    mode = "600" if path.stat().st_uid == os.geteuid() else "640"
    return f"run `chmod {mode} {shlex.quote(str(path))}`"


@dataclass(frozen=True)
class StorageSettings:
    """The locations of the data and the root keyring, the grace time before an unread message is owed a letter, and how many
    letters a day somebody gets at most: what both sides of the service must know. ``push_hosts`` are push services besides
    those of the usual browsers, as HOST, HOST:PORT or *.HOST.
    """

    data: Path
    keys: Path
    notify_after_ms: int = 180_000
    letters_a_day: int = 2
    push_hosts: frozenset[str] = frozenset()

    @property
    def database(self) -> Path:
        return self.data / "ailo.sqlite"

    @property
    def sealed_keyring(self) -> Path:
        """The root keyring, sealed to the recovery officer: kept with the data and its backups."""
        return self.data / "root.sealed"

    @property
    def peppers(self) -> Path:
        """The session peppers: beside the keyring, never in a backup."""
        return self.keys.parent / "sessions.json"

    @classmethod
    def from_environment(cls, environment: Environment) -> "StorageSettings":
        data = Path(environment.text("AILO_DATA") or "var/data").absolute()
        keys = Path(environment.text("AILO_KEYS") or "var/keys/root.json").absolute()
        if _is_inside(keys, data):
            environment.faults.append("AILO_KEYS must be outside AILO_DATA: a copy of the data must not include the keys.")
        if environment.text("AILO_DATABASE"):
            environment.faults.append("AILO_DATABASE: PostgreSQL is not supported yet; unset it to use SQLite in AILO_DATA.")
        notify_after = environment.whole("AILO_NOTIFY_AFTER", 180, maximum=7 * 86_400)
        letters_a_day = environment.whole("AILO_LETTERS_A_DAY", 2, minimum=1, maximum=20)
        return cls(data, keys, notify_after * 1000, letters_a_day, _push_hosts(environment))


def _push_hosts(environment: Environment) -> frozenset[str]:
    hosts = frozenset((environment.text("AILO_PUSH_HOSTS") or "").lower().split())
    if not all(HOST.fullmatch(host) for host in hosts):
        environment.faults.append("AILO_PUSH_HOSTS must be names of hosts, such as `push.example.org *.example.net`.")
    return hosts


def _is_inside(path: Path, folder: Path) -> bool:
    """Whether a path, or what it leads to, is in a folder: by name, through links, or through another mount of the folder."""
    places = {Path(os.path.normpath(path)), path.parent.resolve() / path.name, path.resolve()}
    folders = {Path(os.path.normpath(folder)), folder.resolve()}
    if any(place.is_relative_to(each) for place in places for each in folders):
        return True
    above = {parent for place in places for parent in place.parents if parent.exists()}
    return folder.exists() and any(parent.samefile(folder) for parent in above)
