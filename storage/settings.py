"""The settings of storage, read from the environment; and how every package reads its own.

All faults of the settings are collected and told at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Environment:
    """The environment variables, and the faults found while reading them."""

    values: Mapping[str, str]
    faults: list[str] = field(default_factory=list)

    def text(self, name: str, default: str | None = None) -> str | None:
        """A value; `NAME_FILE` names a file that holds it. Empty counts as unset."""
        if path := self.values.get(f"{name}_FILE"):
            try:
                return Path(path).read_text("utf-8").strip() or default
            except (OSError, UnicodeDecodeError):
                self.faults.append(f"{name}_FILE names {path}, which cannot be read.")
        return self.values.get(name) or default

    def whole(self, name: str, default: int, *, least: int = 0, most: int = 2**31) -> int:
        """A whole number between ``least`` and ``most``."""
        raw = self.text(name)
        if raw is None:
            return default
        if raw.isascii() and raw.isdigit() and least <= int(raw) <= most:
            return int(raw)
        self.faults.append(f"{name} must be a whole number from {least} to {most}.")
        return default


@dataclass(frozen=True)
class StorageSettings:
    """Where the data and the root keyring are, and the grace before an unread message is owed a letter."""

    data: Path
    keys: Path
    notify_after_ms: int = 180_000

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
        if keys.resolve().is_relative_to(data.resolve()):
            environment.faults.append("AILO_KEYS must be outside AILO_DATA: who copies the data must not find the keys in it.")
        if environment.text("AILO_DATABASE"):
            environment.faults.append("AILO_DATABASE: PostgreSQL is not supported yet; unset it to use SQLite in AILO_DATA.")
        notify_after = environment.whole("AILO_NOTIFY_AFTER", 180, most=7 * 86_400)
        return cls(data, keys, notify_after * 1000)
