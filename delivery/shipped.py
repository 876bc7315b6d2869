"""The programmes that Ailo ships, each a directory as `ailo programme import` takes it."""

from pathlib import Path

import delivery

__all__ = ["shipped_programmes"]


def shipped_programmes() -> list[Path]:
    """The directories, by name."""
    return sorted(path.parent for path in Path(delivery.__path__[0]).glob("programmes/*/programme.toml"))
