"""Who may do what: every route, frame, page and command with its roles and its reach, as the features declare them.

`python -m tests.access_matrix` writes it to docs/access.md. `tests/flows/auth/test_access_matrix.py` tries every cell against
a running service.
"""

import asyncio
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from chat import features
from chat.auth.door import Door
from chat.auth.routing import Reach, Roles, Route
from chat.connections.dialogue import FRAMES
from chat.core import Web
from chat.operations.commands import every_command
from chat.pages.assets import PAGES, Shelf
from chat.pages.words import static_folder
from chat.serve import routes_of
from chat.settings import ChatSettings
from storage.settings import Environment
from tests.chat.talk import opened_rooms

DOCUMENT = Path(__file__).parents[1] / "docs/access.md"
COLUMNS = {
    "member": Roles.MEMBER,
    "Professional": Roles.PROFESSIONAL,
    "companion": Roles.COMPANION,
    "administrator": Roles.ADMINISTRATOR,
    "client": Roles.CLIENT,
    "signed out": Roles.NOBODY,
}
HEAD = """# Who may do what

Made by `python -m tests.access_matrix` of what the features declare; a test holds this page to it, and another asks a
running service for every cell (`flows/auth/test_access_matrix`).

- **own**: what is one's own account's; there is nothing of anybody else's to name, or it is as if there were none.
- **part**: a thread in which one takes part now. Of another's, of one that one has left and of one that never was, the
  answer is the same, byte for byte: 404.
- **yes**: the same for all who have it.
- **–**: there is no such thing: 404 as for any address. Signed out, what lies below `/api/` is 401, and a page leads to
  signing in.

An operator's commands reach the service through a socket in the data directory, which the user of the service alone may
open; no route leads to them.
"""


@dataclass(frozen=True)
class Row:
    """One route, frame, page or command."""

    name: str
    roles: Roles
    reach: Reach

    def cells(self) -> list[str]:
        """The row's cells, one for each of ``COLUMNS``."""
        said = {Reach.OWN: "own", Reach.THREAD: "part", Reach.COMMON: "yes"}[self.reach]
        return [said if role in self.roles else "–" for role in COLUMNS.values()]


@cache
def routes() -> Sequence[Route]:
    """Every route of the service, as it mounts them."""
    return asyncio.run(_routes())


async def _routes() -> Sequence[Route]:
    with tempfile.TemporaryDirectory() as folder:
        async with opened_rooms(Path(folder)) as ailo:
            door = Door(ChatSettings("127.0.0.1", 8080, "http://127.0.0.1:8080", 0), ailo.sign_ins)
            shelf = Shelf([static_folder(), *features.static()], {**PAGES, **features.pages()})
            return list(routes_of(ailo, Web(door, shelf, features.read_settings(Environment({})))))


def rows() -> dict[str, list[Row]]:
    """Every row, by kind."""
    found = routes()
    shells = {**PAGES, **features.pages()}
    return {
        "Routes": [Row(f"{it.method} {it.path}", it.roles, it.reach) for it in found if not it.is_page],
        "Frames": [Row(kind.__name__.lower(), action.roles, action.reach) for kind, action in FRAMES.items()],
        "Pages": [
            *(Row(it.path if it.method == "GET" else f"{it.method} {it.path}", it.roles, it.reach) for it in found if it.is_page),
            *(Row(path, Roles.EVERYBODY, Reach.COMMON) for path in shells),
        ],
        "Commands": [Row(f"ailo {it.name}", Roles(0), Reach.COMMON) for it, _ in every_command().values() if not it.is_part],
    }


def text() -> str:
    """The whole page."""
    return "\n".join([HEAD, *(f"## {kind}\n\n{_table(found)}" for kind, found in rows().items())])


def _table(found: Iterable[Row]) -> str:
    head = f"| | {' | '.join(COLUMNS)} |\n|---|{'---|' * len(COLUMNS)}\n"
    return head + "".join(f"| `{row.name}` | {' | '.join(row.cells())} |\n" for row in found)


if __name__ == "__main__":
    DOCUMENT.write_text(text(), "utf-8")
