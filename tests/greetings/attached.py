"""Makes Ailo find the feature as if these folders were in its own packages."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import chat
import delivery.jobs
import delivery.letters
import storage
from chat import features
from delivery.letters import kinds
from storage import families
from storage.engine import migrations
from tests import access_matrix

HERE = Path(__file__).parent
PLACES = {
    "chat": (chat.__path__, "chat.greetings"),
    "storage": (storage.__path__, "storage.greetings"),
    "delivery/jobs": (delivery.jobs.__path__, "delivery.jobs.greetings"),
    "delivery/letters": (delivery.letters.__path__, "delivery.letters.greeting"),
}


def attach() -> None:
    """Add the feature to this process."""
    for name, (path, _) in PLACES.items():
        path.append(str(HERE / name))
    migrations.FOLDERS.append(HERE / "schema")
    _forget()


def detach() -> None:
    """Remove the feature from this process."""
    for path, module in PLACES.values():
        path.pop()
        for name in [name for name in sys.modules if name == module or name.startswith(f"{module}.")]:
            del sys.modules[name]
    migrations.FOLDERS.pop()
    _forget()


def _forget() -> None:
    for found in (features.cards, families.families, kinds.kinds, access_matrix.routes):
        found.cache_clear()


@contextmanager
def attached() -> Iterator[None]:
    """Add the feature to this process for the duration of the context."""
    attach()
    try:
        yield
    finally:
        detach()
